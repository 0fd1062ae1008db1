#include "published/published.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct published *published;
static struct published_lane *lane;

static void begin(void) {
    struct error error = {0};
    published = published_new(1, &error);
    cr_assert_not_null(published, "%s", error.text);
    lane = published_lane(published, 0);
}

static void end(void) {
    published_free(published);
}

static void publish(const char *symbol, uint32_t time_frame_s, int64_t time_ns, double value) {
    const struct published_key key = {"fast", t5_text("level"), t5_text(symbol), time_frame_s};
    published_lane_add(lane, &key, time_ns, value);
}

struct found {
    size_t count;
    struct published_series last;
};

static void find(void *context, const struct published_series *series) {
    struct found *found = context;
    found->count++;
    found->last = *series;
}

static struct found look(const char *symbol) {
    const t5_str text = t5_text(symbol);
    struct found found = {0};
    published_visit(published, symbol != NULL ? &text : NULL, find, &found);
    return found;
}

Test(published, nothing_published_is_nothing_to_see, .init = begin, .fini = end) {
    cr_expect_eq(look(NULL).count, 0);
}

Test(published, points_are_seen_as_they_came, .init = begin, .fini = end) {
    publish("QQQ", 60, 10, 1.5);
    publish("QQQ", 60, 20, (double)NAN);
    publish("QQQ", 60, 15, -2);
    const struct found found = look(NULL);
    cr_assert_eq(found.count, 1);
    cr_expect_str_eq(found.last.deployment, "fast");
    cr_expect_str_eq(found.last.series, "level");
    cr_expect_str_eq(found.last.symbol, "QQQ");
    cr_expect_eq(found.last.symbol_size, 3);
    cr_expect_eq(found.last.time_frame_s, 60);
    cr_expect_eq(found.last.total, 3);
    cr_assert_eq(found.last.count, 3);
    cr_expect_eq(found.last.points[0].event_time_ns, 10);
    cr_expect_eq(found.last.points[0].value, 1.5);
    cr_expect(isnan(found.last.points[1].value));
    cr_expect_eq(found.last.points[2].event_time_ns, 15);
    cr_expect_eq(found.last.points[2].value, -2);
}

Test(published, symbols_and_time_frames_are_series_of_their_own, .init = begin, .fini = end) {
    publish("QQQ", 60, 1, 1);
    publish("QQQ", 300, 1, 2);
    publish("SPY", 60, 1, 3);
    publish("", 0, 1, 4);
    cr_expect_eq(look(NULL).count, 4);
    cr_expect_eq(look("QQQ").count, 2);
    cr_expect_eq(look("SPY").last.points[0].value, 3);
    cr_expect_eq(look("nobody").count, 0);
}

Test(published, the_newest_points_stay, .init = begin, .fini = end) {
    const int64_t count = 3 * PUBLISHED_POINTS + 7;
    for (int64_t i = 0; i < count; i++)
        publish("QQQ", 60, i, (double)i);
    const struct found found = look(NULL);
    cr_expect_eq(found.last.total, (uint64_t)count);
    /* The oldest slot might be stored into any time. */
    cr_assert_eq(found.last.count, PUBLISHED_POINTS - 1);
    for (size_t i = 0; i < found.last.count; i++) {
        cr_assert_eq(found.last.points[i].event_time_ns, count - PUBLISHED_POINTS + 1 + (int64_t)i);
        cr_assert_eq(found.last.points[i].value, (double)found.last.points[i].event_time_ns);
    }
}

static void publish_number(size_t number) {
    char symbol[16];
    snprintf(symbol, sizeof symbol, "S%zu", number);
    publish(symbol, 60, (int64_t)number, 1);
}

Test(published, beyond_the_limit_a_series_is_left_out_and_counted, .init = begin, .fini = end) {
    for (size_t i = 0; i < PUBLISHED_MAX_SERIES + 11; i++)
        publish_number(i);
    cr_expect_eq(look(NULL).count, PUBLISHED_MAX_SERIES + 1);
    cr_expect_eq(published_missed(published), 10);
    cr_expect_eq(look("S8200").count, 0);
}

Test(published, a_silent_series_makes_room, .init = begin, .fini = end) {
    for (size_t i = 0; i <= PUBLISHED_MAX_SERIES; i++)
        publish_number(i);
    for (size_t i = 0; i < 65 * (PUBLISHED_MAX_SERIES + 1); i++)
        publish("S8000", 60, 1, 1);
    publish("new", 60, 1, 42);
    const struct found found = look("new");
    cr_assert_eq(found.count, 1);
    cr_expect_eq(found.last.total, 1);
    cr_expect_eq(found.last.points[0].value, 42);
    cr_expect_eq(look(NULL).count, PUBLISHED_MAX_SERIES + 1);
    cr_expect_eq(look("S0").count, 0);
    cr_expect_eq(published_missed(published), 0);
}

Test(published, a_symbol_too_long_is_left_out_and_counted, .init = begin, .fini = end) {
    char symbol[PUBLISHED_SYMBOL_SIZE + 2] = {0};
    memset(symbol, 'x', PUBLISHED_SYMBOL_SIZE + 1);
    publish(symbol, 60, 1, 1);
    cr_expect_eq(look(NULL).count, 0);
    cr_expect_eq(published_missed(published), 1);
}

static atomic_bool is_over;

/* The value of each point is its time. */
static void *write_on(void *context) {
    (void)context;
    for (int64_t i = 0; i < 200000; i++)
        publish(i % 3 == 0 ? "SPY" : "QQQ", 60, i, (double)i);
    atomic_store(&is_over, true);
    return NULL;
}

static void check_whole(void *context, const struct published_series *series) {
    (void)context;
    for (size_t i = 0; i < series->count; i++) {
        cr_assert_eq((double)series->points[i].event_time_ns, series->points[i].value);
        cr_assert(i == 0 || series->points[i].event_time_ns > series->points[i - 1].event_time_ns);
    }
}

Test(published, a_reader_beside_the_lane_sees_whole_points_in_order, .init = begin, .fini = end) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, write_on, NULL), 0);
    while (!atomic_load(&is_over))
        published_visit(published, NULL, check_whole, NULL);
    pthread_join(thread, NULL);
    cr_expect_eq(look(NULL).count, 2);
}
