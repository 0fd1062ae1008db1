#include "base/clock.h"
#include "feedstats/feed_stats.h"
#include "feedstats/feed_stats_private.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_NS (INT64_C(60) * 1000000000)
#define START_NS  (INT64_C(1700000000) * 1000000000)

static struct feed_stats *feed_stats;
static struct feed_lane *lane;

static void begin(void) {
    struct error error = {0};
    feed_stats = feed_stats_new(1, &error);
    cr_assert_not_null(feed_stats, "%s", error.text);
    lane = feed_stats_lane(feed_stats, 0);
}

static void end(void) {
    feed_stats_free(feed_stats);
}

static void see_at(uint32_t topic, uint32_t id, const char *symbol, uint32_t time_frame_s,
                   int64_t time_ns, uint32_t tick) {
    const t5_message message = {
        .size = sizeof message,
        .flags = time_frame_s > 0 ? T5_MESSAGE_HAS_TIME_FRAME : 0,
        .symbol = {symbol, strlen(symbol)},
        .time_frame_s = time_frame_s,
        .event_time_ns = time_ns,
    };
    feed_lane_message(lane, topic, 0, id, message.symbol, &message, tick);
    feed_lane_flush(lane);
}

static void see(int64_t minute) {
    see_at(0, 0, "QQQ", 60, START_NS + minute * MINUTE_NS, 0);
}

/* The one entry that there is. */
static struct observed only(const char *symbol) {
    struct observed_page page;
    const t5_str text = t5_text(symbol);
    cr_assert(feed_stats_series(feed_stats, symbol != NULL ? &text : NULL, 0, 10, &page));
    cr_assert_eq(page.total, 1, "%zu entries", page.total);
    cr_assert_eq(page.count, 1);
    const struct observed one = page.items[0];
    free(page.items);
    return one;
}

static size_t count_series(const char *symbol) {
    struct observed_page page;
    const t5_str text = t5_text(symbol);
    cr_assert(feed_stats_series(feed_stats, symbol != NULL ? &text : NULL, 0, 1, &page));
    free(page.items);
    return page.total;
}

Test(observe, nothing_seen_is_an_empty_list, .init = begin, .fini = end) {
    cr_expect_eq(count_series(NULL), 0);
}

Test(observe, points_of_a_series_are_counted, .init = begin, .fini = end) {
    for (int64_t minute = 0; minute < 100; minute++)
        see(minute);
    const struct observed one = only(NULL);
    cr_expect_str_eq(one.symbol, "QQQ");
    cr_expect_eq(one.time_frame_s, 60);
    cr_expect_eq(one.points, 100);
    cr_expect_eq(one.newest_ms, (START_NS + 99 * MINUTE_NS) / 1000000);
}

Test(observe, a_point_leaves_once_it_is_older_than_the_window, .init = begin, .fini = end) {
    see(0);
    see(120); /* the first one is exactly at the bound, and stays */
    cr_expect_eq(only(NULL).points, 2);
    see(121);
    cr_expect_eq(only(NULL).points, 2);
    see(1000);
    cr_expect_eq(only(NULL).points, 1);
}

Test(observe, a_late_point_inside_the_window_counts_and_leaves_in_its_turn, .init = begin,
     .fini = end) {
    see(0);
    see(100);
    see(50);  /* late */
    see(30);  /* late */
    see(-21); /* older than the window: none */
    cr_expect_eq(only(NULL).points, 4);
    see(151); /* 0 and 30 leave, 50 stays */
    cr_expect_eq(only(NULL).points, 3);
    cr_expect_eq(only(NULL).newest_ms, (START_NS + 151 * MINUTE_NS) / 1000000);
}

Test(observe, topics_are_summed_and_time_frames_apart, .init = begin, .fini = end) {
    see_at(0, 0, "QQQ", 60, START_NS, 0);
    see_at(1, 0, "QQQ", 60, START_NS + MINUTE_NS, 0);
    see_at(2, 0, "QQQ", 60, START_NS, 0);
    see_at(0, 0, "QQQ", 300, START_NS, 0);
    see_at(0, 1, "AAPL", 300, START_NS, 0);
    struct observed_page page;
    cr_assert(feed_stats_series(feed_stats, NULL, 0, 10, &page));
    const struct observed *list = page.items;
    cr_assert_eq(page.count, 3);
    cr_expect_str_eq(list[0].symbol, "AAPL");
    cr_expect_str_eq(list[1].symbol, "QQQ");
    cr_expect_eq(list[1].time_frame_s, 60);
    cr_expect_eq(list[1].points, 3);
    cr_expect_eq(list[1].newest_ms, (START_NS + MINUTE_NS) / 1000000);
    cr_expect_eq(list[2].time_frame_s, 300);
    cr_expect_eq(list[2].points, 1);
    free(page.items);
}

