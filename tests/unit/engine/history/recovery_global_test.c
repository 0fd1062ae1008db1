/*
 * What GLOBAL deployments know outlives a crash, a suspension and partitions that leave: their
 * position is one of all partitions, and so is the order in which they were handed them.
 */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(global);

/* "good" is one instance for all; it says how many messages it has counted. */
static struct fixture *start_global(void) {
    static const char *const settings[] = {"strategy:good.every=1", "checkpoint.interval=1h", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_global", "good");
    fixture_give_history(fixture);
    fixture_start(fixture);
    return fixture;
}

static void assign(struct fixture *fixture, int64_t first, int64_t second) {
    fixture_assign_many(fixture, 2, (const int64_t[]){first, second});
}

static void send(struct fixture *fixture, int32_t partition, int64_t from, int64_t to) {
    for (int64_t offset = from; offset < to; offset++)
        fixture_send(fixture, BAR, partition, offset, "A");
    fixture_wait_idle(fixture);
}

static void crash(struct fixture *fixture) {
    fixture_freeze_disk(fixture);
    fixture_stop(fixture);
    fixture_start(fixture);
}

static void checkpoint(struct fixture *fixture) {
    fixture_wait_idle(fixture);
    cr_assert_gt(fixture_checkpoint(fixture), 0u);
}

static void expect_value(struct fixture *fixture, size_t index, double value) {
    cr_expect_eq(fixture_signal_value(fixture, index), value, "signal %zu: %s", index,
                 fixture_delivery(fixture, index));
}

/* Five messages of which a checkpoint knows, and five behind it. */
static void begin(struct fixture *fixture) {
    assign(fixture, 0, 0);
    send(fixture, 0, 0, 3);
    send(fixture, 1, 0, 2);
    checkpoint(fixture);
    send(fixture, 0, 3, 5);
    send(fixture, 1, 2, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_wait_stored(fixture, BAR, 1, 5);
    cr_assert_eq(fixture_deliveries(fixture), 10u);
}

/* One reading of all partitions, from the older checkpoint on. */
Test(global, one_that_refuses_its_state_goes_on_with_an_older_one) {
    struct fixture *fixture = start_global();
    begin(fixture);
    checkpoint(fixture);
    send(fixture, 0, 5, 7);
    fixture_wait_stored(fixture, BAR, 0, 7);
    fixture_freeze_disk(fixture);
    fixture_stop(fixture);
    (void)fixture_make_foreign(fixture, -1, "good");
    fixture_start(fixture);
    assign(fixture, 7, 5);
    send(fixture, 0, 7, 8);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_stored(fixture, BAR, 0, 8);
    cr_assert_eq(fixture_deliveries(fixture), 1u);
    expect_value(fixture, 0, 13);
    cr_expect_not_null(fixture_said(fixture, "state.older_used"));
    fixture_free(fixture);
}

/* Messages that were just handed over are in a journal that is written every now and then. */
Test(global, a_clean_stop_stores_the_offsets_of_all_that_was_handed_over) {
    struct fixture *fixture = start_global();
    assign(fixture, 0, 0);
    send(fixture, 0, 0, 3);
    fixture_wait_stored(fixture, BAR, 0, 3);
    fixture_send(fixture, BAR, 0, 3, "A");
    fixture_send(fixture, BAR, 0, 4, "A");
    fixture_wait_deliveries(fixture, 5);
    cr_assert(fixture_halt(fixture));
    cr_expect_eq(fixture_stored(fixture, BAR, 0), 5);
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    assign(fixture, 5, 0);
    send(fixture, 0, 5, 6);
    fixture_wait_deliveries(fixture, 1);
    expect_value(fixture, 0, 6);
    fixture_free(fixture);
}

Test(global, a_crash_costs_no_state_and_the_order_across_partitions_is_the_same) {
    struct fixture *fixture = start_global();
    char before[10][1024];
    begin(fixture);
    for (size_t i = 0; i < 10; i++)
        snprintf(before[i], sizeof before[i], "%s", fixture_delivery(fixture, i));
    crash(fixture);
    assign(fixture, 4, 3); /* what lies below and behind the checkpoint is history */
    send(fixture, 1, 3, 5);
    send(fixture, 0, 4, 5);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 3);
    cr_expect_str_eq(fixture_delivery(fixture, 0), before[6]);
    cr_expect_str_eq(fixture_delivery(fixture, 1), before[8]);
    cr_expect_str_eq(fixture_delivery(fixture, 2), before[9]);
    send(fixture, 0, 5, 6);
    fixture_wait_deliveries(fixture, 4);
    expect_value(fixture, 3, 11);
    fixture_wait_stored(fixture, BAR, 0, 6);
    fixture_wait_stored(fixture, BAR, 1, 5);
    fixture_free(fixture);
}

Test(global, offsets_of_all_partitions_are_held_until_it_has_recovered) {
    struct fixture *fixture = start_global();
    begin(fixture);
    crash(fixture);
    fixture_hold_history(fixture, true);
    assign(fixture, 5, 5);
    send(fixture, 0, 5, 7);
    send(fixture, 1, 5, 6);
    fixture_wait_state(fixture, "good", "catching up");
    cr_expect_lt(fixture_stored(fixture, BAR, 0), 6);
    cr_expect_lt(fixture_stored(fixture, BAR, 1), 6);
    crash(fixture); /* and nothing was lost by that */
    assign(fixture, 5, 5);
    fixture_hold_history(fixture, false);
    send(fixture, 0, 5, 7);
    send(fixture, 1, 5, 6);
    fixture_wait_state(fixture, "good", "running");
    fixture_wait_deliveries(fixture, 3);
    for (size_t i = 0; i < 3; i++)
        expect_value(fixture, i, (double)(11 + i));
    fixture_wait_stored(fixture, BAR, 0, 7);
    fixture_wait_stored(fixture, BAR, 1, 6);
    fixture_free(fixture);
}

Test(global, an_operators_suspension_passes_nothing_for_good) {
    struct fixture *fixture = start_global();
    struct error error;
    begin(fixture);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 1, 5, 8);
    send(fixture, 0, 5, 6);
    fixture_wait_stored(fixture, BAR, 1, 8);
    cr_expect_eq(fixture_deliveries(fixture), 10u);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 0, 6, 7);
    fixture_wait_deliveries(fixture, 15);
    for (size_t i = 10; i < 15; i++)
        expect_value(fixture, i, (double)i + 1);
    fixture_wait_stored(fixture, BAR, 0, 7);
    fixture_free(fixture);
}

