#include "source/replay/replay_journal.h"

#include "replay_harness.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    const char *first = strstr(replay->bad.data, "not a JSON object");
    cr_assert_not_null(first, "%s", replay->bad.data);
    cr_assert_null(strstr(first + 1, "not a JSON object"), "%s", replay->bad.data);
    replay_free(replay);
}

Test(file_journal, a_bad_one_is_refused_with_its_line) {
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"bar_trends 0 0 1\nbar_trends 0 x 1\n", ":2: is not a run"},
        {"bar_trends 0 0\n", ":1: is not a run"},
        {"bar_trends 0 0 1 more\n", ":1: is not a run"},
        {"bar_trends -1 0 1\n", ":1: has a number out of range"},
        {"bar_trends 65536 0 1\n", ":1: has a number out of range"},
        {"bar_trends 4294967296 0 1\n", ":1: has a number out of range"},
        {"bar_trends 0 -1 1\n", ":1: has a number out of range"},
        {"bar_trends 0 0 0\n", ":1: has a number out of range"},
        {"bar_trends 0 9223372036854775807 1\n", ":1: has a number out of range"},
        {"other 0 0 1\n", ":1: names a topic that is not configured"},
    };
    replay_write_file(0, recording);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        replay_write_file(JOURNAL, cases[i].text);
        cr_assert_null(file_journal_open(replay_paths[JOURNAL], &replay_config, &error));
        cr_assert_not_null(strstr(error.text, cases[i].problem), "case %zu: %s", i, error.text);
        const char *paths[] = {replay_paths[0]};
        const struct file_source_options options =
            OPTIONS(.paths = paths, .path_count = 1, .journal = replay_paths[JOURNAL]);
        cr_assert_null(file_source_new(&options, &replay_config, NULL, &error), "case %zu", i);
    }
}

/* ---- how often it is read ---- */

/* Bytes that this process has read so far. */
static uint64_t bytes_read(void) {
    char line[64];
    uint64_t bytes = 0;
    FILE *file = fopen("/proc/self/io", "re");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(line, sizeof line, file));
    cr_assert_eq(sscanf(line, "rchar: %" SCNu64, &bytes), 1);
    fclose(file);
    return bytes;
}

#define ROUNDS 24000
#define PARTS  4

static const char *const part_topics[PARTS] = {"bar_trends", "bar_trends", "asset_trends",
                                               "asset_trends"};

static void write_padded(FILE *file, int part, int offset) {
    cr_assert_gt(fprintf(file,
                         "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%d,\"ts\":1,"
                         "\"payload\":\"%d/%d %0900d\"}\n",
                         part_topics[part], part % 2, offset, part, offset, 0),
                 0);
}

/* ROUNDS records of each part: some 90 MB. */
static uint64_t write_large(const char *path, bool is_topic_after_topic) {
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    if (is_topic_after_topic) {
        fputs("no json\n", file);
        for (int first = 0; first < PARTS; first += 2)
            for (int i = 0; i < ROUNDS; i++)
                for (int part = first; part < first + 2; part++)
                    write_padded(file, part, i);
    } else { /* off by some MB, as a live host is */
        for (int i = -2000; i < ROUNDS + 2000; i++)
            for (int part = 0; part < PARTS; part++) {
                const int offset = i + (part - 2) * 1000;
                if (offset >= 0 && offset < ROUNDS)
                    write_padded(file, part, offset);
            }
    }
    const long size = ftell(file);
    cr_assert_eq(fclose(file), 0);
    return (uint64_t)size;
}

static void write_round_robin(void) {
    FILE *file = fopen(replay_paths[JOURNAL], "we");
    cr_assert_not_null(file);
    for (int i = 0; i < ROUNDS; i++)
        for (int part = 0; part < PARTS; part++)
            fprintf(file, "%s %d %d 1\n", part_topics[part], part % 2, i);
    cr_assert_eq(fclose(file), 0);
}