static void expect_page(size_t first, size_t most, const char *const *symbols, size_t count) {
    struct observed_page page;
    cr_assert(feed_stats_series(feed_stats, NULL, first, most, &page));
    cr_expect_eq(page.total, 5);
    cr_assert_eq(page.count, count, "%zu entries", page.count);
    for (size_t i = 0; i < count; i++)
        cr_expect_str_eq(page.items[i].symbol, symbols[i]);
    free(page.items);
}

Test(observe, a_page_has_its_part_and_tells_of_all, .init = begin, .fini = end) {
    static const char *const symbols[] = {"A", "B", "C", "D", "E"};
    for (uint32_t i = 0; i < 10; i++) /* each twice: by two topics */
        see_at(i / 5, i % 5, symbols[4 - i % 5], 60, START_NS, 0);
    expect_page(0, 5, symbols, 5);
    expect_page(0, 2, symbols, 2);
    expect_page(2, 2, symbols + 2, 2);
    expect_page(4, SIZE_MAX, symbols + 4, 1);
    expect_page(5, 10, NULL, 0);
    expect_page(SIZE_MAX, SIZE_MAX, NULL, 0);
    struct observed_page page;
    cr_assert(feed_stats_series(feed_stats, NULL, 3, 1, &page));
    cr_expect_eq(page.items[0].points, 2); /* both topics, at the edge of a page too */
    free(page.items);
}

Test(observe, what_comes_between_two_looks_takes_its_place, .init = begin, .fini = end) {
    char symbol[32];
    struct observed_page page;
    for (uint32_t i = 0; i < 300; i++) { /* each twice, one look after each */
        const uint32_t id = i * 101 % 300 / 2;
        snprintf(symbol, sizeof symbol, "%s%03u", id % 3 == 0 ? "A_LONG_NAME_OF_A_SYMBOL" : "S",
                 id);
        see_at(i % 2, id, symbol, 60, START_NS + (int64_t)i * 1000000, 0);
        cr_assert(feed_stats_series(feed_stats, NULL, 0, SIZE_MAX, &page));
        cr_assert_eq(page.count, page.total);
        uint64_t points = 0;
        for (size_t k = 0; k < page.count; k++) {
            points += page.items[k].points;
            if (k > 0)
                cr_assert_lt(strcmp(page.items[k - 1].symbol, page.items[k].symbol), 0);
        }
        cr_assert_eq(points, i + 1);
        free(page.items);
    }
    cr_expect_eq(page.total, 150);
    see_at(0, 7, "LATER", 60, START_NS, 0); /* the id was another symbol's */
    cr_expect_eq(only("later").points, 1);
    see_at(0, 7, "S007", 60, START_NS, 0);
    cr_expect_eq(count_series("LATER"), 0);
}

Test(observe, symbols_are_in_the_order_of_their_bytes, .init = begin, .fini = end) {
    static const char *const sorted[] = {
        "A",
        "AB",
        "ABCDEFGH",
        "ABCDEFGHI",
        "ABCDEFGHIJKLMNOP",
        "ABCDEFGHIJKLMNOPQRST0",
        "ABCDEFGHIJKLMNOPQRST1",
        "ABCDEFGHIJKLMNOPR",
        "B",
        "a",
        "\xc3\xa4",
    };
    const size_t count = sizeof sorted / sizeof *sorted;
    struct observed_page page;
    for (size_t i = 0; i < count; i++)
        see_at(0, (uint32_t)i, sorted[(i * 7 + 3) % count], 60, START_NS, 0);
    cr_assert(feed_stats_series(feed_stats, NULL, 0, SIZE_MAX, &page));
    cr_assert_eq(page.count, count);
    for (size_t i = 0; i < count; i++)
        cr_expect_str_eq(page.items[i].symbol, sorted[i]);
    free(page.items);
}

