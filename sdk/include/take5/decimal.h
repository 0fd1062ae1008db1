/*
 * take5/decimal.h - a double as decimal text, for JSON text and for logs.
 *
 *   char text[T5_DECIMAL_SIZE];
 *   size_t size = t5_decimal(text, 485.23);   "485.23", 6
 *
 * The text is the shortest that reads back as the same double, and of those the nearest, whatever
 * the locale; JSON takes it as a number. What is not finite, for which JSON has no number, becomes
 * "null". The host writes the named values of signals with the same function.
 *
 * Cost: about 30 ns a number, whichever; no allocation, no call of the C library. A file that uses
 * it has a table of 10 KB. A named value (signal.h) costs its copy instead, a few nanoseconds.
 *
 * After R. Giulietti, "The Schubfach way to render doubles" (2020): scaled by the power of ten that
 * makes the numbers which read as the double an interval longer than 1 and at most 10, that
 * interval has a multiple of 10 or else a whole number, which is what is written; 128 bits of the
 * power are enough to compare with the bounds.
 */
#ifndef TAKE5_DECIMAL_H
#define TAKE5_DECIMAL_H

#include "decimal_powers.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for any double and a NUL. */
#define T5_DECIMAL_SIZE 32

/* digits * 10^exponent; 0 or at most 17 digits, the last of them not 0. */
typedef struct t5_decimal_parts {
    uint64_t digits;
    int exponent;
} t5_decimal_parts;

/* The high half of a * b; its low half in `low`. */
static inline uint64_t t5_decimal_multiply_(uint64_t a, uint64_t b, uint64_t *low) {
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)a * b;
    *low = (uint64_t)product;
    return (uint64_t)(product >> 64);
}

/* power * c / 2^128, a fraction making the whole odd: so it compares as the exact one does. */
static inline uint64_t t5_decimal_scale_(const uint64_t *power, uint64_t c) {
    uint64_t low, ignored;
    const uint64_t carry = t5_decimal_multiply_(power[1], c, &ignored);
    uint64_t high = t5_decimal_multiply_(power[0], c, &low);
    low += carry;
    high += low < carry;
    return high | (low > 1);
}

/* For c * 2^q; `is_power` when the double below is nearer than the one above. */
static inline t5_decimal_parts t5_decimal_shortest_(uint64_t c, int q, int is_power) {
    t5_decimal_parts parts;
    /* floor(log10(2^q)), or of 3/4 of it; then h, which makes c's product end at bit 128. */
    const int k = (int)(((int64_t)q * 1262611 - (is_power ? 524031 : 0)) >> 22);
    const int h = q + (int)(((int64_t)-k * 1741647) >> 19) + 1;
    const uint64_t *power = t5_decimal_power_(-k);
    /* Four times the bounds and the number; the bounds count if c is even. */
    const uint64_t lower =
        t5_decimal_scale_(power, (4 * c - 2 + (uint64_t)is_power) << h) + (c & 1);
    const uint64_t number = t5_decimal_scale_(power, 4 * c << h);
    const uint64_t upper = t5_decimal_scale_(power, (4 * c + 2) << h) - (c & 1);
    const uint64_t whole = number / 4, tens = whole / 10;
    const int has_ten_below = lower <= 40 * tens, has_ten_above = 40 * tens + 40 <= upper;
    if (whole >= 10 && has_ten_below != has_ten_above) {
        parts.digits = tens + (uint64_t)has_ten_above;
        parts.exponent = k + 1;
        return parts;
    }
    const int has_below = lower <= 4 * whole, has_above = 4 * whole + 4 <= upper;
    const uint64_t middle = 4 * whole + 2;
    const int is_nearer_above = number > middle || (number == middle && (whole & 1) != 0);
    parts.digits = whole + (uint64_t)(has_below != has_above ? has_above : is_nearer_above);
    parts.exponent = k;
    return parts;
}

