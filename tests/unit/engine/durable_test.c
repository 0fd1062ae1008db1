/*
 * What strategies know outlives a crash, a suspension and a stop: checkpoints, the messages since
 * then, and catching up.
 */
#include "fixture.h"

#include "base/clock.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define TRENDS 2u /* the index of asset_trends */

TestSuite(durable, .timeout = 120);

/* "good" with these settings. */
static struct fixture *start_good(const char *const *settings) {
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_give_history(fixture);
    fixture_start(fixture);
    return fixture;
}

/* A deployment that says every count; checkpoints are taken when the test says so. */
static struct fixture *good_fixture(void) {
    static const char *const settings[] = {"strategy:good.every=1", "checkpoint.interval=1h", NULL};
    return start_good(settings);
}

static void take_good(void *context, const struct view_strategy *strategy) {
    if (strcmp(strategy->name, "good") == 0)
        *(struct view_strategy *)context = *strategy;
}

static struct view_strategy look(struct fixture *fixture) {
    struct view_strategy view = {.why = ""};
    view_strategies(fixture_engine(fixture), take_good, &view);
    return view;
}

static void send(struct fixture *fixture, int64_t from, int64_t to) {
    for (int64_t offset = from; offset < to; offset++)
        fixture_send(fixture, BAR, 0, offset, "A");
}

/* Of all that was sent. */
static void checkpoint(struct fixture *fixture) {
    fixture_wait_idle(fixture);
    cr_assert_eq(fixture_checkpoint(fixture), 1);
}

static struct view_checkpoints look_at_checkpoints(struct fixture *fixture) {
    struct view_checkpoints view;
    view_checkpoints(fixture_engine(fixture), &view);
    return view;
}

/* Until so many checkpoints have been written. */
static void wait_written(struct fixture *fixture, uint64_t count) {
    const int64_t until_ns = clock_monotonic_ns() + 60 * NS_PER_S;
    struct error error = {0};
    while (look_at_checkpoints(fixture).written < count && clock_monotonic_ns() < until_ns)
        cr_assert(engine_poll(fixture_engine(fixture), 1, &error), "%s", error.text);
    cr_assert_geq(look_at_checkpoints(fixture).written, count);
}

static void crash(struct fixture *fixture) {
    fixture_freeze_disk(fixture);
    fixture_stop(fixture);
    fixture_start(fixture);
}

Test(durable, a_crash_costs_no_state_and_repeats_no_signal_that_was_safe) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 3);
    checkpoint(fixture);
    send(fixture, 3, 6);
    fixture_wait_stored(fixture, BAR, 0, 6);
    crash(fixture);
    /* 4 was committed: what lies behind the checkpoint and below it is history. */
    fixture_assign_topic(fixture, BAR, 0, 4);
    send(fixture, 4, 7);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 3);
    fixture_wait_stored(fixture, BAR, 0, 7);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(fixture_signal_value(fixture, 0), 5);
    cr_expect_eq(fixture_signal_value(fixture, 2), 7);
    struct view_totals totals;
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.unconfirmed, 0, "what held the offsets is gone");
    fixture_free(fixture);
}

Test(durable, a_checkpoint_above_the_committed_offset_is_not_taken) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 2);
    send(fixture, 2, 4);
    checkpoint(fixture);
    send(fixture, 4, 6);
    checkpoint(fixture);
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 1);
    send(fixture, 1, 7);
    fixture_wait_deliveries(fixture, 6);
    fixture_wait_stored(fixture, BAR, 0, 7);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1, "fresh: no checkpoint lies so low");
    cr_expect_not_null(strstr(fixture_log(fixture), "starting without state"));
    fixture_free(fixture);
}

/* Who begins without state has something to go back to all the same. */
Test(durable, a_crash_before_the_first_interval_is_over_costs_no_state) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 4);
    fixture_wait_stored(fixture, BAR, 0, 4);
    wait_written(fixture, 1);
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 4);
    send(fixture, 4, 5);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 5);
    fixture_free(fixture);
}

