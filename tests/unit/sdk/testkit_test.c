#include "probe.h"

#include <take5/testkit.h>

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static t5_kit *started(void) {
    t5_kit *kit = t5_kit_new();
    cr_assert_not_null(kit);
    cr_assert_eq(t5_kit_use(kit, &probe_strategy), T5_OK, "%s", t5_kit_problem(kit));
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    return kit;
}

/* A message that makes the probe do something, at a time in seconds. */
static int32_t tell(t5_kit *kit, int64_t time_s, const char *deed, double n, const char *text) {
    const t5_kit_field fields[] = {t5_kit_text("do", deed), t5_kit_number("n", n),
                                   t5_kit_text("text", text)};
    t5_kit_message message = t5_kit_message_init("bar_trends", "QQQ", time_s * 1000000000);
    message.fields = fields;
    message.field_count = 3;
    return t5_kit_send(kit, &message);
}

static int has_line(const t5_kit *kit, const char *text) {
    for (size_t i = 0; i < t5_kit_line_count(kit); i++)
        if (strstr(t5_kit_line_at(kit, i)->text, text) != NULL)
            return 1;
    return 0;
}

/* ---- life ---- */

Test(testkit, a_linked_in_strategy_lives_and_says_signals) {
    t5_kit *kit = started();
    cr_assert_eq(tell(kit, 5, "emit", 42, "{\"a\":1}"), T5_OK);
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    const t5_kit_signal *signal = t5_kit_signal_at(kit, 0);
    cr_assert_str_eq(signal->name, "said");
    cr_assert_str_eq(signal->symbol, "QQQ");
    cr_assert_str_eq(signal->data, "{\"a\":1}");
    cr_assert_eq(signal->event_time_ns, 5000000000);
    cr_assert_eq(signal->offset, 0);
    cr_assert_not(signal->is_timer);
    cr_assert(signal->value == 42 && signal->confidence == 0.5);
    cr_assert_null(t5_kit_signal_at(kit, 1));
    cr_assert_eq(t5_kit_signal_last(kit, "said"), signal);
    cr_assert_null(t5_kit_signal_last(kit, "other"));
    cr_assert(has_line(kit, "created probe partition 0 mode 2"));
    cr_assert(has_line(kit, "activated in mode 2"));
    cr_assert_eq(t5_kit_stop(kit), T5_OK);
    cr_assert(has_line(kit, "deactivated"));
    cr_assert_eq(t5_kit_signal_count(kit), 1); /* kept */
    t5_kit_clear(kit);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    cr_assert_eq(t5_kit_start(kit), T5_OK);
    t5_kit_free(kit);
}

Test(testkit, a_file_is_opened_as_the_host_would) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/trend.so"), T5_OK, "%s",
                 t5_kit_problem(kit));
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    t5_kit_free(kit);
}

Test(testkit, a_file_that_is_no_strategy_is_refused_in_words) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, "/nowhere/x.so"), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "/nowhere/x.so"));
    cr_assert_eq(t5_kit_open(kit, "/proc/self/exe"), T5_ERROR);
    cr_assert_neq(t5_kit_problem(kit)[0], '\0');
    cr_assert_eq(t5_kit_start(kit), T5_KIT_MISUSE);
    t5_kit_free(kit);
}

Test(testkit, a_bad_descriptor_is_refused_with_all_its_faults) {
    t5_strategy bad = probe_strategy;
    t5_kit *kit = t5_kit_new();
    bad.on_message = NULL;
    bad.topics = NULL;
    cr_assert_eq(t5_kit_use(kit, &bad), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "on_message"));
    cr_assert_not_null(strstr(t5_kit_problem(kit), "topic"));
    t5_kit_free(kit);
}

