#include "message/number_scan.h"

#include "message/block.h"
#include "message/number.h"

#include <math.h>
#include <string.h>

/* More than any exponent that can still matter: a message has far fewer digits. */
#define EXPONENT_LIMIT 1000000000

static const char *digits_skip(const char *p) {
    while (number_is_digit(*p))
        p++;
    return p;
}

static const char *exponent_skip(struct scan *scan, const char *p) {
    p++;
    if (*p == '+' || *p == '-')
        p++;
    if (!number_is_digit(*p))
        return scan_fail_grammar(scan, p, "expected a digit in a number's exponent");
    return digits_skip(p);
}

#ifdef BLOCK_SIMD

/* Bytes from a number's first digit on that must be there for the fast way to read. */
#define NEAR_BEHIND 40

/* Where the parts of a number end. */
struct shape {
    uint32_t whole;    /* digits before the point */
    uint32_t fraction; /* digits behind it */
    uint32_t size;     /* of both, with the point */
};

/*
 * Measures a number without its sign by a mask of which of 32 bytes are digits: without a loop,
 * whose end the processor would have to guess. False for what is too long or wrong: the byte by
 * byte way finds out.
 */
static inline bool measure(const char *p, struct shape *shape) {
    const uint64_t others = ~(block_digits(p) | (uint64_t)block_digits(p + 16) << 16);
    const uint32_t whole = (uint32_t)__builtin_ctzll(others);
    uint32_t fraction = 0;
    uint32_t size = whole;
    if (p[whole] == '.') {
        fraction = (uint32_t)__builtin_ctzll(others >> (whole + 1));
        size = whole + 1 + fraction;
        if (fraction == 0)
            return false;
    }
    *shape = (struct shape){whole, fraction, size};
    return size < 32 && (*p != '0' || whole == 1);
}

/* Eight digits as a number. The first is in the lowest byte; their ASCII part is gone. */
static inline uint64_t eight_digits(uint64_t bytes) {
    const uint64_t pairs = bytes * 10 + (bytes >> 8); /* in bytes 0, 2, 4, 6 */
    const uint64_t mask = UINT64_C(0x000000FF000000FF);
    const uint64_t outer = (pairs & mask) * UINT64_C(0x000F424000000064);
    const uint64_t inner = ((pairs >> 16) & mask) * UINT64_C(0x0000271000000001);
    return (outer + inner) >> 32;
}

/* The first 1 to 8 of these digits: shifted up, they get zeros before them. */
static inline uint64_t few_digits(uint64_t bytes, uint32_t count) {
    return eight_digits(bytes << (64 - 8 * count));
}

/* Eight bytes without what makes digits ASCII. */
static inline uint64_t load_digits(const char *p) {
    return block_load(p) ^ UINT64_C(0x3030303030303030);
}

static const uint64_t powers_of_ten[20] = {
    1ULL,
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
    10000000000000000000ULL,
};

/* 1 to 19 digits as a number. */
static inline uint64_t whole_number(const char *p, uint32_t count) {
    if (count <= 8)
        return few_digits(load_digits(p), count);
    uint64_t number = eight_digits(load_digits(p));
    p += 8;
    count -= 8;
    if (count > 8) {
        number = number * 100000000 + eight_digits(load_digits(p));
        p += 8;
        count -= 8;
    }
    return number * powers_of_ten[count] + few_digits(load_digits(p), count);
}

/* The digits of a number with a point, 19 at most, as one integer with 16 digits or more, and the
 * power of ten that goes with it. False when the number is of a rarer kind. */
static inline bool gather(const char *p, const struct shape *shape, uint64_t *digits,
                          int32_t *exponent) {
    uint32_t count = shape->whole + shape->fraction;
    if (count > 19 || shape->whole > 16)
        return false;
    *exponent = (int32_t)shape->whole - 16;
    if (count <= 16) {
        *digits = block_decimal(p, shape->whole, count);
        return true;
    }
    count -= 16;
    *exponent -= (int32_t)count;
    *digits = block_decimal(p, shape->whole, 16) * powers_of_ten[count] +
              few_digits(load_digits(p + 17), count);
    return true;
}

