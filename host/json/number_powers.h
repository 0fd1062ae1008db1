/*
 * json/number_powers.h - powers of five to 128 bits, for number.c. The room's own.
 *
 * number_powers[q - NUMBER_POWER_MIN] holds 5^q scaled by a power of two so that its top bit is
 * bit 127, and cut there: a product with it is never above the truth. Only for q from -27 to -1 it
 * is rounded up, so that the quotients that are exact come out exact (number.c tests for ties).
 * number_powers.py writes the table; the unit test computes it again with arithmetic of its own.
 */
#ifndef TAKE5_JSON_NUMBER_POWERS_H
#define TAKE5_JSON_NUMBER_POWERS_H

#include <stdint.h>

#define NUMBER_POWER_MIN (-342)
#define NUMBER_POWER_MAX 308

struct number_power {
    uint64_t high, low;
};

extern const struct number_power number_powers[NUMBER_POWER_MAX - NUMBER_POWER_MIN + 1];

#endif