Test(testkit, parameters_are_checked_as_in_an_ini_file) {
    t5_kit *kit = t5_kit_new();
    t5_kit_use(kit, &probe_strategy);
    t5_kit_set(kit, "factor", "11");
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "factor"), "%s", t5_kit_problem(kit));
    t5_kit_set(kit, "factor", "3");
    t5_kit_set(kit, "fctor", "3");
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "fctor"));
    t5_kit_free(kit);

    kit = t5_kit_new();
    t5_kit_use(kit, &probe_strategy);
    t5_kit_set(kit, "factor", "2");
    t5_kit_set(kit, "factor", "3");
    cr_assert_eq(t5_kit_start(kit), T5_OK);
    tell(kit, 1, "emit", 5, "{}");
    cr_assert(t5_kit_signal_at(kit, 0)->value == 15);
    cr_assert_eq(t5_kit_set(kit, "factor", "4"), T5_KIT_MISUSE); /* it runs */
    t5_kit_free(kit);
}

Test(testkit, create_that_refuses_is_an_error_with_its_reason) {
    t5_kit *kit = t5_kit_new();
    t5_kit_use(kit, &probe_strategy);
    t5_kit_set(kit, "refuse", "the moon is full");
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "the moon is full"));
    cr_assert_eq(t5_kit_error_count(kit), 1);
    cr_assert_str_eq(t5_kit_error_at(kit, 0)->callback, "create");
    cr_assert_str_eq(t5_kit_error_at(kit, 0)->text, "the moon is full");
    cr_assert_eq(t5_kit_json(kit, "bar_trends", "{}"), T5_KIT_MISUSE);
    t5_kit_free(kit);
}

Test(testkit, mode_partition_and_deployment_reach_create) {
    t5_kit *kit = t5_kit_new();
    t5_kit_use(kit, &probe_strategy);
    cr_assert_eq(t5_kit_set_mode(kit, 9), T5_KIT_MISUSE);
    t5_kit_set_mode(kit, T5_MODE_SHADOW);
    t5_kit_set_partition(kit, 5);
    t5_kit_set_deployment(kit, "other");
    cr_assert_eq(t5_kit_start(kit), T5_OK);
    cr_assert(has_line(kit, "created other partition 5 mode 4"));
    t5_kit_free(kit);
}

/* ---- messages ---- */

Test(testkit, json_is_decoded_by_the_host) {
    t5_kit *kit = started();
    cr_assert_eq(t5_kit_json(kit, "bar_trends",
                             "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:09Z\","
                             "\"price\":1.25,\"do\":\"price\"}"),
                 T5_OK);
    cr_assert(t5_kit_signal_at(kit, 0)->value == 1.25);
    cr_assert_eq(t5_kit_signal_at(kit, 0)->event_time_ns, 9000000000);
    cr_assert_eq(t5_kit_now(kit), 9000000000);
    cr_assert_eq(
        t5_kit_json(
            kit, "bar_trends",
            "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:09Z\",\"deep\":{\"path\":7},"
            "\"do\":\"path\"}"),
        T5_OK);
    cr_assert(t5_kit_signal_last(kit, "path")->value == 7);
    cr_assert_eq(t5_kit_signal_last(kit, "path")->offset, 1);
    cr_assert_eq(
        t5_kit_json(
            kit, "bar_trends",
            "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:09Z\",\"late\":{\"field\":8},"
            "\"do\":\"declared\"}"),
        T5_OK);
    cr_assert(t5_kit_signal_last(kit, "declared")->value == 8);
    t5_kit_free(kit);
}

Test(testkit, a_topic_may_follow_from_the_shape) {
    t5_kit *kit = started();
    cr_assert_eq(t5_kit_json(kit, NULL,
                             "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\","
                             "\"trendData\":{},\"do\":\"count\"}"),
                 T5_OK);
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    cr_assert_eq(
        t5_kit_json(kit, NULL, "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\"}"),
        T5_KIT_BAD_MESSAGE);
    cr_assert_eq(
        t5_kit_json(
            kit, NULL,
            "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\",\"statistics\":{}}"),
        T5_KIT_NOT_WANTED);
    cr_assert_eq(t5_kit_json(kit, "nothing",
                             "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\"}"),
                 T5_KIT_NOT_WANTED);
    t5_kit_free(kit);
}

