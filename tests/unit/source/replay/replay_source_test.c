#include "source/replay/replay_source.h"

#include "base/clock.h"
#include "replay_harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(file, .init = replay_setup, .fini = replay_teardown);

Test(file, lanes_do_not_change_what_is_seen_and_in_which_order) {
    replay_write_market(0, 1, 20000, true, 0.02);
    struct seen_list one = replay_all(OPTIONS(), 1);
    cr_assert_eq(one.count, 20000);
    for (uint32_t lanes = 2; lanes <= MAX_LANES; lanes++) {
        struct seen_list more = replay_all(OPTIONS(), lanes);
        cr_assert(replay_same(&one, &more), "%u lanes", lanes);
        free(more.items);
    }
    free(one.items);
}

Test(file, a_large_recorded_file_comes_whole_on_any_lanes) {
    replay_write_market(0, 2, 60000, false, 0);
    struct seen_list one = replay_all(OPTIONS(), 1);
    cr_assert_eq(one.count, 60000);
    int64_t next[3][4] = {{0}};
    for (size_t i = 0; i < one.count; i++) {
        const struct seen *seen = &one.items[i];
        cr_assert_eq(seen->offset, next[seen->topic][seen->partition]++);
        cr_assert_eq(seen->line, i + 1);
    }
    struct seen_list three = replay_all(OPTIONS(), 3);
    cr_assert(replay_same(&one, &three));
    free(one.items);
    free(three.items);
}

Test(file, a_number_is_assigned_when_it_is_met_after_all_before_was_worked_on) {
    struct text text;
    text_init(&text);
    for (int i = 0; i < 3000; i++)
        text_printf(&text,
                    "{\"topic\":\"bars\",\"partition\":%d,\"offset\":%d,\"payload\":\"x\"}\n",
                    i < 1000   ? 5
                    : i < 2000 ? 0
                               : 5 + i % 2,
                    i);
    replay_write_file(0, text.data);
    text_release(&text);
    struct replay *replay = replay_new(OPTIONS(), 3);
    struct error error;
    cr_assert(replay_run(replay, &error));
    cr_assert_eq(replay->assigned_count, 3);
    static const int32_t numbers[] = {5, 0, 6};
    static const size_t released[] = {0, 1000, 2001};
    for (int i = 0; i < 3; i++) {
        cr_assert(replay->assigned[i].partition == numbers[i] && replay->assigned[i].parts == 3);
        cr_assert_eq(replay->assigned[i].released, released[i], "number %d after %zu", numbers[i],
                     replay->assigned[i].released);
    }
    replay_free(replay);
}

Test(file, plain_lines_assign_all_their_numbers_at_once) {
    replay_write_market(0, 3, 3000, true, 0);
    struct replay *replay = replay_new(OPTIONS(), 2);
    struct error error;
    cr_assert(replay_run(replay, &error));
    cr_assert(replay->assigned_count == 1 && replay->assigned[0].parts == 48 &&
              replay->assigned[0].released == 0);
    replay_free(replay);
}

Test(file, nothing_below_the_offset_that_the_listener_asks_for_is_read) {
    replay_write_file(
        0, "{\"topic\":\"bars\",\"partition\":1,\"offset\":5,\"payload\":\"a\"}\n"
           "{\"topic\":\"bars\",\"partition\":1,\"offset\":6,\"payload\":\"b\"}\n"
           "{\"topic\":\"asset_trends\",\"partition\":1,\"offset\":5,\"payload\":\"c\"}\n");
    struct replay *replay = replay_new(OPTIONS(.path_count = 1), 1);
    replay->begin[0][1] = 6; /* before the first poll, in which it is asked */
    struct error error;
    cr_assert(replay_run(replay, &error));
    struct seen_list all = replay_gather(replay);
    cr_assert(all.count == 2 && strcmp(all.items[0].payload, "b") == 0 &&
              strcmp(all.items[1].payload, "c") == 0);
    free(all.items);
    replay_free(replay);
}

Test(file, done_rises_to_the_number_of_records) {
    replay_write_market(0, 4, 5000, true, 0);
    struct replay *replay = replay_new(OPTIONS(), 2);
    struct error error = {0};
    uint64_t before = 0;
    while (replay->source->ops->poll(replay->source, 1, &error)) {
        uint64_t done = file_source_done(replay->source);
        cr_assert_geq(done, before);
        before = done;
    }
    replay_stop_lanes(replay);
    cr_assert_eq(file_source_done(replay->source), 5000);
    replay_free(replay);
}

