/*
 * What strategies know outlives a crash, a suspension and a stop: checkpoints, the messages since
 * then, and catching up.
 */
#include "fixture.h"

#include "base/clock.h"
#include "base/text.h"
#include "checkpoint/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
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
    cr_expect_not_null(fixture_said(fixture, "state.discarded"));
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
    cr_expect_not_null(fixture_said(fixture, "state.not_saved"));
    cr_expect_null(fixture_said(fixture, "state.saved_again"));
    send(fixture, 1, 2);
    checkpoint(fixture);
    cr_expect_eq(look(fixture).unsaved, 0);
    cr_expect_not_null(fixture_said(fixture, "state.saved_again"));
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
    cr_expect_not_null(fixture_said(fixture, "strategy.caught_up"));
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

static size_t times_said(struct fixture *fixture, const char *event) {
    size_t times = 0;
    for (const char *at = fixture_log(fixture); (at = strstr(at, event)) != NULL; at++)
        times++;
    return times;
}

/* All memory that the last step of a reload needs is there before it. Only what the strategy itself
 * cannot save, for lack of memory of its own, is lost, and that is said. */
Test(durable, one_that_goes_leaves_what_it_knows_or_stays_when_memory_is_short) {
    static const char *const on[] = {"strategy:good.every=1", "checkpoint.interval=1h", NULL};
    static const char *const off[] = {"strategy:good.every=1", "strategy:good.enabled=no",
                                      "checkpoint.interval=1h", NULL};
    struct fixture *fixture = start_good(on);
    fixture_assign(fixture, 0, 0);
    send(fixture, 0, 1);
    fixture_wait_stored(fixture, BAR, 0, 1);
    long nth = 0;
    size_t gone = 0, lost = 0;
    double known = 1;
    for (bool did_fail = true; did_fail; nth++) {
        fixture_fail_allocation(fixture, nth, false);
        fixture_reload(fixture, off);
        did_fail = fixture_did_fail(fixture);
        const bool has_gone = report_outcomes(fixture_report(fixture), OUTCOME_REMOVED) > 0;
        fixture_reload(fixture, on);
        if (!has_gone)
            continue;
        const size_t lost_before = lost;
        lost = times_said(fixture, " event=state.not_kept");
        known = lost == lost_before ? known + 1 : 1;
        gone++;
        send(fixture, (int64_t)gone, (int64_t)gone + 1);
        fixture_wait_stored(fixture, BAR, 0, (int64_t)gone + 1);
        cr_assert_eq(fixture_signal_value(fixture, gone), known, "allocation %ld", nth);
    }
    cr_expect_gt(nth, 20);
    cr_expect_gt(gone, 0);
    cr_expect_leq(lost, 2, "the strategy allocates little");
    fixture_free(fixture);
}

/* Nobody knows anything of it yet: it begins where the others did. */
Test(durable, one_that_was_refused_at_the_start_is_given_what_the_others_were) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:late.plugin=good",
                                           "strategy:late.every=-1", NULL};
    struct fixture *fixture = start_good(settings);
    fixture_assign_topic(fixture, BAR, 0, 7);
    cr_expect_not_null(fixture_said(fixture, "strategy.misses_messages"));
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
    cr_expect_not_null(fixture_said(fixture, "catch_up.messages_deleted"));
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
    cr_expect_not_null(fixture_said(fixture, "catch_up.too_far"));
    fixture_free(fixture);
}

/* The values of the signals of one of two deployments, in their order. */
static size_t values_of(struct fixture *fixture, const char *deployment, double values[16]) {
    char begin[64];
    size_t count = 0;
    snprintf(begin, sizeof begin, "{\"id\":\"%s/", deployment);
    for (size_t i = 0; i < fixture_deliveries(fixture); i++) {
        if (strncmp(fixture_delivery(fixture, i), begin, strlen(begin)) != 0)
            continue;
        cr_assert_lt(count, 16);
        values[count++] = fixture_signal_value(fixture, i);
    }
    return count;
}