Test(testkit, a_bad_message_never_reaches_the_strategy) {
    t5_kit *kit = started();
    const char *const bad[] = {"",
                               "{",
                               "[]",
                               "{\"symbol\":\"A\"}",
                               "{\"timestamp\":\"1970-01-01T00:00:00.001Z\"}",
                               "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\"} x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(t5_kit_json(kit, "bar_trends", bad[i]), T5_KIT_BAD_MESSAGE, "%s", bad[i]);
        cr_assert_neq(t5_kit_problem(kit)[0], '\0');
    }
    tell(kit, 1, "count", 0, "{}");
    cr_assert(t5_kit_signal_at(kit, 0)->value == 1);
    cr_assert_eq(t5_kit_signal_at(kit, 0)->offset, 6); /* offsets go on */
    t5_kit_free(kit);
}

Test(testkit, a_record_has_key_and_kafka_time) {
    t5_kit *kit = started();
    t5_kit_record record = t5_kit_record_init("bar_trends", "{\"do\":\"flags\"}");
    record.key = t5_text("KEY");
    record.kafka_time_ns = 3000000000;
    record.offset = 100;
    cr_assert_eq(t5_kit_feed(kit, &record), T5_OK, "%s", t5_kit_problem(kit));
    cr_assert_str_eq(t5_kit_signal_at(kit, 0)->symbol, "KEY");
    cr_assert_eq(t5_kit_signal_at(kit, 0)->offset, 100);
    cr_assert_eq(t5_kit_signal_at(kit, 0)->event_time_ns, 3000000000);
    /* Two hours ahead of Kafka's time: suspect, and the clock stays. */
    record.payload = t5_text("{\"timestamp\":\"1970-01-01T02:00:03.001Z\",\"do\":\"flags\"}");
    record.offset = -1;
    cr_assert_eq(t5_kit_feed(kit, &record), T5_OK);
    cr_assert((uint32_t)t5_kit_signal_at(kit, 1)->value & T5_MESSAGE_TIME_SUSPECT);
    cr_assert_eq(t5_kit_signal_at(kit, 1)->offset, 101);
    cr_assert_eq(t5_kit_now(kit), 3000000000);
    t5_kit_free(kit);
}

Test(testkit, a_typed_message_has_what_was_given_and_no_more) {
    t5_kit *kit = started();
    t5_kit_message message = t5_kit_message_init(NULL, "A", 1);
    t5_kit_field fields[] = {t5_kit_text("do", "flags"), t5_kit_integer("deep.path|other", 9)};
    message.fields = fields;
    message.field_count = 2;
    cr_assert_eq(t5_kit_send(kit, &message), T5_OK);
    cr_assert_eq((uint32_t)t5_kit_signal_at(kit, 0)->value, T5_MESSAGE_HAS_EVENT_TIME);
    message.close = 4;
    message.time_frame_s = 60;
    t5_kit_send(kit, &message);
    cr_assert_eq((uint32_t)t5_kit_signal_at(kit, 1)->value,
                 T5_MESSAGE_HAS_EVENT_TIME | T5_MESSAGE_HAS_CLOSE | T5_MESSAGE_HAS_PRICE |
                     T5_MESSAGE_HAS_TIME_FRAME);
    fields[0] = t5_kit_text("do", "price");
    t5_kit_send(kit, &message);
    cr_assert(t5_kit_signal_at(kit, 2)->value == 4); /* the close */
    fields[0] = t5_kit_text("do", "path");
    t5_kit_send(kit, &message);
    cr_assert(t5_kit_signal_at(kit, 3)->value == 9);
    message.field_count = 1; /* what was given before is gone */
    cr_assert_eq(t5_kit_send(kit, &message), T5_OK);
    cr_assert_eq(t5_kit_signal_count(kit), 4); /* NaN is refused */
    cr_assert(has_line(kit, "not finite"));
    t5_kit_free(kit);
}

Test(testkit, a_field_that_the_strategy_does_not_want_is_a_slip) {
    t5_kit *kit = started();
    t5_kit_message message = t5_kit_message_init(NULL, "A", 1);
    const t5_kit_field field = t5_kit_number("deep.pth", 9);
    message.fields = &field;
    message.field_count = 1;
    cr_assert_eq(t5_kit_send(kit, &message), T5_KIT_MISUSE);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "deep.pth"));
    message.field_count = 0;
    message.symbol = "";
    cr_assert_eq(t5_kit_send(kit, &message), T5_KIT_MISUSE);
    t5_kit_free(kit);
}

