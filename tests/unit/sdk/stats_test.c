#include "naive.h"

#include <take5/stats.h>

#include <criterion/criterion.h>

Test(rolling, mean_and_variance_are_those_of_the_window) {
    uint64_t seed = 7;
    double values[5000];
    int64_t at[5000];
    size_t first = 0;
    int64_t now = 0;
    t5_rolling rolling;
    t5_rolling_init(&rolling);
    cr_assert(isnan(t5_rolling_mean(&rolling)));
    cr_assert(isnan(t5_rolling_variance(&rolling)));
    for (size_t n = 0; n < 5000; n++) {
        now += (int64_t)random_below(&seed, 4) + (random_below(&seed, 500) == 0 ? 300 : 0);
        at[n] = now;
        values[n] = 480 + random_unit(&seed);
        cr_assert_eq(t5_rolling_add(&rolling, now, values[n]), T5_OK);
        t5_rolling_expire(&rolling, now - 200);
        while (at[first] < now - 200)
            first++;
        const size_t count = n + 1 - first;
        cr_assert_eq(t5_rolling_count(&rolling), count);
        cr_assert(is_near(t5_rolling_mean(&rolling), naive_mean(values + first, count), 1e-14));
        if (count > 1)
            cr_assert(is_near(t5_rolling_variance(&rolling), naive_variance(values + first, count),
                              1e-10));
        else
            cr_assert(isnan(t5_rolling_variance(&rolling)));
    }
    t5_rolling_release(&rolling);
}

/* Sums of squares lose every digit here: the mean is 1e9 times the spread, and numbers 1e6 times
 * as large have passed through the window before. */
Test(rolling, a_million_updates_leave_no_error_behind) {
    enum { WINDOW = 500, UPDATES = 1000000 };
    static double values[UPDATES];
    uint64_t seed = 11;
    t5_rolling rolling;
    t5_rolling_init(&rolling);
    for (size_t n = 0; n < UPDATES; n++) {
        values[n] = (n / 10000 % 3 == 1 ? 1e15 : 1e9) + random_unit(&seed);
        cr_assert(t5_rolling_add(&rolling, (int64_t)n, values[n]) == T5_OK);
        t5_rolling_expire(&rolling, (int64_t)n - WINDOW + 1);
        if (n % 9973 == 0 && n >= WINDOW) {
            const double *window = values + n + 1 - WINDOW;
            cr_assert(is_near(t5_rolling_mean(&rolling), naive_mean(window, WINDOW), 1e-14));
            if (window[0] < 1e10 && values[n] < 1e10)
                cr_assert(
                    is_near(t5_rolling_variance(&rolling), naive_variance(window, WINDOW), 1e-6));
        }
    }
    const double *window = values + UPDATES - WINDOW;
    cr_assert(is_near(t5_rolling_variance(&rolling), naive_variance(window, WINDOW), 1e-6));
    cr_assert_leq(rolling.ring.capacity, 2 * WINDOW + 100);
    t5_rolling_release(&rolling);
}

Test(rolling, what_is_not_finite_or_goes_back_is_not_taken) {
    t5_rolling rolling;
    t5_rolling_init(&rolling);
    cr_assert_eq(t5_rolling_add(&rolling, 5, 1.0), T5_OK);
    cr_assert_eq(t5_rolling_add(&rolling, 4, 2.0), T5_REJECT);
    cr_assert_eq(t5_rolling_add(&rolling, 5, (double)NAN), T5_REJECT);
    cr_assert_eq(t5_rolling_add(&rolling, 5, (double)INFINITY), T5_REJECT);
    cr_assert_eq(t5_rolling_count(&rolling), 1);
    cr_assert(t5_rolling_mean(&rolling) == 1.0);
    t5_rolling_drop(&rolling);
    t5_rolling_drop(&rolling);
    cr_assert_eq(t5_rolling_count(&rolling), 0);
    cr_assert_eq(t5_rolling_add(&rolling, 1, 3.0), T5_OK); /* an empty window has no time */
    t5_rolling_release(&rolling);
}

Test(rolling, goes_on_to_the_bit_after_save_and_load) {
    uint64_t seed = 3;
    t5_rolling rolling, again;
    t5_rolling_init(&rolling);
    t5_rolling_init(&again);
    for (int64_t n = 0; n < 3000; n++) {
        cr_assert(t5_rolling_add(&rolling, n, random_unit(&seed)) == T5_OK);
        t5_rolling_expire(&rolling, n - 70);
        if (n % 61 != 0)
            continue;
        t5_bytes out, second;
        t5_reader in;
        t5_bytes_init(&out);
        t5_bytes_init(&second);
        t5_rolling_save(&rolling, &out);
        t5_reader_init(&in, out.data, out.size);
        cr_assert_eq(t5_rolling_load(&again, &in), T5_OK);
        cr_assert(t5_reader_done(&in));
        t5_rolling_save(&again, &second);
        cr_assert(out.size == second.size && memcmp(out.data, second.data, out.size) == 0);
        for (int64_t more = 1; more < 100; more++) { /* on both, past the next turn of the stacks */
            const double x = random_unit(&seed);
            n++;
            t5_rolling_add(&rolling, n, x);
            t5_rolling_add(&again, n, x);
            t5_rolling_expire(&rolling, n - 70);
            t5_rolling_expire(&again, n - 70);
            cr_assert(t5_rolling_mean(&rolling) == t5_rolling_mean(&again));
            cr_assert(t5_rolling_variance(&rolling) == t5_rolling_variance(&again));
        }
        for (size_t cut = 0; cut < out.size; cut++) {
            t5_reader_init(&in, out.data, cut);
            cr_assert(t5_rolling_load(&again, &in) == T5_ERROR);
        }
        t5_bytes_release(&out);
        t5_bytes_release(&second);
    }
    t5_rolling_release(&rolling);
    t5_rolling_release(&again);
}