Test(durable, how_far_behind_one_is_takes_nothing_from_another) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:twin.plugin=good",
                                           "strategy:twin.every=1", "checkpoint.max_catch_up=3",
                                           NULL};
    double values[16];
    struct error error;
    struct fixture *fixture = start_good(settings);
    fixture_assign_topic(fixture, BAR, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "twin", &error));
    send(fixture, 0, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 5, 7);
    fixture_wait_stored(fixture, BAR, 0, 7);
    cr_assert(engine_resume(fixture_engine(fixture), "twin", false, &error));
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "twin", "running");
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 7, 8);
    fixture_wait_stored(fixture, BAR, 0, 8);
    cr_assert_eq(values_of(fixture, "good", values), 8);
    for (size_t i = 0; i < 8; i++)
        cr_expect_eq(values[i], (double)i + 1);
    cr_assert_eq(values_of(fixture, "twin", values), 1);
    cr_expect_eq(values[0], 1, "it has seen nothing of the seven");
    cr_expect_not_null(strstr(fixture_said(fixture, "catch_up.too_far"), "twin on partition 0"));
    fixture_free(fixture);
}

/* A second is a message: the two last ones come as history, and of the others it is told. */
Test(durable, one_that_is_too_far_behind_is_warmed_up) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:good.warm_up=2s",
                                           "checkpoint.max_catch_up=3", NULL};
    struct error error;
    struct fixture *fixture = start_good(settings);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    fixture_wait_deliveries(fixture, 2);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 2, 8);
    fixture_wait_stored(fixture, BAR, 0, 8);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 8, 9);
    fixture_wait_stored(fixture, BAR, 0, 9);
    cr_expect_not_null(fixture_said(fixture, "catch_up.too_far"));
    cr_assert_eq(fixture_deliveries(fixture), 3, "no signals of what it missed");
    cr_expect_eq(fixture_signal_value(fixture, 2), 2 + 3 + 1, "5, 6 and 7 have come");
    fixture_free(fixture);
}

/* What a warm-up reaches back to that it has seen already does not come twice. */
Test(durable, a_warm_up_behind_a_state_begins_where_that_ends) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:good.warm_up=1h",
                                           "checkpoint.max_catch_up=3", NULL};
    struct error error;
    struct fixture *fixture = start_good(settings);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    fixture_wait_deliveries(fixture, 2);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 2, 8);
    fixture_wait_stored(fixture, BAR, 0, 8);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 8, 9);
    fixture_wait_stored(fixture, BAR, 0, 9);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(fixture_signal_value(fixture, 2), 9);
    fixture_free(fixture);
}

/* History is no part of what one is behind. */
Test(durable, a_recovery_and_a_warm_up_may_be_longer_than_the_limit) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:good.warm_up=1h",
                                           "checkpoint.max_catch_up=2", "checkpoint.interval=1h",
                                           NULL};
    struct fixture *fixture = start_good(settings);
    send(fixture, 0, 5); /* of nobody: the partition is not assigned */
    fixture_wait_idle(fixture);
    fixture_assign_topic(fixture, BAR, 0, 5);
    send(fixture, 5, 6);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_stored(fixture, BAR, 0, 6);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 6, "it was warmed up");
    (void)fixture_checkpoint(fixture); /* unless the first one was due by now */
    send(fixture, 6, 10);
    fixture_wait_stored(fixture, BAR, 0, 10);
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 10);
    send(fixture, 10, 11);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 11, "it was recovered");
    cr_expect_null(fixture_said(fixture, "catch_up.too_far"));
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

/* ---- a state that the strategy refuses ---- */

/* Two deployments, two checkpoints, and messages behind them; then a crash. Gives the number of the
 * newer one, of which good can make nothing. */
static uint64_t crash_with_a_foreign_state(struct fixture *fixture) {
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    checkpoint(fixture);
    send(fixture, 2, 4);
    checkpoint(fixture);
    send(fixture, 4, 6);
    fixture_wait_stored(fixture, BAR, 0, 6);
    fixture_freeze_disk(fixture);
    fixture_stop(fixture);
    const uint64_t number = fixture_make_foreign(fixture, 0, "good");
    fixture_start(fixture);
    return number;
}