Test(observe, a_symbol_is_found_in_any_case, .init = begin, .fini = end) {
    see_at(0, 0, "Qqq", 60, START_NS, 0);
    see_at(0, 1, "QQQQ", 60, START_NS, 0);
    cr_expect_str_eq(only("qQQ").symbol, "Qqq");
    cr_expect_eq(count_series("QQ"), 0);
}

Test(observe, no_time_frame_or_a_suspect_time_is_no_point, .init = begin, .fini = end) {
    see_at(0, 0, "QQQ", 0, START_NS, 0);
    const t5_message suspect = {.size = sizeof suspect,
                                .flags = T5_MESSAGE_HAS_TIME_FRAME | T5_MESSAGE_TIME_SUSPECT,
                                .symbol = {"QQQ", 3},
                                .time_frame_s = 60,
                                .event_time_ns = START_NS};
    feed_lane_message(lane, 0, 0, 0, suspect.symbol, &suspect, 0);
    feed_lane_flush(lane);
    cr_expect_eq(count_series(NULL), 0);
    cr_expect_eq(feed_stats_missed(feed_stats), 0);
}

Test(observe, an_id_given_to_another_symbol_begins_anew, .init = begin, .fini = end) {
    see(0);
    see(1);
    see_at(0, 0, "NEW", 60, START_NS, 0);
    const struct observed one = only(NULL);
    cr_expect_str_eq(one.symbol, "NEW");
    cr_expect_eq(one.points, 1);
}

static void tell(uint32_t id, const char *symbol, int64_t minute) {
    const t5_message message = {
        .size = sizeof message,
        .flags = T5_MESSAGE_HAS_TIME_FRAME,
        .symbol = {symbol, strlen(symbol)},
        .time_frame_s = 60,
        .event_time_ns = START_NS + minute * MINUTE_NS,
    };
    feed_lane_message(lane, 0, 0, id, message.symbol, &message, 0);
}

Test(observe, many_are_entered_at_once_in_their_order, .init = begin, .fini = end) {
    static char symbols[200][8];
    for (uint32_t i = 0; i < 200; i++)
        snprintf(symbols[i], sizeof symbols[i], "S%u", i);
    for (int64_t minute = 0; minute < 3; minute++) {
        for (uint32_t i = 0; i < 200; i++)
            tell(i, symbols[i], minute);
    }
    feed_lane_flush(lane);
    cr_expect_eq(count_series(NULL), 200);
    for (uint32_t i = 0; i < 200; i++) {
        const struct observed one = only(symbols[i]);
        cr_expect_eq(one.points, 3);
        cr_expect_eq(one.newest_ms, (START_NS + 2 * MINUTE_NS) / 1000000);
    }
}

Test(observe, an_id_that_changes_hands_between_two_flushes_counts_for_its_holder, .init = begin,
     .fini = end) {
    tell(0, "OLD", 0);
    tell(1, "QQQ", 0);
    tell(0, "NEW", 1);
    tell(0, "NEW", 2);
    feed_lane_flush(lane);
    cr_expect_eq(only("NEW").points, 2);
    cr_expect_eq(only("QQQ").points, 1);
    cr_expect_eq(count_series("OLD"), 0);
}

/* Whoever keeps the series in order looks at all of them again only when a name has changed. */
Test(observe, a_new_series_changes_no_name, .init = begin, .fini = end) {
    tell(0, "QQQ", 0);
    tell(1, "SPY", 0);
    feed_lane_flush(lane);
    cr_expect_eq(atomic_load(&lane->renamed), 0);
    tell(0, "NEW", 1);
    feed_lane_flush(lane);
    cr_expect_eq(atomic_load(&lane->renamed), 1);
}

Test(observe, one_series_has_bounded_points_and_keeps_the_newest, .init = begin, .fini = end) {
    for (int64_t i = 0; i < 3 * FEED_STATS_MAX_RING; i++)
        see_at(0, 0, "QQQ", 60, START_NS + i * 1000000, 0);
    cr_expect_eq(only(NULL).points, FEED_STATS_MAX_RING);
    /* The oldest were forgotten: all that are left leave together. */
    see_at(0, 0, "QQQ", 60,
           START_NS + 3 * FEED_STATS_MAX_RING * INT64_C(1000000) + FEED_STATS_WINDOW_NS, 0);
    cr_expect_eq(only(NULL).points, 1);
}