Test(durable, a_state_that_cannot_be_saved_is_said_once_and_shown_until_it_is) {
    static const char *const settings[] = {"checkpoint.interval=0", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "as_good/refuse_first_save", "good");
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 1);
    checkpoint(fixture);
    cr_expect_eq(look(fixture).unsaved, 1);
    cr_expect_str_eq(look(fixture).last_error,
                     "its state is not in the checkpoint: save failed: in the middle of something");
    cr_expect_not_null(strstr(fixture_log(fixture), "state.not_saved"));
    cr_expect_null(strstr(fixture_log(fixture), "state.saved_again"));
    send(fixture, 1, 2);
    checkpoint(fixture);
    cr_expect_eq(look(fixture).unsaved, 0);
    cr_expect_not_null(strstr(fixture_log(fixture), "state.saved_again"));
    fixture_free(fixture);
}

/* Offsets wait for the recovery: if it is broken off, the next one begins at the same place. */
Test(durable, offsets_are_held_until_the_recovery_is_over) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    checkpoint(fixture);
    send(fixture, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    crash(fixture);
    fixture_refuse_history(fixture, 1);
    fixture_assign_topic(fixture, BAR, 0, 5);
    send(fixture, 5, 8);
    fixture_wait_idle(fixture);
    fixture_wait_state(fixture, "good", "catching up");
    cr_expect_eq(fixture_deliveries(fixture), 0);
    cr_expect_lt(fixture_stored(fixture, BAR, 0), 6);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_stored(fixture, BAR, 0, 8);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(fixture_signal_value(fixture, 0), 6);
    cr_expect_not_null(strstr(fixture_log(fixture), "retrying: no broker"));
    fixture_free(fixture);
}

/* And one that was asked for a drain does not wait for a stream that is not read. */
Test(durable, a_drain_waits_for_the_recovery) {
    struct fixture *fixture = good_fixture();
    struct error error = {0};
    struct view_totals totals;
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    checkpoint(fixture);
    send(fixture, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    crash(fixture);
    fixture_refuse_history(fixture, 1);
    fixture_assign_topic(fixture, BAR, 0, 5);
    cr_assert(engine_drain(fixture_engine(fixture), true, 60 * NS_PER_S, &error), "%s", error.text);
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.unconfirmed, 0);
    cr_expect_not_null(strstr(fixture_log(fixture), "caught up with the stream"));
    cr_assert(engine_drain(fixture_engine(fixture), false, 0, &error));
    send(fixture, 5, 7);
    fixture_wait_stored(fixture, BAR, 0, 7);
    cr_expect_eq(fixture_deliveries(fixture), 2);
    cr_expect_eq(fixture_signal_value(fixture, 0), 6);
    fixture_free(fixture);
}

Test(durable, an_operators_suspension_passes_nothing_for_good) {
    struct fixture *fixture = good_fixture();
    struct error error;
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    fixture_wait_deliveries(fixture, 2);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    cr_expect_eq(fixture_deliveries(fixture), 2);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 5, 6);
    fixture_wait_deliveries(fixture, 6);
    fixture_wait_stored(fixture, BAR, 0, 6);
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(fixture_signal_value(fixture, i), (double)i + 1);
    fixture_free(fixture);
}

/* Partitions have one reading at a time: the second begins where the lower of them is. */
Test(durable, one_that_is_resumed_while_another_catches_up_joins_it) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:twin.plugin=good",
                                           "strategy:twin.every=1", NULL};
    struct fixture *fixture = fixture_new(settings);
    struct error error;
    fixture_drop(fixture, "good_v1", "good");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "twin", &error));
    send(fixture, 0, 2);
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_hold_history(fixture, true);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "catching up");
    cr_assert(engine_resume(fixture_engine(fixture), "twin", false, &error));
    fixture_wait_state(fixture, "twin", "catching up");
    fixture_hold_history(fixture, false);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_state(fixture, "twin", "running");
    fixture_wait_deliveries(fixture, 10);
    double sum = 0;
    for (size_t i = 0; i < 10; i++)
        sum += fixture_signal_value(fixture, i);
    cr_expect_eq(sum, 30, "1 to 5, of both");
    fixture_free(fixture);
}

