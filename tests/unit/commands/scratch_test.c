#include "commands/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *value_of(const struct config_options *options, const char *section,
                            const char *key) {
    for (size_t i = 0; i < options->override_count; i++) {
        if (strcmp(options->overrides[i].section, section) == 0 &&
            strcmp(options->overrides[i].key, key) == 0)
            return options->overrides[i].value;
    }
    return NULL;
}

Test(scratch, it_goes_with_all_that_is_in_it) {
    struct scratch scratch = {0};
    struct error error;
    char path[sizeof scratch.directory + 16];
    cr_assert(scratch_init(&scratch, &error), "%s", error.text);
    char kept[sizeof scratch.directory];
    strcpy(kept, scratch.directory);
    snprintf(path, sizeof path, "%s/cache", scratch.directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/cache/x", scratch.directory);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fclose(file);
    scratch_release(&scratch);
    cr_assert_neq(access(kept, F_OK), 0);
    scratch_release(&scratch); /* nothing is left to do */
}

Test(scratch, what_the_user_set_stays) {
    struct config_options options = {0};
    cr_assert(config_options_add(&options, "take5.cache_dir=/mine"));
    const struct scratch scratch = {.directory = "/tmp/take5-x"};
    cr_assert(scratch_set_directories(&scratch, &options));
    cr_assert_str_eq(value_of(&options, "take5", "cache_dir"), "/mine");
    cr_assert_str_eq(value_of(&options, "take5", "state_dir"), "/tmp/take5-x/state");
    cr_assert_str_eq(value_of(&options, "take5", "run_dir"), "/tmp/take5-x/run");
    cr_assert(scratch_set(&options, "kafka", "fetch.wait.max.ms", "10"));
    cr_assert_str_eq(value_of(&options, "kafka", "fetch.wait.max.ms"), "10");
    config_options_release(&options);
}

Test(scratch, bundled_strategies_are_for_who_named_none) {
    struct config_options none = {0}, some = {0};
    cr_assert(scratch_set_strategies(&none));
    cr_assert_not_null(value_of(&none, "take5", "strategy_dir"));
    cr_assert_str_eq(value_of(&none, "strategy:console", "enabled"), "no");
    cr_assert(config_options_add(&some, "take5.strategy_dir=/mine"));
    cr_assert(scratch_set_strategies(&some));
    cr_assert_eq(some.override_count, 1u);
    config_options_release(&none);
    config_options_release(&some);
}
