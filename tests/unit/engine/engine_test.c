/* The engine as a whole, over a source and sinks of the test's. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Checkpoints only at a clean stop, whatever time a test takes. */
static const char *const every_message[] = {"strategy:good.every=1", "checkpoint.interval=0", NULL};

static struct fixture *good_fixture(void) {
    struct fixture *fixture = fixture_new(every_message);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    return fixture;
}

static const struct report_line *line_of(struct fixture *fixture, const char *deployment) {
    const struct report *report = fixture_report(fixture);
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->lines[i].deployment, deployment) == 0)
            return &report->lines[i];
    }
    cr_assert_fail("no line of %s", deployment);
    return NULL;
}

/* ---- acknowledgement ---- */

Test(engine, message_without_a_signal_is_done_at_once) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 5);
    fixture_send(fixture, BAR, 0, 5, "A");
    fixture_send(fixture, BAR, 0, 6, "A");
    fixture_wait_stored(fixture, BAR, 0, 7);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    fixture_free(fixture);
}

/* Kafka keeps what a producer says; 9999999999999 ms are more nanoseconds than 64 bits have. */
Test(engine, times_beyond_any_clock_are_latencies_at_the_edge) {
    const int64_t offset =
        (9999999999999 - 1700000000000) / 1000; /* the fixture's times grow by it */
    struct view_latency latency;
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, offset);
    fixture_send_payload(fixture, BAR, 0, offset,
                         "{\"symbol\":\"A\",\"publishTime\":{\"take5Time\":-9223372036854}}");
    fixture_wait_stored(fixture, BAR, 0, offset + 1);
    view_latency(fixture_engine(fixture), &latency);
    cr_expect_eq(latency.kafka[0], 1, "from the future: none");
    fixture_free(fixture);
}

static void find_partition(void *context, const struct view_partition *partition) {
    struct view_partition *found = context;
    if (partition->partition == found->partition && strcmp(partition->topic, found->topic) == 0)
        *found = *partition;
}

Test(engine, messages_are_counted_by_topic_and_partition) {
    struct view_partition bar = {.topic = "bar_trends", .partition = 1};
    struct view_partition historic = {.topic = "historic_stats", .partition = 1};
    struct fixture *fixture = good_fixture();
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

Test(engine, reasons_of_bad_messages_are_logged_once_in_a_while_with_coordinates) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    for (int64_t offset = 0; offset < 5; offset++)
        fixture_send_payload(fixture, BAR, 0, offset, "{");
    fixture_send_payload(fixture, BAR, 0, 5, "{}");
    fixture_wait_idle(fixture);
    const char *said = fixture_log(fixture);
    const char *first = strstr(said, "bar_trends/0/0: invalid message (not-json): ");
    cr_assert_not_null(first, "%s", said);
    cr_expect_null(strstr(first + 20, "invalid message (not-json)"), "of one reason one line");
    cr_expect_not_null(strstr(said, "bar_trends/0/5: invalid message (no-symbol): "));
    fixture_free(fixture);
}

Test(engine, a_reload_whose_configuration_cannot_be_read_is_a_failed_one) {
    struct view_totals totals;
    struct report report;
    struct fixture *fixture = good_fixture();
    cr_expect(view_is_last_reload_good(fixture_engine(fixture)));
    report_init(&report);
    faults_add(&report.faults, (struct place){.file = "take5.ini", .line = 3}, "unknown key");
    engine_reload_unread(fixture_engine(fixture), &report);
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.failed_reloads, 1);
    cr_expect_not(view_is_last_reload_good(fixture_engine(fixture)));
    report_release(&report);
    fixture_free(fixture);
}

Test(engine, latency_bounds_grow) {
    for (size_t i = 1; i < LATENCY_BUCKETS; i++)
        cr_expect_lt(LATENCY_BOUNDS_NS[i - 1], LATENCY_BOUNDS_NS[i]);
    cr_expect_eq(LATENCY_BOUNDS_NS[0], 100 * NS_PER_US);
    cr_expect_eq(LATENCY_BOUNDS_NS[LATENCY_BUCKETS - 4], NS_PER_S);
    cr_expect_eq(LATENCY_BOUNDS_NS[LATENCY_BUCKETS - 1], INT64_MAX);
}

Test(engine, offset_stays_at_the_lowest_signal_that_is_not_confirmed) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    for (int64_t offset = 0; offset < 3; offset++)
        fixture_send(fixture, BAR, 0, offset, "A");
    fixture_wait_idle(fixture);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    fixture_confirm(fixture, 1);
    fixture_confirm(fixture, 2);
    fixture_send(fixture, HISTORIC, 0, 0, "A"); /* another topic: a mark that the lane turned */
    fixture_wait_idle(fixture);
    cr_expect_eq(fixture_stored(fixture, BAR, 0), -1, "nothing may be stored past offset 0");
    fixture_confirm(fixture, 0);
    fixture_wait_stored(fixture, BAR, 0, 3);
    fixture_confirm_all(fixture);
    fixture_wait_stored(fixture, HISTORIC, 0, 1);
    fixture_free(fixture);
}

