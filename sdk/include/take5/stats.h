/*
 * take5/stats.h - running statistics over a stream of numbers.
 *
 *   t5_rolling   count, mean, variance of a window            O(1) amortised
 *   t5_extremes  smallest and largest of a window             O(1) amortised
 *   t5_ewma      exponentially weighted mean and variance     O(1)
 *   t5_sorted    exact quantiles of a window                  take5/quantile.h
 *   t5_p2        an estimated quantile of all numbers so far  take5/quantile.h
 *   t5_ols       a straight line through points               take5/line.h
 *
 * Where a number goes in with an `at`, that is a count of the caller's choice which never goes
 * back: the event time in ns for a window of time, or 0, 1, 2, ... for a window of numbers. The
 * caller says when the old end leaves:
 *
 *   t5_rolling_add(&rolling, message->event_time_ns, message->close);
 *   t5_rolling_expire(&rolling, message->event_time_ns - 30 * T5_MINUTE_NS);
 *
 * Values have whatever unit the caller gives them; means and extremes have the same, variances its
 * square. What does not exist (the mean of nothing) is NaN. Numbers that are not finite are not
 * taken (T5_REJECT), so one bad field does not poison a window.
 *
 * Everything has save and load, by take5/bytes.h. Those that allocate have release.
 * One of the helpers that are not part of the ABI: it is compiled into the strategy.
 */
#ifndef TAKE5_STATS_H
#define TAKE5_STATS_H

#include "bytes.h"
#include "line.h"
#include "quantile.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- count, mean and sum of squares: what the others are made of ---- */

/*
 * Count, mean, and sum of squared distances from the mean. Nothing is ever subtracted from a sum,
 * so there is no cancellation. Welford's recurrence (B. P. Welford, Technometrics 4(3), 1962):
 * m' = m + (x - m)/n, s' = s + (x - m)(x - m'). O(1).
 */
typedef struct t5_moments {
    uint64_t count;
    double mean; /* 0 while count is 0 */
    double m2;   /* sum of (x - mean)^2 */
} t5_moments;

static inline void t5_moments_init(t5_moments *moments) {
    moments->count = 0;
    moments->mean = 0.0;
    moments->m2 = 0.0;
}

static inline void t5_moments_add(t5_moments *moments, double x) {
    const double delta = x - moments->mean;
    moments->count++;
    moments->mean += delta / (double)moments->count;
    moments->m2 += delta * (x - moments->mean);
}

/*
 * The moments of both sets together. Chan, Golub and LeVeque (Stanford STAN-CS-79-773, 1979):
 * d = mb - ma, m = ma + d nb/n, s = sa + sb + d^2 na nb/n. O(1).
 */
static inline t5_moments t5_moments_merge(t5_moments a, t5_moments b) {
    t5_moments both;
    double delta, na, nb, n;
    if (a.count == 0)
        return b;
    if (b.count == 0)
        return a;
    na = (double)a.count;
    nb = (double)b.count;
    n = na + nb;
    delta = b.mean - a.mean;
    both.count = a.count + b.count;
    both.mean = a.mean + delta * (nb / n);
    both.m2 = a.m2 + b.m2 + delta * delta * (na * nb / n);
    return both;
}

/* NaN without a number. */
static inline double t5_moments_mean(t5_moments moments) {
    return moments.count > 0 ? moments.mean : (double)NAN;
}

/* Sample variance, sum of squares / (n - 1); NaN with fewer than 2 numbers. */
static inline double t5_moments_variance(t5_moments moments) {
    return moments.count > 1 ? moments.m2 / (double)(moments.count - 1) : (double)NAN;
}

/* ---- rings: what t5_rolling and t5_extremes keep their numbers in ---- */

/* Entries in the order of their coming, in a circle. Positions count up for ever and are taken
 * modulo the capacity. (Internal.) */
typedef struct t5_ring_entry {
    int64_t at;
    double x;
    double mean, m2; /* t5_rolling: moments of the numbers from here to the middle */
} t5_ring_entry;

