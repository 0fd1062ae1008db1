/* The edges of `trend`, one by one; tests/integration/expectations has the whole. */
#include "naive.h"

#include <take5/testkit.h>
#include <take5/window.h>

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
    for (size_t size = 0; size <= 2 * sizeof bytes + 1; size++) {
        t5_kit *kit = t5_kit_new();
        t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/trend.so");
        t5_kit_add_record(kit, 1 + size % 2, "QQQ", bytes, size / 2);
        cr_assert_eq(t5_kit_start(kit), T5_ERROR);
        cr_assert_not_null(strstr(t5_kit_problem(kit), "QQQ"), "%s", t5_kit_problem(kit));
        t5_kit_free(kit);
    }
    t5_kit *kit = t5_kit_new();
    t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/trend.so");
    t5_kit_add_record(kit, 3, "QQQ", bytes, 8);
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "version 3"));
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

/* A dense series, each of whose points is analysed: late ones, gaps, points without a close, prices
 * that are beyond all others. What was kept up on the way, and is not in the state, must not show:
 * the one that is loaded anew before a message says the same of it. */
static void random_bar(t5_kit *kit, uint64_t *seed, int64_t *newest_ns) {
    static const double odd[] = {1e15, -3, 0, 1e-300, 1.5e308, -1e308, (double)NAN};
    const uint64_t kind = random_below(seed, 1000);
    int64_t time_ns = *newest_ns + (int64_t)random_below(seed, 3 * T5_SECOND_NS);
    if (kind < 30) /* late; now and then as old as the window, and older */
        time_ns = *newest_ns - (int64_t)random_below(seed, (kind < 10 ? 700 : 90) * T5_SECOND_NS);
    else if (kind < 50)
        time_ns = *newest_ns;
    else if (kind == 50)
        time_ns = *newest_ns + (int64_t)random_below(seed, 900 * T5_SECOND_NS);
    double close = 480 + sin((double)*newest_ns / 1e11) + random_unit(seed) / 10;
    if (kind > 900)
        close = (double)NAN;
    else if (kind > 896)
        close = odd[random_below(seed, sizeof odd / sizeof *odd)];
    *newest_ns = time_ns > *newest_ns ? time_ns : *newest_ns;
    cr_assert_eq(bar(kit, time_ns, close), T5_OK);
}

Test(trend, says_the_same_when_nothing_was_kept_up) {
    const struct {
        const char *window, *span;
    } cases[] = {{"10m", "4m"}, {"4m", "4m"}, {"3m", "10m"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t5_kit *kits[2];
        uint64_t seeds[2] = {19 + i, 19 + i};
        int64_t newest_ns[2] = {0, 0};
        for (size_t k = 0; k < 2; k++) {
            kits[k] = t5_kit_new();
            cr_assert_eq(t5_kit_open(kits[k], TAKE5_BUILD_DIR "/strategies/trend.so"), T5_OK);
            t5_kit_set(kits[k], "interval", "0");
            t5_kit_set(kits[k], "window", cases[i].window);
            t5_kit_set(kits[k], "span", cases[i].span);
            cr_assert_eq(t5_kit_start(kits[k]), T5_OK, "%s", t5_kit_problem(kits[k]));
        }
        for (size_t n = 0; n < 3000; n++) {
            cr_assert_eq(t5_kit_reload(kits[1]), T5_OK, "%s", t5_kit_problem(kits[1]));
            for (size_t k = 0; k < 2; k++)
                random_bar(kits[k], &seeds[k], &newest_ns[k]);
        }
        const size_t count = t5_kit_signal_count(kits[0]);
        cr_assert_gt(count, 2000);
        cr_assert_eq(t5_kit_signal_count(kits[1]), count);
        for (size_t n = 0; n < count; n++)
            cr_assert_str_eq(t5_kit_signal_at(kits[0], n)->data, t5_kit_signal_at(kits[1], n)->data,
                             "signal %zu, window %s", n, cases[i].window);
        t5_kit_free(kits[0]);
        t5_kit_free(kits[1]);
    }
}

/* A minute of bars a second apart, each of which is analysed. */
static void dense_bars(t5_kit *kit) {
    if (t5_kit_start(kit) != T5_OK)
        return;
    for (int64_t i = 0; i < 60; i++)
        (void)bar(kit, i * T5_SECOND_NS, 100 + (double)(i % 7));
    t5_kit_stop(kit);
}

/* What is kept up spares time, and is no more: without memory for it the same is said. */
Test(trend, whichever_allocation_fails_it_says_so_or_says_the_same) {
    t5_kit *kit = t5_kit_new();
    t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/trend.so");
    t5_kit_set(kit, "interval", "0");
    dense_bars(kit);
    cr_assert_eq(t5_kit_signal_count(kit), 56);
    char *last = strdup(t5_kit_signal_last(kit, "trend")->data);
    size_t silent = 0;
    for (uint64_t n = 1;; n++) {
        t5_kit_clear(kit);
        const uint64_t before = t5_kit_allocations(kit);
        cr_assert_eq(t5_kit_fail_allocation(kit, n), T5_OK, "%s", t5_kit_problem(kit));
        dense_bars(kit);
        if (t5_kit_allocations(kit) - before < n)
            break;
        if (t5_kit_error_count(kit) > 0)
            continue;
        silent++;
        cr_assert_eq(t5_kit_signal_count(kit), 56);
        cr_assert_str_eq(t5_kit_signal_last(kit, "trend")->data, last);
    }
    cr_assert_geq(silent, 3); /* the course, and its two ladders */
    free(last);
    t5_kit_free(kit);
}

Test(trend, a_state_of_version_1_is_read) {
    t5_bytes state;
    t5_bytes_init(&state);
    t5_bytes_put_u64(&state, 1);  /* series */
    t5_bytes_put_u32(&state, 0);  /* topic */
    t5_bytes_put_u32(&state, 60); /* time frame */
    t5_bytes_put_i64(&state, 19 * MINUTE_NS);
    t5_bytes_put_u64(&state, 7); /* ignored */
    t5_bytes_put_u64(&state, sizeof(double));
    t5_bytes_put_u64(&state, 20);
    for (int64_t i = 0; i < 20; i++)
        t5_bytes_put_i64(&state, i * MINUTE_NS);
    for (int64_t i = 0; i < 20; i++)
        t5_bytes_put_f64(&state, i == 3 ? (double)NAN : 100 + (double)i);
    t5_kit *kit = t5_kit_new();
    t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/trend.so");
    t5_kit_add_record(kit, 1, "QQQ", state.data, state.size);
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    bar(kit, 20 * MINUTE_NS, 120);
    cr_assert(says(kit, "\"minPrice\":100,\"maxPrice\":120,\"firstPrice\":100,\"lastPrice\":120,"
                        "\"positiveSteps\":19,\"negativeSteps\":0,\"points\":21,\"prices\":20,"
                        "\"ignored\":7"));
    t5_bytes_release(&state);
    t5_kit_free(kit);
}
