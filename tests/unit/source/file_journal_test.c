#include "source/file_journal.h"

#include "replay_harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(file_journal, .init = replay_setup, .fini = replay_teardown);

#define JOURNAL 3 /* the file of the test's that is the journal */

/* Two topics on two partitions, topic after topic, as a recording of a backlog might have them. */
static const char recording[] =
    "{\"topic\":\"bar_trends\",\"partition\":0,\"offset\":0,\"ts\":1,\"payload\":\"b00\"}\n"
    "{\"topic\":\"bar_trends\",\"partition\":0,\"offset\":1,\"ts\":1,\"payload\":\"b01\"}\n"
    "{\"topic\":\"bar_trends\",\"partition\":1,\"offset\":0,\"ts\":1,\"payload\":\"b10\"}\n"
    "{\"topic\":\"bar_trends\",\"partition\":0,\"offset\":5,\"ts\":1,\"payload\":\"b05\"}\n"
    "{\"topic\":\"asset_trends\",\"partition\":0,\"offset\":7,\"ts\":1,\"payload\":\"a07\"}\n"
    "{\"topic\":\"asset_trends\",\"partition\":0,\"offset\":8,\"ts\":1,\"payload\":\"a08\"}\n"
    "{\"topic\":\"asset_trends\",\"partition\":1,\"offset\":0,\"ts\":1,\"payload\":\"a10\"}\n";

static void expect(struct file_source_options options, const char *journal, const char *payloads) {
    struct text got;
    replay_write_file(0, recording);
    replay_write_file(JOURNAL, journal);
    options.journal = replay_paths[JOURNAL];
    for (uint32_t lanes = 1; lanes <= 3; lanes += 2) {
        struct seen_list seen = replay_all(options, lanes);
        text_init(&got);
        for (size_t i = 0; i < seen.count; i++)
            text_printf(&got, "%s ", seen.items[i].payload);
        cr_assert_str_eq(got.data, payloads);
        text_release(&got);
        free(seen.items);
    }
}

Test(file_journal, records_come_in_its_order) {
    expect(OPTIONS(),
           "asset_trends 0 7 1\n"
           "bar_trends 1 0 1\n"
           "bar_trends 0 0 2\n"
           "asset_trends 0 8 1\n"
           "asset_trends 1 0 1\n"
           "bar_trends 0 5 1\n",
           "a07 b10 b00 b01 a08 a10 b05 ");
}

Test(file_journal, what_it_does_not_name_is_left_out) {
    expect(OPTIONS(), "bars 0 1 1\nbar_trends 0 5 1\n", "b01 b05 ");
}

Test(file_journal, what_the_recording_lacks_is_passed) {
    expect(OPTIONS(), "bar_trends 0 0 6\nasset_trends 0 0 100\n", "b00 b01 b05 a07 a08 ");
}

Test(file_journal, a_restart_that_repeats_does_no_harm) {
    expect(OPTIONS(), "bar_trends 0 0 2\nbar_trends 0 1 1\nbar_trends 0 5 1\n", "b00 b01 b05 ");
}

Test(file_journal, a_last_line_in_part_is_none) {
    expect(OPTIONS(), "bar_trends 0 0 1\nbar_trends 0 1", "b00 ");
}

Test(file_journal, the_recording_may_be_several_files) {
    static const char *const paths[] = {replay_paths[1], replay_paths[2]};
    replay_write_file(1, "{\"topic\":\"bar_trends\",\"partition\":0,\"offset\":0,\"ts\":1,"
                         "\"payload\":\"x\"}\n");
    replay_write_file(2, "{\"topic\":\"asset_trends\",\"partition\":0,\"offset\":0,\"ts\":1,"
                         "\"payload\":\"y\"}\n"
                         "{\"topic\":\"bar_trends\",\"partition\":0,\"offset\":1,\"ts\":1,"
                         "\"payload\":\"z\"}\n");
    expect(OPTIONS(.paths = paths, .path_count = 2),
           "bar_trends 0 0 1\nasset_trends 0 0 1\nbar_trends 0 1 1\n", "x y z ");
}

Test(file_journal, bad_lines_of_the_recording_are_told_once) {
    struct error error;
    replay_write_file(0, "no json\n"
                         "{\"topic\":\"bar_trends\",\"partition\":0,\"offset\":0,\"ts\":1,"
                         "\"payload\":\"x\"}\n");
    replay_write_file(JOURNAL, "bar_trends 0 0 1\nasset_trends 0 0 1\n");
    struct replay *replay = replay_new(OPTIONS(.journal = replay_paths[JOURNAL]), 1);
    cr_assert(replay_run(replay, &error), "%s", error.text);
    const char *first = strstr(replay->bad.data, "no JSON object");
    cr_assert_not_null(first, "%s", replay->bad.data);
    cr_assert_null(strstr(first + 1, "no JSON object"), "%s", replay->bad.data);
    replay_free(replay);
}

Test(file_journal, a_bad_one_is_refused_with_its_line) {
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"bar_trends 0 0 1\nbar_trends 0 x 1\n", ":2: is no run"},
        {"bar_trends 0 0\n", ":1: is no run"},
        {"bar_trends 0 0 1 more\n", ":1: is no run"},
        {"bar_trends -1 0 1\n", ":1: has a number out of bounds"},
        {"bar_trends 65536 0 1\n", ":1: has a number out of bounds"},
        {"bar_trends 0 -1 1\n", ":1: has a number out of bounds"},
        {"bar_trends 0 0 0\n", ":1: has a number out of bounds"},
        {"bar_trends 0 9223372036854775807 1\n", ":1: has a number out of bounds"},
        {"other 0 0 1\n", ":1: names a topic that is not configured"},
    };
    replay_write_file(0, recording);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        replay_write_file(JOURNAL, cases[i].text);
        cr_assert_null(file_journal_open(replay_paths[JOURNAL], &replay_config, &error));
        cr_assert_not_null(strstr(error.text, cases[i].complaint), "case %zu: %s", i, error.text);
        const char *paths[] = {replay_paths[0]};
        const struct file_source_options options =
            OPTIONS(.paths = paths, .path_count = 1, .journal = replay_paths[JOURNAL]);
        cr_assert_null(file_source_new(&options, &replay_config, NULL, &error), "case %zu", i);
    }
}

Test(file_journal, the_standard_input_cannot_be_read_more_than_once) {
    static const char *const paths[] = {"-"};
    struct error error = {0};
    replay_write_file(JOURNAL, "bar_trends 0 0 1\n");
    const struct file_source_options options =
        OPTIONS(.paths = paths, .path_count = 1, .journal = replay_paths[JOURNAL]);
    cr_assert_null(file_source_new(&options, &replay_config, NULL, &error));
    cr_assert_not_null(strstr(error.text, "standard input"), "%s", error.text);
}
