/*
 * json/number_scan.h - numbers in JSON text. For json/ and message/.
 *
 * Two ways, of one meaning: byte by byte, for all; and for the usual number one without loops,
 * whose ends the processor would have to guess: a mask says which of 32 bytes are digits, and
 * sixteen digits are converted at once. It is inline, since half of a decoder's time goes there.
 */
#ifndef TAKE5_JSON_NUMBER_SCAN_H
#define TAKE5_JSON_NUMBER_SCAN_H

#include "json/number.h"
#include "json/scan_error.h"
#include "json/simd_block.h"

#include <take5/value.h>

static inline bool number_is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* Whether a number stands at p: a digit, or a minus and a digit. It must, for all that follows. */
static inline bool number_begins(const char *p) {
    return number_is_digit(*p) || (*p == '-' && number_is_digit(p[1]));
}

/* Checks a number that nobody wants. */
const char *number_skip(struct scan *scan, const char *p);

/* Byte by byte: reads any number: INTEGER or NUMBER; MISSING beyond the range of doubles, which is
 * what bare Infinity is (or NULL, when that is refused). */
const char *number_read_any(struct scan *scan, const char *p, t5_value *value);

#ifdef BLOCK_SIMD

/* A number with a point: `digits` times ten to `exponent`. */
const char *number_read_product(const char *begin, const char *end, uint64_t digits,
                                int32_t exponent, t5_value *value);
/* The same with an exponent of its own behind it, at `mark`. */
const char *number_read_exponent(struct scan *scan, const char *begin, const char *mark,
                                 uint64_t digits, int32_t exponent, t5_value *value);
/* A number close to the end of the text: a copy has room to read too far. */
const char *number_read_last(struct scan *scan, const char *begin, t5_value *value);

/* Bytes from a number's first digit on that must be there for the fast way to read. */
#define NUMBER_NEAR 40

/* Where the parts of a number end. */
struct number_shape {
    uint32_t whole;    /* digits before the point */
    uint32_t fraction; /* digits behind it */
    uint32_t size;     /* of both, with the point */
};

/*
 * Measures a number without its sign by a mask of which of 32 bytes are digits: without a loop,
 * whose end the processor would have to guess. False for what is too long or wrong: the byte by
 * byte way finds out.
 */
static inline bool number_measure(const char *p, struct number_shape *shape) {
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
    *shape = (struct number_shape){whole, fraction, size};
    return size < 32 && (*p != '0' || whole == 1);
}

/* Eight digits as a number. The first is in the lowest byte; their ASCII part is gone. */
static inline uint64_t number_eight_digits(uint64_t bytes) {
    const uint64_t pairs = bytes * 10 + (bytes >> 8); /* in bytes 0, 2, 4, 6 */
    const uint64_t mask = UINT64_C(0x000000FF000000FF);
    const uint64_t outer = (pairs & mask) * UINT64_C(0x000F424000000064);
    const uint64_t inner = ((pairs >> 16) & mask) * UINT64_C(0x0000271000000001);
    return (outer + inner) >> 32;
}

/* The first 1 to 8 of these digits: shifted up, they get zeros before them. */
static inline uint64_t number_few_digits(uint64_t bytes, uint32_t count) {
    return number_eight_digits(bytes << (64 - 8 * count));
}

/* Eight bytes without what makes digits ASCII. */
static inline uint64_t number_load_digits(const char *p) {
    return block_load(p) ^ UINT64_C(0x3030303030303030);
}

static const uint64_t number_powers_of_ten[20] = {
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
static inline uint64_t number_whole(const char *p, uint32_t count) {
    if (count <= 8)
        return number_few_digits(number_load_digits(p), count);
    uint64_t number = number_eight_digits(number_load_digits(p));
    p += 8;
    count -= 8;
    if (count > 8) {
        number = number * 100000000 + number_eight_digits(number_load_digits(p));
        p += 8;
        count -= 8;
    }
    return number * number_powers_of_ten[count] + number_few_digits(number_load_digits(p), count);
}

/* The digits of a number with a point, 19 at most, as one integer with 16 digits or more, and the
 * power of ten that goes with it. False when the number is of a rarer kind. */
static inline bool number_gather(const char *p, const struct number_shape *shape, uint64_t *digits,
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
    *digits = block_decimal(p, shape->whole, 16) * number_powers_of_ten[count] +
              number_few_digits(number_load_digits(p + 17), count);
    return true;
}

/* Member by member: of a whole struct, what the compiler takes for a rare path, it writes with a
 * string instruction that takes longer than the number did. */
static inline void number_put(t5_value *value, enum t5_value_type type, int64_t integer,
                              double number) {
    value->type = (uint16_t)type;
    value->flags = 0;
    value->length = 0;
    value->number = number;
    value->integer = integer;
    value->text = NULL;
}

/* The fast way of number_read(). */
static inline const char *number_read_near(struct scan *scan, const char *begin, t5_value *value) {
    const bool is_negative = *begin == '-';
    const char *p = begin;
    if (__builtin_expect(is_negative, 0)) /* a guess: what comes next need not wait for it */
        p++;
    struct number_shape shape;
    if (!number_measure(p, &shape))
        return number_read_any(scan, begin, value);
    const char *end = p + shape.size;
    const bool has_exponent = (*end | 0x20) == 'e';
    if (shape.fraction == 0) {
        if (has_exponent || shape.whole > 18)
            return number_read_any(scan, begin, value);
        const int64_t integer = (int64_t)number_whole(p, shape.whole);
        const double number = (double)integer;
        number_put(value, T5_VALUE_INTEGER, is_negative ? -integer : integer,
                   is_negative ? -number : number);
        return end;
    }
    uint64_t digits;
    int32_t exponent;
    if (!number_gather(p, &shape, &digits, &exponent))
        return number_read_any(scan, begin, value);
    if (has_exponent)
        return number_read_exponent(scan, begin, end, digits, exponent, value);
    if (digits > NUMBER_EXACT_DIGITS)
        return number_read_product(begin, end, digits, exponent, value);
    const double number = (double)(int64_t)digits / number_exact_powers[-exponent];
    number_put(value, T5_VALUE_NUMBER, 0, is_negative ? -number : number);
    return end;
}

#endif

/* Reads one: INTEGER or NUMBER; MISSING beyond the range of doubles. */
static inline const char *number_read(struct scan *scan, const char *p, t5_value *value) {
#ifdef BLOCK_SIMD
    if (scan->end - p > NUMBER_NEAR)
        return number_read_near(scan, p, value);
    return number_read_last(scan, p, value);
#else
    return number_read_any(scan, p, value);
#endif
}

#endif
