#include "source/market_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAST_MIN  1e-9
#define FAST_MAX  1e9
#define MAX_POWER 25 /* 16 - floor(log10(FAST_MIN)) */

static const uint64_t five_powers[MAX_POWER + 1] = {1ULL,
                                                    5ULL,
                                                    25ULL,
                                                    125ULL,
                                                    625ULL,
                                                    3125ULL,
                                                    15625ULL,
                                                    78125ULL,
                                                    390625ULL,
                                                    1953125ULL,
                                                    9765625ULL,
                                                    48828125ULL,
                                                    244140625ULL,
                                                    1220703125ULL,
                                                    6103515625ULL,
                                                    30517578125ULL,
                                                    152587890625ULL,
                                                    762939453125ULL,
                                                    3814697265625ULL,
                                                    19073486328125ULL,
                                                    95367431640625ULL,
                                                    476837158203125ULL,
                                                    2384185791015625ULL,
                                                    11920928955078125ULL,
                                                    59604644775390625ULL,
                                                    298023223876953125ULL};

static const uint64_t ten_powers[20] = {1ULL,
                                        10ULL,
                                        100ULL,
                                        1000ULL,
                                        10000ULL,
                                        100000ULL,
                                        1000000ULL,
                                        10000000ULL,
                                        100000000ULL,
                                        1000000000ULL,
                                        10000000000ULL,
                                        100000000000ULL,
                                        1000000000000ULL,
                                        10000000000000ULL,
                                        100000000000000ULL,
                                        1000000000000000ULL,
                                        10000000000000000ULL,
                                        100000000000000000ULL,
                                        1000000000000000000ULL,
                                        10000000000000000000ULL};

static const double scale_limits[] = {1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1,
                                      1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8};

/* "00" to "99" */
static const char pairs[201] = "00010203040506070809101112131415161718192021222324"
                               "25262728293031323334353637383940414243444546474849"
                               "50515253545556575859606162636465666768697071727374"
                               "75767778798081828384858687888990919293949596979899";

static int digit_count(uint64_t number) {
    /* log10 by log2: 1233/4096 is close enough to log10(2) for 64 bits. */
    int guess = ((64 - __builtin_clzll(number | 1)) * 1233) >> 12;
    return guess + (number >= ten_powers[guess]);
}

static void put_fixed(char *to, uint64_t number, int count) {
    char *at = to + count;
    while (count >= 2) {
        at -= 2;
        memcpy(at, pairs + number % 100 * 2, 2);
        number /= 100;
        count -= 2;
    }
    if (count == 1)
        at[-1] = (char)('0' + number % 10);
}

char *market_number_put_digits(char *to, uint32_t number, int width) {
    put_fixed(to, number, width);
    return to + width;
}

char *market_number_put_integer(char *to, int64_t number) {
    uint64_t magnitude = (uint64_t)number;
    if (number < 0) {
        *to++ = '-';
        magnitude = 0 - magnitude;
    }
    int count = magnitude == 0 ? 1 : digit_count(magnitude);
    put_fixed(to, magnitude, count);
    return to + count;
}

/* digits * 10^exponent in Java's form. `digits` has no trailing zero. */
static char *put_decimal(char *to, uint64_t digits, int exponent) {
    int count = digit_count(digits);
    int point = count + exponent; /* value = 0.DIGITS * 10^point */
    if (point > 7 || point < -2) {
        char all[24] = {0};
        put_fixed(all, digits, count);
        *to++ = all[0];
        *to++ = '.';
        if (count > 1) {
            memcpy(to, all + 1, (size_t)count - 1);
            to += count - 1;
        } else {
            *to++ = '0';
        }
        *to++ = 'E';
        return market_number_put_integer(to, point - 1);
    }
    if (point <= 0) {
        memcpy(to, "0.000", 5);
        to += 2 - point;
        put_fixed(to, digits, count);
        return to + count;
    }
    if (exponent >= 0) {
        digits *= ten_powers[exponent];
        put_fixed(to, digits, point);
        memcpy(to + point, ".0", 2);
        return to + point + 2;
    }
    put_fixed(to, digits / ten_powers[-exponent], point);
    to += point;
    *to++ = '.';
    put_fixed(to, digits % ten_powers[-exponent], -exponent);
    return to - exponent;
}