Test(durable, resume_with_skip_goes_on_with_the_next_message) {
    struct fixture *fixture = good_fixture();
    struct error error;
    fixture_assign_topic(fixture, BAR, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 0, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    cr_assert(engine_resume(fixture_engine(fixture), "good", true, &error));
    send(fixture, 5, 6);
    fixture_wait_deliveries(fixture, 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1);
    fixture_free(fixture);
}

/* The suspension, and where it began, outlive a crash too. */
Test(durable, what_a_suspended_one_missed_is_caught_up_after_a_crash) {
    struct fixture *fixture = good_fixture();
    struct error error;
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    fixture_wait_deliveries(fixture, 2);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    checkpoint(fixture);
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 5);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 3);
    cr_expect_eq(fixture_signal_value(fixture, 0), 3, "not history: nobody had its signals");
    cr_expect_eq(fixture_signal_value(fixture, 2), 5);
    fixture_free(fixture);
}

/* What the absent one knows is kept, and those behind it in the checkpoint find theirs. */
Test(durable, one_goes_on_beside_one_that_is_quarantined) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:twin.plugin=good",
                                           "strategy:twin.every=1", "checkpoint.interval=1h", NULL};
    struct fixture *fixture = fixture_new(settings);
    struct error error;
    fixture_drop(fixture, "good_v1", "good");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 3);
    checkpoint(fixture);
    fixture_accuse(fixture, "good");
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 3);
    fixture_wait_state(fixture, "twin", "running");
    send(fixture, 3, 4);
    fixture_wait_deliveries(fixture, 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 4);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error), "%s", error.text);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 4, "it is given what it missed");
    fixture_free(fixture);
}

Test(durable, one_that_is_disabled_goes_on_from_where_it_was) {
    static const char *const off[] = {"strategy:good.every=1", "strategy:good.enabled=no",
                                      "checkpoint.interval=1h", NULL};
    static const char *const on[] = {"strategy:good.every=1", "checkpoint.interval=1h", NULL};
    struct fixture *fixture = good_fixture();
    fixture_drop(fixture, "no_save", "no_save"); /* somebody for whom messages are read */
    fixture_reload(fixture, on);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    fixture_wait_deliveries(fixture, 2);
    fixture_reload(fixture, off);
    send(fixture, 2, 4);
    fixture_wait_stored(fixture, BAR, 0, 4);
    const size_t before = fixture_deliveries(fixture);
    fixture_reload(fixture, on);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, before + 2);
    cr_expect_eq(fixture_signal_value(fixture, before), 3);
    cr_expect_eq(fixture_signal_value(fixture, before + 1), 4);
    fixture_free(fixture);
}

/* Nobody knows anything of it yet: it begins where the others did. */
Test(durable, one_that_was_refused_at_the_start_is_given_what_the_others_were) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:late.plugin=good",
                                           "strategy:late.every=-1", NULL};
    struct fixture *fixture = start_good(settings);
    fixture_assign_topic(fixture, BAR, 0, 7);
    cr_expect_not_null(strstr(fixture_log(fixture), "when it runs it is given the messages of"));
    send(fixture, 7, 9);
    fixture_wait_deliveries(fixture, 2);
    fixture_wait_stored(fixture, BAR, 0, 9);
    fixture_reload(fixture,
                   (const char *const[]){"strategy:good.every=1", "strategy:late.plugin=good",
                                         "strategy:late.every=1", NULL});
    fixture_wait_state(fixture, "late", "running");
    fixture_wait_deliveries(fixture, 4);
    cr_expect_eq(fixture_signal_value(fixture, 3), 2, "not one of them has passed it");
    fixture_free(fixture);
}

Test(durable, messages_that_the_log_no_longer_has_are_a_gap_and_said) {
    struct fixture *fixture = good_fixture();
    struct error error;
    fixture_assign_topic(fixture, BAR, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 0, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_delete_below(fixture, 3);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 2);
    cr_expect_not_null(strstr(fixture_log(fixture), "no longer has offsets 0 to 2"));
    fixture_free(fixture);
}

Test(durable, one_that_is_too_far_behind_is_told_of_the_gap) {
    static const char *const settings[] = {"strategy:good.every=1", "checkpoint.max_catch_up=3",
                                           NULL};
    struct error error;
    struct fixture *fixture = start_good(settings);
    fixture_assign_topic(fixture, BAR, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 0, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 5, 6);
    fixture_wait_deliveries(fixture, 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1);
    cr_expect_not_null(strstr(fixture_log(fixture), "max_catch_up = 3"));
    fixture_free(fixture);
}

