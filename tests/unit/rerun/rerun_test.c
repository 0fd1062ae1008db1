#include "rerun/rerun.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static struct error error;

static void begin(void) {
    strcpy(directory, "/tmp/take5-rerun-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert(rerun_make(directory, &error), "%s", error.text);
}

static void end(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

static void put_text(bool (*put)(const char *, const struct text *, struct error *),
                     const char *words) {
    struct text text;
    text_init(&text);
    text_puts(&text, words);
    cr_assert(put(directory, &text, &error), "%s", error.text);
    text_release(&text);
}

TestSuite(rerun, .init = begin, .fini = end);

Test(rerun, gives_back_what_was_put) {
    const uint64_t before[] = {0, 7, UINT64_C(9000000000)};
    struct rerun rerun;
    put_text(rerun_put_journal, "bars 3 17 4\n");
    cr_assert(rerun_put_reloads(directory, before, 3, &error), "%s", error.text);
    cr_assert(rerun_open(&rerun, directory, &error), "%s", error.text);
    cr_assert_eq(rerun.reload_count, 3);
    cr_assert_arr_eq(rerun.reloads, before, sizeof before);
    cr_assert_eq(access(rerun.journal, R_OK), 0);
    rerun_close(&rerun);
}

Test(rerun, a_line_of_reloads_that_is_no_number_is_named) {
    struct rerun rerun;
    char *path = text_format("%s/reloads", directory);
    FILE *file = fopen(path, "w");
    fputs("1\nsoon\n", file);
    fclose(file);
    free(path);
    cr_assert_not(rerun_open(&rerun, directory, &error));
    cr_assert_not_null(strstr(error.text, "reloads:2: must be a number of messages"));
    rerun_close(&rerun);
}

Test(rerun, has_the_place_of_the_fatal_message_behind_the_reloads) {
    const uint64_t before[] = {7};
    struct rerun rerun;
    cr_assert(rerun_put_reloads(directory, before, 1, &error), "%s", error.text);
    cr_assert(rerun_open(&rerun, directory, &error), "%s", error.text);
    cr_assert_not(rerun.has_fatal);
    rerun_close(&rerun);
    for (int does_save = 0; does_save < 2; does_save++) {
        cr_assert(rerun_put_fatal(directory, 12, does_save, &error), "%s", error.text);
        cr_assert(rerun_open(&rerun, directory, &error), "%s", error.text);
        cr_assert(rerun.has_fatal);
        cr_assert_eq(rerun.does_save, does_save);
        cr_assert_eq(rerun.reload_count, 1);
        cr_assert_eq(rerun.reloads[1], 12);
        rerun_close(&rerun);
    }
}

Test(rerun, a_place_of_the_fatal_message_that_is_no_number_is_named) {
    struct rerun rerun;
    char *path = text_format("%s/fatal", directory);
    FILE *file = fopen(path, "w");
    fputs("12 soon\n", file);
    fclose(file);
    free(path);
    cr_assert_not(rerun_open(&rerun, directory, &error));
    cr_assert_not_null(strstr(error.text, "fatal:1: must be a number of messages"));
    rerun_close(&rerun);
}

Test(rerun, gives_each_partition_number_its_checkpoint_and_others_nothing) {
    struct checkpoint put, got;
    struct rerun rerun = {.directory = directory};
    checkpoint_init(&put);
    put.number = 5;
    put.partition = 3;
    put.group = strdup("group");
    cr_assert(positions_add(&put.positions, "bars", 3, 17));
    cr_assert_not_null(checkpoint_add_part(&put, "alpha"));
    cr_assert(rerun_put_checkpoint(directory, &put, &error), "%s", error.text);
    checkpoint_init(&got);
    cr_assert(rerun_beginning(&rerun, 4, &got, &error), "%s", error.text);
    cr_assert_eq(got.number, 0);
    cr_assert(rerun_beginning(&rerun, 3, &got, &error), "%s", error.text);
    cr_assert_eq(got.number, 5);
    cr_assert_eq(positions_find(&got.positions, "bars", 3)->next, 17);
    cr_assert_not_null(checkpoint_part(&got, "alpha"));
    checkpoint_release(&got);
    checkpoint_release(&put);
}

static bool count(void *context, const char *path) {
    size_t *counted = context;
    cr_assert_not_null(strstr(path, "/strategies/1-alpha.so"));
    ++*counted;
    return true;
}

Test(rerun, has_strategies_by_phase_and_nothing_that_others_may_read) {
    char bytes[] = "no strategy";
    struct strategy_file file = {.bytes = bytes, .size = sizeof bytes, .name = "alpha"};
    const struct rerun rerun = {.directory = directory};
    struct stat status;
    size_t counted = 0;
    cr_assert(rerun_put_strategy(directory, 0, &file, &error), "%s", error.text);
    cr_assert(rerun_put_strategy(directory, 1, &file, &error), "%s", error.text);
    cr_assert(rerun_each_strategy(&rerun, 1, count, &counted, &error), "%s", error.text);
    cr_assert_eq(counted, 1);
    char *path = text_format("%s/strategies/1-alpha.so", directory);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    free(path);
}