/* Who has not all partitions waits, and holds nobody's offsets meanwhile. */
Test(global, a_partition_that_leaves_during_a_recovery_ends_it_until_it_is_back) {
    struct fixture *fixture = start_global();
    fixture_set_partitions(fixture, 2);
    begin(fixture);
    crash(fixture);
    fixture_hold_history(fixture, true);
    assign(fixture, 5, 5);
    send(fixture, 0, 5, 6);
    fixture_wait_state(fixture, "good", "catching up");
    fixture_revoke_topic(fixture, BAR, 1);
    fixture_wait_state(fixture, "good", "partitions on another host");
    send(fixture, 0, 6, 8);
    fixture_wait_stored(fixture, BAR, 0, 8);
    fixture_hold_history(fixture, false);
    fixture_assign_topic(fixture, BAR, 1, 5);
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 1, 5, 6);
    fixture_wait_deliveries(fixture, 4);
    for (size_t i = 0; i < 4; i++)
        expect_value(fixture, i, (double)(11 + i));
    fixture_free(fixture);
}

Test(global, one_that_comes_with_a_reload_outlives_a_crash_too) {
    static const char *const settings[] = {"strategy:good.every=1", "checkpoint.interval=1h", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "mute", "mute");
    fixture_give_history(fixture);
    fixture_start(fixture);
    assign(fixture, 0, 0);
    send(fixture, 0, 0, 3);
    fixture_drop(fixture, "good_global", "good");
    fixture_reload(fixture, NULL);
    send(fixture, 1, 0, 2);
    checkpoint(fixture);
    send(fixture, 0, 3, 5);
    fixture_wait_stored(fixture, BAR, 0, 5);
    fixture_wait_stored(fixture, BAR, 1, 2);
    crash(fixture);
    assign(fixture, 5, 2);
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 1, 2, 3);
    fixture_wait_deliveries(fixture, 1);
    expect_value(fixture, 0, 5);
    fixture_free(fixture);
}

Test(global, a_checkpoint_of_partitions_that_are_elsewhere_is_not_taken) {
    struct fixture *fixture = start_global();
    begin(fixture);
    crash(fixture);
    fixture_assign_topic(fixture, BAR, 0, 5);
    send(fixture, 0, 5, 6);
    fixture_wait_deliveries(fixture, 1);
    expect_value(fixture, 0, 1);
    cr_expect_not_null(strstr(fixture_log(fixture), "partitions that this host was not given"));
    fixture_free(fixture);
}

Test(global, a_stop_right_behind_a_checkpoint_leaves_nothing_behind) {
    struct fixture *fixture = start_global();
    begin(fixture);
    checkpoint(fixture);
    cr_assert(fixture_stop(fixture));
    cr_expect_eq(fixture_left(fixture).states, 0u);
    fixture_start(fixture);
    assign(fixture, 5, 5);
    send(fixture, 0, 5, 6);
    fixture_wait_deliveries(fixture, 1);
    expect_value(fixture, 0, 11);
    fixture_free(fixture);
}