Test(testkit, the_whole_document_can_be_looked_into) {
    t5_kit *kit = started();
    cr_assert_eq(
        t5_kit_json(
            kit, "bar_trends",
            "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\",\"x\":[1,{\"y\":5}],"
            "\"do\":\"document\",\"text\":\"x.1.y\"}"),
        T5_OK);
    cr_assert(t5_kit_signal_last(kit, "looked")->value == 5);
    t5_kit_free(kit);
}

/* ---- errors ---- */

Test(testkit, errors_and_rejects_are_kept_with_their_reasons) {
    t5_kit *kit = started();
    cr_assert_eq(tell(kit, 1, "fail", 0, "no luck"), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "no luck"));
    cr_assert_eq(tell(kit, 1, "reject", 0, ""), T5_REJECT);
    cr_assert_eq(tell(kit, 1, "nonsense", 0, ""), T5_ERROR); /* as the host takes it */
    cr_assert_eq(t5_kit_error_count(kit), 3);
    cr_assert_str_eq(t5_kit_error_at(kit, 0)->text, "no luck");
    cr_assert_str_eq(t5_kit_error_at(kit, 0)->callback, "on_message");
    cr_assert_eq(t5_kit_error_at(kit, 1)->code, T5_REJECT);
    cr_assert_eq(t5_kit_error_at(kit, 2)->code, 77);
    cr_assert_str_eq(t5_kit_error_at(kit, 2)->text, "");
    cr_assert_null(t5_kit_error_at(kit, 3));
    t5_kit_free(kit);
}

Test(testkit, each_refused_signal_is_said_with_its_reason) {
    t5_kit *kit = started();
    t5_kit_clear(kit);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(tell(kit, 1, "emit", 1, "[not an object]"), T5_OK);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    cr_assert_eq(t5_kit_line_count(kit), 3);
    for (size_t i = 0; i < 3; i++) {
        cr_assert(t5_kit_line_at(kit, i)->is_host);
        cr_assert_eq(t5_kit_line_at(kit, i)->level, T5_LOG_WARNING);
        cr_assert_not_null(strstr(t5_kit_line_at(kit, i)->text, "JSON object"));
    }
    t5_kit_free(kit);
}

/* ---- time and events ---- */

Test(testkit, timers_fire_with_the_next_message_or_by_moving_the_clock) {
    t5_kit *kit = started();
    cr_assert_eq(tell(kit, 10, "arm", 5e9, ""), T5_OK);
    t5_kit_advance(kit, 14999999999);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    cr_assert_eq(t5_kit_now(kit), 14999999999);
    t5_kit_advance(kit, 15000000000);
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    const t5_kit_signal *signal = t5_kit_signal_at(kit, 0);
    cr_assert(signal->is_timer);
    cr_assert_str_eq(signal->symbol, "QQQ");
    cr_assert(signal->value == 15e9);
    tell(kit, 20, "arm", 5e9, "");
    tell(kit, 30, "count", 0, "{}");
    cr_assert_str_eq(t5_kit_signal_at(kit, 1)->name, "due");
    cr_assert_str_eq(t5_kit_signal_at(kit, 2)->name, "count");
    cr_assert(t5_kit_signal_at(kit, 2)->value == 3); /* the clock's own steps are no messages */
    t5_kit_advance(kit, 1);                          /* back: nothing */
    cr_assert_eq(t5_kit_now(kit), 30000000000);
    t5_kit_free(kit);
}

Test(testkit, the_wall_clock_is_the_tests_when_live) {
    t5_kit *kit = t5_kit_new();
    t5_kit_use(kit, &probe_strategy);
    t5_kit_set_mode(kit, T5_MODE_LIVE);
    t5_kit_start(kit);
    t5_kit_advance(kit, 100);
    tell(kit, 0, "arm_wall", 5000, "");
    tell(kit, 1, "now", 0, "{}");
    cr_assert(t5_kit_signal_at(kit, 0)->value == 100);
    cr_assert_null(t5_kit_signal_last(kit, "wall"));
    t5_kit_advance(kit, 6000);
    cr_assert(t5_kit_signal_last(kit, "wall")->value == 6000);
    t5_kit_free(kit);
}