Test(engine, signal_names_its_cause) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 2, 41);
    fixture_send(fixture, ASSET, 2, 41, "A");
    fixture_wait_stored(fixture, ASSET, 2, 42);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_not_null(strstr(fixture_delivery(fixture, 0), "\"id\":\"good/asset_trends/2/41/0\""));
    fixture_free(fixture);
}

Test(engine, bad_message_moves_only_when_its_dead_letter_is_safe) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    fixture_send_payload(fixture, BAR, 0, 0, "{\"symbol\":");
    fixture_send_payload(fixture, BAR, 0, 1, "{\"price\":1}");
    fixture_wait_idle(fixture);
    cr_assert_eq(fixture_deliveries(fixture), 2);
    cr_expect_str_eq(fixture_delivery(fixture, 0), "dead letter not-json");
    cr_expect_str_eq(fixture_delivery(fixture, 1), "dead letter no-symbol");
    cr_expect_eq(fixture_stored(fixture, BAR, 0), -1);
    fixture_confirm_all(fixture);
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_free(fixture);
}

Test(engine, rejected_message_becomes_a_dead_letter) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "reject_message", "reject_message");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_str_eq(fixture_delivery(fixture, 0), "dead letter rejected");
    fixture_free(fixture);
}

Test(engine, what_lies_below_the_next_offset_is_dropped) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 10);
    fixture_send(fixture, BAR, 0, 9, "A");
    fixture_send(fixture, BAR, 0, 10, "A");
    fixture_send(fixture, BAR, 0, 10, "A");
    fixture_send(fixture, BAR, 0, 11, "A");
    fixture_wait_stored(fixture, BAR, 0, 12);
    cr_expect_eq(fixture_deliveries(fixture), 2);
    fixture_free(fixture);
}

Test(engine, topic_that_was_made_anew_is_read_from_its_beginning_and_said) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 100);
    fixture_set_range(fixture, 0, 2);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_deliveries(fixture), 2);
    cr_expect_not_null(strstr(fixture_log(fixture), "expected offset 100"));
    cr_expect_not_null(strstr(fixture_log(fixture), "the topic was recreated"));
    fixture_free(fixture);
}

Test(engine, messages_deleted_before_they_were_read_are_said) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 100);
    fixture_set_range(fixture, 200, 300);
    fixture_send(fixture, BAR, 0, 200, "A");
    fixture_wait_stored(fixture, BAR, 0, 201);
    cr_expect_not_null(strstr(fixture_log(fixture), "messages were deleted before they were read"));
    fixture_free(fixture);
}

Test(engine, hole_in_the_offsets_is_no_gap) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 100);
    fixture_set_range(fixture, 0, 300);
    fixture_send(fixture, BAR, 0, 105, "A");
    fixture_wait_stored(fixture, BAR, 0, 106);
    cr_expect_null(strstr(fixture_log(fixture), "was next"));
    fixture_free(fixture);
}

static uint64_t unreadable_times(struct fixture *fixture) {
    struct view_totals totals;
    view_totals(fixture_engine(fixture), &totals);
    return totals.unreadable_time;
}

static int occurrences(const char *text, const char *word) {
    int count = 0;
    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        count++;
    }
    return count;
}

Test(engine, unreadable_times_are_counted_and_each_form_is_said_once) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    for (int64_t offset = 1; offset < 5; offset++)
        fixture_send_payload(fixture, BAR, 0, offset,
                             "{\"symbol\":\"A\",\"timestamp\":\"2024-06-17T21:15:30\"}");
    fixture_send_payload(fixture, BAR, 0, 5, "{\"symbol\":\"A\",\"timestamp\":12345}");
    fixture_wait_stored(fixture, BAR, 0, 6);
    cr_expect_eq(unreadable_times(fixture), 5);
    cr_expect_eq(occurrences(fixture_log(fixture), "2024-06-17T21:15:30"), 1);
    cr_expect_eq(occurrences(fixture_log(fixture), "12345"), 1);
    cr_expect_not_null(strstr(fixture_log(fixture), "time_zone"));
    fixture_free(fixture);
}

Test(engine, a_zone_makes_times_without_one_readable) {
    static const char *const settings[] = {"decode.time_zone=+05:30", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_send_payload(fixture, BAR, 0, 0,
                         "{\"symbol\":\"A\",\"timestamp\":\"2024-06-17T21:15:30\"}");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(unreadable_times(fixture), 0);
    fixture_free(fixture);
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

Test(engine, lane_stops_draining_above_the_bound_of_unconfirmed_work) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.max_unconfirmed=10",
                                           NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    for (int64_t offset = 0; offset < 20; offset++) {
        fixture_send(fixture, BAR, 0, offset, "A");
        if (offset < 10)
            fixture_wait_idle(fixture); /* one batch each, so that the bound is met exactly */
    }
    fixture_wait_throttled(fixture);
    cr_expect_eq(fixture_deliveries(fixture), 10);
    cr_expect_eq(fixture_read(fixture), 10);
    fixture_confirm_all(fixture);
    fixture_wait_idle(fixture);
    fixture_confirm_all(fixture);
    fixture_wait_stored(fixture, BAR, 0, 20);
    fixture_free(fixture);
}

/* ---- ownership ---- */

Test(engine, partition_that_comes_back_untouched_keeps_its_state) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_revoke(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 2);
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(fixture_signal_value(fixture, 2), 3, "the count goes on");
    cr_expect_not_null(
        strstr(fixture_log(fixture), "partition 0: resumed with the state in memory"));
    fixture_free(fixture);
}