/* The file that is named behind "kept for inspection as". */
static void expect_kept(struct fixture *fixture, const char *event, uint64_t number) {
    static const char before[] = "kept for inspection as ";
    struct checkpoint checkpoint;
    struct error error;
    const char *said = fixture_said(fixture, event);
    cr_assert_not_null(said, "%s", fixture_log(fixture));
    cr_expect_not_null(strstr(said, "\"other\""), "the reason: %s", said);
    const char *path = strstr(said, before);
    cr_assert_not_null(path, "%s", said);
    char name[256];
    snprintf(name, sizeof name, "%s", path + strlen(before));
    name[strcspn(name, " \n")] = '\0';
    checkpoint_init(&checkpoint);
    cr_assert(checkpoint_file_read(name, &checkpoint, &error), "%s", error.text);
    cr_expect_eq(checkpoint.number, number);
    cr_assert_eq(checkpoint.part_count, 1);
    cr_expect_str_eq(checkpoint.parts[0].deployment, "good");
    cr_expect_str_eq(checkpoint.parts[0].state.strategy, "other");
    checkpoint_release(&checkpoint);
}

static const char *const two_settings[] = {"strategy:good.every=1", "strategy:twin.plugin=good",
                                           "strategy:twin.every=1", "checkpoint.interval=1h", NULL};

Test(durable, a_state_that_is_refused_is_kept_aside_and_that_of_the_checkpoint_before_is_used) {
    struct fixture *fixture = start_good(two_settings);
    double values[16];
    const uint64_t number = crash_with_a_foreign_state(fixture);
    fixture_assign_topic(fixture, BAR, 0, 6);
    send(fixture, 6, 7);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_state(fixture, "twin", "running");
    fixture_wait_stored(fixture, BAR, 0, 7);
    cr_expect_eq(fixture_deliveries(fixture), 2, "what was committed is history for both");
    cr_assert_eq(values_of(fixture, "good", values), 1);
    cr_expect_eq(values[0], 7);
    cr_assert_eq(values_of(fixture, "twin", values), 1);
    cr_expect_eq(values[0], 7);
    expect_kept(fixture, "state.older_used", number);
    cr_expect_null(fixture_said(fixture, "state.discarded"));
    fixture_free(fixture);
}

/* It is a recovery: until it is over, a second crash begins at the same place. */
Test(durable, offsets_are_held_while_one_goes_on_with_an_older_state) {
    struct fixture *fixture = start_good(two_settings);
    double values[16];
    (void)crash_with_a_foreign_state(fixture);
    fixture_hold_history(fixture, true);
    fixture_assign_topic(fixture, BAR, 0, 6);
    send(fixture, 6, 8);
    fixture_wait_idle(fixture);
    fixture_wait_state(fixture, "good", "catching up");
    cr_expect_lt(fixture_stored(fixture, BAR, 0), 7);
    crash(fixture);
    fixture_hold_history(fixture, false);
    fixture_assign_topic(fixture, BAR, 0, 6);
    send(fixture, 6, 9);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_stored(fixture, BAR, 0, 9);
    cr_assert_eq(values_of(fixture, "good", values), 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(values[i], (double)i + 7);
    fixture_free(fixture);
}

/* No checkpoint has one of that strategy. */
Test(durable, another_strategy_under_the_name_begins_without_state_and_leaves_what_there_was) {
    static const char *const other[] = {"strategy:good.plugin=joiner", "checkpoint.interval=1h",
                                        NULL};
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    checkpoint(fixture);
    send(fixture, 2, 4);
    checkpoint(fixture);
    fixture_stop(fixture);
    fixture_withdraw(fixture, "good");
    fixture_drop(fixture, "joiner", "joiner");
    fixture_set_settings(fixture, other);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 4);
    const char *said = fixture_said(fixture, "state.discarded");
    cr_assert_not_null(said, "%s", fixture_log(fixture));
    cr_expect_not_null(strstr(said, "\"good\""), "%s", said);
    cr_expect_not_null(strstr(said, ".good.refused"), "%s", said);
    send(fixture, 4, 5);
    fixture_wait_state(fixture, "good", "running");
    fixture_free(fixture);
}