/* Another host has worked on the partition meanwhile: what it was handed is handed here too, as
 * history. */
Test(durable, a_parked_partition_catches_up_with_what_was_handed_over_elsewhere) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_revoke(fixture, 0);
    for (int64_t offset = 2; offset < 5; offset++) /* reach nobody here: not owned */
        fixture_send(fixture, BAR, 0, offset, "A");
    fixture_wait_idle(fixture);
    fixture_assign_topic(fixture, BAR, 0, 5);
    send(fixture, 5, 6);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_stored(fixture, BAR, 0, 6);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(fixture_signal_value(fixture, 2), 6);
    fixture_free(fixture);
}

/* It goes to another host and comes back, while the stream here was ahead of who is behind. */
Test(durable, a_recovery_that_a_rebalance_breaks_off_loses_no_signal) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    checkpoint(fixture);
    send(fixture, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    crash(fixture);
    fixture_hold_history(fixture, true);
    fixture_assign_topic(fixture, BAR, 0, 5);
    send(fixture, 5, 8);
    fixture_wait_idle(fixture);
    fixture_wait_state(fixture, "good", "catching up");
    fixture_revoke(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 5);
    send(fixture, 8, 10);
    fixture_wait_idle(fixture);
    fixture_wait_state(fixture, "good", "catching up");
    cr_expect_lt(fixture_stored(fixture, BAR, 0), 6,
                 "a crash now would lose the signals from 5 on");
    fixture_hold_history(fixture, false);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_stored(fixture, BAR, 0, 10);
    cr_assert_eq(fixture_deliveries(fixture), 5);
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(fixture_signal_value(fixture, i), (double)(6 + i));
    fixture_free(fixture);
}

/* ---- warm-up ---- */

/* Messages are a second apart. */
Test(durable, one_without_a_state_is_fed_what_its_warm_up_reaches_back_to) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:good.warm_up=3s",
                                           NULL};
    struct fixture *fixture = start_good(settings);
    send(fixture, 0, 5); /* of nobody: the partition is not assigned */
    fixture_wait_idle(fixture);
    fixture_assign_topic(fixture, BAR, 0, 5);
    send(fixture, 5, 7);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_stored(fixture, BAR, 0, 7);
    cr_assert_eq(fixture_deliveries(fixture), 2, "no signal of what is history");
    cr_expect_eq(fixture_signal_value(fixture, 0), 4, "it has seen 2, 3 and 4");
    cr_expect_eq(fixture_signal_value(fixture, 1), 5);
    fixture_free(fixture);
}

Test(durable, one_that_comes_with_a_reload_is_warmed_up_beside_the_stream) {
    static const char *const both[] = {"strategy:good.every=1", "strategy:good.warm_up=1h", NULL};
    static const char *const others[] = {"strategy:no_save.every=0", NULL};
    struct fixture *fixture = fixture_new(others);
    fixture_drop(fixture, "no_save", "no_save");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 4);
    fixture_wait_stored(fixture, BAR, 0, 4);
    const size_t before = fixture_deliveries(fixture);
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, both);
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 4, 5);
    fixture_wait_deliveries(fixture, before + 1);
    cr_expect_eq(fixture_signal_value(fixture, before), 5);
    fixture_free(fixture);
}

/* A crash in the middle of it: what was history still is. */
Test(durable, a_warm_up_that_was_broken_off_begins_again) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:good.warm_up=1h",
                                           "checkpoint.interval=1h", NULL};
    struct fixture *fixture = start_good(settings);
    send(fixture, 0, 3);
    fixture_wait_idle(fixture);
    fixture_refuse_history(fixture, 1000000);
    fixture_assign_topic(fixture, BAR, 0, 3);
    send(fixture, 3, 4);
    fixture_wait_idle(fixture);
    fixture_wait_state(fixture, "good", "catching up");
    cr_expect_eq(fixture_checkpoint(fixture), 0, "offsets are held");
    crash(fixture);
    fixture_refuse_history(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 3);
    send(fixture, 3, 4);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 4);
    fixture_free(fixture);
}