Test(engine, where_a_new_partition_begins_is_stored_though_nothing_comes) {
    struct fixture *fixture = good_fixture();
    fixture_refuse_stores(fixture, 2); /* the lane is sooner than the client's assignment */
    fixture_assign_new(fixture, BAR, 0, 17);
    fixture_wait_stored(fixture, BAR, 0, 17);
    fixture_send(fixture, BAR, 0, 17, "A");
    fixture_wait_stored(fixture, BAR, 0, 18);
    /* The next commit did not come through, and there is none yet: this host knows where it was. */
    fixture_lose(fixture, 0);
    fixture_set_committed(fixture, 17);
    fixture_assign_new(fixture, BAR, 0, 17);
    fixture_send(fixture, BAR, 0, 17, "A");
    fixture_wait_stored(fixture, BAR, 0, 18);
    cr_assert_eq(fixture_deliveries(fixture), 1, "offset 17 was seen");
    fixture_free(fixture);
}

Test(engine, offset_that_is_not_known_is_said_in_words) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_revoke_topic(fixture, BAR, 0);
    fixture_assign_topic(fixture, BAR, 0, SOURCE_NO_OFFSET);
    cr_expect_not_null(strstr(fixture_log(fixture), "starting without state"));
    cr_expect_null(strstr(fixture_log(fixture), "-9223372036854775808"), "%s",
                   fixture_log(fixture));
    fixture_free(fixture);
}

Test(engine, nothing_is_read_while_no_deployment_runs) {
    struct fixture *fixture = fixture_new((const char *const[]){"strategy:good.every=1", NULL});
    fixture_drop(fixture, "other_major", "good");
    fixture_start(fixture);
    cr_expect_not(fixture_is_attended(fixture));
    cr_expect(view_is_unattended(fixture_engine(fixture)));
    cr_expect_not_null(strstr(fixture_log(fixture), "no messages are read"));
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_LOADED);
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

Test(engine, deployment_refused_at_the_start_is_told_what_it_misses) {
    struct fixture *fixture = fixture_new(
        (const char *const[]){"strategy:good.every=1", "strategy:bad.plugin=bad", NULL});
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, "other_major", "bad");
    fixture_start(fixture);
    cr_expect(fixture_is_attended(fixture));
    fixture_assign_topic(fixture, BAR, 2, 4711);
    const char *said = strstr(fixture_log(fixture), "bad was rejected at the start");
    cr_assert_not_null(said, "%s", fixture_log(fixture));
    cr_expect_not_null(strstr(said, "bar_trends 2 from 4711"), "%s", said);
    fixture_free(fixture);
}

Test(engine, partition_that_was_worked_on_elsewhere_starts_fresh_and_says_so) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_revoke(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 50);
    fixture_send(fixture, BAR, 0, 50, "A");
    fixture_wait_stored(fixture, BAR, 0, 51);
    cr_assert_eq(fixture_deliveries(fixture), 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 1, "the count begins anew");
    cr_expect_not_null(strstr(fixture_log(fixture), "starting without state"));
    cr_expect_not_null(strstr(fixture_log(fixture), "50"));
    fixture_free(fixture);
}

Test(engine, lost_partition_that_nobody_worked_on_meanwhile_keeps_its_state) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_set_committed(fixture, 1); /* the last commit did not come through */
    fixture_lose(fixture, 0);
    fixture_refuse_stores(fixture, 2); /* the lane is sooner than the client's assignment */
    fixture_assign_topic(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2); /* what was done then is stored anew, for a commit */
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 3, "offset 1 was seen");
    cr_expect_eq(fixture_signal_value(fixture, 2), 3);
    fixture_free(fixture);
}

/* The group's offset is gone with the topic, and the new one begins where the old one began. */
Test(engine, topic_that_was_made_anew_is_read_from_its_beginning_again) {
    struct fixture *fixture = good_fixture();
    fixture_assign_new(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_revoke(fixture, 0);
    fixture_assign_new(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(fixture_signal_value(fixture, 2), 1, "its state is that of the old topic");
    fixture_free(fixture);
}

Test(engine, lost_partition_that_others_committed_starts_fresh) {
    struct fixture *fixture = good_fixture();
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_set_committed(fixture, 0);
    fixture_lose(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 4);
    cr_expect_eq(fixture_signal_value(fixture, 2), 1);
    fixture_free(fixture);
}

Test(engine, messages_of_a_revoked_partition_are_not_seen) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    fixture_revoke(fixture, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 1, 0, "B");
    fixture_wait_stored(fixture, BAR, 1, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_stored(fixture, BAR, 0), -1);
    fixture_free(fixture);
}

Test(engine, repeat_that_was_seen_waits_for_the_confirmation_that_is_still_pending) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_idle(fixture);
    fixture_revoke(fixture, 0);
    cr_assert_leq(fixture_stored(fixture, BAR, 0), 0, "not past what is not confirmed");
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A"); /* comes again: seen */
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_idle(fixture);
    cr_assert_eq(fixture_deliveries(fixture), 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 2, "seen once alone");
    fixture_confirm(fixture, 1);
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_idle(fixture);
    cr_expect_leq(fixture_stored(fixture, BAR, 0), 0);
    fixture_confirm_all(fixture);
    fixture_wait_stored(fixture, BAR, 0, 3);
    fixture_free(fixture);
}