Test(observe, a_silent_series_makes_room_for_a_new_one, .init = begin, .fini = end) {
    char symbol[32];
    for (uint32_t i = 0; i < FEED_STATS_MAX_SERIES; i++) {
        snprintf(symbol, sizeof symbol, "S%u", i);
        see_at(0, i, symbol, 60, START_NS, i == 7 ? 1 : 200);
    }
    cr_expect_eq(count_series(NULL), FEED_STATS_MAX_SERIES);
    see_at(0, FEED_STATS_MAX_SERIES, "NEW", 60, START_NS, FEED_STATS_SILENT_TICKS + 1);
    /* The next ones have not been silent long enough to make room. */
    see_at(0, FEED_STATS_MAX_SERIES + 1, "NEXT", 60, START_NS, FEED_STATS_SILENT_TICKS + 1);
    cr_expect_eq(feed_stats_missed(feed_stats), 1);
    cr_expect_eq(count_series("NEXT"), 0);
    cr_expect_eq(count_series(NULL), FEED_STATS_MAX_SERIES);
    cr_expect_eq(count_series("NEW"), 1);
    cr_expect_eq(count_series("S7"), 0);
    /* Everyone else is still found where it is. */
    for (uint32_t i = 0; i < FEED_STATS_MAX_SERIES; i++) {
        snprintf(symbol, sizeof symbol, "S%u", i);
        if (i != 7)
            see_at(0, i, symbol, 60, START_NS + MINUTE_NS, FEED_STATS_MAX_SERIES);
    }
    cr_expect_eq(count_series(NULL), FEED_STATS_MAX_SERIES);
    cr_expect_eq(only("S6").points, 2);
    cr_expect_eq(only("S8").points, 2);
    cr_expect_eq(feed_stats_missed(feed_stats), 1);
}

Test(observe, what_does_not_fit_is_counted_as_missed, .init = begin, .fini = end) {
    char symbol[FEED_STATS_SYMBOL_SIZE + 2];
    memset(symbol, 'x', sizeof symbol);
    symbol[FEED_STATS_SYMBOL_SIZE + 1] = '\0';
    see_at(0, 0, symbol, 60, START_NS, 0);
    see_at(1000, 0, "QQQ", 60, START_NS, 0);
    cr_expect_eq(count_series(NULL), 0);
    cr_expect_eq(feed_stats_missed(feed_stats), 2);
}

static void see_name(uint32_t id, const char *symbol, size_t size) {
    const t5_message message = {.size = sizeof message,
                                .flags = T5_MESSAGE_HAS_TIME_FRAME,
                                .symbol = {symbol, size},
                                .time_frame_s = 60,
                                .event_time_ns = START_NS};
    feed_lane_message(lane, 0, 0, id, message.symbol, &message, 0);
    feed_lane_flush(lane);
}

Test(observe, a_symbol_with_nul_is_one_of_its_own_and_found_whole, .init = begin, .fini = end) {
    static const struct {
        char text[24];
        size_t size;
    } names[] = {{"A", 1}, {"A\0", 2}, {"A\0B", 3}, {"AB", 2}, {"0123456789abcde\0fgh", 19}};
    enum { COUNT = sizeof names / sizeof *names };
    struct observed_page page;
    for (uint32_t i = 0; i < COUNT; i++)
        see_name(i, names[i].text, names[i].size);
    cr_assert(feed_stats_series(feed_stats, NULL, 0, 10, &page));
    cr_assert_eq(page.count, COUNT);
    free(page.items);
    for (size_t i = 0; i < COUNT; i++) {
        const t5_str name = {names[i].text, names[i].size};
        cr_assert(feed_stats_series(feed_stats, &name, 0, 10, &page));
        cr_assert_eq(page.count, 1, "%zu: %zu", i, page.count);
        cr_expect_eq(page.items[0].size, name.len);
        cr_expect_arr_eq(page.items[0].symbol, name.data, name.len);
        cr_expect_eq(page.items[0].points, 1);
        free(page.items);
    }
}