Test(testkit, events_and_wakes_arrive) {
    t5_kit *kit = started();
    const t5_event event = {.kind = T5_EVENT_ASSIGNED, .symbol_id = T5_NO_SYMBOL};
    cr_assert_eq(t5_kit_event(kit, &event), T5_OK);
    cr_assert(has_line(kit, "event 3"));
    cr_assert_eq(tell(kit, 1, "thread", 0, ""), T5_OK);
    cr_assert(has_line(kit, "from another thread"));
    cr_assert_not(has_line(kit, "event 7"));
    t5_kit_advance(kit, 2);
    cr_assert(has_line(kit, "event 7"));
    t5_kit_free(kit);
}

Test(testkit, a_symbol_expires) {
    t5_kit *kit = started();
    cr_assert_eq(t5_kit_symbol_id(kit, "QQQ"), T5_NO_SYMBOL);
    cr_assert_eq(t5_kit_expire(kit, "QQQ"), T5_END);
    tell(kit, 1, "count", 0, "{}");
    tell(kit, 1, "arm", 5e9, "{}");
    t5_kit_message message = t5_kit_message_init(NULL, "SPY", 1);
    t5_kit_send(kit, &message);
    cr_assert_eq(t5_kit_symbol_id(kit, "QQQ"), 0);
    cr_assert_eq(t5_kit_expire(kit, "QQQ"), T5_OK);
    cr_assert(has_line(kit, "event 8 QQQ"));
    cr_assert_not(has_line(kit, "event 8 SPY"));
    cr_assert_eq(t5_kit_symbol_id(kit, "QQQ"), T5_NO_SYMBOL);
    cr_assert_neq(t5_kit_symbol_id(kit, "SPY"), T5_NO_SYMBOL);
    t5_kit_advance(kit, 60000000000);
    cr_assert_null(t5_kit_signal_last(kit, "due")); /* its timer went with it */
    tell(kit, 70, "count", 0, "{}");
    cr_assert(t5_kit_signal_last(kit, "count")->value == 1);
    t5_kit_free(kit);
}

/* ---- state ---- */

Test(testkit, state_goes_from_one_kit_to_another_with_clock_and_timers) {
    t5_kit *kit = started(), *next = t5_kit_new();
    void *state;
    size_t size;
    tell(kit, 1, "count", 0, "{}");
    tell(kit, 2, "arm", 5e9, "");
    cr_assert_eq(t5_kit_save(kit, &state, &size), T5_OK);
    cr_assert_eq(t5_kit_saved_count(kit), 1);
    const t5_record record = t5_kit_saved_at(kit, 0);
    cr_assert(t5_str_equal(record.symbol, t5_text("QQQ")));
    cr_assert_eq(record.data_size, sizeof(uint64_t));
    cr_assert_eq(t5_kit_saved_at(kit, 1).data_size, 0);
    t5_kit_free(kit);

    t5_kit_use(next, &probe_strategy);
    cr_assert_eq(t5_kit_start_from(next, state, size), T5_OK, "%s", t5_kit_problem(next));
    cr_assert_eq(t5_kit_now(next), 2000000000);
    tell(next, 8, "count", 0, "{}");
    cr_assert_str_eq(t5_kit_signal_at(next, 0)->name, "due");
    cr_assert(t5_kit_signal_at(next, 1)->value == 3);
    t5_kit_stop(next);
    cr_assert_eq(t5_kit_start_from(next, state, size - 1), T5_ERROR);
    free(state);
    t5_kit_free(next);
}

Test(testkit, a_reload_keeps_what_it_knows) {
    t5_kit *kit = started();
    for (int i = 1; i <= 5; i++) {
        tell(kit, i, "count", 0, "{}");
        cr_assert_eq(t5_kit_reload(kit), T5_OK, "%s", t5_kit_problem(kit));
    }
    cr_assert(t5_kit_signal_at(kit, 4)->value == 5);
    t5_kit_free(kit);
}

