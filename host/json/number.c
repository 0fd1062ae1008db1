#include "json/number.h"

#include <take5/decimal_powers.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MANTISSA_BITS     52
#define EXPONENT_BIAS     1023
#define EXPONENT_INFINITE 0x7FF
/* Larger than any exponent that the digits of a text can still bring back into range. */
#define EXPONENT_LIMIT    INT64_C(100000000000)
/* Powers of ten that the digits of a text can have, and that the table has. */
#define POWER_MIN         (-342)
#define POWER_MAX         308

const double number_exact_powers[NUMBER_EXACT_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static double from_bits(uint64_t mantissa, uint64_t exponent) {
    const uint64_t bits = exponent << MANTISSA_BITS | mantissa;
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static bool exact_product(uint64_t digits, int32_t exponent, double *number) {
    if (digits > NUMBER_EXACT_DIGITS || exponent < -NUMBER_EXACT_POWER ||
        exponent > NUMBER_EXACT_POWER)
        return false;
    if (exponent < 0)
        *number = (double)digits / number_exact_powers[-exponent];
    else
        *number = (double)digits * number_exact_powers[exponent];
    return true;
}

/* Binary exponent of 10^q over 2^63: floor(q * log2(10)) + 63, exact in the table's range. */
static int32_t binary_exponent(int32_t q) {
    return (int32_t)((INT64_C(217706) * q) >> 16) + 63;
}

/*
 * Lemire, "Number parsing at a gigabyte per second" (2021), after Eisel: the product of the
 * normalised digits with 10^q, of which 128 bits are enough to round nearly always. False when they
 * are not. `digits` is not 0 and q lies within POWER_MIN and POWER_MAX.
 *
 * A product must not be above the truth, and the table's entries are rounded up: by one at most,
 * and where their lower half is not 0. Not for q from -27 to -1: there quotients that are exact
 * come out exact.
 */
static bool rounded_product(uint64_t digits, int32_t q, double *number) {
    const uint64_t *power = t5_decimal_power_(q);
    const bool is_near = q >= -27 && q <= 55; /* the error of the power cannot reach */
    const int zeros = __builtin_clzll(digits);
    digits <<= zeros;

    unsigned __int128 product = (unsigned __int128)digits * power[0];
    /* 55 bits decide: mantissa, hidden bit, the bit that rounds, one that may be shifted out. When
     * all below are ones, the table's lower half may carry into them. */
    if (((uint64_t)(product >> 64) & 0x1FF) == 0x1FF)
        product += (uint64_t)(((unsigned __int128)digits * (power[1] - !is_near)) >> 64);
    const uint64_t high = (uint64_t)(product >> 64);
    const uint64_t low = (uint64_t)product;
    /* Still undecided. */
    if (low == UINT64_MAX && !is_near)
        return false;

    const int top = (int)(high >> 63);
    const int shift = top + 64 - MANTISSA_BITS - 3;
    uint64_t mantissa = high >> shift;
    int32_t exponent = binary_exponent(q) + top - zeros + EXPONENT_BIAS;

    if (exponent <= 0) { /* subnormal; exact ties do not exist this far down */
        if (1 - exponent >= 64) {
            *number = 0;
            return true;
        }
        mantissa >>= 1 - exponent;
        mantissa = (mantissa + (mantissa & 1)) >> 1;
        /* Rounding may have made it the smallest normal number: its bit is then the exponent's. */
        *number = from_bits(mantissa, 0);
        return true;
    }
    /* A tie, which goes to the even neighbour, exists only while 5^|q| fits 64 bits. */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << shift == high)
        mantissa &= ~UINT64_C(1);
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >= UINT64_C(2) << MANTISSA_BITS) {
        mantissa = UINT64_C(1) << MANTISSA_BITS;
        exponent++;
    }
    mantissa &= ~(UINT64_C(1) << MANTISSA_BITS);
    *number = exponent >= EXPONENT_INFINITE ? from_bits(0, EXPONENT_INFINITE)
                                            : from_bits(mantissa, (uint64_t)exponent);
    return true;
}

/* No double needs more digits than this to be distinguished from its neighbours and from the ties
 * between them, if one more says whether anything follows. */
#define DIGITS_THAT_MATTER 768

/* The exponent that the text ends with; what is too large to matter is cut. */
static int64_t written_exponent(const char *p, const char *end) {
    while (p < end && *p != 'e' && *p != 'E')
        p++;
    if (p == end)
        return 0;
    p++;
    const bool is_negative = *p == '-';
    int64_t exponent = 0;
    for (; p < end; p++)
        if (*p >= '0' && *p <= '9' && exponent < EXPONENT_LIMIT)
            exponent = exponent * 10 + (*p - '0');
    return is_negative ? -exponent : exponent;
}

/* Writes an integer and a NUL. */
static void put_integer(char *to, int64_t integer) {
    char reversed[24];
    size_t length = 0;
    if (integer < 0)
        *to++ = '-';
    for (integer = integer < 0 ? -integer : integer; integer > 9; integer /= 10)
        reversed[length++] = (char)('0' + integer % 10);
    *to++ = (char)('0' + integer);
    while (length > 0)
        *to++ = reversed[--length];
    *to = '\0';
}

/* strtod on "DIGITSeEXPONENT". Without a point in it the text reads the same in every locale. */
static double slow_read(const char *begin, const char *end) {
    char text[DIGITS_THAT_MATTER + sizeof "1e-9223372036854775808"];
    size_t count = 0;
    int64_t exponent = written_exponent(begin, end);
    bool is_fraction = false;
    bool has_more = false;
    for (const char *p = begin; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '-')
            continue;
        if (*p == '.') {
            is_fraction = true;
            continue;
        }
        exponent -= is_fraction;
        if (count == 0 && *p == '0')
            continue;
        if (count < DIGITS_THAT_MATTER) {
            text[count++] = *p;
        } else {
            exponent++;
            has_more = has_more || *p != '0';
        }
    }
    if (has_more) {
        exponent--;
        text[count++] = '1';
    }
    text[count++] = 'e';
    put_integer(text + count, exponent);
    const int saved = errno;
    const double number = strtod(text, NULL);
    errno = saved;
    return number;
}

static double magnitude(uint64_t digits, int32_t exponent, bool is_truncated, const char *begin,
                        const char *end) {
    if (digits == 0 || exponent < POWER_MIN)
        return 0; /* even 2^64 * 10^-343 is below half the smallest subnormal */
    if (exponent > POWER_MAX)
        return HUGE_VAL;
    double number;
    if (!is_truncated && exact_product(digits, exponent, &number))
        return number;
    double above;
    if (rounded_product(digits, exponent, &number)) {
        if (!is_truncated)
            return number;
        /* The truth lies between the two; when they round alike, it does too. */
        if (rounded_product(digits + 1, exponent, &above) && above == number)
            return number;
    }
    return slow_read(begin, end);
}

double number_from_decimal(uint64_t digits, int32_t exponent, bool is_negative, bool is_truncated,
                           const char *begin, const char *end) {
    const double number = magnitude(digits, exponent, is_truncated, begin, end);
    return is_negative ? -number : number;
}