/* Without the zeros at the end of the digits, which are not 0. */
static inline t5_decimal_parts t5_decimal_strip_(t5_decimal_parts parts) {
    if (parts.digits % 100000000 == 0) {
        parts.digits /= 100000000;
        parts.exponent += 8;
    }
    if (parts.digits % 10000 == 0) {
        parts.digits /= 10000;
        parts.exponent += 4;
    }
    for (; parts.digits % 10 == 0; parts.digits /= 10)
        parts.exponent++;
    return parts;
}

/* The shortest decimal number that reads back as the finite double, without its sign. */
static inline t5_decimal_parts t5_decimal_take_apart(double number) {
    t5_decimal_parts parts = {0, 0};
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    const int exponent = (int)(bits >> 52 & 0x7ff);
    const uint64_t c = exponent != 0 ? fraction | UINT64_C(1) << 52 : fraction;
    const int q = exponent != 0 ? exponent - 1075 : -1074;
    if (c == 0)
        return parts;
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        parts.digits = c >> -q; /* a whole number */
    else
        parts = t5_decimal_shortest_(c, q, fraction == 0 && exponent > 1);
    return t5_decimal_strip_(parts);
}

/* Writes the digits so that they end at `end`; gives how many. */
static inline int t5_decimal_put_digits_(char *end, uint64_t digits) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char *to = end;
    while (digits >= 10) {
        memcpy(to -= 2, &pairs[digits % 100 * 2], 2);
        digits /= 100;
    }
    if (digits > 0 || to == end)
        *--to = (char)('0' + digits);
    return (int)(end - to);
}

/* With the point behind so many places: before, among or behind the digits. Gives the end. */
static inline char *t5_decimal_put_plain_(char *to, const char *digits, int count, int point) {
    if (point <= 0) {
        memcpy(to, "0.000", 5);
        to += 2 - point;
        memcpy(to, digits, (size_t)count);
        return to + count;
    }
    const int before = point < count ? point : count;
    memcpy(to, digits, (size_t)before);
    to += before;
    if (point >= count) {
        memset(to, '0', (size_t)(point - count));
        return to + (point - count);
    }
    *to++ = '.';
    memcpy(to, digits + before, (size_t)(count - before));
    return to + (count - before);
}

static inline char *t5_decimal_put_exponent_(char *to, const char *digits, int count,
                                             int exponent) {
    const int size = exponent < 0 ? -exponent : exponent;
    *to++ = digits[0];
    if (count > 1) {
        *to++ = '.';
        memcpy(to, digits + 1, (size_t)(count - 1));
        to += count - 1;
    }
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    if (size >= 100)
        *to++ = (char)('0' + size / 100);
    *to++ = (char)('0' + size / 10 % 10);
    *to++ = (char)('0' + size % 10);
    return to;
}

/* Writes the text and a NUL; gives its size without that. An exponent is written below 1e-4 and
 * from 1e15 on, unless there are as many digits as places before the point. */
static inline size_t t5_decimal(char text[T5_DECIMAL_SIZE], double number) {
    char buffer[24];
    char *to = text;
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    if ((bits >> 52 & 0x7ff) == 0x7ff) {
        memcpy(text, "null", 5);
        return 4;
    }
    const t5_decimal_parts parts = t5_decimal_take_apart(number);
    const int count = t5_decimal_put_digits_(buffer + sizeof buffer, parts.digits);
    const char *digits = buffer + sizeof buffer - count;
    const int point = count + parts.exponent; /* so many places stand before it */
    if (bits >> 63 != 0)
        *to++ = '-';
    if (point > -4 && (point <= 15 || point <= count))
        to = t5_decimal_put_plain_(to, digits, count, point);
    else
        to = t5_decimal_put_exponent_(to, digits, count, point - 1);
    *to = '\0';
    return (size_t)(to - text);
}

#ifdef __cplusplus
}
#endif

#endif
