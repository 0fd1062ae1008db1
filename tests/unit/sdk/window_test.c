#include "naive.h"

#include <take5/window.h>

#include <criterion/criterion.h>

typedef struct item {
    uint64_t number;
    double close;
} item;

static int add(t5_window *window, int64_t time_ns, uint64_t number) {
    const item it = {number, (double)number / 2};
    return t5_window_add(window, time_ns, &it);
}

static uint64_t number_at(const t5_window *window, size_t index) {
    return ((const item *)t5_window_at(window, index))->number;
}

Test(window, is_empty_at_first) {
    t5_window window;
    t5_window_init(&window, 100, sizeof(item));
    cr_assert_eq(t5_window_count(&window), 0);
    cr_assert(t5_window_oldest(&window) == NULL);
    cr_assert(t5_window_newest(&window) == NULL);
    cr_assert(t5_window_items(&window) == NULL);
    cr_assert_eq(t5_window_lower_bound(&window, 0), 0);
    t5_window_drop(&window, 3);
    cr_assert_eq(t5_window_expire(&window, INT64_MAX), 0);
    t5_window_release(&window);
}

Test(window, a_point_exactly_as_old_as_the_span_stays) {
    t5_window window;
    t5_window_init(&window, 100, sizeof(item));
    cr_assert_eq(add(&window, 1000, 1), T5_WINDOW_NEWEST);
    cr_assert_eq(add(&window, 1100, 2), T5_WINDOW_NEWEST);
    cr_assert_eq(t5_window_count(&window), 2);
    cr_assert_eq(add(&window, 1101, 3), T5_WINDOW_NEWEST);
    cr_assert_eq(t5_window_count(&window), 2);
    cr_assert_eq(t5_window_oldest_time(&window), 1100);
    t5_window_release(&window);
}

Test(window, late_point_inside_the_window_takes_its_place_after_equal_times) {
    t5_window window;
    t5_window_init(&window, 100, sizeof(item));
    add(&window, 10, 1);
    add(&window, 20, 2);
    add(&window, 20, 3);
    add(&window, 30, 4);
    cr_assert_eq(add(&window, 20, 5), T5_WINDOW_LATE);
    cr_assert_eq(add(&window, 30, 6), T5_WINDOW_NEWEST);
    cr_assert_eq(add(&window, -70, 7), T5_WINDOW_LATE);
    cr_assert_eq(add(&window, -71, 8), T5_WINDOW_TOO_OLD);
    const uint64_t expected[] = {7, 1, 2, 3, 5, 4, 6};
    cr_assert_eq(t5_window_count(&window), 7);
    for (size_t i = 0; i < 7; i++)
        cr_assert_eq(number_at(&window, i), expected[i]);
    t5_window_release(&window);
}

Test(window, bounds_are_found_among_equal_times) {
    t5_window window;
    t5_window_init(&window, T5_WINDOW_NO_END, 0);
    const int64_t times[] = {10, 20, 20, 20, 30};
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(t5_window_add(&window, times[i], NULL), T5_WINDOW_NEWEST);
    cr_assert_eq(t5_window_lower_bound(&window, 20), 1);
    cr_assert_eq(t5_window_upper_bound(&window, 20), 4);
    cr_assert_eq(t5_window_lower_bound(&window, 9), 0);
    cr_assert_eq(t5_window_lower_bound(&window, 31), 5);
    cr_assert_eq(t5_window_upper_bound(&window, 30), 5);
    t5_window_release(&window);
}

Test(window, the_ends_of_time_do_not_overflow) {
    t5_window window;
    t5_window_init(&window, T5_WINDOW_NO_END, sizeof(item));
    cr_assert_eq(add(&window, INT64_MIN, 1), T5_WINDOW_NEWEST);
    cr_assert_eq(add(&window, -5, 2), T5_WINDOW_NEWEST);
    cr_assert_eq(t5_window_count(&window), 2);
    t5_window_release(&window);
    t5_window_init(&window, 100, sizeof(item));
    cr_assert_eq(add(&window, INT64_MIN + 1, 1), T5_WINDOW_NEWEST);
    cr_assert_eq(add(&window, INT64_MIN, 2), T5_WINDOW_LATE);
    cr_assert_eq(add(&window, INT64_MAX, 3), T5_WINDOW_NEWEST);
    cr_assert_eq(t5_window_count(&window), 1);
    t5_window_release(&window);
}