typedef struct t5_ring {
    t5_ring_entry *entries;
    size_t capacity; /* 0 or a power of two */
    size_t head;     /* position of the oldest */
    size_t tail;     /* one behind the newest */
} t5_ring;

static inline t5_ring_entry *t5_ring_at(const t5_ring *ring, size_t position) {
    return &ring->entries[position & (ring->capacity - 1)];
}

/* Room for one more at the tail. 0: no memory, nothing changed. */
static inline int t5_ring_reserve(t5_ring *ring) {
    const size_t count = ring->tail - ring->head;
    const size_t capacity = ring->capacity > 0 ? 2 * ring->capacity : 8;
    t5_ring_entry *entries;
    size_t i;
    if (count < ring->capacity)
        return 1;
    if (capacity > SIZE_MAX / sizeof *entries)
        return 0;
    entries = (t5_ring_entry *)malloc(capacity * sizeof *entries);
    if (entries == NULL)
        return 0;
    for (i = 0; i < count; i++)
        entries[(ring->head + i) & (capacity - 1)] = *t5_ring_at(ring, ring->head + i);
    free(ring->entries);
    ring->entries = entries;
    ring->capacity = capacity;
    return 1;
}

/* ---- rolling count, mean and variance ---- */

/*
 * A window kept as two stacks, so that a number that leaves is never subtracted: the older ones
 * carry the moments from themselves to the middle, the newer ones are summed up as they come; the
 * window's moments are those two merged. When the older stack is used up, the newer one is walked
 * once from its end and becomes the older. (The queue made of two stacks is folklore; for
 * aggregates over windows see Tangwongsan, Hirzel, Schneider, DEBS 2017.)
 * The error does not grow with the number of updates. 32 bytes a number.
 */
typedef struct t5_rolling {
    t5_ring ring;
    size_t middle;    /* position: older stack before it, newer from it on */
    t5_moments newer; /* of the numbers from middle to tail */
} t5_rolling;

static inline void t5_rolling_init(t5_rolling *rolling) {
    memset(rolling, 0, sizeof *rolling);
    t5_moments_init(&rolling->newer);
}

static inline void t5_rolling_release(t5_rolling *rolling) {
    free(rolling->ring.entries);
    t5_rolling_init(rolling);
}

/* T5_OK; T5_REJECT: x is not finite, or `at` goes back; T5_ERROR: no memory. When it is not T5_OK
 * nothing changed. */
static inline int32_t t5_rolling_add(t5_rolling *rolling, int64_t at, double x) {
    t5_ring *ring = &rolling->ring;
    t5_ring_entry *entry;
    if (!isfinite(x) || (ring->tail != ring->head && at < t5_ring_at(ring, ring->tail - 1)->at))
        return T5_REJECT;
    if (!t5_ring_reserve(ring))
        return T5_ERROR;
    entry = t5_ring_at(ring, ring->tail++);
    entry->at = at;
    entry->x = x;
    entry->mean = 0.0;
    entry->m2 = 0.0;
    t5_moments_add(&rolling->newer, x);
    return T5_OK;
}

/* Drops the oldest number, if there is one. */
static inline void t5_rolling_drop(t5_rolling *rolling) {
    t5_ring *ring = &rolling->ring;
    if (ring->head == ring->tail)
        return;
    if (ring->head == rolling->middle) {
        t5_moments suffix;
        size_t position = ring->tail;
        t5_moments_init(&suffix);
        while (position != ring->head) {
            t5_ring_entry *entry = t5_ring_at(ring, --position);
            t5_moments_add(&suffix, entry->x);
            entry->mean = suffix.mean;
            entry->m2 = suffix.m2;
        }
        rolling->middle = ring->tail;
        t5_moments_init(&rolling->newer);
    }
    ring->head++;
}

/* Drops the numbers whose `at` is below `before`. */
static inline void t5_rolling_expire(t5_rolling *rolling, int64_t before) {
    const t5_ring *ring = &rolling->ring;
    while (ring->head != ring->tail && t5_ring_at(ring, ring->head)->at < before)
        t5_rolling_drop(rolling);
}