Test(file, done_waits_for_the_record_that_a_lane_holds) {
    /* Partition 0 is lane 0's, 1 lane 1's; the test is both lanes and control. */
    replay_write_file(0, "{\"topic\":\"bars\",\"partition\":0,\"offset\":0,\"payload\":\"a\"}\n"
                         "{\"topic\":\"bars\",\"partition\":1,\"offset\":0,\"payload\":\"b\"}\n"
                         "{\"topic\":\"bars\",\"partition\":1,\"offset\":1,\"payload\":\"c\"}\n"
                         "{\"topic\":\"bars\",\"partition\":0,\"offset\":1,\"payload\":\"d\"}\n");
    struct replay *replay = replay_new(OPTIONS(), 2);
    replay_stop_lanes(replay);
    struct source *source = replay->source;
    struct record records[2][8];
    struct error error;
    size_t taken[2] = {0, 0};
    while (taken[0] < 1) {
        cr_assert(source->ops->poll(source, 1, &error));
        taken[0] += source->ops->read(source, 0, records[0], 8, 1);
    }
    cr_assert_eq(file_source_done(source), 0);
    source->ops->release(source, 0, records[0], 1);
    taken[0] = 0;
    while (taken[0] < 1 || taken[1] < 2) {
        cr_assert(source->ops->poll(source, 1, &error));
        taken[0] += source->ops->read(source, 0, records[0], 8, 1);
        taken[1] += source->ops->read(source, 1, records[1] + taken[1], 8 - taken[1], 1);
    }
    cr_assert_eq(file_source_done(source), 1);
    source->ops->release(source, 0, records[0], 1);
    cr_assert_eq(file_source_done(source), 1);
    source->ops->release(source, 1, records[1], 1);
    cr_assert_eq(file_source_done(source), 2);
    cr_assert(source->ops->poll(source, 1, &error));
    source->ops->release(source, 1, records[1] + 1, 1);
    cr_assert_eq(file_source_done(source), 4);
    while (source->ops->poll(source, 1, &error))
        ;
    cr_assert_eq(error.code, ERROR_NONE);
    replay->lane_count = 0;
    replay_free(replay);
}

Test(file, a_lane_that_stands_still_bounds_what_is_read_ahead) {
    replay_write_market(0, 6, 60000, true, 0); /* about 25 MB */
    struct replay *replay = replay_new(OPTIONS(), 2);
    replay_stop_lanes(replay); /* both */
    struct error error;
    struct source *source = replay->source;
    struct record records[300];
    struct file_source_progress progress, before = {0};
    /* Lane 1 works, lane 0 does not: until nothing moves any more. */
    for (int still = 0; still < 20;) {
        cr_assert(source->ops->poll(source, 1, &error));
        size_t count = source->ops->read(source, 1, records, 300, 10);
        source->ops->release(source, 1, records, count);
        file_source_progress(source, &progress);
        still = count == 0 && progress.bytes > 0 && progress.bytes == before.bytes ? still + 1 : 0;
        before = progress;
    }
    cr_assert(progress.bytes > 0 && progress.bytes < 20 * 1024 * 1024, "%llu bytes",
              (unsigned long long)progress.bytes);
    /* And goes on when lane 0 does. */
    while (source->ops->poll(source, 0, &error))
        for (uint32_t lane = 0; lane < 2; lane++) {
            size_t count = source->ops->read(source, lane, records, 300, 1);
            source->ops->release(source, lane, records, count);
        }
    cr_assert(error.code == ERROR_NONE && file_source_done(source) == 60000);
    replay->lane_count = 0;
    replay_free(replay);
}

Test(file, it_may_be_closed_at_any_time) {
    replay_write_market(0, 7, 30000, true, 0);
    struct error error;
    for (int polls = 0; polls < 30; polls += 3) {
        struct replay *replay = replay_new(OPTIONS(), 2);
        for (int i = 0; i < polls; i++)
            replay->source->ops->poll(replay->source, i % 2, &error);
        replay_stop_lanes(replay);
        replay_free(replay);
    }
    const char *own[] = {replay_paths[0]};
    struct file_source_options options = OPTIONS(.paths = own, .path_count = 1);
    struct source *source = file_source_new(&options, &replay_config, NULL, &error);
    cr_assert(source != NULL && source->ops->close(source, 100) && source->ops->free(source));
}