#endif

const char *number_skip(struct scan *scan, const char *p) {
    if (*p == '-')
        p++;
#ifdef BLOCK_SIMD
    struct shape shape;
    if (scan->end - p >= NEAR_BEHIND && measure(p, &shape)) {
        p += shape.size;
        return (*p | 0x20) == 'e' ? exponent_skip(scan, p) : p;
    }
#endif
    if (*p == '0' && number_is_digit(p[1]))
        return scan_fail_grammar(scan, p, "a number with a leading zero");
    p = digits_skip(p);
    if (*p == '.') {
        p++;
        if (!number_is_digit(*p))
            return scan_fail_grammar(scan, p, "expected a digit after a number's point");
        p = digits_skip(p);
    }
    if (*p == 'e' || *p == 'E')
        p = exponent_skip(scan, p);
    return p;
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

/* Byte by byte: any number. */
static __attribute__((noinline)) const char *read_any(struct scan *scan, const char *p,
                                                      t5_value *value) {
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
        p = exponent_skip(scan, p);
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
    return p;
}

#ifdef BLOCK_SIMD
static __attribute__((noinline)) const char *read_product(const char *begin, const char *end,
                                                          uint64_t digits, int32_t exponent,
                                                          t5_value *value) {
    *value = (t5_value){
        .type = T5_VALUE_NUMBER,
        .number = number_from_decimal(digits, exponent, *begin == '-', false, begin, end)};
    return end;
}

static __attribute__((noinline)) const char *read_exponent(struct scan *scan, const char *begin,
                                                           const char *mark, uint64_t digits,
                                                           int32_t exponent, t5_value *value) {
    const char *end = exponent_skip(scan, mark);
    if (end == NULL)
        return NULL;
    return read_product(begin, end, digits, exponent + exponent_read(mark, end), value);
}
#endif

#ifdef BLOCK_SIMD

/* The fast way of number_read(). */
static inline const char *read_near(struct scan *scan, const char *begin, t5_value *value) {
    const bool is_negative = *begin == '-';
    const char *p = begin + is_negative;
    struct shape shape;
    if (!measure(p, &shape))
        return read_any(scan, begin, value);
    const char *end = p + shape.size;
    const bool has_exponent = (*end | 0x20) == 'e';
    if (shape.fraction == 0) {
        if (has_exponent || shape.whole > 18)
            return read_any(scan, begin, value);
        const int64_t integer = (int64_t)whole_number(p, shape.whole);
        const double number = (double)integer;
        *value = (t5_value){.type = T5_VALUE_INTEGER,
                            .integer = is_negative ? -integer : integer,
                            .number = is_negative ? -number : number};
        return end;
    }
    uint64_t digits;
    int32_t exponent;
    if (!gather(p, &shape, &digits, &exponent))
        return read_any(scan, begin, value);
    if (has_exponent)
        return read_exponent(scan, begin, end, digits, exponent, value);
    if (digits > NUMBER_EXACT_DIGITS)
        return read_product(begin, end, digits, exponent, value);
    const double number = (double)(int64_t)digits / number_exact_powers[-exponent];
    *value = (t5_value){.type = T5_VALUE_NUMBER, .number = is_negative ? -number : number};
    return end;
}

/* The same for a number close to the end of the text: a copy has room to read too far. */
static __attribute__((noinline)) const char *read_last(struct scan *scan, const char *begin,
                                                       t5_value *value) {
    char copy[2 * NEAR_BEHIND] = {0};
    const size_t size = (size_t)(scan->end - begin);
    memcpy(copy, begin, size);
    struct scan rest = *scan;
    rest.end = copy + size;
    const char *p = read_near(&rest, copy, value);
    if (p != NULL)
        return begin + (p - copy);
    return scan_fail(scan, begin + (rest.at - copy), rest.reason, rest.what);
}
#endif

const char *number_read(struct scan *scan, const char *p, t5_value *value) {
#ifdef BLOCK_SIMD
    if (scan->end - p > NEAR_BEHIND)
        return read_near(scan, p, value);
    return read_last(scan, p, value);
#else
    return read_any(scan, p, value);
#endif
}