static inline size_t t5_rolling_count(const t5_rolling *rolling) {
    return rolling->ring.tail - rolling->ring.head;
}

static inline t5_moments t5_rolling_moments(const t5_rolling *rolling) {
    t5_moments older;
    t5_moments_init(&older);
    if (rolling->ring.head != rolling->middle) {
        const t5_ring_entry *entry = t5_ring_at(&rolling->ring, rolling->ring.head);
        older.count = rolling->middle - rolling->ring.head;
        older.mean = entry->mean;
        older.m2 = entry->m2;
    }
    return t5_moments_merge(older, rolling->newer);
}

/* NaN without a number. */
static inline double t5_rolling_mean(const t5_rolling *rolling) {
    return t5_moments_mean(t5_rolling_moments(rolling));
}

/* Sample variance (n - 1); NaN with fewer than 2 numbers. */
static inline double t5_rolling_variance(const t5_rolling *rolling) {
    return t5_moments_variance(t5_rolling_moments(rolling));
}

/* Also remembers where the middle is, so that what comes after a load is the same to the bit. */
static inline void t5_rolling_save(const t5_rolling *rolling, t5_bytes *out) {
    const t5_ring *ring = &rolling->ring;
    size_t position;
    t5_bytes_put_u64(out, ring->tail - ring->head);
    t5_bytes_put_u64(out, rolling->middle - ring->head);
    for (position = ring->head; position != ring->tail; position++) {
        const t5_ring_entry *entry = t5_ring_at(ring, position);
        t5_bytes_put_i64(out, entry->at);
        t5_bytes_put_f64(out, entry->x);
    }
    for (position = ring->head; position != rolling->middle; position++) {
        t5_bytes_put_f64(out, t5_ring_at(ring, position)->mean);
        t5_bytes_put_f64(out, t5_ring_at(ring, position)->m2);
    }
}

/* Replaces what is there. T5_ERROR: no memory, or the bytes are not what save wrote; then it is as
 * it was. */
static inline int32_t t5_rolling_load(t5_rolling *rolling, t5_reader *in) {
    const uint64_t count = t5_reader_u64(in);
    const uint64_t middle = t5_reader_u64(in);
    t5_rolling fresh;
    uint64_t i;
    int32_t code = T5_OK;
    t5_rolling_init(&fresh);
    if (in->is_bad || middle > count || count > in->left / 16)
        code = T5_ERROR;
    for (i = 0; code == T5_OK && i < count; i++) {
        const int64_t at = t5_reader_i64(in);
        const double x = t5_reader_f64(in);
        code = t5_rolling_add(&fresh, at, x);
        if (code == T5_OK && i + 1 == middle) {
            fresh.middle = fresh.ring.tail;
            t5_moments_init(&fresh.newer);
        }
    }
    for (i = 0; code == T5_OK && i < middle; i++) {
        t5_ring_entry *entry = t5_ring_at(&fresh.ring, fresh.ring.head + (size_t)i);
        entry->mean = t5_reader_f64(in);
        entry->m2 = t5_reader_f64(in);
    }
    if (code != T5_OK || in->is_bad) {
        in->is_bad = 1;
        t5_rolling_release(&fresh);
        return T5_ERROR;
    }
    t5_rolling_release(rolling);
    *rolling = fresh;
    return T5_OK;
}

/* ---- smallest and largest of a window ---- */

/*
 * Monotonic queues: each keeps only the numbers that can still become the extreme of the window,
 * in falling (or rising) order, so the extreme is always at the front. (Lemire, "Streaming maximum-
 * minimum filter using no more than three comparisons per element", 2006, has the analysis.)
 */
typedef struct t5_extremes {
    t5_ring low;  /* rising: its front is the smallest */
    t5_ring high; /* falling: its front is the largest */
} t5_extremes;

static inline void t5_extremes_init(t5_extremes *extremes) {
    memset(extremes, 0, sizeof *extremes);
}

