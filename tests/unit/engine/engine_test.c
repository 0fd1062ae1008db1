/* The engine as a whole, over a source and sinks of the test's. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static void find_partition(void *context, const struct view_partition *partition) {
    struct view_partition *found = context;
    if (partition->partition == found->partition && strcmp(partition->topic, found->topic) == 0)
        *found = *partition;
}

Test(engine, messages_are_counted_by_topic_and_partition) {
    struct view_partition bar = {.topic = "bar_trends", .partition = 1};
    struct view_partition historic = {.topic = "historic_stats", .partition = 1};
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    for (int64_t offset = 0; offset < 3; offset++)
        fixture_send(fixture, BAR, 1, offset, "A");
    fixture_send(fixture, BAR, 1, 1, "A"); /* a duplicate */
    fixture_send(fixture, HISTORIC, 1, 0, "A");
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_idle(fixture);
    view_each_partition(fixture_engine(fixture), find_partition, &bar);
    view_each_partition(fixture_engine(fixture), find_partition, &historic);
    cr_expect_eq(bar.messages, 3);
    cr_expect_eq(historic.messages, 1);
    fixture_free(fixture);
}

Test(engine, the_lag_tells_how_many_partitions_it_leaves_out) {
    static const int64_t lags[] = {3, -1, 4, -1};
    struct view_totals totals;
    struct fixture *fixture = fixture_good();
    fixture_lags(fixture, lags, 3);
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.lag, 7);
    cr_expect_eq(totals.lag_unknown, 1);
    fixture_lags(fixture, lags + 3, 1);
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.lag, -1);
    cr_expect_eq(totals.lag_unknown, 1);
    fixture_free(fixture);
}

Test(engine, latency_bounds_grow) {
    for (size_t i = 1; i < LATENCY_BUCKETS; i++)
        cr_expect_lt(LATENCY_BOUNDS_NS[i - 1], LATENCY_BOUNDS_NS[i]);
    cr_expect_eq(LATENCY_BOUNDS_NS[0], 100 * NS_PER_US);
    cr_expect_eq(LATENCY_BOUNDS_NS[LATENCY_BUCKETS - 4], NS_PER_S);
    cr_expect_eq(LATENCY_BOUNDS_NS[LATENCY_BUCKETS - 1], INT64_MAX);
}

static void copy_view(void *context, const struct view_strategy *strategy) {
    *(struct view_strategy *)context = *strategy;
}

Test(engine, a_symbol_filter_knows_what_came) {
    static const char *const settings[] = {"strategy:good.symbols=A,B,C", NULL};
    struct fixture *fixture = fixture_new(settings);
    struct view_strategy view;
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "D");
    fixture_wait_stored(fixture, BAR, 0, 1);
    view_strategies(fixture_engine(fixture), copy_view, &view);
    cr_expect(view.symbols == 3 && view.symbols_met == 0);
    cr_expect_str_eq(view.symbols_unmet, "A, B, C");
    fixture_send(fixture, BAR, 0, 1, "B");
    fixture_send(fixture, BAR, 0, 2, "B");
    fixture_wait_stored(fixture, BAR, 0, 3);
    view_strategies(fixture_engine(fixture), copy_view, &view);
    cr_expect(view.symbols == 3 && view.symbols_met == 1);
    cr_expect_str_eq(view.symbols_unmet, "A, C");
    fixture_free(fixture);
}

/* ---- ownership ---- */

Test(engine, nothing_is_read_while_no_deployment_runs) {
    struct fixture *fixture = fixture_new((const char *const[]){"strategy:good.every=1", NULL});
    fixture_drop(fixture, "other_major", "good");
    fixture_start(fixture);
    cr_expect_not(fixture_is_attended(fixture));
    cr_expect(view_is_unattended(fixture_engine(fixture)));
    cr_expect_not_null(fixture_said(fixture, "strategies.none_running"));
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_LOADED);
    cr_expect(fixture_is_attended(fixture));
    cr_expect_not(view_is_unattended(fixture_engine(fixture)));
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_withdraw(fixture, "good");
    fixture_reload(fixture, (const char *const[]){NULL});
    cr_expect_not(fixture_is_attended(fixture));
    fixture_free(fixture);
}

