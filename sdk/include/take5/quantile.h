/*
 * take5/quantile.h - quantiles: exact over a window, or estimated over a whole stream.
 *
 *   t5_sorted  the numbers of a window in order: exact     O(log n) and a move
 *   t5_p2      five markers, whatever the stream's length   O(1)
 *
 * Part of take5/stats.h, which says what they have in common. The median of the last 100 closes:
 *
 *   t5_sorted_add(&sorted, close);
 *   if (sorted.count > 100)
 *       t5_sorted_remove(&sorted, close_that_leaves);
 *   median = t5_sorted_quantile(&sorted, 0.5);
 */
#ifndef TAKE5_QUANTILE_H
#define TAKE5_QUANTILE_H

#include "bytes.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- exact quantiles ---- */

/* The numbers of a window in rising order. The caller adds what comes and removes what leaves. */
typedef struct t5_sorted {
    double *values;
    size_t count;
    size_t capacity;
} t5_sorted;

static inline void t5_sorted_init(t5_sorted *sorted) {
    memset(sorted, 0, sizeof *sorted);
}

static inline void t5_sorted_release(t5_sorted *sorted) {
    free(sorted->values);
    t5_sorted_init(sorted);
}

/* Index of the first value that is not below x. O(log n). */
static inline size_t t5_sorted_place(const t5_sorted *sorted, double x) {
    size_t low = 0, high = sorted->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sorted->values[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* O(log n) to find the place, and a move of what is larger. T5_OK; T5_REJECT: x is not finite;
 * T5_ERROR: no memory. */
static inline int32_t t5_sorted_add(t5_sorted *sorted, double x) {
    size_t place;
    if (!isfinite(x))
        return T5_REJECT;
    if (sorted->count == sorted->capacity) {
        const size_t capacity = sorted->capacity > 0 ? 2 * sorted->capacity : 16;
        double *values = NULL;
        if (capacity <= SIZE_MAX / sizeof *values)
            values = (double *)realloc(sorted->values, capacity * sizeof *values);
        if (values == NULL)
            return T5_ERROR;
        sorted->values = values;
        sorted->capacity = capacity;
    }
    place = t5_sorted_place(sorted, x);
    memmove(sorted->values + place + 1, sorted->values + place,
            (sorted->count - place) * sizeof(double));
    sorted->values[place] = x;
    sorted->count++;
    return T5_OK;
}

/* Removes one number that equals x. T5_END: there is none. Cost as t5_sorted_add(). */
static inline int32_t t5_sorted_remove(t5_sorted *sorted, double x) {
    const size_t place = t5_sorted_place(sorted, x);
    if (place == sorted->count || sorted->values[place] > x || !isfinite(x))
        return T5_END;
    sorted->count--;
    memmove(sorted->values + place, sorted->values + place + 1,
            (sorted->count - place) * sizeof(double));
    return T5_OK;
}

/*
 * The quantile p (0 to 1): with h = p (n - 1), the value between the numbers floor(h) and
 * floor(h) + 1 in rising order, in proportion (type 7 of Hyndman and Fan, The American Statistician
 * 50(4), 1996; what numpy and R do by default). NaN without a number or with p outside. O(1).
 */
static inline double t5_sorted_quantile(const t5_sorted *sorted, double p) {
    double h, below;
    size_t i;
    if (sorted->count == 0 || !(p >= 0.0 && p <= 1.0))
        return (double)NAN;
    h = p * (double)(sorted->count - 1);
    i = (size_t)h;
    below = sorted->values[i];
    return i + 1 < sorted->count ? below + (h - (double)i) * (sorted->values[i + 1] - below)
                                 : below;
}

static inline void t5_sorted_save(const t5_sorted *sorted, t5_bytes *out) {
    size_t i;
    t5_bytes_put_u64(out, sorted->count);
    for (i = 0; i < sorted->count; i++)
        t5_bytes_put_f64(out, sorted->values[i]);
}

/* As t5_rolling_load(). */
static inline int32_t t5_sorted_load(t5_sorted *sorted, t5_reader *in) {
    const uint64_t count = t5_reader_u64(in);
    t5_sorted fresh;
    uint64_t i;
    int32_t code = in->is_bad || count > in->left / 8 ? T5_ERROR : T5_OK;
    t5_sorted_init(&fresh);
    for (i = 0; code == T5_OK && i < count; i++) {
        const double x = t5_reader_f64(in);
        code = i > 0 && x < fresh.values[i - 1] ? T5_ERROR : t5_sorted_add(&fresh, x);
    }
    if (code != T5_OK) {
        in->is_bad = 1;
        t5_sorted_release(&fresh);
        return T5_ERROR;
    }
    t5_sorted_release(sorted);
    *sorted = fresh;
    return T5_OK;
}

/* ---- an estimated quantile without keeping the numbers ---- */

/*
 * The P-square algorithm (R. Jain, I. Chlamtac, Communications of the ACM 28(10), 1985): five
 * markers at the minimum, p/2, p, (1+p)/2 and the maximum, moved along a parabola. Exact up to five
 * numbers. A flat struct: copy it as you like.
 */
typedef struct t5_p2 {
    double p;
    uint64_t count;
    double height[5];   /* q: values at the markers */
    double position[5]; /* n: their places among all numbers, from 1 */
    double wanted[5];   /* n': where they should be */
} t5_p2;

/* `p` between 0 and 1, both excluded. */
static inline void t5_p2_init(t5_p2 *p2, double p) {
    memset(p2, 0, sizeof *p2);
    p2->p = p;
}

/* The parabolic prediction for marker i when it moves by d (+1 or -1), or the linear one when the
 * parabola leaves the neighbours. (Internal.) */
static inline double t5_p2_moved(const t5_p2 *p2, int i, double d) {
    const double *q = p2->height, *n = p2->position;
    const int to = d > 0 ? i + 1 : i - 1;
    const double parabola =
        q[i] + d / (n[i + 1] - n[i - 1]) *
                   ((n[i] - n[i - 1] + d) * (q[i + 1] - q[i]) / (n[i + 1] - n[i]) +
                    (n[i + 1] - n[i] - d) * (q[i] - q[i - 1]) / (n[i] - n[i - 1]));
    if (q[i - 1] < parabola && parabola < q[i + 1])
        return parabola;
    return q[i] + d * (q[to] - q[i]) / (n[to] - n[i]);
}

/* Puts x among the first five numbers, in rising order. (Internal.) */
static inline void t5_p2_begin(t5_p2 *p2, double x) {
    int i = (int)p2->count;
    for (; i > 0 && p2->height[i - 1] > x; i--)
        p2->height[i] = p2->height[i - 1];
    p2->height[i] = x;
    if (++p2->count < 5)
        return;
    for (i = 0; i < 5; i++)
        p2->position[i] = i + 1;
    p2->wanted[0] = 1;
    p2->wanted[1] = 1 + 2 * p2->p;
    p2->wanted[2] = 1 + 4 * p2->p;
    p2->wanted[3] = 3 + 2 * p2->p;
    p2->wanted[4] = 5;
}

/* T5_OK; T5_REJECT: x is not finite. O(1). */
static inline int32_t t5_p2_add(t5_p2 *p2, double x) {
    int cell, i;
    if (!isfinite(x))
        return T5_REJECT;
    if (p2->count < 5) {
        t5_p2_begin(p2, x);
        return T5_OK;
    }
    if (x < p2->height[0])
        p2->height[0] = x;
    if (x > p2->height[4])
        p2->height[4] = x;
    for (cell = 0; cell < 3 && x >= p2->height[cell + 1]; cell++)
        ;
    for (i = cell + 1; i < 5; i++)
        p2->position[i] += 1;
    p2->wanted[1] += p2->p / 2;
    p2->wanted[2] += p2->p;
    p2->wanted[3] += (1 + p2->p) / 2;
    p2->wanted[4] += 1;
    for (i = 1; i < 4; i++) {
        const double off = p2->wanted[i] - p2->position[i];
        const double up = p2->position[i + 1] - p2->position[i];
        const double down = p2->position[i - 1] - p2->position[i];
        if ((off >= 1 && up > 1) || (off <= -1 && down < -1)) {
            const double d = off > 0 ? 1 : -1;
            p2->height[i] = t5_p2_moved(p2, i, d);
            p2->position[i] += d;
        }
    }
    p2->count++;
    return T5_OK;
}

/* The estimate; NaN without a number. O(1). */
static inline double t5_p2_quantile(const t5_p2 *p2) {
    double h;
    size_t i;
    if (p2->count == 0)
        return (double)NAN;
    if (p2->count > 5)
        return p2->height[2];
    h = p2->p * (double)(p2->count - 1);
    i = (size_t)h;
    return i + 1 < p2->count ? p2->height[i] + (h - (double)i) * (p2->height[i + 1] - p2->height[i])
                             : p2->height[i];
}

static inline void t5_p2_save(const t5_p2 *p2, t5_bytes *out) {
    int i;
    t5_bytes_put_f64(out, p2->p);
    t5_bytes_put_u64(out, p2->count);
    for (i = 0; i < 5; i++) {
        t5_bytes_put_f64(out, p2->height[i]);
        t5_bytes_put_f64(out, p2->position[i]);
        t5_bytes_put_f64(out, p2->wanted[i]);
    }
}

/* As t5_rolling_load(). The saved p stays in force. */
static inline int32_t t5_p2_load(t5_p2 *p2, t5_reader *in) {
    t5_p2 fresh;
    int i;
    fresh.p = t5_reader_f64(in);
    fresh.count = t5_reader_u64(in);
    for (i = 0; i < 5; i++) {
        fresh.height[i] = t5_reader_f64(in);
        fresh.position[i] = t5_reader_f64(in);
        fresh.wanted[i] = t5_reader_f64(in);
    }
    if (in->is_bad || !(fresh.p > 0.0 && fresh.p < 1.0)) {
        in->is_bad = 1;
        return T5_ERROR;
    }
    *p2 = fresh;
    return T5_OK;
}

#ifdef __cplusplus
}
#endif

#endif
