/*
 * take5/line.h - a straight line through points, by ordinary least squares.
 *
 *   t5_ols_add(), t5_ols_line()  point by point                O(1) each
 *   t5_ols_fit()                 through arrays, two passes    O(n), every digit right
 *   t5_ols_fit_times()           the same with times for x     O(n)
 *
 * Part of take5/stats.h, which says what they have in common. A window of closes:
 *
 *   t5_line line = t5_ols_fit_times(t5_window_times(&window),
 *                                   (const double *)t5_window_items(&window),
 *                                   t5_window_count(&window));
 */
#ifndef TAKE5_LINE_H
#define TAKE5_LINE_H

#include "bytes.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a straight line through points, by ordinary least squares ---- */

/*
 * y = intercept + slope x, by least squares; units: slope in y per x. With Sxx, Sxy, Syy the sums
 * of squares and products about the means: slope = Sxy/Sxx, intercept = my - slope mx, SSE = sum of
 * squared residuals, slope_std_err = sqrt(SSE/(n-2)/Sxx), r2 = 1 - SSE/Syy (any text on linear
 * regression, such as Draper and Smith, "Applied Regression Analysis", ch. 1).
 */
typedef struct t5_line {
    size_t count;
    double slope;         /* NaN when count < 2 or all x are equal */
    double intercept;     /* NaN likewise */
    double slope_std_err; /* NaN likewise, and when count < 3 */
    double r2;            /* NaN likewise, and when all y are equal; 0 to 1 */
} t5_line;

/* Running sums about the means (Welford's recurrence for products). A flat struct. */
typedef struct t5_ols {
    uint64_t count;
    double mean_x, mean_y;
    double sxx, sxy, syy;
} t5_ols;

static inline void t5_ols_init(t5_ols *ols) {
    memset(ols, 0, sizeof *ols);
}

/* T5_OK; T5_REJECT: x or y is not finite. O(1). */
static inline int32_t t5_ols_add(t5_ols *ols, double x, double y) {
    double dx, dy, n;
    if (!isfinite(x) || !isfinite(y))
        return T5_REJECT;
    ols->count++;
    n = (double)ols->count;
    dx = x - ols->mean_x;
    dy = y - ols->mean_y;
    ols->mean_x += dx / n;
    ols->mean_y += dy / n;
    ols->sxx += dx * (x - ols->mean_x);
    ols->sxy += dx * (y - ols->mean_y);
    ols->syy += dy * (y - ols->mean_y);
    return T5_OK;
}

/* The line from its sums and its squared residuals. (Internal.) */
static inline t5_line t5_line_of(const t5_ols *ols, double sse) {
    t5_line line;
    line.count = (size_t)ols->count;
    line.slope = line.intercept = line.slope_std_err = line.r2 = (double)NAN;
    if (ols->count < 2 || !(ols->sxx > 0.0))
        return line;
    line.slope = ols->sxy / ols->sxx;
    line.intercept = ols->mean_y - line.slope * ols->mean_x;
    if (ols->count > 2)
        line.slope_std_err = sqrt(sse / (double)(ols->count - 2) / ols->sxx);
    if (ols->syy > 0.0)
        line.r2 = sse < ols->syy ? 1.0 - sse / ols->syy : 0.0;
    return line;
}

/*
 * The line so far. O(1). SSE is Syy - Sxy^2/Sxx here: when the points lie on a line to within 1e-8
 * of their spread or better, hardly a digit of the standard error is right; t5_ols_fit() has all.
 */
static inline t5_line t5_ols_line(const t5_ols *ols) {
    double sse = 0.0;
    if (ols->sxx > 0.0)
        sse = ols->syy - ols->sxy / ols->sxx * ols->sxy;
    return t5_line_of(ols, sse > 0.0 ? sse : 0.0);
}

/* x of point i: the number, or the seconds since the first of the times. (Internal.) */
static inline double t5_fit_x(const double *x, const int64_t *times_ns, size_t i) {
    return x != NULL ? x[i] : (double)(times_ns[i] - times_ns[0]) / 1e9;
}

/* Two passes: means first, then sums and residuals about them. (Internal.) */
static inline t5_line t5_fit_any(const double *x, const int64_t *times_ns, const double *y,
                                 size_t count) {
    t5_ols ols;
    double sse = 0.0, slope;
    size_t i;
    t5_ols_init(&ols);
    for (i = 0; i < count; i++) {
        const double xi = t5_fit_x(x, times_ns, i);
        if (!isfinite(xi) || !isfinite(y[i]))
            continue;
        ols.count++;
        ols.mean_x += (xi - ols.mean_x) / (double)ols.count;
        ols.mean_y += (y[i] - ols.mean_y) / (double)ols.count;
    }
    for (i = 0; i < count; i++) {
        const double dx = t5_fit_x(x, times_ns, i) - ols.mean_x;
        const double dy = y[i] - ols.mean_y;
        if (!isfinite(dx) || !isfinite(dy))
            continue;
        ols.sxx += dx * dx;
        ols.sxy += dx * dy;
        ols.syy += dy * dy;
    }
    slope = ols.sxx > 0.0 ? ols.sxy / ols.sxx : 0.0;
    for (i = 0; i < count; i++) {
        const double dx = t5_fit_x(x, times_ns, i) - ols.mean_x;
        const double residual = y[i] - ols.mean_y - slope * dx;
        if (isfinite(residual))
            sse += residual * residual;
    }
    return t5_line_of(&ols, sse);
}

/* The line through `count` points. Points that are not finite are passed over. O(n). */
static inline t5_line t5_ols_fit(const double *x, const double *y, size_t count) {
    return t5_fit_any(x, NULL, y, count);
}

/* The line through points whose x are times (of a t5_window, say): seconds counted from times[0].
 * So the slope is in y per second and the intercept is the line's value at times[0]. O(n). */
static inline t5_line t5_ols_fit_times(const int64_t *times_ns, const double *y, size_t count) {
    return t5_fit_any(NULL, times_ns, y, count);
}

static inline void t5_ols_save(const t5_ols *ols, t5_bytes *out) {
    t5_bytes_put_u64(out, ols->count);
    t5_bytes_put_f64(out, ols->mean_x);
    t5_bytes_put_f64(out, ols->mean_y);
    t5_bytes_put_f64(out, ols->sxx);
    t5_bytes_put_f64(out, ols->sxy);
    t5_bytes_put_f64(out, ols->syy);
}

/* As t5_rolling_load(). */
static inline int32_t t5_ols_load(t5_ols *ols, t5_reader *in) {
    t5_ols fresh;
    fresh.count = t5_reader_u64(in);
    fresh.mean_x = t5_reader_f64(in);
    fresh.mean_y = t5_reader_f64(in);
    fresh.sxx = t5_reader_f64(in);
    fresh.sxy = t5_reader_f64(in);
    fresh.syy = t5_reader_f64(in);
    if (in->is_bad)
        return T5_ERROR;
    *ols = fresh;
    return T5_OK;
}

#ifdef __cplusplus
}
#endif

#endif
