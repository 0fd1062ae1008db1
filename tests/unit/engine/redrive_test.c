/* Dead letters given once more to a deployment. */
#include "engine/redrive.h"
#include "fixture.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

#define LONG_NS (30 * NS_PER_S)

static struct fixture *open_fixture(const char *const *settings) {
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "redriven", "redriven");
    fixture_start(fixture);
    return fixture;
}

static struct redrive_request dead_letter_of(const char *deployment, int64_t offset,
                                             const char *payload) {
    return (struct redrive_request){.deployment = deployment,
                                    .topic = "bar_trends",
                                    .offset = offset,
                                    .kafka_time_ms = 1700000000000 + offset * 1000,
                                    .payload = payload,
                                    .payload_size = strlen(payload)};
}

static struct redrive give(struct fixture *fixture, const struct redrive_request *dead_letter,
                           int64_t timeout_ns) {
    struct redrive redrive;
    engine_redrive(fixture_engine(fixture), dead_letter, &redrive);
    engine_await_redrive(fixture_engine(fixture), &redrive, timeout_ns);
    return redrive;
}

static enum redrive_outcome outcome_of(struct fixture *fixture,
                                       const struct redrive_request *dead_letter) {
    return give(fixture, dead_letter, LONG_NS).outcome;
}

static bool says(struct fixture *fixture, size_t index, const char *text) {
    return strstr(fixture_delivery(fixture, index), text) != NULL;
}

Test(redrive, dead_letter_that_was_seen_is_given_once_more_under_the_id_of_its_coordinates) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 1, 0);
    for (int64_t offset = 0; offset < 5; offset++)
        fixture_send(fixture, BAR, 1, offset, "A");
    fixture_wait_stored(fixture, BAR, 1, 5);
    cr_assert_eq(fixture_deliveries(fixture), 5);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 2, "{\"symbol\":\"A\",\"price\":1}");
    dead_letter.partition = 1;
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    cr_assert_eq(fixture_deliveries(fixture), 6);
    cr_expect(says(fixture, 5, "\"id\":\"redriven/bar_trends/1/2/0\""));
    cr_expect(says(fixture, 5, "\"name\":\"redriven\""));
    cr_expect(says(fixture, 4, "\"name\":\"plain\""));
    /* An older message moves no clock: that of the newest stays. */
    cr_expect_eq(fixture_signal_value(fixture, 5), fixture_signal_value(fixture, 4));
    fixture_free(fixture);
}

Test(redrive, event_clock_moves_by_the_ordinary_rule) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 0);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 9, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    cr_expect_float_eq(fixture_signal_value(fixture, 0), 1700000009.0, 1e-6);
    fixture_free(fixture);
}

Test(redrive, nothing_that_the_stream_keeps_is_moved) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 7, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    /* Offsets 1 and 7 are not taken for seen. */
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_send(fixture, BAR, 0, 7, "A");
    fixture_wait_stored(fixture, BAR, 0, 8);
    cr_expect_eq(fixture_deliveries(fixture), 4);
    struct view_totals totals;
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.messages, 3);
    cr_expect_eq(totals.redriven[REDRIVE_GIVEN], 1);
    cr_expect_eq(totals.unconfirmed, 0);
    fixture_free(fixture);
}

Test(redrive, later_timers_go_on_with_the_ids_of_the_stream) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 4);
    fixture_send(fixture, BAR, 0, 4, "A");
    fixture_wait_stored(fixture, BAR, 0, 5);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 2, "{\"symbol\":\"A\",\"price\":7}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    fixture_wait_deliveries(fixture, 3);
    cr_expect(says(fixture, 1, "\"id\":\"redriven/bar_trends/0/2/0\""));
    cr_expect(says(fixture, 2, "\"id\":\"redriven/bar_trends/0/4/1\""), "%s",
              fixture_delivery(fixture, 2));
    fixture_free(fixture);
}

Test(redrive, timers_of_an_instance_without_a_message_have_the_dead_letter_as_their_cause) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 4);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 2, "{\"symbol\":\"A\",\"price\":7}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    fixture_wait_deliveries(fixture, 2);
    cr_expect(says(fixture, 1, "\"id\":\"redriven/bar_trends/0/2/1\""), "%s",
              fixture_delivery(fixture, 1));
    fixture_free(fixture);
}

/* ---- what is not given ---- */

