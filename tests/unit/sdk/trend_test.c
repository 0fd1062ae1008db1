/* The edges of `trend`, one by one; tests/integration/expectations has the whole. */
#include <take5/testkit.h>

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MINUTE_NS 60000000000

static t5_kit *started(const char *name, const char *value) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/trend.so"), T5_OK, "%s",
                 t5_kit_problem(kit));
    if (name != NULL)
        t5_kit_set(kit, name, value);
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    return kit;
}

static int32_t bar(t5_kit *kit, int64_t time_ns, double close) {
    t5_kit_message message = t5_kit_message_init("bar_trends", "QQQ", time_ns);
    message.time_frame_s = 60;
    message.close = close;
    return t5_kit_send(kit, &message);
}

/* Closes a minute apart, from minute 0 on. */
static void bars(t5_kit *kit, const double *closes, size_t count) {
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(bar(kit, (int64_t)i * MINUTE_NS, closes[i]), T5_OK);
}

/* Whether the last signal's data has that member with that value. */
static int says(const t5_kit *kit, const char *member) {
    const t5_kit_signal *signal = t5_kit_signal_last(kit, "trend");
    return signal != NULL && strstr(signal->data, member) != NULL;
}

Test(trend, says_nothing_before_the_fifth_point_and_counts_from_the_first) {
    const double closes[] = {100, 101, 102, 103, 104};
    t5_kit *kit = started(NULL, NULL);
    bars(kit, closes, 4);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    bar(kit, 4 * MINUTE_NS - 1, 104); /* the clock moved with the fourth: not due yet */
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    bar(kit, 4 * MINUTE_NS, 105);
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    cr_assert(t5_kit_signal_at(kit, 0)->value == 5);
    cr_assert(t5_kit_signal_at(kit, 0)->confidence == 1);
    cr_assert(says(kit, "\"direction\":\"UP\""));
    cr_assert(says(kit, "\"points\":6"));
    t5_kit_free(kit);
}

Test(trend, a_change_of_exactly_the_share_is_not_flat) {
    const double just[] = {1000, 1000, 1000, 1000, 1001},
                 below[] = {1000, 1000, 1000, 1000, 1000.5};
    t5_kit *kit = started(NULL, NULL);
    bars(kit, just, 5);
    cr_assert(says(kit, "\"direction\":\"UP\",\"strength\":0.1"));
    t5_kit_free(kit);
    kit = started(NULL, NULL);
    bars(kit, below, 5);
    cr_assert(says(kit, "\"direction\":\"FLAT\",\"strength\":0.1,"));
    t5_kit_free(kit);
}

Test(trend, flat_that_goes_to_and_fro_is_volatile_with_the_strength_of_flat) {
    const double closes[] = {100, 110, 100, 110, 100};
    t5_kit *kit = started(NULL, NULL);
    bars(kit, closes, 5);
    cr_assert(says(kit, "\"direction\":\"VOLATILE\",\"strength\":0.1,"));
    cr_assert(t5_kit_signal_at(kit, 0)->confidence == 0); /* a total of 0 has no sign */
    t5_kit_free(kit);
}

Test(trend, confidence_is_halved_when_volatile) {
    const double closes[] = {100, 102, 99, 103, 101};
    t5_kit *kit = started(NULL, NULL);
    bars(kit, closes, 5);
    cr_assert(says(kit, "\"direction\":\"VOLATILE\",\"strength\":1"));
    cr_assert(t5_kit_signal_at(kit, 0)->confidence == 0.25);
    cr_assert(says(kit, "\"positiveSteps\":2,\"negativeSteps\":2"));
    t5_kit_free(kit);
}

Test(trend, a_first_price_of_zero_gives_numbers_all_the_same) {
    const double still[] = {0, 0, 0, 0, 0}, rising[] = {0, 1, 2, 3, 4};
    t5_kit *kit = started(NULL, NULL);
    bars(kit, still, 5);
    cr_assert(says(kit, "\"direction\":\"FLAT\""));
    t5_kit_free(kit);
    kit = started(NULL, NULL);
    bars(kit, rising, 5);
    cr_assert(says(kit, "\"direction\":\"UP\",\"strength\":1,"));
    t5_kit_free(kit);
}