static void assert_round_robin(const struct seen_list *seen) {
    cr_assert_eq(seen->count, (size_t)ROUNDS * PARTS);
    for (size_t i = 0; i < seen->count; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "%zu/%zu ", i % PARTS, i / PARTS);
        cr_assert(strncmp(seen->items[i].payload, expected, strlen(expected)) == 0,
                  "record %zu: %s", i, seen->items[i].payload);
        cr_assert_eq(seen->items[i].offset, (int64_t)(i / PARTS));
    }
}

Test(file_journal, a_recording_that_goes_about_as_it_does_is_read_once) {
    const uint64_t size = write_large(replay_paths[0], false);
    write_round_robin();
    const uint64_t before = bytes_read();
    struct seen_list seen = replay_all(OPTIONS(.journal = replay_paths[JOURNAL]), 2);
    const uint64_t read = bytes_read() - before;
    assert_round_robin(&seen);
    cr_assert_lt(read, size + size / 10, "%" PRIu64 " bytes of %" PRIu64, read, size);
    free(seen.items);
}

/* One more pass for both partitions of the topic that waits, and not one for each part. */
Test(file_journal, topic_after_topic_it_is_read_once_more) {
    struct error error = {0};
    struct file_source_progress progress;
    const uint64_t size = write_large(replay_paths[0], true);
    write_round_robin();
    const uint64_t before = bytes_read();
    struct replay *replay = replay_new(OPTIONS(.journal = replay_paths[JOURNAL]), 1);
    cr_assert(replay_run(replay, &error), "%s", error.text);
    const uint64_t read = bytes_read() - before;
    struct seen_list seen = replay_gather(replay);
    assert_round_robin(&seen);
    cr_assert_lt(read, 2 * size, "%" PRIu64 " bytes of %" PRIu64, read, size);
    file_source_progress(replay->source, &progress);
    cr_assert_eq(progress.lines, (uint64_t)ROUNDS * PARTS + 1);
    cr_assert_eq(progress.bad_lines, 1);
    cr_assert_eq(progress.bytes, size);
    free(seen.items);
    replay_free(replay);
}

/* The second file is begun before the first is done with, more than once. */
Test(file_journal, topic_after_topic_in_files_of_their_own) {
    static const char *const paths[] = {replay_paths[0], replay_paths[1]};
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(replay_paths[i], "we");
        cr_assert_not_null(file);
        for (int offset = 0; offset < ROUNDS; offset++)
            for (int part = 2 * i; part < 2 * i + 2; part++)
                write_padded(file, part, offset);
        cr_assert_eq(fclose(file), 0);
    }
    write_round_robin();
    struct seen_list seen =
        replay_all(OPTIONS(.journal = replay_paths[JOURNAL], .paths = paths, .path_count = 2), 1);
    assert_round_robin(&seen);
    cr_assert_str_eq(seen.items[seen.count - 1].file, replay_paths[1]);
    cr_assert_eq(seen.items[seen.count - 1].line, 2 * ROUNDS);
    cr_assert_str_eq(seen.items[seen.count - 3].file, replay_paths[0]);
    free(seen.items);
}

/* The recording comes through the standard input. */
static void open_as_input(const char *path) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("cat", "cat", path, (char *)NULL);
        _exit(127);
    }
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    close(ends[1]);
}

Test(file_journal, a_pipe_will_do_while_nothing_waits_for_long) {
    static const char *const paths[] = {"-"};
    (void)write_large(replay_paths[0], false);
    write_round_robin();
    open_as_input(replay_paths[0]);
    struct seen_list seen =
        replay_all(OPTIONS(.journal = replay_paths[JOURNAL], .paths = paths, .path_count = 1), 1);
    assert_round_robin(&seen);
    free(seen.items);
}

Test(file_journal, a_pipe_cannot_be_read_again) {
    static const char *const paths[] = {"-"};
    struct error error = {0};
    (void)write_large(replay_paths[0], true);
    write_round_robin();
    open_as_input(replay_paths[0]);
    struct replay *replay =
        replay_new(OPTIONS(.journal = replay_paths[JOURNAL], .paths = paths, .path_count = 1), 1);
    cr_assert_not(replay_run(replay, &error));
    cr_assert_not_null(strstr(error.text, "not a pipe"), "%s", error.text);
    replay_free(replay);
}