Test(extremes, are_those_of_the_window) {
    uint64_t seed = 17;
    double values[4000];
    int64_t at[4000];
    size_t first = 0;
    int64_t now = 0;
    t5_extremes extremes;
    t5_extremes_init(&extremes);
    cr_assert(isnan(t5_extremes_min(&extremes)));
    for (size_t n = 0; n < 4000; n++) {
        now += (int64_t)random_below(&seed, 3);
        at[n] = now;
        values[n] = (double)random_below(&seed, 50); /* with ties */
        cr_assert_eq(t5_extremes_add(&extremes, now, values[n]), T5_OK);
        t5_extremes_expire(&extremes, now - 30);
        while (at[first] < now - 30)
            first++;
        double low = values[first], high = values[first];
        for (size_t i = first; i <= n; i++) {
            low = fmin(low, values[i]);
            high = fmax(high, values[i]);
        }
        cr_assert(t5_extremes_min(&extremes) == low);
        cr_assert(t5_extremes_max(&extremes) == high);
        if (n % 501 != 0)
            continue;
        t5_bytes out;
        t5_reader in;
        t5_bytes_init(&out);
        t5_extremes_save(&extremes, &out);
        for (size_t cut = 0; cut < out.size; cut++) {
            t5_extremes fresh;
            t5_extremes_init(&fresh);
            t5_reader_init(&in, out.data, cut);
            cr_assert(t5_extremes_load(&fresh, &in) == T5_ERROR);
        }
        t5_reader_init(&in, out.data, out.size);
        cr_assert_eq(t5_extremes_load(&extremes, &in), T5_OK);
        cr_assert(t5_reader_done(&in));
        t5_bytes_release(&out);
    }
    cr_assert_eq(t5_extremes_add(&extremes, now - 1, 1.0), T5_REJECT);
    cr_assert_eq(t5_extremes_add(&extremes, now, (double)NAN), T5_REJECT);
    t5_extremes_release(&extremes);
}

Test(ewma, weighs_each_number_by_its_age) {
    uint64_t seed = 23;
    double values[400];
    int64_t at[400];
    const double half_life = 50;
    int64_t now = -1000;
    t5_ewma ewma;
    t5_ewma_init(&ewma, half_life);
    cr_assert(isnan(t5_ewma_mean(&ewma)));
    cr_assert(isnan(t5_ewma_variance(&ewma)));
    for (size_t n = 0; n < 400; n++) {
        now += (int64_t)random_below(&seed, 20); /* also none: equal times weigh the same */
        at[n] = now;
        values[n] = 100 + random_unit(&seed);
        cr_assert_eq(t5_ewma_add(&ewma, now, values[n]), T5_OK);
        long double weight = 0, sum = 0, squares = 0;
        for (size_t i = 0; i <= n; i++) {
            const long double w = exp2l(-(long double)(now - at[i]) / half_life);
            weight += w;
            sum += w * values[i];
        }
        for (size_t i = 0; i <= n; i++) {
            const long double d = values[i] - sum / weight;
            squares += exp2l(-(long double)(now - at[i]) / half_life) * d * d;
        }
        cr_assert(is_near(t5_ewma_mean(&ewma), (double)(sum / weight), 1e-13));
        if (n > 0)
            cr_assert(is_near(t5_ewma_variance(&ewma), (double)(squares / weight), 1e-9));
        else
            cr_assert(t5_ewma_variance(&ewma) == 0.0);
    }
    cr_assert_eq(t5_ewma_add(&ewma, now - 1, 1.0), T5_REJECT);
    cr_assert_eq(t5_ewma_add(&ewma, now, (double)NAN), T5_REJECT);
}

Test(ewma, with_even_steps_comes_to_the_usual_recurrence) {
    const double alpha = 0.1;
    double usual = 5;
    t5_ewma ewma;
    t5_ewma_init(&ewma, -1 / log2(1 - alpha));
    t5_ewma_add(&ewma, 0, 5);
    for (int64_t n = 1; n < 2000; n++) {
        const double x = sin((double)n);
        usual += alpha * (x - usual);
        t5_ewma_add(&ewma, n, x);
    }
    cr_assert(is_near(t5_ewma_mean(&ewma), usual, 1e-9));
}

Test(ewma, the_widest_gap_of_time_is_a_new_start) {
    t5_ewma ewma, again;
    t5_bytes out;
    t5_reader in;
    t5_ewma_init(&ewma, 1e9);
    t5_ewma_add(&ewma, INT64_MIN, 5);
    cr_assert_eq(t5_ewma_add(&ewma, INT64_MAX, 7), T5_OK);
    cr_assert(t5_ewma_mean(&ewma) == 7.0);
    t5_bytes_init(&out);
    t5_ewma_save(&ewma, &out);
    t5_ewma_init(&again, 2e9);
    t5_reader_init(&in, out.data, out.size - 1);
    cr_assert_eq(t5_ewma_load(&again, &in), T5_ERROR);
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_ewma_load(&again, &in), T5_OK);
    cr_assert(t5_ewma_mean(&again) == 7.0 && again.half_life == 2e9);
    t5_bytes_release(&out);
}
