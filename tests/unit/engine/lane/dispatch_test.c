/* What becomes of one message: its signals or its dead letter, and when its offset is done. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(dispatch, message_without_a_signal_is_done_at_once) {
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
Test(dispatch, times_beyond_any_clock_are_latencies_at_the_edge) {
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

Test(dispatch, reasons_of_bad_messages_are_logged_once_in_a_while_with_coordinates) {
    struct fixture *fixture = fixture_good();
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

Test(dispatch, offset_stays_at_the_lowest_signal_that_is_not_confirmed) {
    struct fixture *fixture = fixture_good();
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

Test(dispatch, signal_names_its_cause) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 2, 41);
    fixture_send(fixture, ASSET, 2, 41, "A");
    fixture_wait_stored(fixture, ASSET, 2, 42);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_not_null(strstr(fixture_delivery(fixture, 0), "\"id\":\"good/asset_trends/2/41/0\""));
    fixture_free(fixture);
}

Test(dispatch, bad_message_moves_only_when_its_dead_letter_is_safe) {
    struct fixture *fixture = fixture_good();
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

Test(dispatch, rejected_message_becomes_a_dead_letter) {
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

Test(dispatch, what_lies_below_the_next_offset_is_dropped) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 10);
    fixture_send(fixture, BAR, 0, 9, "A");
    fixture_send(fixture, BAR, 0, 10, "A");
    fixture_send(fixture, BAR, 0, 10, "A");
    fixture_send(fixture, BAR, 0, 11, "A");
    fixture_wait_stored(fixture, BAR, 0, 12);
    cr_expect_eq(fixture_deliveries(fixture), 2);
    fixture_free(fixture);
}

Test(dispatch, topic_that_was_made_anew_is_read_from_its_beginning_and_said) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 100);
    fixture_set_range(fixture, 0, 2);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_deliveries(fixture), 2);
    const char *said = fixture_said(fixture, "offset.jumped");
    cr_assert_not_null(said);
    cr_expect_not_null(strstr(said, " 100,"), "%s", said);
    cr_expect_not_null(strstr(said, " 0 to 2:"), "%s", said);
    fixture_free(fixture);
}

Test(dispatch, messages_deleted_before_they_were_read_are_said) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 100);
    fixture_set_range(fixture, 200, 300);
    fixture_send(fixture, BAR, 0, 200, "A");
    fixture_wait_stored(fixture, BAR, 0, 201);
    const char *said = fixture_said(fixture, "offset.jumped");
    cr_assert_not_null(said);
    cr_expect_not_null(strstr(said, " 200 to 300:"), "%s", said);
    fixture_free(fixture);
}

Test(dispatch, hole_in_the_offsets_is_no_gap) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 100);
    fixture_set_range(fixture, 0, 300);
    fixture_send(fixture, BAR, 0, 105, "A");
    fixture_wait_stored(fixture, BAR, 0, 106);
    cr_expect_null(fixture_said(fixture, "offset.jumped"));
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

Test(dispatch, unreadable_times_are_counted_and_each_form_is_said_once) {
    struct fixture *fixture = fixture_good();
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

Test(dispatch, a_zone_makes_times_without_one_readable) {
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

Test(dispatch, lane_stops_draining_above_the_bound_of_unconfirmed_work) {
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

Test(dispatch, lane_stops_draining_above_the_memory_of_unconfirmed_work) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.max_unconfirmed_bytes=1",
                                           NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    for (int64_t offset = 0; offset < 3; offset++) {
        fixture_send(fixture, BAR, 0, offset, "A");
        if (offset == 0)
            fixture_wait_idle(fixture);
    }
    fixture_wait_throttled(fixture);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_read(fixture), 1);
    struct view_totals totals;
    struct view_lane lane;
    view_totals(fixture_engine(fixture), &totals);
    view_lane(fixture_engine(fixture), 0, &lane);
    cr_expect_gt(totals.unconfirmed_bytes, 1);
    cr_expect_eq(lane.unconfirmed_bytes, totals.unconfirmed_bytes);
    fixture_confirm_all(fixture);
    fixture_wait_idle(fixture);
    fixture_confirm_all(fixture);
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_expect_eq(fixture_deliveries(fixture), 3);
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.unconfirmed_bytes, 0);
    fixture_free(fixture);
}

/* So many that the lane looks ahead by the keys, which may be missing or another text. */
Test(dispatch, many_symbols_are_told_apart_whatever_the_keys_are) {
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

Test(dispatch, symbol_for_which_the_global_table_has_no_room_is_a_dead_letter_of_that_deployment) {
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

Test(dispatch, errors_in_a_row_suspend_one_and_the_others_go_on) {
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

Test(dispatch, one_that_is_always_slow_is_not_said_with_every_message) {
    static const char *const settings[] = {"take5.slow_callback_ms=1",
                                           "strategy:slow_message.takes=2ms", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "slow_message", "slow_message");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    for (int64_t offset = 0; offset < 5; offset++)
        fixture_send(fixture, BAR, 0, offset, "A");
    fixture_wait_stored(fixture, BAR, 0, 5);
    const char *said = strstr(fixture_log(fixture), " event=callback.slow");
    cr_assert_not_null(said);
    cr_expect_null(strstr(said + 1, " event=callback.slow"));
    struct text text;
    text_init(&text);
    view_status(fixture_engine(fixture), &text);
    cr_expect_not_null(strstr(text.data, "\"slow\":5"), "%s", text.data);
    text_release(&text);
    fixture_free(fixture);
}