/* ---- reload ---- */

Test(engine, reload_hands_the_state_over_on_every_partition) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.lanes=2", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    for (int32_t partition = 0; partition < 4; partition++) {
        fixture_assign(fixture, partition, 0);
        fixture_send(fixture, BAR, partition, 0, "A");
        fixture_wait_stored(fixture, BAR, partition, 1);
    }
    fixture_revoke(fixture, 3); /* a parked one is handed over too */
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_str_eq(line_of(fixture, "good")->detail, "1.0.0 → 2.0.0 (state kept)");
    fixture_assign_topic(fixture, BAR, 3, 1);
    for (int32_t partition = 0; partition < 4; partition++) {
        const size_t before = fixture_deliveries(fixture);
        fixture_send(fixture, BAR, partition, 1, "A");
        fixture_wait_stored(fixture, BAR, partition, 2);
        cr_assert_eq(fixture_deliveries(fixture), before + 1);
        cr_expect_eq(fixture_signal_value(fixture, before), 2);
        cr_expect_not_null(strstr(fixture_delivery(fixture, before), "\"version\":\"2.0.0\""));
    }
    fixture_free(fixture);
}

Test(engine, load_that_refuses_leaves_the_old_version_at_work_everywhere) {
    struct fixture *fixture = good_fixture();
    for (int32_t partition = 0; partition < 3; partition++) {
        fixture_assign(fixture, partition, 0);
        fixture_send(fixture, BAR, partition, 0, "A");
        fixture_wait_stored(fixture, BAR, partition, 1);
    }
    static const char *const refuse[] = {"strategy:good.partition=1", NULL};
    fixture_drop(fixture, "as_good/refuse_load", "good");
    fixture_reload(fixture, refuse);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(line_of(fixture, "good")->detail, "load failed"));
    cr_expect_not_null(strstr(line_of(fixture, "good")->detail, "partition 1"));
    for (int32_t partition = 0; partition < 3; partition++) {
        const size_t before = fixture_deliveries(fixture);
        fixture_send(fixture, BAR, partition, 1, "A");
        fixture_wait_stored(fixture, BAR, partition, 2);
        cr_assert_eq(fixture_deliveries(fixture), before + 1);
        cr_expect_eq(fixture_signal_value(fixture, before), 2);
        cr_expect_not_null(strstr(fixture_delivery(fixture, before), "\"version\":\"1.0.0\""));
    }
    fixture_free(fixture);
}

Test(engine, unchanged_file_and_parameters_run_on_untouched) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_reload(fixture, NULL);
    cr_expect_eq(line_of(fixture, "good")->outcome, OUTCOME_KEPT);
    cr_expect_not(fixture_report(fixture)->did_change);
    fixture_free(fixture);
}

Test(engine, changed_parameter_replaces_and_keeps_the_state) {
    static const char *const second[] = {"strategy:good.every=2", NULL};
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_reload(fixture, second);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_str_eq(line_of(fixture, "good")->detail,
                     "1.0.0 → 1.0.0 (parameters changed, state kept)");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 2);
    fixture_free(fixture);
}

Test(engine, changed_filter_keeps_the_state_and_routes_anew) {
    static const char *const filtered[] = {"strategy:good.every=1", "strategy:good.symbols=B",
                                           NULL};
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "B");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_reload(fixture, filtered);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_KEPT);
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_send(fixture, BAR, 0, 3, "B");
    fixture_wait_stored(fixture, BAR, 0, 4);
    cr_assert_eq(fixture_deliveries(fixture), 3, "A is filtered out");
    cr_expect_eq(fixture_signal_value(fixture, 2), 2, "B counts on");
    fixture_free(fixture);
}

Test(engine, strategy_without_save_loses_its_state_and_says_so) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "as_good/no_save", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, every_message);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_not_null(strstr(line_of(fixture, "good")->detail, "(state lost: no save function)"));
    fixture_free(fixture);
}

Test(engine, file_that_is_gone_with_its_section_there_is_rejected_and_the_old_goes_on) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_withdraw(fixture, "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_REJECTED);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

Test(engine, file_and_section_gone_is_removed_and_can_come_again) {
    static const char *const none[] = {NULL};
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_withdraw(fixture, "good");
    fixture_reload(fixture, none);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_REMOVED);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, every_message);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_LOADED);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

