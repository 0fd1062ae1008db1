#include "naive.h"

#include <take5/quantile.h>

#include <criterion/criterion.h>

/* Type 7 on a copy that qsort orders. */
static double naive_quantile(const double *values, size_t count, double p) {
    double sorted[4096];
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    const double h = p * (double)(count - 1);
    const size_t below = (size_t)floor(h);
    const size_t above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (h - (double)below) * (sorted[above] - sorted[below]);
}

Test(sorted, quantiles_are_those_of_the_window) {
    enum { WINDOW = 101 };
    uint64_t seed = 5;
    double values[3000];
    t5_sorted sorted;
    t5_sorted_init(&sorted);
    cr_assert(isnan(t5_sorted_quantile(&sorted, 0.5)));
    for (size_t n = 0; n < 3000; n++) {
        values[n] = (double)random_below(&seed, 400) / 8;
        cr_assert_eq(t5_sorted_add(&sorted, values[n]), T5_OK);
        if (n >= WINDOW)
            cr_assert_eq(t5_sorted_remove(&sorted, values[n - WINDOW]), T5_OK);
        const size_t first = n >= WINDOW ? n - WINDOW + 1 : 0;
        for (int tenth = 0; tenth <= 10; tenth++)
            cr_assert(t5_sorted_quantile(&sorted, tenth / 10.0) ==
                      naive_quantile(values + first, n + 1 - first, tenth / 10.0));
    }
    cr_assert(isnan(t5_sorted_quantile(&sorted, 1.1)));
    cr_assert(isnan(t5_sorted_quantile(&sorted, (double)NAN)));
    t5_sorted_release(&sorted);
}

Test(sorted, what_is_not_there_is_not_removed) {
    t5_sorted sorted;
    t5_sorted_init(&sorted);
    cr_assert_eq(t5_sorted_remove(&sorted, 1.0), T5_END);
    t5_sorted_add(&sorted, 1.0);
    t5_sorted_add(&sorted, 3.0);
    cr_assert_eq(t5_sorted_remove(&sorted, 2.0), T5_END);
    cr_assert_eq(t5_sorted_remove(&sorted, 4.0), T5_END);
    cr_assert_eq(t5_sorted_remove(&sorted, (double)NAN), T5_END);
    cr_assert_eq(t5_sorted_add(&sorted, (double)NAN), T5_REJECT);
    cr_assert_eq(sorted.count, 2);
    t5_sorted_release(&sorted);
}

Test(sorted, save_and_load) {
    uint64_t seed = 9;
    t5_sorted sorted, again;
    t5_bytes out;
    t5_reader in;
    t5_sorted_init(&sorted);
    t5_sorted_init(&again);
    for (int n = 0; n < 100; n++)
        t5_sorted_add(&sorted, random_unit(&seed));
    t5_bytes_init(&out);
    t5_sorted_save(&sorted, &out);
    for (size_t cut = 0; cut < out.size; cut++) {
        t5_reader_init(&in, out.data, cut);
        cr_assert(t5_sorted_load(&again, &in) == T5_ERROR);
    }
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_sorted_load(&again, &in), T5_OK);
    cr_assert(t5_sorted_quantile(&again, 0.3) == t5_sorted_quantile(&sorted, 0.3));
    t5_bytes_release(&out);
    t5_sorted_release(&sorted);
    t5_sorted_release(&again);
}

Test(p2, is_exact_for_the_first_five) {
    const double values[] = {9, 1, 7, 3, 5};
    t5_p2 p2;
    t5_p2_init(&p2, 0.5);
    cr_assert(isnan(t5_p2_quantile(&p2)));
    for (size_t n = 0; n < 5; n++) {
        cr_assert_eq(t5_p2_add(&p2, values[n]), T5_OK);
        cr_assert(t5_p2_quantile(&p2) == naive_quantile(values, n + 1, 0.5));
    }
    cr_assert_eq(t5_p2_add(&p2, (double)NAN), T5_REJECT);
    cr_assert_eq(p2.count, 5);
}

/* The example of the paper: twenty numbers, p = 0.5, markers after each of them; here those after
 * the last. */
Test(p2, follows_the_example_of_the_paper) {
    const double values[] = {0.02,  0.15,  0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92,
                             34.60, 10.28, 1.47, 0.40, 0.05, 11.39, 0.27,  0.42,  0.09,  11.37};
    t5_p2 p2;
    t5_p2_init(&p2, 0.5);
    for (size_t n = 0; n < 20; n++)
        t5_p2_add(&p2, values[n]);
    const double heights[] = {0.02, 0.49, 4.44, 17.20, 38.62};
    const double positions[] = {1, 6, 10, 16, 20};
    for (size_t i = 0; i < 5; i++) {
        cr_assert(fabs(p2.height[i] - heights[i]) < 0.006, "marker %zu is %g", i, p2.height[i]);
        cr_assert(p2.position[i] == positions[i], "marker %zu at %g", i, p2.position[i]);
    }
}

Test(p2, comes_near_the_true_quantile) {
    const double quantiles[] = {0.05, 0.25, 0.5, 0.9, 0.99};
    for (size_t q = 0; q < 5; q++) {
        uint64_t seed = 100 + q;
        double values[4000];
        t5_p2 p2;
        t5_p2_init(&p2, quantiles[q]);
        for (size_t n = 0; n < 4000; n++) {
            values[n] = -log(1 - random_unit(&seed)); /* exponential */
            t5_p2_add(&p2, values[n]);
        }
        /* In ranks: the share of the numbers below the estimate. */
        size_t below = 0;
        for (size_t n = 0; n < 4000; n++)
            below += values[n] < t5_p2_quantile(&p2);
        cr_assert(fabs((double)below / 4000 - quantiles[q]) < 0.01);
    }
}

Test(p2, save_and_load) {
    uint64_t seed = 1;
    t5_p2 p2, again;
    t5_bytes out;
    t5_reader in;
    t5_p2_init(&p2, 0.75);
    for (int n = 0; n < 50; n++)
        t5_p2_add(&p2, random_unit(&seed));
    t5_bytes_init(&out);
    t5_p2_save(&p2, &out);
    t5_p2_init(&again, 0.5);
    t5_reader_init(&in, out.data, out.size - 1);
    cr_assert_eq(t5_p2_load(&again, &in), T5_ERROR);
    cr_assert(again.p == 0.5);
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_p2_load(&again, &in), T5_OK);
    for (int n = 0; n < 50; n++) {
        const double x = random_unit(&seed);
        t5_p2_add(&p2, x);
        t5_p2_add(&again, x);
        cr_assert(t5_p2_quantile(&p2) == t5_p2_quantile(&again));
    }
    t5_bytes_release(&out);
}