Test(redrive, reject_or_error_at_redrive_makes_no_new_dead_letter_and_suspends_nobody) {
    static const char *const settings[] = {"take5.error_run=1", "take5.reject_rate=1", NULL};
    struct fixture *fixture = open_fixture(settings);
    fixture_assign(fixture, 0, 0);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":-1}");
    for (int i = 0; i < 3; i++) {
        struct redrive redrive = give(fixture, &dead_letter, LONG_NS);
        cr_expect_eq(redrive.outcome, REDRIVE_REJECTED);
        cr_expect_not_null(strstr(redrive.text, "a price below nothing"), "%s", redrive.text);
    }
    dead_letter = dead_letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":0}");
    struct redrive redrive = give(fixture, &dead_letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_FAILED);
    cr_expect_not_null(strstr(redrive.text, "a price of nothing"), "%s", redrive.text);
    dead_letter = dead_letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    for (size_t i = 0; i < fixture_deliveries(fixture); i++)
        cr_expect_not(says(fixture, i, "dead letter"), "%s", fixture_delivery(fixture, i));
    fixture_free(fixture);
}

Test(redrive, dead_letter_that_cannot_be_decoded_still_says_why) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 0);
    struct redrive_request dead_letter = dead_letter_of("redriven", 3, "{\"symbol\":");
    struct redrive redrive = give(fixture, &dead_letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_UNUSABLE);
    cr_expect_not_null(strstr(redrive.text, "not-json: byte "), "%s", redrive.text);
    dead_letter.payload = NULL;
    dead_letter.payload_size = 0;
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_UNUSABLE);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    fixture_free(fixture);
}

Test(redrive, unknown_deployment_and_topic_are_named) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 0);
    struct redrive_request dead_letter = dead_letter_of("nobody", 3, "{\"symbol\":\"A\"}");
    struct redrive redrive = give(fixture, &dead_letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_UNKNOWN);
    cr_expect_not_null(strstr(redrive.text, "nobody"));
    dead_letter.deployment = "redriven";
    dead_letter.topic = "elsewhere";
    redrive = give(fixture, &dead_letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_ELSEWHERE);
    cr_expect_not_null(strstr(redrive.text, "elsewhere"));
    fixture_free(fixture);
}

Test(redrive, partition_that_this_host_does_not_hold_is_said) {
    struct fixture *fixture = open_fixture(NULL);
    struct redrive_request dead_letter = dead_letter_of("redriven", 3, "{\"symbol\":\"A\"}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_ELSEWHERE, "never assigned");
    fixture_assign(fixture, 0, 0);
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    fixture_revoke_topic(fixture, BAR, 0);
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_ELSEWHERE, "the topic alone is gone");
    fixture_revoke(fixture, 0);
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_ELSEWHERE, "parked");
    dead_letter.partition = -1;
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_ELSEWHERE);
    dead_letter.partition = INT32_MAX;
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_ELSEWHERE);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

Test(redrive, suspended_instance_gets_nothing) {
    struct fixture *fixture = open_fixture(NULL);
    struct error error;
    fixture_assign(fixture, 0, 0);
    cr_assert(engine_suspend(fixture_engine(fixture), "redriven", &error));
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":1}");
    struct redrive redrive = give(fixture, &dead_letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_SUSPENDED);
    cr_expect_not_null(strstr(redrive.text, "operator"), "%s", redrive.text);
    cr_assert(engine_resume(fixture_engine(fixture), "redriven", false, &error));
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    fixture_free(fixture);
}

Test(redrive, filters_of_the_deployment_hold) {
    static const char *const settings[] = {"strategy:redriven.symbols=A, B",
                                           "strategy:redriven.time_frames=60s", NULL};
    struct fixture *fixture = open_fixture(settings);
    fixture_assign(fixture, 0, 0);
    struct redrive_request dead_letter = dead_letter_of(
        "redriven", 3, "{\"symbol\":\"C\",\"price\":1,\"barData\":{\"barTimeFrame\":60}}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_UNWANTED);
    dead_letter = dead_letter_of(
        "redriven", 3, "{\"symbol\":\"A\",\"price\":1,\"barData\":{\"barTimeFrame\":300}}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_UNWANTED);
    dead_letter = dead_letter_of(
        "redriven", 3, "{\"symbol\":\"A\",\"price\":1,\"barData\":{\"barTimeFrame\":60}}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    dead_letter.topic = "historic_stats"; /* the strategy takes bar_trends alone */
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_UNWANTED);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

Test(redrive, dry_run_says_what_would_come_of_it_and_does_nothing) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 0);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 9, "{\"symbol\":\"A\",\"price\":1}");
    dead_letter.is_dry_run = true;
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    struct view_totals totals;
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.redriven[REDRIVE_GIVEN], 0);
    struct redrive_request bad = dead_letter_of("redriven", 9, "nonsense");
    bad.is_dry_run = true;
    cr_expect_eq(outcome_of(fixture, &bad), REDRIVE_UNUSABLE);
    dead_letter.partition = 7;
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_ELSEWHERE);
    dead_letter.deployment = "nobody";
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_UNKNOWN);
    fixture_free(fixture);
}

