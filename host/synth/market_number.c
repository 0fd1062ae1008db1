#include "synth/market_number.h"

#include <take5/decimal.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

char *market_number_put_digits(char *to, uint32_t number, int width) {
    for (int i = width; i > 0; number /= 10)
        to[--i] = (char)('0' + number % 10);
    return to + width;
}

char *market_number_put_integer(char *to, int64_t number) {
    char digits[20];
    size_t first = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        digits[--first] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        *to++ = '-';
    return mempcpy(to, digits + first, sizeof digits - first);
}

/* Java's form of 0.DIGITS * 10^point. */
static char *put_decimal(char *to, const char *digits, int count, int point) {
    const bool is_plain = point >= -2 && point <= 7;
    const int whole = !is_plain ? 1 : point > 0 ? point : 0;
    if (whole == 0)
        *to++ = '0';
    for (int i = 0; i < whole; i++)
        *to++ = i < count ? digits[i] : '0';
    *to++ = '.';
    for (int i = point; is_plain && i < 0; i++)
        *to++ = '0';
    if (count > whole)
        to = mempcpy(to, digits + whole, (size_t)(count - whole));
    else
        *to++ = '0';
    if (is_plain)
        return to;
    *to++ = 'E';
    return market_number_put_integer(to, point - 1);
}

char *market_number_put(char *to, double number) {
    const t5_decimal_parts parts = t5_decimal_take_apart(number);
    char digits[20];
    if (signbit(number))
        *to++ = '-';
    if (parts.digits == 0)
        return mempcpy(to, "0.0", 3);
    const int count = (int)(market_number_put_integer(digits, (int64_t)parts.digits) - digits);
    return put_decimal(to, digits, count, count + parts.exponent);
}