/* ---- the order across topics ---- */

static void send_pairs(struct fixture *fixture, uint32_t first, uint32_t second, int64_t from,
                       int64_t to, bool is_mixed) {
    for (int64_t offset = from; offset < to; offset++) {
        fixture_send(fixture, first, 0, offset, "A");
        if (is_mixed)
            fixture_send(fixture, second, 0, offset, "A");
    }
    for (int64_t offset = from; !is_mixed && offset < to; offset++)
        fixture_send(fixture, second, 0, offset, "A");
}

/* It was handed some of them before it crashed, and has signalled: what comes again comes in the
 * same order, whatever order the topics are read in now. */
Test(durable, a_join_makes_the_same_signals_again_after_a_crash) {
    static const char *const settings[] = {"checkpoint.interval=1h", NULL};
    struct fixture *fixture = fixture_new(settings);
    char before[8][1024];
    fixture_drop(fixture, "joiner", "joiner");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    send_pairs(fixture, BAR, ASSET, 0, 2, true);
    checkpoint(fixture);
    send_pairs(fixture, ASSET, BAR, 2, 6, true);
    fixture_wait_stored(fixture, BAR, 0, 6);
    fixture_wait_stored(fixture, ASSET, 0, 6);
    const size_t said = fixture_deliveries(fixture);
    cr_assert_eq(said, 6);
    for (size_t i = 0; i < said; i++)
        snprintf(before[i], sizeof before[i], "%s", fixture_delivery(fixture, i));
    crash(fixture);
    fixture_assign(fixture, 0, 3);
    send_pairs(fixture, BAR, ASSET, 3, 6, false);
    fixture_wait_state(fixture, "joiner", "running");
    fixture_wait_stored(fixture, ASSET, 0, 6);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_str_eq(fixture_delivery(fixture, i), before[3 + i]);
    fixture_free(fixture);
}

/* Serves the engine until its log has the text. */
static void wait_said(struct fixture *fixture, const char *text) {
    const int64_t until_ns = clock_monotonic_ns() + 60 * NS_PER_S;
    struct error error = {0};
    while (strstr(fixture_log(fixture), text) == NULL && clock_monotonic_ns() < until_ns)
        cr_assert(engine_poll(fixture_engine(fixture), 1, &error), "%s", error.text);
    cr_assert_not_null(strstr(fixture_log(fixture), text));
}

/* Where the group has no offset in one of its topics, and no broker has said where that begins, it
 * comes when others are being caught up with already: what passed by then is not lost, and is not
 * committed before it was handed over. */
Test(durable, a_topic_that_comes_during_a_recovery_is_recovered_too) {
    static const char *const settings[] = {"checkpoint.interval=1h", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "joiner", "joiner");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    send_pairs(fixture, BAR, ASSET, 0, 2, true);
    checkpoint(fixture);
    send_pairs(fixture, BAR, ASSET, 2, 5, true);
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_wait_stored(fixture, ASSET, 0, 5);
    crash(fixture);
    fixture_hold_history(fixture, true);
    fixture_assign_topic(fixture, BAR, 0, 5);
    fixture_assign_new(fixture, ASSET, 0, SOURCE_NO_OFFSET);
    wait_said(fixture, "catch-up begun");
    for (int64_t offset = 0; offset < 5; offset++)
        fixture_send(fixture, ASSET, 0, offset, "A");
    fixture_wait_idle(fixture);
    cr_expect_leq(fixture_stored(fixture, ASSET, 0), 0, "held until it was handed over");
    const size_t before = fixture_deliveries(fixture);
    fixture_hold_history(fixture, false);
    fixture_wait_state(fixture, "joiner", "running");
    fixture_wait_stored(fixture, ASSET, 0, 5);
    cr_expect_eq(fixture_deliveries(fixture) - before, 5);
    fixture_free(fixture);
}

/* Also when the journal's thread has not got to writing it down, and when it crashes again before
 * it has. */
