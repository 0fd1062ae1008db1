#include "json/number_scan.h"

#include "json/number.h"

#include <math.h>
#include <string.h>

/* More than any exponent that can still matter: a message has far fewer digits. */
#define EXPONENT_LIMIT      1000000000
/* "e99" on so many digits is still below 1e308. */
#define RANGE_SAFE_EXPONENT 3
#define RANGE_SAFE_DIGITS   200

static const char *digits_skip(const char *p) {
    while (number_is_digit(*p))
        p++;
    return p;
}

/* From the 'e' of a number to its end. */
static const char *number_skip_exponent(struct scan *scan, const char *p) {
    p++;
    if (*p == '+' || *p == '-')
        p++;
    if (!number_is_digit(*p))
        return scan_fail_grammar(scan, p, "expected a digit in a number's exponent");
    return digits_skip(p);
}

/* A number that nobody wants may be beyond the range of doubles all the same: when its exponent or
 * its digits are many enough for that, it is read to find out. */
static const char *check_range(struct scan *scan, const char *begin, const char *mantissa_end,
                               const char *end) {
    const bool is_large = end - mantissa_end > RANGE_SAFE_EXPONENT && mantissa_end[1] != '-';
    if (!is_large && mantissa_end - begin <= RANGE_SAFE_DIGITS)
        return end;
    t5_value value;
    return number_read_any(scan, begin, &value);
}

/* From the mark of a number's exponent, if there is one, to its end. Apart, so that the usual
 * number needs no frame. */
static __attribute__((noinline)) const char *skip_rest(struct scan *scan, const char *begin,
                                                       const char *mark) {
    const char *end = mark;
    if ((*mark | 0x20) == 'e')
        end = number_skip_exponent(scan, mark);
    return end != NULL ? check_range(scan, begin, mark, end) : NULL;
}

static __attribute__((noinline)) const char *skip_any(struct scan *scan, const char *p) {
    const char *begin = p;
    if (*p == '-')
        p++;
    if (*p == '0' && number_is_digit(p[1]))
        return scan_fail_grammar(scan, p, "a number with a leading zero");
    p = digits_skip(p);
    if (*p == '.') {
        p++;
        if (!number_is_digit(*p))
            return scan_fail_grammar(scan, p, "expected a digit after a number's point");
        p = digits_skip(p);
    }
    return skip_rest(scan, begin, p);
}

const char *number_skip(struct scan *scan, const char *p) {
#ifdef BLOCK_SIMD
    const char *first = p;
    struct number_shape shape;
    if (__builtin_expect(*p == '-', 0)) /* a guess: what comes next need not wait for it */
        first++;
    if (scan->end - first > NUMBER_NEAR && number_measure(first, &shape)) {
        first += shape.size;
        return (*first | 0x20) == 'e' ? skip_rest(scan, p, first) : first;
    }
#endif
    return skip_any(scan, p);
}

/* The text's parts, once the grammar is settled. */
struct parts {
    const char *begin;
    const char *integer; /* first digit */
    const char *point;   /* behind the last digit before the point */
    const char *fraction;
    const char *mantissa_end; /* behind the last digit before the exponent */
    const char *end;
};

static int32_t exponent_read(const char *p, const char *end) {
    if (p == end)
        return 0;
    p++;
    const bool is_negative = *p == '-';
    if (!number_is_digit(*p))
        p++;
    int32_t exponent = 0;
    for (; p < end; p++)
        if (exponent < EXPONENT_LIMIT / 10)
            exponent = exponent * 10 + (*p - '0');
        else
            exponent = EXPONENT_LIMIT;
    return is_negative ? -exponent : exponent;
}

/* The first 19 significant digits, however many there are. */
static void many_digits(const struct parts *parts, uint64_t *digits, int32_t *exponent,
                        bool *is_truncated) {
    uint64_t value = 0;
    int32_t taken = 0;
    int64_t dropped = 0; /* digits before the point that are not in `value` */
    int64_t behind = 0;  /* digits behind the point that are */
    bool is_cut = false;
    for (const char *p = parts->integer; p < parts->mantissa_end; p++) {
        if (p == parts->point)
            continue;
        const uint64_t digit = (uint64_t)(*p - '0');
        const bool is_fraction = p > parts->point;
        if (taken < 19) {
            value = value * 10 + digit;
            taken += value != 0;
            behind += is_fraction;
        } else {
            is_cut = is_cut || digit != 0;
            dropped += !is_fraction;
        }
    }
    *digits = value;
    *is_truncated = is_cut;
    *exponent = (int32_t)(dropped - behind);
}