Test(window, span_zero_keeps_the_newest_time_alone) {
    t5_window window;
    t5_window_init(&window, -1, sizeof(item));
    add(&window, 10, 1);
    add(&window, 10, 2);
    cr_assert_eq(t5_window_count(&window), 2);
    cr_assert_eq(add(&window, 9, 3), T5_WINDOW_TOO_OLD);
    add(&window, 11, 4);
    cr_assert_eq(t5_window_count(&window), 1);
    t5_window_release(&window);
}

/* The same by sorted insertion into a plain array. */
struct naive {
    int64_t times[4096];
    uint64_t numbers[4096];
    size_t count;
};

static int naive_add(struct naive *naive, int64_t span, int64_t time, uint64_t number) {
    const int64_t newest = naive->count > 0 ? naive->times[naive->count - 1] : time;
    if (time < newest - span)
        return T5_WINDOW_TOO_OLD;
    size_t place = 0;
    while (place < naive->count && naive->times[place] <= time)
        place++;
    for (size_t i = naive->count; i > place; i--) {
        naive->times[i] = naive->times[i - 1];
        naive->numbers[i] = naive->numbers[i - 1];
    }
    naive->times[place] = time;
    naive->numbers[place] = number;
    naive->count++;
    size_t old = 0;
    while (naive->times[old] < naive->times[naive->count - 1] - span)
        old++;
    naive->count -= old;
    memmove(naive->times, naive->times + old, naive->count * sizeof *naive->times);
    memmove(naive->numbers, naive->numbers + old, naive->count * sizeof *naive->numbers);
    return time >= newest ? T5_WINDOW_NEWEST : T5_WINDOW_LATE;
}

static void assert_same(const t5_window *window, const struct naive *naive) {
    cr_assert_eq(t5_window_count(window), naive->count);
    for (size_t i = 0; i < naive->count; i++) {
        cr_assert_eq(t5_window_time(window, i), naive->times[i]);
        cr_assert_eq(number_at(window, i), naive->numbers[i]);
        cr_assert(((const item *)t5_window_at(window, i))->close == (double)naive->numbers[i] / 2);
    }
}

/* Also with bursts and long gaps, which make the arrays grow, slide and shrink. */
static void compare_at_random(uint64_t seed) {
    static struct naive naive;
    naive.count = 0;
    const int64_t span = (int64_t)random_below(&seed, 400);
    t5_window window;
    t5_window_init(&window, span, sizeof(item));
    int64_t now = 0;
    for (uint64_t n = 0; n < 3000; n++) {
        const uint64_t kind = random_below(&seed, 100);
        if (kind == 0)
            now += span * 3 / 2;
        else if (kind < 60)
            now += (int64_t)random_below(&seed, 3);
        int64_t time = now;
        if (kind >= 90)
            time -= (int64_t)random_below(&seed, (uint64_t)span + 20);
        cr_assert_eq(add(&window, time, n), naive_add(&naive, span, time, n));
        if (n % 7 == 0)
            assert_same(&window, &naive);
        if (n % 211 == 0 && naive.count > 0) {
            const int64_t cut = naive.times[random_below(&seed, naive.count)];
            size_t below = 0;
            while (below < naive.count && naive.times[below] < cut)
                below++;
            cr_assert_eq(t5_window_expire(&window, cut), below);
            naive.count -= below;
            memmove(naive.times, naive.times + below, naive.count * sizeof *naive.times);
            memmove(naive.numbers, naive.numbers + below, naive.count * sizeof *naive.numbers);
        }
    }
    assert_same(&window, &naive);
    t5_window_release(&window);
}

Test(window, is_as_a_sorted_array_would_be) {
    for (uint64_t seed = 1; seed <= 200; seed++)
        compare_at_random(seed);
}

Test(window, memory_follows_the_points_down_again) {
    t5_window window;
    t5_window_init(&window, 1000, sizeof(item));
    for (uint64_t n = 0; n < 10000; n++)
        add(&window, 5, n);
    const size_t high = window.capacity;
    cr_assert_geq(high, 10000);
    for (uint64_t n = 0; n < 40000; n++)
        add(&window, 2000 + (int64_t)n * 100, n); /* eleven at a time */
    cr_assert_lt(window.capacity, 512);
    t5_window_release(&window);
}