Test(testkit, a_reload_that_does_not_come_back_the_same_is_found) {
    t5_kit *kit = t5_kit_new();
    t5_kit_use(kit, &probe_strategy);
    t5_kit_set(kit, "unsteady", "yes");
    t5_kit_start(kit);
    tell(kit, 1, "count", 0, "{}");
    cr_assert_eq(t5_kit_reload(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "not what was loaded"));
    tell(kit, 2, "count", 0, "{}"); /* the old one goes on */
    cr_assert(t5_kit_signal_at(kit, 1)->value == 2);
    t5_kit_free(kit);
}

Test(testkit, made_up_records_are_loaded_at_the_start) {
    const uint64_t count = 41;
    t5_kit *kit = t5_kit_new();
    t5_kit_use(kit, &probe_strategy);
    t5_kit_add_record(kit, 3, NULL, NULL, 0);
    t5_kit_add_record(kit, 3, "QQQ", &count, sizeof count);
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    tell(kit, 1, "count", 0, "{}");
    cr_assert(t5_kit_signal_at(kit, 0)->value == 42);
    t5_kit_stop(kit);
    cr_assert_eq(t5_kit_start(kit), T5_OK); /* used up */
    tell(kit, 1, "count", 0, "{}");
    cr_assert(t5_kit_signal_at(kit, 1)->value == 1);
    t5_kit_stop(kit);

    t5_kit_add_record(kit, 3, "QQQ", &count, sizeof count - 1);
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "QQQ"));
    t5_kit_free(kit);

    kit = t5_kit_new();
    t5_kit_use(kit, &probe_strategy);
    t5_kit_add_record(kit, 2, "QQQ", &count, sizeof count);
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "state version 2"));
    t5_kit_free(kit);
}

/* ---- faults ---- */

Test(testkit, the_nth_call_of_a_service_fails_once) {
    t5_kit *kit = started();
    cr_assert_eq(t5_kit_fail_service(kit, T5_KIT_EMIT, 2), T5_OK);
    for (int i = 1; i <= 4; i++)
        tell(kit, i, "emit", i, "{}");
    cr_assert_eq(t5_kit_signal_count(kit), 3);
    cr_assert(t5_kit_signal_at(kit, 1)->value == 3);
    cr_assert_eq(t5_kit_service_calls(kit, T5_KIT_EMIT), 4);
    t5_kit_fail_service(kit, T5_KIT_ARM_TIMER, 1);
    cr_assert_eq(tell(kit, 5, "arm", 1, ""), T5_ERROR);
    cr_assert_eq(tell(kit, 5, "arm", 1, ""), T5_OK);
    t5_kit_fail_service(kit, T5_KIT_ANY_SERVICE, 1);
    tell(kit, 6, "emit", 6, "{}");
    cr_assert_null(t5_kit_signal_at(kit, 4)); /* due(5) came before: it was the third */
    cr_assert_eq(t5_kit_fail_service(kit, 0, 1), T5_KIT_MISUSE);
    cr_assert_eq(t5_kit_fail_service(kit, T5_KIT_SERVICES, 1), T5_KIT_MISUSE);
    t5_kit_free(kit);
}

Test(testkit, services_fail_in_create_save_and_load) {
    t5_kit *kit = t5_kit_new();
    void *state;
    size_t size;
    t5_kit_use(kit, &probe_strategy);
    t5_kit_fail_service(kit, T5_KIT_DECLARE_FIELD, 1);
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "declare_field"));
    cr_assert_eq(t5_kit_start(kit), T5_OK);
    tell(kit, 1, "count", 0, "{}");
    t5_kit_fail_service(kit, T5_KIT_RECORD_WRITE, 1);
    cr_assert_eq(t5_kit_save(kit, &state, &size), T5_ERROR);
    t5_kit_fail_service(kit, T5_KIT_RECORD_READ, 1);
    cr_assert_eq(t5_kit_reload(kit), T5_ERROR);
    cr_assert_eq(t5_kit_reload(kit), T5_OK);
    t5_kit_free(kit);
}

/* Goes through every allocation that the work has, and gives how many there were. */
static uint64_t fail_each(t5_kit *kit, void (*work)(t5_kit *kit)) {
    for (uint64_t n = 1;; n++) {
        const uint64_t before = t5_kit_allocations(kit);
        cr_assert_eq(t5_kit_fail_allocation(kit, n), T5_OK, "%s", t5_kit_problem(kit));
        work(kit);
        if (t5_kit_allocations(kit) - before < n)
            return n - 1;
        if (t5_kit_error_count(kit) == 0)
            cr_assert_fail("allocation %llu failed and nothing was said", (unsigned long long)n);
        t5_kit_clear(kit);
    }
}

