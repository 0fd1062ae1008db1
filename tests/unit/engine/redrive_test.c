/* Dead letters given once more to a deployment. */
#include "engine/redrive.h"
#include "stage.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

#define LONG_NS (30 * NS_PER_S)

static struct stage *open_stage(const char *const *settings) {
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "redriven", "redriven");
    stage_start(stage);
    return stage;
}

static struct redrive_letter letter_of(const char *deployment, int64_t offset,
                                       const char *payload) {
    return (struct redrive_letter){.deployment = deployment,
                                   .topic = "bar_trends",
                                   .offset = offset,
                                   .kafka_time_ms = 1700000000000 + offset * 1000,
                                   .payload = payload,
                                   .payload_size = strlen(payload)};
}

static struct redrive give(struct stage *stage, const struct redrive_letter *letter,
                           int64_t timeout_ns) {
    struct redrive redrive;
    engine_redrive(stage_engine(stage), letter, &redrive);
    engine_await_redrive(stage_engine(stage), &redrive, timeout_ns);
    return redrive;
}

static enum redrive_outcome outcome_of(struct stage *stage, const struct redrive_letter *letter) {
    return give(stage, letter, LONG_NS).outcome;
}

static bool says(struct stage *stage, size_t index, const char *text) {
    return strstr(stage_parcel(stage, index), text) != NULL;
}

Test(redrive, letter_that_was_seen_is_given_once_more_under_the_id_of_its_coordinates) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 1, 0);
    for (int64_t offset = 0; offset < 5; offset++)
        stage_send(stage, BAR, 1, offset, "A");
    stage_wait_stored(stage, BAR, 1, 5);
    cr_assert_eq(stage_parcels(stage), 5);
    struct redrive_letter letter = letter_of("redriven", 2, "{\"symbol\":\"A\",\"price\":1}");
    letter.partition = 1;
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    cr_assert_eq(stage_parcels(stage), 6);
    cr_expect(says(stage, 5, "\"id\":\"redriven/bar_trends/1/2/0\""));
    cr_expect(says(stage, 5, "\"name\":\"redriven\""));
    cr_expect(says(stage, 4, "\"name\":\"plain\""));
    /* An older message moves no clock: that of the newest stays. */
    cr_expect_eq(stage_signal_value(stage, 5), stage_signal_value(stage, 4));
    stage_free(stage);
}

Test(redrive, event_clock_moves_by_the_ordinary_rule) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 0);
    struct redrive_letter letter = letter_of("redriven", 9, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    cr_expect_float_eq(stage_signal_value(stage, 0), 1700000009.0, 1e-6);
    stage_free(stage);
}

Test(redrive, nothing_that_the_stream_keeps_is_moved) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    struct redrive_letter letter = letter_of("redriven", 7, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    /* Offsets 1 and 7 are not taken for seen. */
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    stage_send(stage, BAR, 0, 7, "A");
    stage_wait_stored(stage, BAR, 0, 8);
    cr_expect_eq(stage_parcels(stage), 4);
    struct view_totals totals;
    view_totals(stage_engine(stage), &totals);
    cr_expect_eq(totals.messages, 3);
    cr_expect_eq(totals.redriven[REDRIVE_GIVEN], 1);
    cr_expect_eq(totals.unconfirmed, 0);
    stage_free(stage);
}

Test(redrive, later_timers_go_on_with_the_ids_of_the_stream) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 4);
    stage_send(stage, BAR, 0, 4, "A");
    stage_wait_stored(stage, BAR, 0, 5);
    struct redrive_letter letter = letter_of("redriven", 2, "{\"symbol\":\"A\",\"price\":7}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    stage_wait_parcels(stage, 3);
    cr_expect(says(stage, 1, "\"id\":\"redriven/bar_trends/0/2/0\""));
    cr_expect(says(stage, 2, "\"id\":\"redriven/bar_trends/0/4/1\""), "%s", stage_parcel(stage, 2));
    stage_free(stage);
}

Test(redrive, timers_of_an_instance_without_a_message_have_the_letter_as_their_cause) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 4);
    struct redrive_letter letter = letter_of("redriven", 2, "{\"symbol\":\"A\",\"price\":7}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    stage_wait_parcels(stage, 2);
    cr_expect(says(stage, 1, "\"id\":\"redriven/bar_trends/0/2/1\""), "%s", stage_parcel(stage, 1));
    stage_free(stage);
}

/* ---- what is not given ---- */