Test(engine, two_deployments_of_one_strategy_have_states_of_their_own) {
    static const char *const two[] = {"strategy:a.plugin=good", "strategy:a.every=1",
                                      "strategy:b.plugin=good", "strategy:b.every=1",
                                      "strategy:b.symbols=X",   NULL};
    struct fixture *fixture = fixture_new(two);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "X");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_not_null(strstr(fixture_delivery(fixture, 1), "\"id\":\"a/bar_trends/0/1/0\""));
    cr_expect_not_null(strstr(fixture_delivery(fixture, 2), "\"id\":\"b/bar_trends/0/1/0\""));
    fixture_free(fixture);
}

/* So many that the lane looks ahead by the keys, which may be missing or another text. */
Test(engine, many_symbols_are_told_apart_whatever_the_keys_are) {
    enum { SYMBOLS = 1500 };
    static const char *const every_third[] = {"strategy:good.every=3", NULL};
    struct fixture *fixture = fixture_new(every_third);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    int64_t offset = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SYMBOLS; i++) {
            char symbol[16], other[16];
            snprintf(symbol, sizeof symbol, "S%d", i);
            snprintf(other, sizeof other, "S%d", (i + 7) % (2 * SYMBOLS));
            const char *keys[] = {symbol, other, NULL, "", symbol};
            fixture_send_keyed(fixture, BAR, 0, offset++, keys[(i + round) % 5], symbol);
        }
    }
    fixture_wait_stored(fixture, BAR, 0, offset);
    cr_assert_eq(fixture_deliveries(fixture), SYMBOLS, "each was counted to three");
    for (size_t i = 0; i < SYMBOLS; i++)
        cr_expect_eq(fixture_signal_value(fixture, i), 3);
    fixture_free(fixture);
}

static size_t generations(struct fixture *fixture) {
    struct view_totals totals;
    view_totals(fixture_engine(fixture), &totals);
    return totals.generations;
}

Test(engine, deployments_of_one_file_share_its_code) {
    static const char *const two[] = {"strategy:a.plugin=good", "strategy:b.plugin=good", NULL};
    static const char *const three[] = {"strategy:a.plugin=good", "strategy:b.plugin=good",
                                        "strategy:c.plugin=good", NULL};
    struct fixture *fixture = fixture_new(two);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    cr_expect_eq(generations(fixture), 1);
    fixture_reload(fixture, three);
    cr_assert_eq(line_of(fixture, "a")->outcome, OUTCOME_KEPT);
    cr_assert_eq(line_of(fixture, "c")->outcome, OUTCOME_LOADED);
    cr_expect_eq(generations(fixture), 1);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, three);
    cr_assert_eq(line_of(fixture, "b")->outcome, OUTCOME_REPLACED);
    cr_expect_eq(generations(fixture), 2);
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, three);
    cr_expect_eq(generations(fixture), 3, "an older file is mapped afresh");
    fixture_free(fixture);
}

Test(engine, deployment_that_comes_back_to_an_older_file_does_not_share_what_ran_it_before) {
    static const char *const settings[] = {"strategy:a.plugin=good", "strategy:b.plugin=good",
                                           "strategy:a.every=1", NULL};
    static const char *const a_is_gone[] = {"strategy:a.plugin=gone", "strategy:b.plugin=good",
                                            NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    cr_assert_eq(generations(fixture), 1);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, a_is_gone);
    cr_assert_eq(line_of(fixture, "a")->outcome, OUTCOME_REJECTED, "stays on the first generation");
    cr_assert_eq(line_of(fixture, "b")->outcome, OUTCOME_REPLACED);
    cr_assert_eq(generations(fixture), 2);
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, settings);
    cr_assert_eq(line_of(fixture, "a")->outcome, OUTCOME_KEPT);
    cr_assert_eq(line_of(fixture, "b")->outcome, OUTCOME_REPLACED);
    cr_expect_eq(generations(fixture), 3, "b is mapped afresh");
    fixture_free(fixture);
}

Test(engine, topic_change_is_refused_and_named) {
    static const char *const renamed[] = {"strategy:good.every=1", "topic:bar_trends.topic=other",
                                          NULL};
    struct fixture *fixture = good_fixture();
    fixture_reload(fixture, renamed);
    const struct report *report = fixture_report(fixture);
    cr_assert_gt(report->faults.error_count, 0);
    cr_expect_not_null(strstr(report->faults.items[0].text, "other"));
    cr_expect_not(report->did_change);
    fixture_free(fixture);
}

/* ---- scope ---- */

Test(engine, global_deployment_sees_all_partitions_in_one_instance) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "global_scope", "global_scope");
    fixture_start(fixture);
    cr_assert_eq(line_of(fixture, "global_scope")->outcome, OUTCOME_LOADED);
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 1, 0, "B");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_wait_stored(fixture, BAR, 1, 1);
    struct text text;
    text_init(&text);
    view_status(fixture_engine(fixture), &text);
    cr_expect_not_null(strstr(text.data, "\"instances\":1"));
    cr_expect_not_null(strstr(text.data, "\"scope\":\"global\""));
    text_release(&text);
    fixture_free(fixture);
}