static inline void t5_extremes_release(t5_extremes *extremes) {
    free(extremes->low.entries);
    free(extremes->high.entries);
    t5_extremes_init(extremes);
}

/* The newest `at` that is still known; 0 and false when there is none. (Internal.) */
static inline int t5_ring_newest(const t5_ring *ring, int64_t *at) {
    *at = ring->head != ring->tail ? t5_ring_at(ring, ring->tail - 1)->at : 0;
    return ring->head != ring->tail;
}

static inline void t5_ring_put(t5_ring *ring, int64_t at, double x) {
    t5_ring_entry *entry = t5_ring_at(ring, ring->tail++);
    entry->at = at;
    entry->x = x;
    entry->mean = 0.0;
    entry->m2 = 0.0;
}

/* Answers as t5_rolling_add(). */
static inline int32_t t5_extremes_add(t5_extremes *extremes, int64_t at, double x) {
    int64_t newest;
    if (!isfinite(x) || (t5_ring_newest(&extremes->low, &newest) && at < newest))
        return T5_REJECT;
    if (!t5_ring_reserve(&extremes->low) || !t5_ring_reserve(&extremes->high))
        return T5_ERROR;
    while (extremes->low.tail != extremes->low.head &&
           t5_ring_at(&extremes->low, extremes->low.tail - 1)->x >= x)
        extremes->low.tail--;
    while (extremes->high.tail != extremes->high.head &&
           t5_ring_at(&extremes->high, extremes->high.tail - 1)->x <= x)
        extremes->high.tail--;
    t5_ring_put(&extremes->low, at, x);
    t5_ring_put(&extremes->high, at, x);
    return T5_OK;
}

/* Drops the numbers whose `at` is below `before`. */
static inline void t5_extremes_expire(t5_extremes *extremes, int64_t before) {
    while (extremes->low.head != extremes->low.tail &&
           t5_ring_at(&extremes->low, extremes->low.head)->at < before)
        extremes->low.head++;
    while (extremes->high.head != extremes->high.tail &&
           t5_ring_at(&extremes->high, extremes->high.head)->at < before)
        extremes->high.head++;
}

/* NaN when the window is empty. */
static inline double t5_extremes_min(const t5_extremes *extremes) {
    return extremes->low.head != extremes->low.tail
               ? t5_ring_at(&extremes->low, extremes->low.head)->x
               : (double)NAN;
}

static inline double t5_extremes_max(const t5_extremes *extremes) {
    return extremes->high.head != extremes->high.tail
               ? t5_ring_at(&extremes->high, extremes->high.head)->x
               : (double)NAN;
}

static inline void t5_ring_save(const t5_ring *ring, t5_bytes *out) {
    size_t position;
    t5_bytes_put_u64(out, ring->tail - ring->head);
    for (position = ring->head; position != ring->tail; position++) {
        t5_bytes_put_i64(out, t5_ring_at(ring, position)->at);
        t5_bytes_put_f64(out, t5_ring_at(ring, position)->x);
    }
}

/* `direction` 1: values rise strictly, -1: they fall; times rise. (Internal.) */
static inline int32_t t5_ring_load(t5_ring *ring, t5_reader *in, int direction) {
    const uint64_t count = t5_reader_u64(in);
    uint64_t i;
    if (in->is_bad || count > in->left / 16)
        return T5_ERROR;
    for (i = 0; i < count; i++) {
        const int64_t at = t5_reader_i64(in);
        const double x = t5_reader_f64(in);
        const t5_ring_entry *last = i > 0 ? t5_ring_at(ring, ring->tail - 1) : NULL;
        if (!isfinite(x) ||
            (last != NULL && (at < last->at || (direction > 0 ? x <= last->x : x >= last->x))))
            return T5_ERROR;
        if (!t5_ring_reserve(ring))
            return T5_ERROR;
        t5_ring_put(ring, at, x);
    }
    return T5_OK;
}

static inline void t5_extremes_save(const t5_extremes *extremes, t5_bytes *out) {
    t5_ring_save(&extremes->low, out);
    t5_ring_save(&extremes->high, out);
}