Test(redrive, reject_or_error_at_redrive_makes_no_new_letter_and_suspends_nobody) {
    static const char *const settings[] = {"take5.error_run=1", "take5.reject_rate=1", NULL};
    struct stage *stage = open_stage(settings);
    stage_assign(stage, 0, 0);
    struct redrive_letter letter = letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":-1}");
    for (int i = 0; i < 3; i++) {
        struct redrive redrive = give(stage, &letter, LONG_NS);
        cr_expect_eq(redrive.outcome, REDRIVE_REJECTED);
        cr_expect_not_null(strstr(redrive.text, "a price below nothing"), "%s", redrive.text);
    }
    letter = letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":0}");
    struct redrive redrive = give(stage, &letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_FAILED);
    cr_expect_not_null(strstr(redrive.text, "a price of nothing"), "%s", redrive.text);
    letter = letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    for (size_t i = 0; i < stage_parcels(stage); i++)
        cr_expect_not(says(stage, i, "letter"), "%s", stage_parcel(stage, i));
    stage_free(stage);
}

Test(redrive, letter_that_cannot_be_decoded_still_says_why) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 0);
    struct redrive_letter letter = letter_of("redriven", 3, "{\"symbol\":");
    struct redrive redrive = give(stage, &letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_UNUSABLE);
    cr_expect_not_null(strstr(redrive.text, "not-json: byte "), "%s", redrive.text);
    letter.payload = NULL;
    letter.payload_size = 0;
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_UNUSABLE);
    cr_expect_eq(stage_parcels(stage), 0);
    stage_free(stage);
}

Test(redrive, unknown_deployment_and_topic_are_named) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 0);
    struct redrive_letter letter = letter_of("nobody", 3, "{\"symbol\":\"A\"}");
    struct redrive redrive = give(stage, &letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_UNKNOWN);
    cr_expect_not_null(strstr(redrive.text, "nobody"));
    letter.deployment = "redriven";
    letter.topic = "elsewhere";
    redrive = give(stage, &letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_ELSEWHERE);
    cr_expect_not_null(strstr(redrive.text, "elsewhere"));
    stage_free(stage);
}

Test(redrive, partition_that_this_host_does_not_hold_is_said) {
    struct stage *stage = open_stage(NULL);
    struct redrive_letter letter = letter_of("redriven", 3, "{\"symbol\":\"A\"}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_ELSEWHERE, "never assigned");
    stage_assign(stage, 0, 0);
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    stage_revoke_topic(stage, BAR, 0);
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_ELSEWHERE, "the topic alone is gone");
    stage_revoke(stage, 0);
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_ELSEWHERE, "parked");
    letter.partition = -1;
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_ELSEWHERE);
    letter.partition = INT32_MAX;
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_ELSEWHERE);
    cr_expect_eq(stage_parcels(stage), 1);
    stage_free(stage);
}

Test(redrive, suspended_instance_gets_nothing) {
    struct stage *stage = open_stage(NULL);
    struct error error;
    stage_assign(stage, 0, 0);
    cr_assert(engine_suspend(stage_engine(stage), "redriven", &error));
    struct redrive_letter letter = letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":1}");
    struct redrive redrive = give(stage, &letter, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_SUSPENDED);
    cr_expect_not_null(strstr(redrive.text, "operator"), "%s", redrive.text);
    cr_assert(engine_resume(stage_engine(stage), "redriven", &error));
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    stage_free(stage);
}

Test(redrive, filters_of_the_deployment_hold) {
    static const char *const settings[] = {"strategy:redriven.symbols=A, B",
                                           "strategy:redriven.time_frames=60s", NULL};
    struct stage *stage = open_stage(settings);
    stage_assign(stage, 0, 0);
    struct redrive_letter letter = letter_of(
        "redriven", 3, "{\"symbol\":\"C\",\"price\":1,\"barData\":{\"barTimeFrame\":60}}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_UNWANTED);
    letter = letter_of("redriven", 3,
                       "{\"symbol\":\"A\",\"price\":1,\"barData\":{\"barTimeFrame\":300}}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_UNWANTED);
    letter = letter_of("redriven", 3,
                       "{\"symbol\":\"A\",\"price\":1,\"barData\":{\"barTimeFrame\":60}}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    letter.topic = "historic_stats"; /* the strategy takes bar_trends alone */
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_UNWANTED);
    cr_expect_eq(stage_parcels(stage), 1);
    stage_free(stage);
}

Test(redrive, other_deployments_see_nothing_of_it) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "good_v1", "good");
    stage_drop(stage, "redriven", "redriven");
    stage_start(stage);
    stage_assign(stage, 0, 0);
    struct redrive_letter letter = letter_of("good", 3, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    cr_assert_eq(stage_parcels(stage), 1);
    cr_expect(says(stage, 0, "\"id\":\"good/bar_trends/0/3/0\""));
    stage_free(stage);
}

Test(redrive, global_instance_gets_it_with_its_own_symbols) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "good_global", "good");
    stage_start(stage);
    stage_assign(stage, 0, 0);
    stage_assign(stage, 1, 0);
    stage_send(stage, BAR, 1, 0, "B");
    stage_send(stage, BAR, 1, 1, "A");
    stage_wait_stored(stage, BAR, 1, 2);
    struct redrive_letter letter = letter_of("good", 3, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    cr_assert_eq(stage_parcels(stage), 3);
    cr_expect(says(stage, 2, "\"id\":\"good/bar_trends/0/3/0\""));
    cr_expect_eq(stage_signal_value(stage, 2), 2, "the second A of the one instance");
    letter.partition = 2;
    cr_expect_eq(outcome_of(stage, &letter), REDRIVE_ELSEWHERE);
    stage_free(stage);
}

