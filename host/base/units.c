#include "base/units.h"

#include "base/clock.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* From large to small: format_duration takes the first that divides. */
static const struct unit duration_units[] = {
    {"d", 86400 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"s", NS_PER_S},
    {"ms", NS_PER_MS},
    {"us", NS_PER_US},
    {"ns", 1},
};
#define DURATION_UNIT_COUNT (sizeof duration_units / sizeof duration_units[0])

static const struct unit size_units[] = {
    {"", 1},          {"B", 1},     {"KiB", 1024},   {"MiB", 1 << 20},
    {"GiB", 1 << 30}, {"KB", 1000}, {"MB", 1000000}, {"GB", 1000000000},
};
#define SIZE_UNIT_COUNT (sizeof size_units / sizeof size_units[0])

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* A decimal number: whole × 10^-places. */
struct decimal {
    int64_t digits;
    int places;
};

/* Reads digits with at most one fraction, and gives where they end; NULL when there are none or too
 * many for 64 bits. */
static const char *read_decimal(const char *text, struct decimal *decimal) {
    *decimal = (struct decimal){0};
    if (!is_digit(*text))
        return NULL;
    bool has_point = false;
    for (; is_digit(*text) || (*text == '.' && !has_point); text++) {
        if (*text == '.') {
            has_point = true;
            if (!is_digit(text[1]))
                return NULL;
            continue;
        }
        if (__builtin_mul_overflow(decimal->digits, 10, &decimal->digits) ||
            __builtin_add_overflow(decimal->digits, *text - '0', &decimal->digits))
            return NULL;
        decimal->places += has_point ? 1 : 0;
    }
    return text;
}

/* decimal × factor, when that is a whole number of 64 bits. */
static bool scale(struct decimal decimal, int64_t factor, int64_t *value) {
    __int128 product = (__int128)decimal.digits * factor;
    for (int i = 0; i < decimal.places; i++) {
        if (product % 10 != 0)
            return false;
        product /= 10;
    }
    if (product > INT64_MAX)
        return false;
    *value = (int64_t)product;
    return true;
}

bool parse_duration_ns(const char *text, int64_t *duration_ns) {
    struct decimal decimal;
    const char *unit = read_decimal(text, &decimal);
    if (unit == NULL)
        return false;
    if (*unit == '\0' && decimal.digits == 0) {
        *duration_ns = 0;
        return true;
    }
    for (size_t i = 0; i < DURATION_UNIT_COUNT; i++)
        if (strcmp(unit, duration_units[i].name) == 0)
            return scale(decimal, duration_units[i].factor, duration_ns);
    return false;
}

bool parse_size(const char *text, int64_t *bytes) {
    struct decimal decimal;
    const char *unit = read_decimal(text, &decimal);
    if (unit == NULL)
        return false;
    for (size_t i = 0; i < SIZE_UNIT_COUNT; i++)
        if (strcasecmp(unit, size_units[i].name) == 0)
            return scale(decimal, size_units[i].factor, bytes);
    return false;
}

bool parse_boolean(const char *text, bool *value) {
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(text, yes[i]) == 0) {
            *value = true;
            return true;
        }
        if (strcasecmp(text, no[i]) == 0) {
            *value = false;
            return true;
        }
    }
    return false;
}

bool parse_integer(const char *text, int64_t *value) {
    bool is_negative = *text == '-';
    if (is_negative)
        text++;
    if (*text == '\0')
        return false;
    int64_t result = 0;
    for (; *text != '\0'; text++) {
        if (!is_digit(*text) || __builtin_mul_overflow(result, 10, &result))
            return false;
        int64_t digit = *text - '0';
        bool is_over = is_negative ? __builtin_sub_overflow(result, digit, &result)
                                   : __builtin_add_overflow(result, digit, &result);
        if (is_over)
            return false;
    }
    *value = result;
    return true;
}

/* Whether the whole text is [-+]digits[.digits][e[-+]digits], one of both digits present: strtod
 * alone takes blanks, hexadecimal, "inf" and "nan" too. */
static bool is_number(const char *text) {
    if (*text == '-' || *text == '+')
        text++;
    size_t whole = strspn(text, "0123456789");
    text += whole;
    size_t fraction = 0;
    if (*text == '.') {
        fraction = strspn(++text, "0123456789");
        text += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '-' || *text == '+')
            text++;
        size_t exponent = strspn(text, "0123456789");
        if (exponent == 0)
            return false;
        text += exponent;
    }
    return *text == '\0';
}

bool parse_number(const char *text, double *value) {
    if (!is_number(text))
        return false;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0)
        return false;
    double number = strtod_l(text, NULL, c_locale);
    freelocale(c_locale);
    if (!isfinite(number))
        return false;
    *value = number;
    return true;
}

void format_duration(int64_t duration_ns, char *buffer, size_t size) {
    if (duration_ns == 0) {
        snprintf(buffer, size, "0");
        return;
    }
    size_t i = 0;
    while (duration_ns % duration_units[i].factor != 0) /* the last divides all */
        i++;
    snprintf(buffer, size, "%lld%s", (long long)(duration_ns / duration_units[i].factor),
             duration_units[i].name);
}