/* As t5_rolling_load(). */
static inline int32_t t5_extremes_load(t5_extremes *extremes, t5_reader *in) {
    t5_extremes fresh;
    t5_extremes_init(&fresh);
    if (t5_ring_load(&fresh.low, in, 1) != T5_OK || t5_ring_load(&fresh.high, in, -1) != T5_OK) {
        in->is_bad = 1;
        t5_extremes_release(&fresh);
        return T5_ERROR;
    }
    t5_extremes_release(extremes);
    *extremes = fresh;
    return T5_OK;
}

/* ---- exponentially weighted mean and variance ---- */

/*
 * Each number weighs half of one that is a half-life newer; numbers of equal `at` weigh the same.
 * With w = 2^(-dt/half-life) the share of the past that is kept: W' = w W + 1, m' = m + (x - m)/W',
 * s' = w s + (x - m)(x - m'), variance s/W (D. H. D. West, Communications of the ACM 22(9), 1979,
 * with fading weights; what pandas calls adjust=True). The variance is that of the weighted
 * population. A flat struct.
 */
typedef struct t5_ewma {
    double half_life; /* in units of `at` */
    int64_t at;       /* of the newest number */
    double weight;    /* W: sum of all weights, 0 before the first number */
    double mean;
    double m2; /* weighted sum of squares about the mean */
} t5_ewma;

/* `half_life` above 0, in the units of `at`: nanoseconds or numbers. To have a given alpha with
 * `at` counting by one: half_life = -1 / log2(1 - alpha). */
static inline void t5_ewma_init(t5_ewma *ewma, double half_life) {
    memset(ewma, 0, sizeof *ewma);
    ewma->half_life = half_life;
}

/* T5_OK; T5_REJECT: x is not finite, or `at` goes back. O(1). */
static inline int32_t t5_ewma_add(t5_ewma *ewma, int64_t at, double x) {
    const int is_first = !(ewma->weight > 0.0);
    double kept = 0.0, delta;
    if (!isfinite(x) || (!is_first && at < ewma->at))
        return T5_REJECT;
    if (!is_first)
        kept = exp2(-(double)((uint64_t)at - (uint64_t)ewma->at) / ewma->half_life);
    delta = x - ewma->mean;
    ewma->at = at;
    ewma->weight = kept * ewma->weight + 1.0;
    ewma->mean += is_first ? delta : delta / ewma->weight;
    ewma->m2 = kept * ewma->m2 + delta * (x - ewma->mean);
    return T5_OK;
}

/* NaN before the first number. */
static inline double t5_ewma_mean(const t5_ewma *ewma) {
    return ewma->weight > 0.0 ? ewma->mean : (double)NAN;
}

/* 0 after one number, NaN before the first. */
static inline double t5_ewma_variance(const t5_ewma *ewma) {
    return ewma->weight > 0.0 ? ewma->m2 / ewma->weight : (double)NAN;
}

static inline void t5_ewma_save(const t5_ewma *ewma, t5_bytes *out) {
    t5_bytes_put_i64(out, ewma->at);
    t5_bytes_put_f64(out, ewma->weight);
    t5_bytes_put_f64(out, ewma->mean);
    t5_bytes_put_f64(out, ewma->m2);
}

/* As t5_rolling_load(); the half-life stays that of t5_ewma_init(), a parameter as a rule. */
static inline int32_t t5_ewma_load(t5_ewma *ewma, t5_reader *in) {
    t5_ewma fresh;
    fresh.half_life = ewma->half_life;
    fresh.at = t5_reader_i64(in);
    fresh.weight = t5_reader_f64(in);
    fresh.mean = t5_reader_f64(in);
    fresh.m2 = t5_reader_f64(in);
    if (in->is_bad || !(fresh.weight >= 0.0)) {
        in->is_bad = 1;
        return T5_ERROR;
    }
    *ewma = fresh;
    return T5_OK;
}

#ifdef __cplusplus
}
#endif

#endif