Test(file, between_close_and_free_nothing_more_is_found) {
    replay_write_market(0, 7, 3000, true, 0);
    struct replay *replay = replay_new(OPTIONS(), 1);
    struct source *source = replay->source;
    struct error error;
    cr_assert(replay_run(replay, &error), "%s", error.text);
    const uint64_t done = file_source_done(source);
    cr_assert(source->ops->close(source, 100));
    cr_assert(source->ops->close(source, 100), "a second time has nothing to do");
    struct record record;
    struct source_status status;
    source->ops->wake(source, 0);
    cr_assert_eq(source->ops->read(source, 0, &record, 1, 0), 0);
    source->ops->status(source, &status);
    cr_assert_eq(file_source_done(source), done);
    replay_free(replay);
}

Test(file, a_silent_pipe_delivers_what_it_had_and_can_be_closed) {
    int ends[2], saved = dup(STDIN_FILENO);
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    static const char line[] = "{\"symbol\":\"A\",\"trendData\":{}}\n";
    cr_assert_eq(write(ends[1], line, sizeof line - 1), sizeof line - 1);
    const char *standard_input[] = {"-"};
    struct replay *replay = replay_new(OPTIONS(.paths = standard_input, .path_count = 1), 2);
    struct error error;
    while (atomic_load(&replay->released) < 1)
        cr_assert(replay->source->ops->poll(replay->source, 1, &error));
    cr_assert_eq(write(ends[1], line, sizeof line - 1), sizeof line - 1);
    while (atomic_load(&replay->released) < 2)
        cr_assert(replay->source->ops->poll(replay->source, 1, &error));
    struct source_status status;
    replay->source->ops->status(replay->source, &status);
    cr_assert(status.is_connected && status.is_assigned);
    cr_assert_not_null(strstr(status.detail, "replaying -"), "%s", status.detail);
    replay_stop_lanes(replay);
    replay_free(replay);
    close(ends[1]);
    dup2(saved, STDIN_FILENO);
    close(saved);
}

