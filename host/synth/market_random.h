/*
 * synth/market_random.h - seeded random numbers: xoshiro256++ (Blackman, Vigna, 2019), seeded
 * through splitmix64. The same on every machine.
 */
#ifndef TAKE5_SYNTH_MARKET_RANDOM_H
#define TAKE5_SYNTH_MARKET_RANDOM_H

#include <stdint.h>

struct market_random {
    uint64_t state[4];
};

static inline uint64_t market_random_mix(uint64_t *seed) {
    uint64_t z = (*seed += 0x9e3779b97f4a7c15ULL);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static inline void market_random_init(struct market_random *random, uint64_t seed) {
    for (int i = 0; i < 4; i++)
        random->state[i] = market_random_mix(&seed);
}

static inline uint64_t market_random_next(struct market_random *random) {
    uint64_t *s = random->state;
    uint64_t sum = s[0] + s[3];
    uint64_t result = (sum << 23 | sum >> 41) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

/* 0 <= x < 1 */
static inline double market_random_unit(struct market_random *random) {
    return (double)(market_random_next(random) >> 11) * 0x1p-53;
}

/* 0 <= x < bound; the bias of a small bound is below 2^-32. */
static inline uint32_t market_random_below(struct market_random *random, uint32_t bound) {
    return (uint32_t)(((market_random_next(random) >> 32) * bound) >> 32);
}

/* Mean 0, deviation 1, bell-shaped, within 3.5: the sum of four uniform 16-bit numbers. No libm, so
 * the same everywhere. */
static inline double market_random_bell(struct market_random *random) {
    uint64_t bits = market_random_next(random);
    double sum =
        (double)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
    return (sum - 4 * 32767.5) * (1.7320508075688772 / 65536);
}

#endif