Test(engine, global_deployment_that_refuses_at_the_start_is_rejected) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "refuse_global", "refuse_global");
    fixture_start(fixture);
    cr_assert_eq(line_of(fixture, "refuse_global")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(line_of(fixture, "refuse_global")->detail, "no model for"));
    cr_expect_not(fixture_is_attended(fixture));
    fixture_drop(fixture, "global_scope", "global_scope");
    fixture_reload(fixture, NULL);
    cr_expect_eq(line_of(fixture, "global_scope")->outcome, OUTCOME_LOADED);
    cr_expect(fixture_is_attended(fixture));
    fixture_free(fixture);
}

Test(engine, global_deployment_is_rejected_with_two_lanes) {
    static const char *const lanes[] = {"take5.lanes=2", NULL};
    struct fixture *fixture = fixture_new(lanes);
    fixture_drop(fixture, "global_scope", "global_scope");
    fixture_start(fixture);
    cr_assert_eq(line_of(fixture, "global_scope")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(line_of(fixture, "global_scope")->detail, "lanes = 1"));
    fixture_free(fixture);
}

Test(engine, global_deployment_is_suspended_while_a_partition_is_elsewhere) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_global", "good");
    fixture_start(fixture);
    fixture_set_partitions(fixture, 2);
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 0, "it does not see everything");
    cr_expect_not_null(strstr(fixture_log(fixture), "suspended (partitions on another host)"));
    fixture_assign_topic(fixture, BAR, 1, 0);
    fixture_send(fixture, BAR, 1, 0, "A");
    fixture_wait_stored(fixture, BAR, 1, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

Test(engine, symbol_for_which_the_global_table_has_no_room_is_a_dead_letter_of_that_deployment) {
    static const char *const settings[] = {"strategy:good.every=1", "decode.max_symbols=2", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_global", "good");
    fixture_start(fixture);
    static const char *const symbols[] = {"A", "B", "C", "A"};
    for (int32_t partition = 0; partition < 3; partition++)
        fixture_assign(fixture, partition, 0);
    for (int i = 0; i < 4; i++) /* no partition's own table is full */
        fixture_send(fixture, BAR, i % 3, i / 3, symbols[i]);
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_wait_stored(fixture, BAR, 2, 1);
    cr_assert_eq(fixture_deliveries(fixture), 4);
    cr_expect_not_null(strstr(fixture_delivery(fixture, 1), "\"symbol\":\"B\""));
    cr_expect_str_eq(fixture_delivery(fixture, 2), "dead letter too-many-symbols");
    cr_expect_eq(fixture_signal_value(fixture, 3), 2, "known symbols go on");
    fixture_free(fixture);
}

/* ---- memory that is short ---- */

Test(engine, assignment_that_memory_was_short_for_is_worked_on_all_the_same) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.park_max_count=0", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    int64_t offset = 0;
    for (bool did_fail = true; did_fail; offset++) {
        fixture_fail_allocation(fixture, (long)offset, false);
        fixture_assign(fixture, 0, offset);
        did_fail = fixture_did_fail(fixture);
        fixture_send(fixture, BAR, 0, offset, "A");
        fixture_wait_stored(fixture, BAR, 0, offset + 1);
        cr_assert_eq(fixture_deliveries(fixture), (size_t)offset + 1, "allocation %ld",
                     (long)offset);
        fixture_revoke(fixture, 0);
    }
    cr_expect_gt(offset, 15);
    cr_expect_not_null(strstr(fixture_log(fixture), "; retrying"));
    fixture_free(fixture);
}

Test(engine, assignment_that_memory_stays_short_for_ends_the_engine) {
    struct error error = {0};
    struct fixture *fixture = good_fixture();
    cr_expect(engine_poll(fixture_engine(fixture), 0, &error));
    fixture_fail_allocation(fixture, 3, true);
    fixture_assign(fixture, 7, 0);
    cr_assert(fixture_did_fail(fixture));
    cr_expect_not(engine_poll(fixture_engine(fixture), 0, &error));
    cr_expect_eq(error.code, ERROR_MEMORY);
    cr_expect_not_null(strstr(error.text, "partition"));
    fixture_free(fixture);
}

static size_t lines_of(const char *path) {
    FILE *file = fopen(path, "r");
    size_t lines = 0;
    cr_assert_not_null(file);
    for (int c; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

/* One that failed after the tasks were exchanged left instances that were never activated: the
 * recorder has no file open then. */
Test(engine, reload_that_memory_was_short_for_changes_all_or_nothing) {
    char seen[] = "/tmp/take5-seen-XXXXXX", setting[64];
    close(mkstemp(seen));
    snprintf(setting, sizeof setting, "strategy:recorder.file=%s", seen);
    const char *const settings[] = {setting, "take5.lanes=2", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "recorder", "recorder");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    int64_t round = 0;
    size_t replaced = 0;
    for (bool did_fail = true; did_fail; round++) {
        fixture_drop(fixture, replaced % 2 == 0 ? "recorder_v2" : "recorder", "recorder");
        fixture_fail_allocation(fixture, (long)round, false);
        fixture_reload(fixture, NULL);
        did_fail = fixture_did_fail(fixture);
        replaced += report_outcomes(fixture_report(fixture), OUTCOME_REPLACED);
        for (int32_t partition = 0; partition < 2; partition++) {
            fixture_send(fixture, BAR, partition, round, "A");
            fixture_wait_stored(fixture, BAR, partition, round + 1);
        }
        cr_assert_eq(lines_of(seen), 2 * ((size_t)round + 1), "allocation %ld", (long)round);
    }
    cr_expect_gt(round, 50);
    cr_expect_lt(replaced, (size_t)round / 2, "most are given up");
    cr_expect(report_is_good(fixture_report(fixture)));
    fixture_free(fixture);
    unlink(seen);
}

/* Nobody polls between the breakdown and the stop, as when the breakdown comes during it. */
Test(engine, stop_after_a_breakdown_is_said_and_the_message_comes_again) {
    struct fixture *fixture = good_fixture();
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

Test(engine, state_survives_a_clean_stop) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 2);
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 3);
    fixture_free(fixture);
}

/* Not one callback of it runs, and what it knew is there when an operator lets it go on. */
Test(engine, quarantined_deployment_is_not_loaded_and_keeps_its_state) {
    struct error error = {0};
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_accuse(fixture, "good");
    cr_assert(fixture_stop(fixture));
    for (int64_t offset = 2; offset < 4; offset++) {
        fixture_start(fixture);
        cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_QUARANTINED);
        fixture_assign_topic(fixture, BAR, 0, offset);
        fixture_send(fixture, BAR, 0, offset, "A");
        fixture_wait_stored(fixture, BAR, 0, offset + 1);
        fixture_reload(fixture, NULL);
        cr_expect_eq(line_of(fixture, "good")->outcome, OUTCOME_QUARANTINED);
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
    cr_expect_eq(line_of(fixture, "good")->outcome, OUTCOME_LOADED, "it was forgiven");
    fixture_free(fixture);
}

/* One whose partition 0 has seen a message, and that the next start quarantined. */
static struct fixture *quarantined_fixture(void) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_accuse(fixture, "good");
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_QUARANTINED);
    fixture_assign_topic(fixture, BAR, 0, 1);
    return fixture;
}