Test(file, what_cannot_be_replayed_is_said_before_the_start) {
    const char *own[] = {replay_paths[0]};
    static const char *const missing[] = {"/no/such/file"}, *const twice[] = {"-", "-"};
    const struct {
        struct file_source_options options;
        const char *text;
    } cases[] = {
        {OPTIONS(.path_count = 0), "no file"},
        {OPTIONS(.paths = missing, .path_count = 1), "/no/such/file"},
        {OPTIONS(.paths = twice, .path_count = 2), "standard input"},
        {OPTIONS(.paths = own, .path_count = 1, .topic = "nope"), "\"nope\""},
        {OPTIONS(.paths = own, .path_count = 1, .speed = -1), "speed is -1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        cr_assert_null(file_source_new(&cases[i].options, &replay_config, NULL, &error));
        cr_assert_not_null(strstr(error.text, cases[i].text), "case %zu: %s", i, error.text);
    }
}

Test(file, an_empty_file_ends_at_once) {
    replay_write_file(0, "");
    struct seen_list all = replay_all(OPTIONS(), 2);
    cr_assert_eq(all.count, 0);
    free(all.items);
}

/* The control thread's: what had been released when it was called. */
struct pauses {
    struct replay *replay;
    size_t released[8], count;
};
static struct pauses pauses;

static void note_pause(void *context) {
    (void)context;
    cr_assert_lt(pauses.count, 8);
    pauses.released[pauses.count++] = atomic_load(&pauses.replay->released);
}

Test(file, between_so_many_records_everything_stands_still) {
    struct error error;
    replay_write_market(0, 7, 5000, true, 0);
    for (uint32_t lanes = 1; lanes <= 4; lanes += 3) {
        pauses = (struct pauses){0};
        struct replay *replay =
            replay_new(OPTIONS(.pause_every = 700, .paused = note_pause), lanes);
        pauses.replay = replay;
        cr_assert(replay_run(replay, &error), "%s", error.text);
        cr_assert_eq(pauses.count, 7);
        for (size_t i = 0; i < pauses.count; i++)
            cr_assert_eq(pauses.released[i], 700 * (i + 1));
        replay_free(replay);
    }
}

Test(file, before_given_records_and_behind_the_last_everything_stands_still) {
    static const uint64_t at[] = {0, 700, 700, 5000, 5001};
    struct error error;
    replay_write_market(0, 7, 5000, true, 0);
    for (uint32_t lanes = 1; lanes <= 4; lanes += 3) {
        pauses = (struct pauses){0};
        struct replay *replay =
            replay_new(OPTIONS(.pauses = at, .pause_count = 5, .paused = note_pause), lanes);
        pauses.replay = replay;
        cr_assert(replay_run(replay, &error), "%s", error.text);
        cr_assert_eq(pauses.count, 4);
        for (size_t i = 0; i < pauses.count; i++)
            cr_assert_eq(pauses.released[i], at[i]);
        replay_free(replay);
    }
}

/* Four lines, a second apart. */
static const char ahead_lines[] =
    "{\"topic\":\"bars\",\"partition\":0,\"offset\":0,\"ts\":1718658901000,\"key\":\"A\","
    "\"payload\":\"{}\"}\n"
    "{\"topic\":\"bars\",\"partition\":0,\"offset\":1,\"ts\":1718658902000,\"key\":\"A\","
    "\"payload\":\"{}\"}\n"
    "{\"topic\":\"bars\",\"partition\":0,\"offset\":2,\"ts\":1718658903000,\"key\":\"A\","
    "\"payload\":\"{}\"}\n"
    "{\"topic\":\"bars\",\"partition\":0,\"offset\":3,\"ts\":1718658904000,\"key\":\"A\","
    "\"payload\":\"{}\"}\n";

#define AT_NS(second) ((1718658900LL + (second)) * 1000000000LL)

/* The offsets and how far ahead they lie, s. */
static void expect_ahead(struct file_source_options options, int64_t history_ns,
                         const char *expected) {
    struct replay *replay = replay_new_warm(options, 1, history_ns);
    struct error error = {0};
    struct text said;
    text_init(&said);
    cr_assert(replay_run(replay, &error), "%s", error.text);
    struct seen_list all = replay_gather(replay);
    for (size_t i = 0; i < all.count; i++)
        text_printf(&said, "%lld:%lld ", (long long)all.items[i].offset,
                    (long long)(all.items[i].ahead_ns / 1000000000LL));
    cr_expect_str_eq(said.data, expected);
    text_release(&said);
    free(all.items);
    replay_free(replay);
}

Test(file, what_lies_before_the_beginning_is_history_as_far_as_it_is_wanted) {
    replay_write_file(0, ahead_lines);
    const int64_t from_ns = AT_NS(3), until_ns = FILE_SOURCE_NO_UNTIL;
    expect_ahead(BOUNDED(from_ns, until_ns, .is_cold = false), 0, "2:0 3:0 ");
    expect_ahead(BOUNDED(from_ns, until_ns, .is_cold = false), 1000000000LL, "1:1 2:0 3:0 ");
    expect_ahead(BOUNDED(from_ns, until_ns, .is_cold = false), 1999999999LL, "1:1 2:0 3:0 ");
    expect_ahead(BOUNDED(from_ns, until_ns, .is_cold = false), INT64_MAX, "0:2 1:1 2:0 3:0 ");
    expect_ahead(BOUNDED(from_ns, until_ns, .is_cold = true), INT64_MAX, "2:0 3:0 ");
    expect_ahead(BOUNDED(from_ns, AT_NS(4), .is_cold = false), INT64_MAX, "0:2 1:1 2:0 ");
    expect_ahead(OPTIONS(.is_cold = false), INT64_MAX, "0:0 1:0 2:0 3:0 ");
}

Test(file, history_follows_a_journal_too) {
    replay_write_file(0, ahead_lines);
    replay_write_file(1, "bars 0 1 2\nbars 0 3 1\n");
    expect_ahead(BOUNDED(AT_NS(3), FILE_SOURCE_NO_UNTIL, .journal = replay_paths[1]), INT64_MAX,
                 "1:1 2:0 3:0 ");
}