/* ---- memory that is short ---- */

/* Nobody polls between the breakdown and the stop, as when the breakdown comes during it. */
Test(engine, stop_after_a_breakdown_is_said_and_the_message_comes_again) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_fail_allocation(fixture, 0, true);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_idle(fixture);
    fixture_end_to_fail(fixture);
    cr_assert(fixture_did_fail(fixture));
    cr_assert(fixture_halt(fixture), "nothing hangs");
    cr_expect(fixture_left(fixture).is_broken);
    cr_expect_eq(fixture_left(fixture).states, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_stored(fixture, BAR, 0), 1, "its signal was refused");
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1, "no state was kept");
    fixture_free(fixture);
}

/* ---- a clean stop and the next start ---- */

/* Not one callback of it runs, and what it knew is there when an operator lets it go on. */
Test(engine, quarantined_deployment_is_not_loaded_and_keeps_its_state) {
    struct error error = {0};
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_accuse(fixture, "good");
    cr_assert(fixture_stop(fixture));
    for (int64_t offset = 2; offset < 4; offset++) {
        fixture_start(fixture);
        cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_QUARANTINED);
        fixture_assign_topic(fixture, BAR, 0, offset);
        fixture_send(fixture, BAR, 0, offset, "A");
        fixture_wait_stored(fixture, BAR, 0, offset + 1);
        fixture_reload(fixture, NULL);
        cr_expect_eq(fixture_line(fixture, "good")->outcome, OUTCOME_QUARANTINED);
        cr_expect(report_is_good(fixture_report(fixture)),
                  "other deployments' reloads do not fail");
        cr_expect_eq(fixture_deliveries(fixture), 0);
        cr_assert(fixture_stop(fixture));
    }
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 4);
    cr_expect_not(engine_suspend(fixture_engine(fixture), "good", &error));
    cr_expect_not(fixture_is_attended(fixture), "nobody else runs");
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error), "%s", error.text);
    cr_expect(fixture_is_attended(fixture), "it runs, and the stream with it");
    fixture_send(fixture, BAR, 0, 4, "A");
    fixture_wait_stored(fixture, BAR, 0, 5);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 3, "it goes on from the state before the crash");
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    cr_expect_eq(fixture_line(fixture, "good")->outcome, OUTCOME_LOADED, "it was forgiven");
    fixture_free(fixture);
}

Test(engine, a_stop_counts_what_it_leaves_behind) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    fixture_hold(fixture);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_send(fixture, BAR, 1, 0, "A");
    fixture_wait_idle(fixture);
    cr_assert(fixture_halt(fixture), "nothing hangs");
    cr_expect_eq(fixture_left(fixture).records, 3);
    cr_expect_eq(fixture_left(fixture).states, 0, "they are on the disk, above the offsets");
    cr_expect_not(fixture_left(fixture).is_uncommitted);
    fixture_free(fixture);
}

Test(engine, a_clean_stop_leaves_nothing_behind) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert(fixture_halt(fixture));
    cr_expect_eq(fixture_left(fixture).records, 0);
    cr_expect_eq(fixture_left(fixture).states, 0);
    fixture_free(fixture);
}

/* ---- suspension ---- */

Test(engine, operator_suspends_and_resumes) {
    struct fixture *fixture = fixture_good();
    struct error error;
    fixture_assign(fixture, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    cr_expect_not(engine_suspend(fixture_engine(fixture), "nobody", &error));
    cr_expect_not_null(strstr(error.text, "nobody"));
    fixture_free(fixture);
}

/* It has met nothing that was not known before. */
Test(engine, a_global_deployment_without_partitions_leaves_nothing_behind) {
    static const char *const settings[] = {"take5.lanes=1", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_global", "good");
    fixture_start(fixture);
    cr_expect(fixture_stop(fixture));
    cr_expect_eq(fixture_left(fixture).states, 0);
    fixture_free(fixture);
}
