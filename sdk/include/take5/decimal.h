/*
 * take5/decimal.h - a double as decimal text, for a signal's data and for logs.
 *
 *   char text[T5_DECIMAL_SIZE];
 *   size_t size = t5_decimal(text, 485.23);   "485.23", 6
 *
 * The text is the shortest that reads back as the same double, whatever the locale; JSON takes it
 * as a number. What is not finite, for which JSON has no number, becomes "null".
 *
 * Cost: a number with up to 15 digits, such as a price, some tens of nanoseconds; another one or
 * two calls of snprintf(), some hundreds. No allocation.
 *
 * Why the first way is right: if r < 2^53 and 10^k <= 10^22, both are doubles without error, so r /
 * 10^k, rounded as IEEE 754 rounds, is the double nearest to the decimal r * 10^-k, and that is
 * what reading the text gives (W. D. Clinger, "How to read floating point numbers accurately",
 * 1990).
 */
#ifndef TAKE5_DECIMAL_H
#define TAKE5_DECIMAL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for any double and a NUL. */
#define T5_DECIMAL_SIZE 32

/* `digits` with a point before the last `decimals` of them. */
static inline size_t t5_decimal_put_(char *text, int is_negative, uint64_t digits,
                                     unsigned decimals) {
    char reversed[T5_DECIMAL_SIZE];
    size_t count = 0, size = 0;
    for (; count < decimals; digits /= 10)
        reversed[count++] = (char)('0' + digits % 10);
    if (decimals > 0)
        reversed[count++] = '.';
    do
        reversed[count++] = (char)('0' + digits % 10);
    while ((digits /= 10) > 0);
    if (is_negative)
        text[size++] = '-';
    while (count > 0)
        text[size++] = reversed[--count];
    text[size] = '\0';
    return size;
}

/* The decimal mark of the locale, which may be several bytes, becomes a point. */
static inline size_t t5_decimal_mend_(char *text) {
    char *mark = text + strspn(text, "-0123456789");
    const size_t mark_size = strcspn(mark, "+-e0123456789");
    if (*mark == '\0' || mark_size == 0)
        return strlen(text);
    *mark = '.';
    memmove(mark + 1, mark + mark_size, strlen(mark + mark_size) + 1);
    return strlen(text);
}

/* By the C library: the first number of digits that reads back. */
static inline size_t t5_decimal_slow_(char *text, double number, int digits) {
    for (; digits < 17; digits++) {
        (void)snprintf(text, T5_DECIMAL_SIZE, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            return t5_decimal_mend_(text);
    }
    (void)snprintf(text, T5_DECIMAL_SIZE, "%.17g", number);
    return t5_decimal_mend_(text);
}

/* Writes the text and a NUL; gives its size without that. */
static inline size_t t5_decimal(char text[T5_DECIMAL_SIZE], double number) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9, 1e10,
                                    1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20};
    const double size = fabs(number);
    if (!isfinite(number)) {
        memcpy(text, "null", 5);
        return 4;
    }
    if (!(size >= 1e-4 && size < 1e15) && size != 0) /* subnormals have fewer digits than 15 */
        return t5_decimal_slow_(text, number, isnormal(number) ? 15 : 1);
    for (unsigned k = 0; k < sizeof powers / sizeof *powers && size * powers[k] < 1e15; k++) {
        const uint64_t digits = (uint64_t)(size * powers[k] + 0.5);
        if ((double)digits / powers[k] == size)
            return t5_decimal_put_(text, signbit(number) != 0, digits, k);
    }
    return t5_decimal_slow_(text, number, 16); /* any text of 15 was found above */
}

#ifdef __cplusplus
}
#endif

#endif