Test(engine, resume_that_memory_is_short_for_never_costs_the_state) {
    struct error error = {0};
    struct fixture *fixture = quarantined_fixture();
    int64_t offset = 1;
    long nth = 0, refused = 0;
    for (bool did_fail = true; did_fail; nth++) {
        fixture_fail_allocation(fixture, nth, false);
        const bool did = fixture_resume(fixture, "good", &error);
        did_fail = fixture_did_fail(fixture);
        if (!did) {
            cr_assert(did_fail, "%s", error.text);
            cr_assert_not_null(strstr(error.text, "remains quarantined"), "%s", error.text);
            refused++;
            continue;
        }
        fixture_send(fixture, BAR, 0, offset, "A");
        fixture_wait_stored(fixture, BAR, 0, ++offset);
        cr_assert_eq(fixture_signal_value(fixture, 0), (double)offset, "allocation %ld", nth);
        fixture_accuse(fixture, "good"); /* after it was forgiven, though in the same second */
        cr_assert(fixture_stop(fixture));
        fixture_start(fixture);
        cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_QUARANTINED);
        fixture_assign_topic(fixture, BAR, 0, offset);
    }
    cr_expect_gt(refused, 20);
    fixture_free(fixture);
}

/* It says `chmod`, and the stop would write over what was to be looked at. */
Test(engine, state_that_a_start_refuses_is_not_overwritten) {
    char path[256], refused[288];
    struct stat before, after;
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert(fixture_stop(fixture));
    fixture_state_path(fixture, 0, path);
    snprintf(refused, sizeof refused, "%s.refused", path);
    cr_assert_eq(chmod(path, 0666), 0);
    cr_assert_eq(stat(path, &before), 0);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1);
    cr_expect_not_null(strstr(fixture_log(fixture), "starting without state"));
    cr_assert(fixture_stop(fixture));
    cr_assert_eq(stat(refused, &after), 0);
    cr_expect_eq(after.st_ino, before.st_ino);
    fixture_state_path(fixture, 0, path);
    cr_expect_neq(strstr(path, ".checkpoint"), NULL, "the stop kept its own");
    fixture_start(fixture);
    fixture_free(fixture);
}

Test(engine, another_file_comes_out_of_quarantine_with_the_state) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_accuse(fixture, "good");
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 1);
    /* One that is refused leaves the state to the next. */
    fixture_drop(fixture, "as_good/refuse_create", "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_REJECTED);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_LOADED);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 2);
    /* The file that crashed is not let in again, and the one that runs goes on. */
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, NULL);
    cr_expect_eq(line_of(fixture, "good")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(line_of(fixture, "good")->detail, "quarantined"));
    fixture_free(fixture);
}

Test(engine, state_of_a_global_deployment_survives_a_clean_stop) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_global", "good");
    fixture_start(fixture);
    fixture_assign_many(fixture, 2, (const int64_t[]){0, 0});
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 1, 0, "A");
    fixture_wait_stored(fixture, BAR, 1, 1);
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_many(fixture, 2, (const int64_t[]){1, 1});
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 3, "it saw both partitions before the stop");
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_many(fixture, 2, (const int64_t[]){2, 9});
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1, "partition 1 was worked on elsewhere");
    cr_expect_not_null(strstr(fixture_log(fixture),
                              "the GLOBAL deployments and partition 1: starting without state"),
                       "%s", fixture_log(fixture));
    fixture_free(fixture);
}