/* Beyond the range that 128 bits hold: by trial. */
static char *put_slow(char *to, double number) {
    char text[40];
    int precision = 0;
    do {
        snprintf(text, sizeof text, "%.*e", precision, number);
        precision++;
    } while (precision < 17 && strtod(text, NULL) != number);
    uint64_t digits = 0;
    const char *at = text;
    for (; *at != 'e' && *at != '\0'; at++)
        if (*at >= '0' && *at <= '9')
            digits = digits * 10 + (uint64_t)(*at - '0');
    int exponent = *at == 'e' ? atoi(at + 1) : 0;
    return put_decimal(to, digits, exponent - (precision - 1));
}

/*
 * Shortest digits by exact arithmetic. With number = m * 2^e, the 17-digit scale is
 * m * 5^k * 2^(e+k); in this range 2m * 5^k fits into 128 bits, so the number and the ends of the
 * interval that rounds to it (half a unit of the last bit to either side) are exact. Digits are
 * then dropped as long as the interval still holds a multiple of the next power of ten.
 */
static char *put_shortest(char *to, double number, uint64_t bits) {
    uint64_t mantissa = (bits & ((1ULL << 52) - 1)) | 1ULL << 52;
    int e = (int)(bits >> 52 & 2047) - 1075;
    int scale = (((e + 52) * 1233) >> 12) + 9; /* floor(log10) + 9, or one less */
    if (scale < 0)
        scale = 0;
    if (scale < 17 && number >= scale_limits[scale + 1])
        scale++;
    int k = MAX_POWER - scale;
    int shift = 1 - e - k;
    uint64_t five = five_powers[k];
    unsigned __int128 middle = (unsigned __int128)(mantissa * 2) * five;
    uint64_t below = mantissa == 1ULL << 52 ? five / 2 : five; /* the gap halves at powers of 2 */
    uint64_t low = (uint64_t)((middle - below) >> shift) + 1;
    uint64_t high = (uint64_t)((middle + five) >> shift);
    uint64_t whole = (uint64_t)(middle >> shift);
    int dropped = 0;
    for (;;) {
        uint64_t next_low = (low + 9) / 10, next_high = high / 10;
        if (next_low > next_high)
            break;
        low = next_low;
        high = next_high;
        dropped++;
    }
    uint64_t digits;
    if (dropped == 0)
        digits = (uint64_t)((middle + ((unsigned __int128)1 << (shift - 1))) >> shift);
    else
        digits = (whole + ten_powers[dropped] / 2) / ten_powers[dropped];
    if (digits < low)
        digits = low;
    if (digits > high)
        digits = high;
    return put_decimal(to, digits, dropped - k);
}

char *market_number_put(char *to, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    if (bits >> 63) {
        *to++ = '-';
        number = -number;
        bits &= ~(1ULL << 63);
    }
    if (number == 0) {
        memcpy(to, "0.0", 3);
        return to + 3;
    }
    if (!(number >= FAST_MIN && number < FAST_MAX))
        return put_slow(to, number);
    /* Whole cents, as most prices are: a decimal of so few digits is the shortest. */
    uint64_t cents = (uint64_t)(number * 100 + 0.5);
    if (number >= 0.01 && number < 1e7 && (double)cents / 100 == number) {
        uint64_t units = cents / 100, rest = cents % 100;
        int count = units == 0 ? 1 : digit_count(units);
        put_fixed(to, units, count);
        to += count;
        *to++ = '.';
        memcpy(to, pairs + rest * 2, 2);
        return to + (rest % 10 == 0 ? 1 : 2);
    }
    return put_shortest(to, number, bits);
}