Test(durable, a_join_makes_signals_again_that_left_just_before_a_crash) {
    static const char *const settings[] = {"checkpoint.interval=1h", NULL};
    struct fixture *fixture = fixture_new(settings);
    char before[8][1024];
    fixture_drop(fixture, "joiner", "joiner");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    send_pairs(fixture, BAR, ASSET, 0, 2, true);
    checkpoint(fixture);
    send_pairs(fixture, ASSET, BAR, 2, 3, true); /* that makes the journal's thread rest */
    fixture_wait_stored(fixture, BAR, 0, 3);
    send_pairs(fixture, ASSET, BAR, 3, 6, true);
    fixture_wait_deliveries(fixture, 6);
    for (size_t i = 0; i < 6; i++)
        snprintf(before[i], sizeof before[i], "%s", fixture_delivery(fixture, i));
    for (int life = 0; life < 2; life++) {
        crash(fixture);
        fixture_assign(fixture, 0, 2);
        send_pairs(fixture, BAR, ASSET, 2, 6, false);
        fixture_wait_state(fixture, "joiner", "running");
        fixture_wait_deliveries(fixture, 4);
        for (size_t i = 0; i < 4; i++)
            cr_expect_str_eq(fixture_delivery(fixture, i), before[2 + i]);
    }
    fixture_free(fixture);
}

/* ---- what others see of it ---- */

/* Serves the engine until `good` is so far behind; the figure is counted now and then. */
static void wait_behind(struct fixture *fixture, uint64_t behind) {
    const int64_t until_ns = clock_monotonic_ns() + 60 * NS_PER_S;
    struct error error = {0};
    while (look(fixture).behind != behind && clock_monotonic_ns() < until_ns)
        cr_assert(engine_poll(fixture_engine(fixture), 1, &error), "%s", error.text);
    cr_assert_eq(look(fixture).behind, behind);
}

Test(durable, the_view_shows_how_far_behind_a_suspended_one_is) {
    struct fixture *fixture = good_fixture();
    struct error error;
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    fixture_wait_deliveries(fixture, 2);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 2, 5);
    wait_behind(fixture, 3);
    cr_expect_str_eq(look(fixture).why, "operator");
    cr_expect_eq(look(fixture).catching_up, 0);
    fixture_refuse_history(fixture, 1);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "catching up");
    fixture_wait_state(fixture, "good", "running");
    cr_expect_eq(look(fixture).behind, 0);
    cr_expect_eq(look_at_checkpoints(fixture).late, 3);
    cr_expect_eq(look_at_checkpoints(fixture).catch_ups, 1);
    cr_expect_eq(look_at_checkpoints(fixture).recoveries, 0);
    fixture_free(fixture);
}

/* It stands while too many of its signals wait for a sink. */
Test(durable, the_view_shows_how_far_a_catch_up_has_come) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.max_unconfirmed=2",
                                           "checkpoint.interval=1h", NULL};
    struct error error;
    struct fixture *fixture = start_good(settings);
    fixture_assign_topic(fixture, BAR, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 0, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_hold(fixture);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    wait_behind(fixture, 3);
    const struct view_strategy view = look(fixture);
    cr_expect_str_eq(view.why, "catching up");
    cr_expect_eq(view.catching_up, 1);
    cr_expect_eq(view.caught_up, 2);
    fixture_confirm_all(fixture);
    wait_behind(fixture, 1);
    fixture_confirm_all(fixture);
    fixture_wait_state(fixture, "good", "running");
    cr_expect_eq(look(fixture).catching_up, 0);
    cr_expect_eq(look(fixture).caught_up, 0);
    fixture_confirm_all(fixture);
    fixture_free(fixture);
}

static void take_checkpoint(void *context, const struct view_checkpoint *checkpoint) {
    *(struct view_checkpoint *)context = *checkpoint;
}