/* ---- the sinks ---- */

Test(redrive, given_means_confirmed) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 0);
    stage_hold(stage);
    struct redrive_letter letter = letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":1}");
    struct redrive redrive = give(stage, &letter, 0);
    cr_expect_eq(redrive.outcome, REDRIVE_UNCONFIRMED);
    cr_expect_not_null(strstr(redrive.text, "no sink confirms"), "%s", redrive.text);
    engine_redrive(stage_engine(stage), &letter, &redrive);
    cr_assert_eq(redrive.outcome, REDRIVE_GIVEN);
    stage_confirm_all(stage);
    engine_await_redrive(stage_engine(stage), &redrive, LONG_NS);
    cr_expect_eq(redrive.outcome, REDRIVE_GIVEN);
    struct error error;
    cr_assert(engine_poll(stage_engine(stage), 0, &error)); /* frees both */
    stage_free(stage);
}

Test(redrive, unconfirmed_signals_hold_no_offset_back) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    stage_hold(stage);
    struct redrive_letter letter = letter_of("redriven", 0, "{\"symbol\":\"A\",\"price\":1}");
    cr_expect_eq(give(stage, &letter, 0).outcome, REDRIVE_UNCONFIRMED);
    stage_send(stage, HISTORIC, 0, 0, "A");
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_idle(stage);
    stage_confirm(stage, stage_parcels(stage) - 1);
    stage_wait_stored(stage, BAR, 0, 2);
    /* The sink confirms after the waiting has ended, and even after the partition has gone. */
    stage_revoke(stage, 0);
    stage_confirm_all(stage);
    stage_free(stage);
}

Test(redrive, host_that_stops_ends_the_waiting) {
    struct stage *stage = open_stage(NULL);
    stage_assign(stage, 0, 0);
    stage_hold(stage);
    struct redrive_letter letter = letter_of("redriven", 3, "{\"symbol\":\"A\",\"price\":1}");
    struct redrive redrive;
    engine_redrive(stage_engine(stage), &letter, &redrive);
    cr_expect(stage_halt(stage));
    engine_await_redrive(stage_engine(stage), &redrive, INT64_MAX / 2);
    cr_expect_eq(redrive.outcome, REDRIVE_UNCONFIRMED);
    cr_expect_not_null(strstr(redrive.text, "the host has stopped"), "%s", redrive.text);
    stage_free(stage);
}

Test(redrive, letters_of_many_partitions_find_their_lanes_beside_the_stream) {
    static const char *const settings[] = {"take5.lanes=4", NULL};
    struct stage *stage = open_stage(settings);
    for (int32_t partition = 0; partition < 8; partition++)
        stage_assign(stage, partition, 0);
    for (int64_t offset = 0; offset < 50; offset++) {
        for (int32_t partition = 0; partition < 8; partition++)
            stage_send(stage, BAR, partition, offset, "A");
        struct redrive_letter letter =
            letter_of("redriven", 1000 + offset, "{\"symbol\":\"A\",\"price\":1}");
        letter.partition = (int32_t)(offset % 8);
        cr_expect_eq(outcome_of(stage, &letter), REDRIVE_GIVEN);
    }
    for (int32_t partition = 0; partition < 8; partition++)
        stage_wait_stored(stage, BAR, partition, 50);
    cr_expect_eq(stage_parcels(stage), 8 * 50 + 50);
    stage_free(stage);
}
