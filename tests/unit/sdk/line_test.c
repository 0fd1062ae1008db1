#include "naive.h"

#include <take5/line.h>

#include <criterion/criterion.h>

/* The textbook's sums in extended precision. */
static t5_line naive_fit(const double *x, const double *y, size_t count) {
    long double mx = 0, my = 0, sxx = 0, sxy = 0, syy = 0, sse = 0;
    const long double n = (long double)count;
    t5_line line = {count, 0, 0, 0, 0};
    for (size_t i = 0; i < count; i++) {
        mx += x[i] / n;
        my += y[i] / n;
    }
    for (size_t i = 0; i < count; i++) {
        sxx += (x[i] - mx) * (x[i] - mx);
        sxy += (x[i] - mx) * (y[i] - my);
        syy += (y[i] - my) * (y[i] - my);
    }
    const long double slope = sxy / sxx;
    for (size_t i = 0; i < count; i++) {
        const long double residual = y[i] - my - slope * (x[i] - mx);
        sse += residual * residual;
    }
    line.slope = (double)slope;
    line.intercept = (double)(my - slope * mx);
    line.slope_std_err = (double)sqrtl(sse / (n - 2) / sxx);
    line.r2 = (double)(1 - sse / syy);
    return line;
}

static void assert_same(t5_line a, t5_line b, double relative) {
    cr_assert_eq(a.count, b.count);
    cr_assert(is_near(a.slope, b.slope, relative), "%.17g %.17g", a.slope, b.slope);
    cr_assert(is_near(a.intercept, b.intercept, relative), "%.17g %.17g", a.intercept, b.intercept);
    cr_assert(is_near(a.slope_std_err, b.slope_std_err, relative));
    cr_assert(is_near(a.r2, b.r2, relative));
}

/* Four points whose line is known by hand: y = 3.5 + 1.4 x, residuals 1.1, -1.3, -0.7, 0.9. */
Test(line, of_four_known_points) {
    const double x[] = {1, 2, 3, 4}, y[] = {6, 5, 7, 10};
    const t5_line line = t5_ols_fit(x, y, 4);
    cr_assert(is_near(line.slope, 1.4, 1e-15));
    cr_assert(is_near(line.intercept, 3.5, 1e-15));
    cr_assert(is_near(line.slope_std_err, sqrt(4.2 / 2 / 5), 1e-14));
    cr_assert(is_near(line.r2, 1 - 4.2 / 14, 1e-14));
}

Test(line, is_that_of_the_textbook) {
    uint64_t seed = 31;
    for (int round = 0; round < 200; round++) {
        double x[300], y[300];
        const size_t count = 3 + random_below(&seed, 297);
        const double slope = random_unit(&seed) * 4 - 2, noise = 0.1 + random_unit(&seed);
        t5_ols ols;
        t5_ols_init(&ols);
        for (size_t i = 0; i < count; i++) {
            x[i] = 1000 + 60 * (double)i + random_unit(&seed);
            y[i] = 480 + slope * x[i] + noise * (random_unit(&seed) - 0.5);
            cr_assert_eq(t5_ols_add(&ols, x[i], y[i]), T5_OK);
        }
        const t5_line expected = naive_fit(x, y, count);
        assert_same(t5_ols_fit(x, y, count), expected, 1e-9);
        const t5_line running = t5_ols_line(&ols);
        cr_assert(is_near(running.slope, expected.slope, 1e-9));
        cr_assert(is_near(running.intercept, expected.intercept, 1e-7));
    }
}

Test(line, times_are_seconds_from_the_first) {
    uint64_t seed = 37;
    double x[50], y[50];
    int64_t times[50];
    for (int i = 0; i < 50; i++) {
        times[i] = INT64_C(1718659000000000000) + (int64_t)i * 60000000000;
        x[i] = 60.0 * i;
        y[i] = 480 + 0.01 * x[i] + random_unit(&seed);
    }
    assert_same(t5_ols_fit_times(times, y, 50), naive_fit(x, y, 50), 1e-11);
}

Test(line, a_perfect_line_has_no_error) {
    double x[100], y[100];
    for (int i = 0; i < 100; i++) {
        x[i] = i;
        y[i] = 7 - 0.5 * i;
    }
    const t5_line line = t5_ols_fit(x, y, 100);
    cr_assert(line.slope == -0.5 && line.intercept == 7.0);
    cr_assert(line.slope_std_err == 0.0 && line.r2 == 1.0);
}

Test(line, what_does_not_exist_is_nan) {
    const double same[] = {5, 5, 5}, rising[] = {1, 2, 3};
    cr_assert(isnan(t5_ols_fit(rising, rising, 0).slope));
    cr_assert(isnan(t5_ols_fit(rising, rising, 1).slope));
    cr_assert(isnan(t5_ols_fit(rising, rising, 2).slope_std_err));
    cr_assert(t5_ols_fit(rising, rising, 2).slope == 1.0);
    cr_assert(isnan(t5_ols_fit(same, rising, 3).slope));
    cr_assert(isnan(t5_ols_fit(rising, same, 3).r2));
    cr_assert(t5_ols_fit(rising, same, 3).slope == 0.0);
    cr_assert(isnan(t5_ols_fit_times(NULL, NULL, 0).slope));
}

Test(line, points_that_are_not_finite_are_passed_over) {
    const double x[] = {1, (double)NAN, 3, 4, 5}, y[] = {2, 5, 6, (double)INFINITY, 10};
    const double good_x[] = {1, 3, 5}, good_y[] = {2, 6, 10};
    const t5_line line = t5_ols_fit(x, y, 5), expected = t5_ols_fit(good_x, good_y, 3);
    cr_assert_eq(line.count, 3);
    cr_assert(line.slope == expected.slope && line.intercept == expected.intercept);
    t5_ols ols;
    t5_ols_init(&ols);
    cr_assert_eq(t5_ols_add(&ols, 1, (double)NAN), T5_REJECT);
    cr_assert_eq(ols.count, 0);
}

Test(line, save_and_load) {
    t5_ols ols, again;
    t5_bytes out;
    t5_reader in;
    t5_ols_init(&ols);
    for (int i = 0; i < 10; i++)
        t5_ols_add(&ols, i, i * i);
    t5_bytes_init(&out);
    t5_ols_save(&ols, &out);
    t5_ols_init(&again);
    t5_reader_init(&in, out.data, out.size - 1);
    cr_assert_eq(t5_ols_load(&again, &in), T5_ERROR);
    cr_assert_eq(again.count, 0);
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_ols_load(&again, &in), T5_OK);
    cr_assert(t5_ols_line(&again).slope == t5_ols_line(&ols).slope);
    t5_bytes_release(&out);
}