static void allocate(t5_kit *kit) {
    tell(kit, 1, "allocate", 0, "");
}

static void start_and_stop(t5_kit *kit) {
    if (t5_kit_start(kit) == T5_OK)
        t5_kit_stop(kit);
}

Test(testkit, allocations_of_a_linked_in_strategy_fail) {
    t5_kit *kit = started();
    tell(kit, 1, "count", 0, "{}"); /* the symbol is known from here */
    cr_assert_eq(fail_each(kit, allocate), 3);
    t5_kit_fail_allocation(kit, 2);
    cr_assert_eq(tell(kit, 1, "allocate", 0, ""), T5_ERROR);
    cr_assert_str_eq(t5_kit_error_at(kit, 0)->text, "out of memory: strdup");
    cr_assert_eq(tell(kit, 1, "allocate", 0, ""), T5_OK);
    t5_kit_stop(kit);
    t5_kit_clear(kit);
    cr_assert_eq(fail_each(kit, start_and_stop), 1);
    t5_kit_free(kit);
}

Test(testkit, what_the_test_and_the_host_allocate_is_left_alone) {
    t5_kit *kit = started();
    tell(kit, 1, "count", 0, "{}");
    t5_kit_fail_allocation(kit, 1);
    for (int i = 0; i < 1000; i++) {
        void *volatile memory = malloc(100);
        cr_assert_not_null(memory);
        free(memory);
    }
    cr_assert_eq(tell(kit, 1, "emit", 1, "{}"), T5_OK); /* the host copies the signal */
    cr_assert_eq(tell(kit, 1, "arm", 1e15, ""), T5_OK);
    cr_assert_eq(t5_kit_allocations(kit), 0);
    t5_kit_free(kit);
}

static void feed_cxx(t5_kit *kit) {
    if (t5_kit_start(kit) != T5_OK)
        return;
    t5_kit_json(kit, "bar_trends",
                "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\",\"price\":1}");
    t5_kit_stop(kit);
}

Test(testkit, allocations_of_a_cxx_file_fail_as_bad_alloc) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, TAKE5_KIT_CXX), T5_OK, "%s", t5_kit_problem(kit));
    const uint64_t count = fail_each(kit, feed_cxx);
    cr_assert_geq(count, 3); /* the object, the string, the map's node */
    t5_kit_free(kit);
}

/* ---- the bundled strategies under failing memory ---- */

static void feed_bundled(t5_kit *kit) {
    static const char *const trend_data =
        "{\"symbol\":\"A\",\"publishTime\":{\"take5Time\":1718658%06d},\"barData\":{"
        "\"barTimeFrame\":%d,"
        "\"close\":5},\"trendData\":{\"wSma_slope\":%d,\"wSma_intercept\":1,"
        "\"wSma_slope_std_err\":0.1}}";
    void *state = NULL;
    size_t size;
    if (t5_kit_start(kit) != T5_OK)
        return;
    for (int i = 0; i < 12; i++) {
        char json[512];
        snprintf(json, sizeof json, trend_data, i * 61000, 60 * (1 + i % 6), i);
        t5_kit_json(kit, "asset_trends", json);
    }
    if (t5_kit_save(kit, &state, &size) == T5_OK) {
        t5_kit_reload(kit);
        free(state);
    }
    t5_kit_stop(kit);
}

Test(testkit, the_bundled_strategies_survive_each_failing_allocation) {
    const char *const names[] = {"trend", "cross", "momentum"};
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        t5_kit *kit = t5_kit_new();
        snprintf(path, sizeof path, TAKE5_BUILD_DIR "/strategies/%s.so", names[i]);
        cr_assert_eq(t5_kit_open(kit, path), T5_OK, "%s", t5_kit_problem(kit));
        cr_assert_gt(fail_each(kit, feed_bundled), 0);
        t5_kit_free(kit);
    }
}