/* Where the series' table put a key when it had no seed. */
static uint32_t unseeded(uint32_t id, uint32_t time_frame_s) {
    uint64_t key = (uint64_t)id << 22 | time_frame_s;
    key ^= key >> 32;
    key *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(key >> 32) & 1023;
}

Test(observe, chosen_time_frames_do_not_make_a_list_of_the_table, .init = begin, .fini = end) {
    uint32_t count = 0, longest = 0, run = 0;
    for (uint32_t time_frame_s = 1; count < 500; time_frame_s++) {
        if (unseeded(0, time_frame_s) != 7)
            continue;
        see_at(0, 0, "QQQ", time_frame_s, START_NS, 0);
        count++;
    }
    cr_assert_eq(lane->slot_mask, 1023);
    for (uint32_t i = 0; i <= lane->slot_mask; i++) {
        run = lane->slots[i].series != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    cr_expect_lt(longest, count / 2); /* in a row, unseeded: all */
}

/* ---- signals ---- */

/* `data`, a number, is also the offset of its cause. */
static void signal_of(const char *deployment, int32_t partition, const char *symbol,
                      const char *name, const char *data) {
    const struct signal signal = {.name = t5_text(name),
                                  .symbol = t5_text(symbol),
                                  .deployment = t5_text(deployment),
                                  .topic = t5_text("bar_trends"),
                                  .partition = partition,
                                  .offset = atoi(data),
                                  .data = t5_text(data)};
    struct delivery *delivery =
        delivery_new(&(struct delivery){.kind = DELIVERY_SIGNAL, .signal = &signal});
    cr_assert_not_null(delivery);
    feed_lane_signal(lane, partition, name, strlen(name), delivery);
    delivery_release(delivery);
}

static void enter_signal(const char *deployment, int32_t partition, const char *symbol,
                         const char *name, const char *data) {
    signal_of(deployment, partition, symbol, name, data);
    feed_lane_flush(lane);
}

static void expect_signals(const char *symbol, const char *const *values) {
    size_t count, expected = 0;
    const t5_str text = t5_text(symbol);
    struct delivery **list = feed_stats_signals(feed_stats, symbol != NULL ? &text : NULL, &count);
    cr_assert_not_null(list);
    while (values[expected] != NULL)
        expected++;
    cr_assert_eq(count, expected, "%zu", count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_str_eq(list[i]->signal->data.data, values[i]);
    }
    feed_stats_release_signals(list, count);
}

Test(observe, the_latest_signal_of_each_instance_symbol_and_name_is_kept, .init = begin,
     .fini = end) {
    expect_signals(NULL, (const char *const[]){NULL});
    enter_signal("a", 0, "QQQ", "up", "1");
    enter_signal("a", 0, "QQQ", "up", "2");
    enter_signal("a", 0, "QQQ", "down", "13");
    enter_signal("a", 1, "QQQ", "up", "4");
    enter_signal("b", 0, "QQQ", "up", "5");
    enter_signal("b", 0, "AAPL", "up", "6");
    expect_signals(NULL, (const char *const[]){"6", "2", "13", "4", "5", NULL});
    expect_signals("qqq", (const char *const[]){"2", "13", "4", "5", NULL});
    expect_signals("NONE", (const char *const[]){NULL});
}

Test(observe, signals_are_bounded_and_the_oldest_goes, .init = begin, .fini = end) {
    char symbol[32];
    enter_signal("a", 0, "FIRST", "up", "1");
    for (int i = 0; i < FEED_STATS_MAX_SIGNALS - 1; i++) {
        snprintf(symbol, sizeof symbol, "S%d", i);
        enter_signal("a", 0, symbol, "up", "2");
    }
    expect_signals("FIRST", (const char *const[]){"1", NULL});
    enter_signal("a", 0, "LAST", "up", "3");
    expect_signals("FIRST", (const char *const[]){NULL});
    expect_signals("S0", (const char *const[]){"2", NULL});
    expect_signals("LAST", (const char *const[]){"3", NULL});
}

Test(observe, signals_are_bounded_in_bytes_too, .init = begin, .fini = end) {
    const size_t size = FEED_STATS_MAX_SIGNAL_BYTES / 8; /* and as much in its text */
    char *value = malloc(size + 1);
    memset(value, 'v', size);
    value[size] = '\0';
    static const char *const symbols[] = {"A", "B", "C", "D", "E"};
    for (size_t i = 0; i < 5; i++)
        enter_signal("a", 0, symbols[i], "up", value);
    size_t count;
    struct delivery **list = feed_stats_signals(feed_stats, NULL, &count);
    cr_expect_eq(count, 3);
    feed_stats_release_signals(list, count);
    free(value);
}

Test(observe, signals_are_entered_many_at_once_or_by_a_flush, .init = begin, .fini = end) {
    char offset[32];
    for (int i = 1; i < FEED_STATS_NOTES; i++) {
        snprintf(offset, sizeof offset, "%d", i);
        signal_of("a", 0, i % 2 == 0 ? "QQQ" : "SPY", "up", offset);
    }
    expect_signals(NULL, (const char *const[]){NULL});
    signal_of("a", 0, "QQQ", "up", "64");
    expect_signals(NULL, (const char *const[]){"64", "63", NULL});
    signal_of("a", 0, "SPY", "up", "65");
    expect_signals(NULL, (const char *const[]){"64", "63", NULL});
    feed_lane_flush(lane);
    expect_signals(NULL, (const char *const[]){"64", "65", NULL});
    signal_of("a", 0, "SPY", "up", "66"); /* it goes with the lane */
}

static void expect_new(int64_t since_ns, size_t most, const char *const *values) {
    size_t count, expected = 0;
    struct delivery **list =
        feed_stats_new_signals(feed_stats, since_ns, clock_monotonic_ns() + 1, most, &count);
    cr_assert_not_null(list);
    while (values[expected] != NULL)
        expected++;
    cr_assert_eq(count, expected, "%zu", count);
    for (size_t i = 0; i < count; i++)
        cr_expect_str_eq(list[i]->signal->data.data, values[i]);
    feed_stats_release_signals(list, count);
}

Test(observe, new_signals_are_in_the_order_in_which_they_came, .init = begin, .fini = end) {
    expect_new(0, 9, (const char *const[]){NULL});
    signal_of("a", 0, "QQQ", "up", "1");
    signal_of("a", 0, "SPY", "up", "2");
    signal_of("a", 0, "IWM", "up", "3");
    signal_of("a", 0, "SPY", "up", "4");
    enter_signal("a", 0, "QQQ", "up", "5");
    expect_new(0, 9, (const char *const[]){"3", "4", "5", NULL});
    expect_new(0, 2, (const char *const[]){"4", "5", NULL});
    const int64_t now_ns = clock_monotonic_ns();
    expect_new(now_ns + 1, 9, (const char *const[]){NULL});
    enter_signal("a", 0, "IWM", "up", "6");
    expect_new(now_ns, 9, (const char *const[]){"6", NULL});
}

/* ---- together ---- */

struct reader {
    pthread_t thread;
    atomic_bool should_stop;
    atomic_int rounds;
};

static void *read_on(void *argument) {
    struct reader *reader = argument;
    while (!atomic_load(&reader->should_stop)) {
        size_t count;
        struct observed_page page;
        cr_assert(feed_stats_series(feed_stats, NULL, 0, SIZE_MAX, &page));
        free(page.items);
        struct delivery **signals = feed_stats_signals(feed_stats, NULL, &count);
        feed_stats_release_signals(signals, count);
        atomic_fetch_add(&reader->rounds, 1);
    }
    return NULL;
}

Test(observe, others_may_read_while_the_lane_writes, .init = begin, .fini = end) {
    struct reader reader = {0};
    char symbol[32];
    cr_assert_eq(pthread_create(&reader.thread, NULL, read_on, &reader), 0);
    for (uint32_t i = 0; i < 20000 || atomic_load(&reader.rounds) < 3; i++) {
        const uint32_t id = i % 3000;
        snprintf(symbol, sizeof symbol, "S%u", id + i / 9000);
        see_at(0, id, symbol, 60, START_NS + i * MINUTE_NS / 100, i);
        enter_signal("a", 0, symbol, "up", "1");
    }
    atomic_store(&reader.should_stop, true);
    pthread_join(reader.thread, NULL);
    cr_expect_gt(count_series(NULL), 0);
}
