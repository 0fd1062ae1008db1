#include "base/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

Test(clock, wall_is_of_this_century) {
    cr_assert_gt(clock_wall_ns(), 1577836800 * NS_PER_S); /* 2020 */
}

Test(clock, monotonic_never_goes_back) {
    int64_t last = clock_monotonic_ns();
    for (int i = 0; i < 100000; i++) {
        int64_t now = clock_monotonic_ns();
        cr_assert_geq(now, last);
        last = now;
    }
}

Test(clock, coarse_follows) {
    int64_t before = clock_coarse_ns();
    int64_t until = clock_monotonic_ns() + 20 * NS_PER_MS;
    while (clock_monotonic_ns() < until)
        ;
    cr_assert_gt(clock_coarse_ns(), before);
}

/* A span is read inside another one, so scheduling can only widen the bounds. */
Test(clock, ticks_turn_into_nanoseconds) {
    clock_ticks_ns(1); /* calibrates */
    int64_t outer = clock_monotonic_ns();
    uint64_t start = clock_ticks();
    int64_t inner = clock_monotonic_ns();
    while (clock_monotonic_ns() - inner < 20 * NS_PER_MS)
        ;
    int64_t inner_ns = clock_monotonic_ns() - inner;
    uint64_t ticks = clock_ticks() - start;
    int64_t outer_ns = clock_monotonic_ns() - outer;
    int64_t ns = clock_ticks_ns(ticks);
    cr_assert_geq(ns, inner_ns - inner_ns / 50);
    cr_assert_leq(ns, outer_ns + outer_ns / 50);
}

Test(clock, ns_ticks_is_the_way_back) {
    const int64_t spans[] = {1000, NS_PER_MS, NS_PER_S, 86400 * NS_PER_S};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        int64_t back = clock_ticks_ns(clock_ns_ticks(spans[i]));
        cr_assert_leq(llabs(back - spans[i]), spans[i] / 100000 + 2);
    }
    cr_assert_eq(clock_ns_ticks(0), 0);
    cr_assert_eq(clock_ns_ticks(-5), 0);
}

Test(clock, a_difference_that_went_back_is_nothing) {
    cr_assert_eq(clock_ticks_ns((uint64_t)-1), 0);
    cr_assert_eq(clock_ticks_ns(0), 0);
    cr_assert_gt(clock_ns_ticks(INT64_MAX), 0);
    cr_assert_gt(clock_ticks_ns(INT64_MAX), 0);
}

static void *calibrate(void *result) {
    *(int64_t *)result = clock_ticks_ns(1000000000);
    return NULL;
}

Test(clock, a_boot_is_known_again_and_no_other_is_taken_for_it) {
    const int64_t boot = clock_boot();
    cr_expect_eq(clock_boot(), boot);
    cr_expect(clock_is_this_boot(boot));
    cr_expect_not(clock_is_this_boot(boot + 3600));
    cr_expect_not(clock_is_this_boot(boot - 3600));
    cr_expect_not(clock_is_this_boot(0));
}

Test(clock, threads_that_calibrate_at_once_agree) {
    pthread_t threads[4];
    int64_t results[4] = {0};
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, calibrate, &results[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++)
        cr_assert_eq(results[i], results[0]);
}

Test(clock, thread_cpu_counts_work) {
    int64_t before = clock_thread_cpu_ns();
    volatile uint64_t sum = 0;
    for (int i = 0; i < 1000000; i++)
        sum += (uint64_t)i;
    cr_assert_gt(clock_thread_cpu_ns(), before);
}

Test(clock, what_does_not_fit_is_the_nearest_that_does) {
    cr_expect_eq(clock_ms_ns(1700000000123), INT64_C(1700000000123000000));
    cr_expect_eq(clock_ms_ns(-1), -1000000);
    cr_expect_eq(clock_ms_ns(9999999999999), INT64_MAX);
    cr_expect_eq(clock_ms_ns(INT64_MIN), INT64_MIN);
    cr_expect_eq(clock_span_ns(3, 5), 2);
    cr_expect_eq(clock_span_ns(INT64_MAX, 0), -INT64_MAX);
    cr_expect_eq(clock_span_ns(INT64_MIN, 1), INT64_MAX);
    cr_expect_eq(clock_span_ns(INT64_MAX, INT64_MIN), INT64_MIN);
}