Test(window, a_million_points_in_order_move_few) {
    /* Not a matter of time but of what is done: arrays stay at four times the points or below. */
    t5_window window;
    t5_window_init(&window, 99, sizeof(item));
    for (int64_t n = 0; n < 1000000; n++)
        cr_assert(add(&window, n, (uint64_t)n) == T5_WINDOW_NEWEST);
    cr_assert_eq(t5_window_count(&window), 100);
    cr_assert_leq(window.capacity, 400);
    t5_window_release(&window);
}

Test(window, an_item_too_large_for_memory_is_reported_and_changes_nothing) {
    t5_window window;
    volatile size_t item_size = SIZE_MAX / 8; /* not for the compiler to see */
    t5_window_init(&window, 100, item_size);
    cr_assert_eq(t5_window_add(&window, 1, ""), T5_WINDOW_NO_MEMORY);
    cr_assert_eq(t5_window_count(&window), 0);
    t5_window_release(&window);
}

Test(window, a_snapshot_comes_back_and_saves_to_the_same_bytes) {
    uint64_t seed = 42;
    t5_window window, again;
    t5_window_init(&window, 500, sizeof(item));
    t5_window_init(&again, 500, sizeof(item));
    for (uint64_t n = 0; n < 2000; n++) {
        t5_bytes out, second;
        add(&window, (int64_t)(n + random_below(&seed, 40)), n);
        if (n % 97 != 0)
            continue;
        t5_bytes_init(&out);
        t5_bytes_init(&second);
        t5_window_save(&window, &out);
        t5_reader in;
        t5_reader_init(&in, out.data, out.size);
        cr_assert_eq(t5_window_load(&again, &in), T5_OK);
        cr_assert(t5_reader_done(&in));
        t5_window_save(&again, &second);
        cr_assert_eq(out.size, second.size);
        cr_assert(memcmp(out.data, second.data, out.size) == 0);
        t5_bytes_release(&out);
        t5_bytes_release(&second);
    }
    cr_assert_eq(add(&window, 2100, 1), add(&again, 2100, 1));
    t5_window_release(&window);
    t5_window_release(&again);
}

Test(window, a_shorter_span_drops_what_it_does_not_keep_when_it_loads) {
    t5_window window, shorter;
    t5_bytes out;
    t5_reader in;
    t5_window_init(&window, 100, sizeof(item));
    t5_window_init(&shorter, 10, sizeof(item));
    for (int64_t t = 0; t <= 100; t += 5)
        add(&window, t, (uint64_t)t);
    t5_bytes_init(&out);
    t5_window_save(&window, &out);
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_window_load(&shorter, &in), T5_OK);
    cr_assert_eq(t5_window_count(&shorter), 3);
    cr_assert_eq(number_at(&shorter, 0), 90);
    t5_bytes_release(&out);
    t5_window_release(&window);
    t5_window_release(&shorter);
}

Test(window, damaged_bytes_are_refused_and_change_nothing) {
    t5_window window, other;
    t5_bytes out;
    t5_reader in;
    t5_window_init(&window, 100, sizeof(item));
    t5_window_init(&other, 100, sizeof(item));
    for (int64_t t = 0; t < 50; t++)
        add(&window, t, (uint64_t)t);
    add(&other, 7, 77);
    t5_bytes_init(&out);
    t5_window_save(&window, &out);
    for (size_t cut = 0; cut < out.size; cut++) {
        t5_reader_init(&in, out.data, cut);
        cr_assert_eq(t5_window_load(&other, &in), T5_ERROR);
        cr_assert_eq(number_at(&other, 0), 77);
    }
    out.data[8] = 0xff; /* count */
    out.data[15] = 0xff;
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_window_load(&other, &in), T5_ERROR);
    out.data[8] = 50;
    out.data[15] = 0;
    out.data[16 + 8 * 20 + 1] = 1; /* point 20 after point 21 */
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_window_load(&other, &in), T5_ERROR);
    out.data[0]++; /* item size */
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_window_load(&other, &in), T5_ERROR);
    cr_assert_eq(t5_window_count(&other), 1);
    t5_bytes_release(&out);
    t5_window_release(&window);
    t5_window_release(&other);
}