Test(engine, state_of_other_offsets_is_not_taken_up) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 7);
    fixture_send(fixture, BAR, 0, 7, "A");
    fixture_wait_stored(fixture, BAR, 0, 8);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1);
    cr_expect_not_null(strstr(fixture_log(fixture), "partition 0: starting without state, "));
    cr_expect_not_null(strstr(fixture_log(fixture), "(the offsets of the last checkpoint"));
    fixture_free(fixture);
}

Test(engine, state_with_unconfirmed_signals_is_not_taken_up) {
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_idle(fixture);
    fixture_stop(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert_eq(fixture_deliveries(fixture), 1, "the signal comes again");
    cr_expect_eq(fixture_signal_value(fixture, 0), 1);
    fixture_free(fixture);
}

Test(engine, a_stop_counts_what_it_leaves_behind) {
    struct fixture *fixture = good_fixture();
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
    struct fixture *fixture = good_fixture();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert(fixture_halt(fixture));
    cr_expect_eq(fixture_left(fixture).records, 0);
    cr_expect_eq(fixture_left(fixture).states, 0);
    fixture_free(fixture);
}

/* Nothing confirms, and a revocation may wait for that for minutes. */
Test(engine, a_revocation_hurries_when_the_host_is_to_stop) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.revoke_timeout=4m",
                                           NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    fixture_wait_in_flush(fixture, true);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_idle(fixture);
    engine_request_stop(fixture_engine(fixture), clock_monotonic_ns() + 2 * NS_PER_S);
    fixture_revoke(fixture, 0);
    fixture_wait_in_flush(fixture, false);
    cr_assert(fixture_halt(fixture));
    cr_expect_eq(fixture_left(fixture).records, 1);
    fixture_free(fixture);
}

Test(engine, last_good_copy_runs_when_the_file_on_disk_is_refused_at_the_start) {
    struct fixture *fixture = good_fixture();
    cr_assert(fixture_stop(fixture));
    fixture_drop(fixture, "no_descriptor", "good");
    fixture_start(fixture);
    cr_assert_eq(line_of(fixture, "good")->outcome, OUTCOME_LOADED);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    struct text text;
    text_init(&text);
    view_status(fixture_engine(fixture), &text);
    cr_expect_not_null(strstr(text.data, "the file on disk was rejected"));
    text_release(&text);
    fixture_free(fixture);
}

/* ---- suspension ---- */

Test(engine, errors_in_a_row_suspend_one_and_the_others_go_on) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.error_run=3",
                                           "take5.suspend=1h", "take5.suspend_max=1h", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, "error_message", "error_message");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    for (int64_t offset = 0; offset < 5; offset++)
        fixture_send(fixture, BAR, 0, offset, "A");
    fixture_wait_stored(fixture, BAR, 0, 5);
    cr_expect_eq(fixture_deliveries(fixture), 5);
    struct text text;
    text_init(&text);
    view_status(fixture_engine(fixture), &text);
    cr_expect_not_null(strstr(text.data, "\"state\":\"suspended\",\"why\":\"errors\""));
    cr_expect_not_null(strstr(text.data, "\"passed\":2"));
    text_release(&text);
    fixture_free(fixture);
}

Test(engine, one_that_is_always_slow_is_not_said_with_every_message) {
    static const char *const settings[] = {"take5.slow_callback_ms=1",
                                           "strategy:slow_message.takes=2ms", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "slow_message", "slow_message");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    for (int64_t offset = 0; offset < 5; offset++)
        fixture_send(fixture, BAR, 0, offset, "A");
    fixture_wait_stored(fixture, BAR, 0, 5);
    const char *said = strstr(fixture_log(fixture), "slow callback: on_message at bar_trends/0/0");
    cr_assert_not_null(said);
    cr_expect_null(strstr(said + 1, "slow callback"));
    struct text text;
    text_init(&text);
    view_status(fixture_engine(fixture), &text);
    cr_expect_not_null(strstr(text.data, "\"slow\":5"), "%s", text.data);
    text_release(&text);
    fixture_free(fixture);
}

Test(engine, operators_suspension_reaches_instances_that_are_made_later) {
    struct fixture *fixture = good_fixture();
    struct error error;
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

Test(engine, operator_suspends_and_resumes) {
    struct fixture *fixture = good_fixture();
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

/* Under one name there is one. */
Test(engine, a_file_without_a_section_takes_no_deployments_name) {
    static const char *const settings[] = {"strategy:joiner.plugin=good", "strategy:joiner.every=1",
                                           NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, "joiner", "joiner");
    fixture_start(fixture);
    const struct report *report = fixture_report(fixture);
    cr_expect_eq(report_outcomes(report, OUTCOME_LOADED), 1);
    cr_assert_eq(report_outcomes(report, OUTCOME_REJECTED), 1);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
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