Test(durable, a_state_of_before_there_were_checkpoints_is_taken_over_and_said) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 3);
    fixture_wait_stored(fixture, BAR, 0, 3);
    checkpoint(fixture);
    fixture_stop(fixture);
    fixture_make_old(fixture, 0, "good");
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 3);
    send(fixture, 3, 4);
    fixture_wait_deliveries(fixture, 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 4);
    const char *said = fixture_said(fixture, "checkpoint.old_states");
    cr_assert_not_null(said, "%s", fixture_log(fixture));
    cr_expect_not_null(strstr(said, "partition 0: 1 "), "%s", said);
    cr_expect_not_null(strstr(said, "good"), "%s", said);
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

Test(durable, where_a_topic_begins_nobody_is_warmed_up) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:good.warm_up=1h",
                                           NULL};
    struct fixture *fixture = start_good(settings);
    fixture_refuse_history(fixture, 1000000);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_str_eq(look(fixture).why, "");
    cr_assert_eq(fixture_deliveries(fixture), 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 2);
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

/* Of two topics the one that is furthest back says where it begins in both. */
Test(durable, a_warm_up_reaches_back_from_the_topic_that_is_furthest_back) {
    static const char *const both[] = {"strategy:good.every=1", "strategy:good.warm_up=3s", NULL};
    static const char *const others[] = {"strategy:no_save.every=0", NULL};
    struct fixture *fixture = fixture_new(others);
    fixture_drop(fixture, "no_save", "no_save");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_assign_topic(fixture, HISTORIC, 0, 0);
    for (int64_t offset = 0; offset < 3; offset++)
        fixture_send(fixture, HISTORIC, 0, offset, "A");
    send(fixture, 0, 10);
    fixture_wait_stored(fixture, BAR, 0, 10);
    const size_t before = fixture_deliveries(fixture);
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, both);
    fixture_wait_state(fixture, "good", "running");
    fixture_send(fixture, HISTORIC, 0, 3, "A");
    fixture_wait_deliveries(fixture, before + 1);
    cr_expect_eq(fixture_signal_value(fixture, before), 14, "3 and 10 are history, not 3 and 4");
    fixture_free(fixture);
}

/* Where its warm-up begins it takes from the one before. */
Test(durable, one_that_is_replaced_before_its_warm_up_begins_is_warmed_up_no_further) {
    static const char *const settings[] = {"strategy:good.every=1", "strategy:good.warm_up=3s",
                                           NULL};
    struct fixture *fixture = start_good(settings);
    send(fixture, 0, 5);
    fixture_wait_idle(fixture);
    fixture_refuse_history(fixture, 1000000);
    fixture_assign_topic(fixture, BAR, 0, 5);
    send(fixture, 5, 6);
    fixture_wait_idle(fixture);
    fixture_wait_state(fixture, "good", "catching up");
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, settings);
    cr_assert_eq(report_outcomes(fixture_report(fixture), OUTCOME_REPLACED), 1);
    fixture_refuse_history(fixture, 0);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 4, "2, 3 and 4 lie three seconds back");
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

/* It is level, and waits for the stream to bring what the journal has next: what passes it by
 * meanwhile is not stored, and is in no checkpoint. */
