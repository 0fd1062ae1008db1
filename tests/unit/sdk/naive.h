/*
 * What the helpers are measured against: the same things done in the plainest way, and a random
 * sequence that is the same on every machine.
 */
#ifndef TESTS_SDK_NAIVE_H
#define TESTS_SDK_NAIVE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* splitmix64 */
static inline uint64_t next_random(uint64_t *seed) {
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t random_below(uint64_t *seed, uint64_t bound) {
    return next_random(seed) % bound;
}

/* 0 to 1, 1 excluded. */
static inline double random_unit(uint64_t *seed) {
    return (double)(next_random(seed) >> 11) * 0x1p-53;
}

static inline double naive_mean(const double *x, size_t count) {
    long double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i];
    return (double)(sum / (long double)count);
}

static inline double naive_variance(const double *x, size_t count) {
    long double mean = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        mean += x[i];
    mean /= (long double)count;
    for (size_t i = 0; i < count; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return (double)(sum / (long double)(count - 1));
}

static inline int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Equal to a relative error, for numbers that are not about zero. */
static inline int is_near(double a, double b, double relative) {
    return fabs(a - b) <= relative * fmax(fabs(a), fabs(b));
}

#endif