Test(trend, numbers_beyond_a_double_are_not_said) {
    const double closes[] = {-1.7e308, 1, 2, 3, 1.7e308};
    t5_kit *kit = started(NULL, NULL);
    bars(kit, closes, 5);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    cr_assert_eq(t5_kit_service_calls(kit, T5_KIT_EMIT), 0);
    t5_kit_free(kit);
}

Test(trend, points_without_a_close_are_points_and_no_prices) {
    const double none = (double)NAN, closes[] = {none, none, none, 5, none, 5.5};
    t5_kit *kit = started(NULL, NULL);
    bars(kit, closes, 5);
    cr_assert_eq(t5_kit_signal_count(kit), 0); /* five points, one price */
    bar(kit, 5 * MINUTE_NS, 5.5);
    cr_assert(says(kit, "\"points\":6,\"prices\":2"));
    t5_kit_free(kit);
}

Test(trend, what_has_no_time_frame_or_a_suspect_time_enters_no_series) {
    const double closes[] = {100, 101, 102, 103};
    t5_kit *kit = started(NULL, NULL);
    t5_kit_message message = t5_kit_message_init("bar_trends", "QQQ", 0);
    bars(kit, closes, 4);
    message.event_time_ns = 4 * MINUTE_NS;
    message.close = 104;
    t5_kit_send(kit, &message);
    message.time_frame_s = 60;
    message.event_time_ns = 1000 * MINUTE_NS;
    message.flags = T5_MESSAGE_TIME_SUSPECT;
    t5_kit_send(kit, &message);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    message.flags = 0;
    message.event_time_ns = 4 * MINUTE_NS;
    t5_kit_send(kit, &message);
    cr_assert(says(kit, "\"points\":5"));
    t5_kit_free(kit);
}

Test(trend, topics_and_time_frames_and_symbols_are_apart) {
    t5_kit *kit = started(NULL, NULL);
    const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends"};
    for (int64_t i = 0; i < 5; i++) {
        t5_kit_message message = t5_kit_message_init(topics[i % 3], "QQQ", i * MINUTE_NS);
        message.time_frame_s = 60;
        message.close = 100;
        t5_kit_send(kit, &message);
    }
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    t5_kit_free(kit);
}

Test(trend, the_ends_of_time_do_not_overflow) {
    t5_kit *kit = started(NULL, NULL);
    const int64_t times[] = {INT64_MIN + 1, -1, INT64_MAX - 1, INT64_MAX, INT64_MAX};
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(bar(kit, times[i], 100), T5_OK);
    t5_kit_free(kit);
}

Test(trend, an_expired_symbol_is_forgotten) {
    const double closes[] = {100, 101, 102, 103};
    t5_kit *kit = started(NULL, NULL);
    bars(kit, closes, 4);
    cr_assert_eq(t5_kit_expire(kit, "QQQ"), T5_OK);
    bar(kit, 4 * MINUTE_NS, 104);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    t5_kit_free(kit);
}

Test(trend, a_state_that_is_not_its_own_is_refused) {
    const unsigned char bytes[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        t5_kit *kit = t5_kit_new();
        t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/trend.so");
        t5_kit_add_record(kit, 1, "QQQ", bytes, size);
        cr_assert_eq(t5_kit_start(kit), T5_ERROR);
        cr_assert_not_null(strstr(t5_kit_problem(kit), "QQQ"), "%s", t5_kit_problem(kit));
        t5_kit_free(kit);
    }
    t5_kit *kit = t5_kit_new();
    t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/trend.so");
    t5_kit_add_record(kit, 2, "QQQ", bytes, 8);
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "version 2"));
    t5_kit_free(kit);
}

Test(trend, every_constant_is_a_parameter) {
    const double closes[] = {100, 101, 102, 103, 104};
    const struct {
        const char *name, *value, *said;
    } cases[] = {
        {"flat_share", "0.05", "\"direction\":\"FLAT\""},
        {"strength_scale", "10", "\"strength\":0.4,"},
        {"min_points", "3", "\"points\":5"},
        {"span", "2m", "\"points\":5"}, /* three lie there: the last five */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t5_kit *kit = started(cases[i].name, cases[i].value);
        bars(kit, closes, 5);
        cr_assert(says(kit, cases[i].said), "%s", cases[i].name);
        t5_kit_free(kit);
    }
    t5_kit *kit = started("window", "2m");
    bars(kit, closes, 5);
    cr_assert_eq(t5_kit_signal_count(kit), 0); /* never five */
    t5_kit_free(kit);
}