Test(durable, offsets_wait_for_one_that_is_level_and_waits_for_what_the_journal_has_next) {
    static const char *const settings[] = {"checkpoint.interval=1h", NULL};
    struct fixture *fixture = fixture_new(settings);
    char before[6][1024];
    fixture_drop(fixture, "joiner", "joiner");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    send_pairs(fixture, BAR, ASSET, 0, 2, true);
    checkpoint(fixture);
    send_pairs(fixture, ASSET, BAR, 2, 6, true);
    fixture_wait_stored(fixture, BAR, 0, 6);
    fixture_wait_deliveries(fixture, 6);
    for (size_t i = 0; i < 6; i++)
        snprintf(before[i], sizeof before[i], "%s", fixture_delivery(fixture, i));
    crash(fixture);
    fixture_assign(fixture, 0, 3);
    fixture_wait_state(fixture, "joiner", "catching up");
    for (int64_t offset = 3; offset < 6; offset++) {
        fixture_send(fixture, BAR, 0, offset, "A");
        fixture_wait_idle(fixture);
    }
    cr_expect_eq(fixture_checkpoint(fixture), 0);
    cr_expect_leq(fixture_stored(fixture, BAR, 0), 3);
    for (int64_t offset = 3; offset < 6; offset++)
        fixture_send(fixture, ASSET, 0, offset, "A");
    fixture_wait_state(fixture, "joiner", "running");
    fixture_wait_stored(fixture, BAR, 0, 6);
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

#define SAID_MOST 64
struct said {
    char lines[SAID_MOST][320];
    size_t count;
};

static void keep_said(struct fixture *fixture, struct said *said) {
    said->count = fixture_deliveries(fixture);
    cr_assert_leq(said->count, (size_t)SAID_MOST);
    for (size_t i = 0; i < said->count; i++) {
        const char *line = strstr(fixture_delivery(fixture, i), "\"id\"");
        cr_assert_lt(strlen(line), sizeof said->lines[i]);
        strcpy(said->lines[i], line);
    }
}

static bool has_said(const struct said *said, const char *line) {
    for (size_t i = 0; i < said->count; i++) {
        if (strcmp(said->lines[i], line) == 0)
            return true;
    }
    return false;
}

/* Until nothing is armed any more. */
static void wait_timer(struct fixture *fixture) {
    const int64_t until_ns = clock_monotonic_ns() + 60 * NS_PER_S;
    struct error error = {0};
    while (strstr(fixture_delivery(fixture, fixture_deliveries(fixture) - 1),
                  "\"name\":\"timer\"") == NULL &&
           clock_monotonic_ns() < until_ns)
        cr_assert(engine_poll(fixture_engine(fixture), 1, &error), "%s", error.text);
}

/* Messages and the timers that they arm, in an order that only the journal knows. */
Test(durable, wall_clock_timers_fire_again_where_they_fired) {
    static const char *const settings[] = {"checkpoint.interval=1h", NULL};
    static struct said before, again;
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "ticks", "ticks");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 3);
    fixture_wait_deliveries(fixture, 4);
    wait_timer(fixture);
    checkpoint(fixture);
    for (int64_t at = 3; at < 12; at += 3) {
        const size_t had = fixture_deliveries(fixture);
        send(fixture, at, at + 3);
        fixture_wait_deliveries(fixture, had + 4); /* three, and at least one timer */
        wait_timer(fixture);
    }
    fixture_wait_stored(fixture, BAR, 0, 12);
    keep_said(fixture, &before);
    crash(fixture);
    /* Of which the group knows nothing: all of it comes late, and is said again. */
    fixture_assign_topic(fixture, BAR, 0, 3);
    send(fixture, 3, 12);
    fixture_wait_state(fixture, "ticks", "running");
    fixture_wait_stored(fixture, BAR, 0, 12);
    keep_said(fixture, &again);
    for (size_t i = 0; i < again.count; i++)
        cr_expect(has_said(&before, again.lines[i]), "was not said before: %s", again.lines[i]);
    for (size_t i = 0; i < before.count; i++) {
        const char *offset = strstr(before.lines[i], "\"offset\":") + sizeof "\"offset\":" - 1;
        cr_expect(atoi(offset) < 3 || has_said(&again, before.lines[i]), "is not said again: %s",
                  before.lines[i]);
    }
    fixture_free(fixture);
}

/* Offsets wait until a checkpoint knows of the suspension. */
Test(durable, what_passes_one_by_that_was_just_suspended_is_not_taken_for_safe) {
    struct fixture *fixture = good_fixture();
    struct error error;
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 2);
    checkpoint(fixture);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 5);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(fixture_signal_value(fixture, i), (double)(3 + i));
    fixture_free(fixture);
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