Test(durable, the_view_shows_the_checkpoints) {
    struct fixture *fixture = good_fixture();
    struct view_checkpoint newest = {.partition = -1};
    struct view_checkpoints view = look_at_checkpoints(fixture);
    cr_expect(view.is_kept && view.is_well);
    cr_expect_eq(view.newest_ns, -1);
    cr_expect_eq(view.partitions, 0);
    fixture_assign_topic(fixture, BAR, 0, 0);
    wait_written(fixture, 1); /* where it begins */
    send(fixture, 0, 3);
    checkpoint(fixture);
    view = look_at_checkpoints(fixture);
    cr_expect_eq(view.written, 2);
    cr_expect_eq(view.failed, 0);
    cr_expect_eq(view.partitions, 1);
    cr_expect_geq(view.newest_ns, 0);
    cr_expect_geq(view.oldest_ns, view.newest_ns);
    cr_expect_gt(view.size, 0);
    cr_expect_gt(view.journal_bytes, 0);
    cr_expect_gt(view.longest_pause_ns, 0);
    view_each_checkpoint(fixture_engine(fixture), take_checkpoint, &newest);
    cr_expect_eq(newest.partition, 0);
    cr_expect_eq(newest.size, view.size);
    fixture_revoke(fixture, 0);
    cr_expect_eq(look_at_checkpoints(fixture).partitions, 0, "it is another host's now");
    fixture_free(fixture);
}

Test(durable, a_recovery_is_counted_and_stands_in_the_status) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    checkpoint(fixture);
    send(fixture, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 5);
    fixture_wait_state(fixture, "good", "running");
    cr_expect_eq(look_at_checkpoints(fixture).recoveries, 1);
    cr_expect_eq(look_at_checkpoints(fixture).late, 3);
    struct text status;
    text_init(&status);
    view_status(fixture_engine(fixture), &status);
    cr_expect_not_null(strstr(status.data, "\"checkpoints\":{\"kept\":true,\"well\":true"));
    cr_expect_not_null(strstr(status.data, "\"recoveries\":1"));
    cr_expect_not_null(strstr(status.data, "\"catching_up\":0"));
    text_release(&status);
    fixture_free(fixture);
}

Test(durable, without_a_store_no_checkpoint_can_be_asked_for) {
    static const char *const settings[] = {"take5.keep_state=no", NULL};
    struct fixture *fixture = fixture_new(settings);
    struct error error = {0};
    size_t taken = 1;
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    cr_expect_not(engine_checkpoint(fixture_engine(fixture), NS_PER_S, &taken, &error));
    cr_expect_not_null(strstr(error.text, "keep_state = no"));
    cr_expect_not(look_at_checkpoints(fixture).is_kept);
    fixture_free(fixture);
}

/* A checkpoint that lies at the very offsets leaves nobody with a position of its own. */
Test(durable, a_rebalance_after_an_exact_start_feeds_nothing_twice) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 3);
    fixture_wait_stored(fixture, BAR, 0, 3);
    checkpoint(fixture);
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 3);
    send(fixture, 3, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_revoke(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 5);
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 5, 6);
    fixture_wait_stored(fixture, BAR, 0, 6);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(fixture_signal_value(fixture, i), (double)i + 4);
    fixture_free(fixture);
}

/* Sends topic by topic the other way round than their times and numbers say. */
static void send_against_time(struct fixture *fixture, int64_t offset) {
    fixture_send(fixture, TRENDS, 0, 100 + offset, "A");
    fixture_send(fixture, BAR, 0, offset, "A");
}

Test(durable, checkpoints_do_not_take_the_order_from_one_that_is_suspended) {
    static const char *const settings[] = {"strategy:joiner.enabled=yes",
                                           "strategy:twin.plugin=joiner", "checkpoint.interval=1h",
                                           NULL};
    struct fixture *fixture = fixture_new(settings);
    struct error error;
    fixture_drop(fixture, "joiner", "joiner");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_assign_topic(fixture, TRENDS, 0, 100);
    cr_assert(engine_suspend(fixture_engine(fixture), "joiner", &error));
    for (int64_t offset = 0; offset < 5; offset++) {
        send_against_time(fixture, offset);
        checkpoint(fixture);
    }
    cr_assert_eq(fixture_deliveries(fixture), 5, "the twin's");
    cr_assert(engine_resume(fixture_engine(fixture), "joiner", false, &error));
    fixture_wait_state(fixture, "joiner", "running");
    fixture_wait_deliveries(fixture, 10);
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(fixture_signal_value(fixture, i), fixture_signal_value(fixture, i + 5));
    fixture_free(fixture);
}