Test(redrive, other_deployments_see_nothing_of_it) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, "redriven", "redriven");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    struct redrive_request dead_letter =
        dead_letter_of("good", 3, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect(says(fixture, 0, "\"id\":\"good/bar_trends/0/3/0\""));
    fixture_free(fixture);
}

Test(redrive, global_instance_gets_it_with_its_own_symbols) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_global", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    fixture_send(fixture, BAR, 1, 0, "B");
    fixture_send(fixture, BAR, 1, 1, "A");
    fixture_wait_stored(fixture, BAR, 1, 2);
    struct redrive_request dead_letter =
        dead_letter_of("good", 3, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect(says(fixture, 2, "\"id\":\"good/bar_trends/0/3/0\""));
    cr_expect_eq(fixture_signal_value(fixture, 2), 2, "the second A of the one instance");
    dead_letter.partition = 2;
    cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_ELSEWHERE);
    fixture_free(fixture);
}

/* ---- the sinks ---- */

Test(redrive, given_means_confirmed) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":1}");
    struct redrive redrive = give(fixture, &dead_letter, 0);
    cr_expect_eq(redrive.outcome, REDRIVE_UNCONFIRMED);
    cr_expect_not_null(strstr(redrive.text, "not acknowledged by the sinks"), "%s", redrive.text);
    engine_redrive(fixture_engine(fixture), &dead_letter, &redrive);
    cr_assert_eq(redrive.outcome, REDRIVE_GIVEN);
    fixture_confirm_all(fixture);
    engine_await_redrive(fixture_engine(fixture), &redrive, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_GIVEN);
    struct error error;
    cr_assert(engine_poll(fixture_engine(fixture), 0, &error)); /* frees both */
    fixture_free(fixture);
}

Test(redrive, unconfirmed_signals_hold_no_offset_back) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_hold(fixture);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 0, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(give(fixture, &dead_letter, 0).outcome, REDRIVE_UNCONFIRMED);
    fixture_send(fixture, HISTORIC, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_idle(fixture);
    fixture_confirm(fixture, fixture_deliveries(fixture) - 1);
    fixture_wait_stored(fixture, BAR, 0, 2);
    /* The sink confirms after the waiting has ended, and even after the partition has gone. */
    fixture_revoke(fixture, 0);
    fixture_confirm_all(fixture);
    fixture_free(fixture);
}

Test(redrive, host_that_stops_ends_the_waiting) {
    struct fixture *fixture = open_fixture(NULL);
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    struct redrive_request dead_letter =
        dead_letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":1}");
    struct redrive redrive;
    engine_redrive(fixture_engine(fixture), &dead_letter, &redrive);
    cr_expect(fixture_halt(fixture));
    engine_await_redrive(fixture_engine(fixture), &redrive, INT64_MAX / 2);
    cr_expect_eq(redrive.outcome, REDRIVE_UNCONFIRMED);
    cr_expect_not_null(strstr(redrive.text, "the host has stopped"), "%s", redrive.text);
    fixture_free(fixture);
}

Test(redrive, dead_letters_of_many_partitions_find_their_lanes_beside_the_stream) {
    static const char *const settings[] = {"take5.lanes=4", NULL};
    struct fixture *fixture = open_fixture(settings);
    for (int32_t partition = 0; partition < 8; partition++)
        fixture_assign(fixture, partition, 0);
    for (int64_t offset = 0; offset < 50; offset++) {
        for (int32_t partition = 0; partition < 8; partition++)
            fixture_send(fixture, BAR, partition, offset, "A");
        struct redrive_request dead_letter =
            dead_letter_of("redriven", 1000 + offset, "{\"symbol\":\"A\",\"price\":1}");
        dead_letter.partition = (int32_t)(offset % 8);
        cr_expect_eq(outcome_of(fixture, &dead_letter), REDRIVE_GIVEN);
    }
    for (int32_t partition = 0; partition < 8; partition++)
        fixture_wait_stored(fixture, BAR, partition, 50);
    cr_expect_eq(fixture_deliveries(fixture), 8 * 50 + 50);
    fixture_free(fixture);
}
