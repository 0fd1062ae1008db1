/*
 * json/number.h - decimal text to the nearest double.
 */
#ifndef TAKE5_JSON_NUMBER_H
#define TAKE5_JSON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Clinger's exact case: up to so many digits and an exponent within -22..22 are both exact as
 * doubles, so that their product or quotient is rounded once. */
#define NUMBER_EXACT_DIGITS (UINT64_C(1) << 53)
#define NUMBER_EXACT_POWER  22
extern const double number_exact_powers[NUMBER_EXACT_POWER + 1];

/*
 * The double nearest to (-1)^is_negative * digits * 10^exponent, ties to even, where `digits` holds
 * all significant digits of the text [begin, end), or its first 19 when `is_truncated`.
 * [begin, end) must be an RFC 8259 number; it is read only in the rare cases that the fast paths
 * (Clinger's exact case; Eisel-Lemire with 128-bit products) do not settle, through strtod, on a
 * text that reads the same in every locale. Gives infinity when it is beyond the range of doubles.
 */
double number_from_decimal(uint64_t digits, int32_t exponent, bool is_negative, bool is_truncated,
                           const char *begin, const char *end);

#endif