/* What it is fed from an older checkpoint on lies in the journals before the newest. */
Test(durable, one_whose_state_is_refused_is_fed_in_the_order_of_the_others) {
    static const char *const settings[] = {"strategy:joiner.enabled=yes",
                                           "strategy:good.plugin=joiner", "checkpoint.interval=1h",
                                           NULL};
    double values[16], twins[16];
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "joiner", "joiner");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    send_pairs(fixture, TRENDS, BAR, 0, 1, true); /* by their times BAR comes first */
    checkpoint(fixture);
    send_pairs(fixture, TRENDS, BAR, 1, 3, true);
    checkpoint(fixture);
    send_pairs(fixture, TRENDS, BAR, 3, 4, true);
    fixture_wait_stored(fixture, BAR, 0, 4);
    fixture_wait_stored(fixture, TRENDS, 0, 4);
    fixture_freeze_disk(fixture);
    fixture_stop(fixture);
    (void)fixture_make_foreign(fixture, 0, "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 4);
    send_pairs(fixture, TRENDS, BAR, 4, 5, true);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_state(fixture, "joiner", "running");
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_wait_stored(fixture, TRENDS, 0, 5);
    cr_expect_not_null(fixture_said(fixture, "state.older_used"));
    cr_assert_eq(values_of(fixture, "joiner", twins), 1);
    cr_assert_eq(values_of(fixture, "good", values), 1);
    cr_expect_eq(values[0], twins[0], "one digest of the order");
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
    cr_expect_eq(look(fixture).late, 3, "real ones");
    cr_expect_eq(look(fixture).history, 0);
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

/* One would have it level, whose signals nobody has yet. */
Test(durable, no_checkpoint_is_taken_before_late_signals_are_confirmed) {
    static const char *const settings[] = {"strategy:good.every=1", "checkpoint.interval=1h", NULL};
    struct error error;
    struct fixture *fixture = start_good(settings);
    fixture_assign_topic(fixture, BAR, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 0, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_hold(fixture);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "running");
    for (int i = 0; i < 3; i++) /* the catch-up is over, and control has ended it */
        cr_assert(engine_poll(fixture_engine(fixture), 1, &error), "%s", error.text);
    cr_expect_eq(fixture_checkpoint(fixture), 0);
    fixture_confirm_all(fixture);
    cr_expect_eq(fixture_checkpoint(fixture), 1);
    fixture_free(fixture);
}

static void take_checkpoint(void *context, const struct view_checkpoint *checkpoint) {
    *(struct view_checkpoint *)context = *checkpoint;
}

Test(durable, the_view_shows_the_checkpoints) {
    struct fixture *fixture = good_fixture();
    struct view_checkpoint newest = {.partition = -1};
    struct view_checkpoints view = look_at_checkpoints(fixture);
    cr_expect(view.is_kept && view.is_ok);
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
    const int64_t pause_ns = view.pause_ns;
    cr_expect_eq(fixture_checkpoint(fixture), 0, "nothing is new");
    cr_expect_eq(look_at_checkpoints(fixture).pause_ns, pause_ns, "of the last one that was taken");
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
    cr_expect_eq(look(fixture).history, 3, "their signals are safe");
    cr_expect_eq(look(fixture).late, 0);
    struct text status;
    text_init(&status);
    view_status(fixture_engine(fixture), &status);
    cr_expect_not_null(strstr(status.data, "\"checkpoints\":{\"kept\":true,\"ok\":true"));
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

/* And after a crash it is still there, as far back as there are checkpoints. */
Test(durable, one_that_is_suspended_when_the_process_dies_is_fed_in_the_order_of_the_others) {
    static const char *const settings[] = {"strategy:joiner.enabled=yes",
                                           "strategy:twin.plugin=joiner", "checkpoint.interval=1h",
                                           NULL};
    double twins[3];
    struct fixture *fixture = fixture_new(settings);
    struct error error;
    fixture_drop(fixture, "joiner", "joiner");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    (void)fixture_checkpoint(fixture);
    cr_assert(engine_suspend(fixture_engine(fixture), "joiner", &error));
    send_pairs(fixture, TRENDS, BAR, 0, 2, true); /* by their times BAR comes first */
    checkpoint(fixture);                          /* what comes next for it lies before this one */
    send_pairs(fixture, TRENDS, BAR, 2, 3, true);
    fixture_wait_stored(fixture, BAR, 0, 3);
    fixture_wait_stored(fixture, TRENDS, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 3, "the twin's");
    for (size_t i = 0; i < 3; i++)
        twins[i] = fixture_signal_value(fixture, i);
    crash(fixture);
    fixture_assign(fixture, 0, 3);
    fixture_wait_state(fixture, "joiner", "running");
    fixture_wait_deliveries(fixture, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(fixture_signal_value(fixture, i), twins[i]);
    fixture_free(fixture);
}