/* -[0-9]+ to 64 bits; false when it does not fit. */
static bool integer_fits(const struct parts *parts, uint64_t digits, bool is_negative,
                         t5_value *value) {
    const size_t count = (size_t)(parts->mantissa_end - parts->integer);
    const uint64_t limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
    if (count > 19 || digits > limit) /* 19 digits never wrap 64 bits */
        return false;
    value->type = T5_VALUE_INTEGER;
    value->integer = (int64_t)(is_negative ? -digits : digits);
    value->number = (double)value->integer;
    if (digits == 0 && is_negative)
        value->number = -0.0;
    return true;
}

/* What is beyond the range of doubles is no number. */
static const char *settle_range(struct scan *scan, const char *begin, const char *end,
                                t5_value *value) {
    if (isfinite(value->number))
        return end;
    *value = (t5_value){T5_VALUE_MISSING, 0, 0, (double)NAN, 0, NULL};
    return scan_beyond_range(scan, begin, end);
}

const char *number_read_any(struct scan *scan, const char *p, t5_value *value) {
    struct parts parts = {.begin = p};
    const bool is_negative = *p == '-';
    if (is_negative)
        p++;
    parts.integer = p;
    if (*p == '0' && number_is_digit(p[1]))
        return scan_fail_grammar(scan, p, "a number with a leading zero");
    uint64_t digits = 0;
    for (; number_is_digit(*p); p++)
        digits = digits * 10 + (uint64_t)(*p - '0');
    parts.point = p;
    parts.fraction = p;
    if (*p == '.') {
        p++;
        parts.fraction = p;
        if (!number_is_digit(*p))
            return scan_fail_grammar(scan, p, "expected a digit after a number's point");
        for (; number_is_digit(*p); p++)
            digits = digits * 10 + (uint64_t)(*p - '0');
    }
    parts.mantissa_end = p;
    if (*p == 'e' || *p == 'E') {
        p = number_skip_exponent(scan, p);
        if (p == NULL)
            return NULL;
    }
    parts.end = p;

    *value = (t5_value){.type = T5_VALUE_NUMBER};
    const bool is_integer = parts.point == parts.end;
    if (is_integer && integer_fits(&parts, digits, is_negative, value))
        return p;
    value->flags = is_integer ? T5_VALUE_ROUNDED : 0;

    int32_t exponent = -(int32_t)(parts.mantissa_end - parts.fraction);
    bool is_truncated = false;
    const size_t count =
        (size_t)(parts.mantissa_end - parts.integer) - (parts.fraction > parts.point);
    if (count > 19)
        many_digits(&parts, &digits, &exponent, &is_truncated);
    exponent += exponent_read(parts.mantissa_end, parts.end);
    value->number =
        number_from_decimal(digits, exponent, is_negative, is_truncated, parts.begin, parts.end);
    return settle_range(scan, parts.begin, p, value);
}

#ifdef BLOCK_SIMD
const char *number_read_product(const char *begin, const char *end, uint64_t digits,
                                int32_t exponent, t5_value *value) {
    number_put(value, T5_VALUE_NUMBER, 0,
               number_from_decimal(digits, exponent, *begin == '-', false, begin, end));
    return end;
}

const char *number_read_exponent(struct scan *scan, const char *begin, const char *mark,
                                 uint64_t digits, int32_t exponent, t5_value *value) {
    const char *end = number_skip_exponent(scan, mark);
    if (end == NULL)
        return NULL;
    number_read_product(begin, end, digits, exponent + exponent_read(mark, end), value);
    return settle_range(scan, begin, end, value);
}

const char *number_read_last(struct scan *scan, const char *begin, t5_value *value) {
    char copy[2 * NUMBER_NEAR] = {0};
    const size_t size = (size_t)(scan->end - begin);
    memcpy(copy, begin, size);
    struct scan rest = *scan;
    rest.end = copy + size;
    const char *p = number_read_near(&rest, copy, value);
    scan->has_non_finite = rest.has_non_finite;
    if (p != NULL)
        return begin + (p - copy);
    return scan_fail(scan, begin + (rest.at - copy), rest.reason, rest.what);
}
#endif
