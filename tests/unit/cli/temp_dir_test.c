#include "cli/temp_dir.h"

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

Test(temp, it_goes_with_all_that_is_in_it) {
    struct temp_dir temp = {0};
    struct error error;
    char path[sizeof temp.directory + 16];
    cr_assert(temp_dir_init(&temp, &error), "%s", error.text);
    char kept[sizeof temp.directory];
    strcpy(kept, temp.directory);
    snprintf(path, sizeof path, "%s/cache", temp.directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/cache/x", temp.directory);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fclose(file);
    temp_dir_release(&temp);
    cr_assert_neq(access(kept, F_OK), 0);
    temp_dir_release(&temp); /* nothing is left to do */
}

Test(temp, what_the_user_set_stays) {
    struct config_options options = {0};
    cr_assert(config_options_add(&options, "take5.cache_dir=/mine"));
    const struct temp_dir temp = {.directory = "/tmp/take5-x"};
    cr_assert(temp_dir_set_directories(&temp, &options, NULL));
    cr_assert_str_eq(value_of(&options, "take5", "cache_dir"), "/mine");
    cr_assert_str_eq(value_of(&options, "take5", "state_dir"), "/tmp/take5-x/state");
    cr_assert_str_eq(value_of(&options, "take5", "run_dir"), "/tmp/take5-x/run");
    cr_assert(temp_dir_set(&options, "kafka", "fetch.wait.max.ms", "10"));
    cr_assert_str_eq(value_of(&options, "kafka", "fetch.wait.max.ms"), "10");
    config_options_release(&options);
}

Test(temp, what_a_configuration_settles_stays_when_it_is_asked) {
    struct config_options options = {0};
    struct faults faults = FAULTS_INIT;
    const struct temp_dir temp = {.directory = "/tmp/take5-x"};
    const struct config_override set = {"take5", "run_dir", "/mine", NULL};
    const struct config_request request = {.overrides = &set, .override_count = 1};
    struct config *config = config_load(&request, &faults);
    cr_assert_not_null(config);
    cr_assert(temp_dir_is_settled(config, "take5", "run_dir"));
    cr_assert_not(temp_dir_is_settled(config, "take5", "state_dir"));
    cr_assert(temp_dir_set_directories(&temp, &options, config));
    cr_assert_null(value_of(&options, "take5", "run_dir"));
    cr_assert_str_eq(value_of(&options, "take5", "cache_dir"), "/tmp/take5-x/cache");
    cr_assert(temp_dir_has(&temp, "/tmp/take5-x/cache"));
    cr_assert_not(temp_dir_has(&temp, "/tmp/take5-xy/cache"));
    config_free(config);
    faults_release(&faults);
    config_options_release(&options);
}

Test(temp, bundled_strategies_are_for_who_named_none) {
    struct config_options none = {0}, some = {0};
    cr_assert(temp_dir_set_strategies(&none, NULL));
    cr_assert_not_null(value_of(&none, "take5", "strategy_dir"));
    cr_assert_str_eq(value_of(&none, "strategy:console", "enabled"), "no");
    cr_assert(config_options_add(&some, "take5.strategy_dir=/mine"));
    cr_assert(temp_dir_set_strategies(&some, NULL));
    cr_assert_eq(some.override_count, 1u);
    config_options_release(&none);
    config_options_release(&some);
}
