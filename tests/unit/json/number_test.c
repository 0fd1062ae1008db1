#include "json/number.h"

#include "message/decode.h"
#include "json/number_scan.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A generator of its own (xorshift64*), so that a failure comes again. */
static uint64_t random_state = 0x5DEECE66D1234567u;

static uint64_t random_bits(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(2685821657736338717);
}

static uint64_t random_below(uint64_t bound) {
    return random_bits() % bound;
}

static double double_of_bits(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static uint64_t bits_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* The scanner's reading of a number that stands in a text of exactly its size and a sentinel. */
static double read_number(const char *text) {
    char copy[2048];
    const size_t size = strlen(text);
    cr_assert_lt(size + 1, sizeof copy);
    memcpy(copy, text, size);
    copy[size] = '}';
    struct scan scan = {.end = copy + size + 1};
    t5_value value;
    const char *end = number_read(&scan, copy, &value);
    cr_assert_eq(end, copy + size, "%s", text);
    cr_assert_eq(scan.has_non_finite, value.type == T5_VALUE_MISSING, "%s", text);
    return scan.has_non_finite ? (double)INFINITY : value.number;
}

static void check(const char *text) {
    const double expected = strtod(text, NULL);
    const double number =
        isinf(expected) ? copysign(read_number(text), expected) : read_number(text);
    cr_assert_eq(bits_of(number), bits_of(expected), "%s: %.17g, not %.17g", text, number,
                 expected);
}

Test(number, known_hard_cases) {
    static const char *const texts[] = {
        "0.1",
        "0.30000000000000004",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.4703282292062327208299699564e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1.797693134862315807e308",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
        "8"
        "548458177115317644757302700698555713669596228429148198608349364752927190741684443655107043"
        "4"
        "2711559699508093042880",
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740992.9999999999999999999999999999",
        "9007199254740993.0000000000000000000000000001",
        "9007199254740995",
        "1e22",
        "1e23",
        "8.5e22",
        "8.589934593e9",
        "5e-324",
        "1e-323",
        "1e308",
        "1e309",
        "0e999999999",
        "0.0e-999999999",
        "123456789.0e-350",
        "1090544144181609348671888949248",
        "7.8459735791271921e65",
        "3.0e-325",
        "9355950000000000000."
        "00000000000000000000000000000000001844674407370955161618446744073709551"
        "61618446744073709551616184467440737095516161844674407",
        "0."
        "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "1",
        "10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "0",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check(texts[i]);
}

Test(number, every_power_of_ten_and_its_neighbours) {
    char text[64];
    for (int exponent = -345; exponent <= 310; exponent++)
        for (int digits = 0; digits < 20; digits++) {
            static const char *const mantissas[] = {"1",
                                                    "2",
                                                    "5",
                                                    "7",
                                                    "9",
                                                    "1.5",
                                                    "4.9",
                                                    "9.99",
                                                    "1.0000000000000002",
                                                    "9.999999999999999",
                                                    "18446744073709551615",
                                                    "18446744073709551616",
                                                    "9223372036854775807",
                                                    "9223372036854775809",
                                                    "4503599627370496.5",
                                                    "4503599627370497.5",
                                                    "9007199254740991",
                                                    "9007199254740993",
                                                    "1.2345678901234567",
                                                    "0.000123456789012345678"};
            snprintf(text, sizeof text, "%se%d", mantissas[digits], exponent);
            check(text);
        }
}

Test(number, random_doubles_as_java_and_others_print_them) {
    char text[400];
    for (int i = 0; i < 300000; i++) {
        const uint64_t bits = random_bits() & ~(UINT64_C(1) << 63);
        const double number = double_of_bits(bits);
        if (!isfinite(number))
            continue;
        snprintf(text, sizeof text, "%.*e", 14 + (int)random_below(5), number);
        check(text);
    }
}

Test(number, random_prices_and_slopes) {
    char text[400];
    for (int i = 0; i < 500000; i++) {
        const double unit = (double)(random_bits() >> 11) * 0x1p-53;
        const double number = unit * pow(10, (int)random_below(12) - 6);
        snprintf(text, sizeof text, "%.*f", 10 + (int)random_below(12), number);
        check(text);
        snprintf(text, sizeof text, "%.17g", number);
        check(text);
    }
}

Test(number, random_digits_and_exponents) {
    char text[1100];
    for (int i = 0; i < 300000; i++) {
        size_t size = 0;
        const size_t whole = 1 + random_below(random_below(20) == 0 ? 400 : 22);
        const size_t fraction = random_below(random_below(20) == 0 ? 600 : 22);
        text[size++] = (char)('1' + random_below(9));
        while (size < whole)
            text[size++] = (char)('0' + random_below(10));
        if (fraction > 0)
            text[size++] = '.';
        for (size_t k = 0; k < fraction; k++)
            text[size++] = (char)('0' + random_below(10));
        snprintf(text + size, sizeof text - size, "e%d", (int)random_below(700) - 350);
        check(text);
    }
}

Test(number, random_subnormals) {
    char text[64];
    for (int i = 0; i < 100000; i++) {
        const double number = double_of_bits(random_bits() >> (12 + random_below(40)));
        snprintf(text, sizeof text, "%.*e", 15 + (int)random_below(5), number);
        check(text);
    }
}

/* Exactly between two doubles, and a last digit more or less. */
Test(number, halfway_cases_go_to_the_even_neighbour) {
    char text[1400];
    for (int i = 0; i < 20000; i++) {
        const bool is_near_one = i % 2 == 0;
        const uint64_t mantissa = random_bits() >> 12;
        const uint64_t exponent = is_near_one ? 1023 - 60 + random_below(120) : random_below(2046);
        const uint64_t bits = exponent << 52 | mantissa;
        /* long double holds 64 bits of mantissa: one more than needed for the half. */
        const long double half =
            ((long double)double_of_bits(bits) + (long double)double_of_bits(bits + 1)) / 2;
        snprintf(text, sizeof text, "%.*Le", 800, half);
        char *e = strchr(text, 'e');
        check(text);
        /* ... above by the smallest bit: a digit put behind the last */
        memmove(e + 1, e, strlen(e) + 1);
        *e = '1';
        check(text);
        *e = '0';
        check(text);
    }
}

Test(number, halfway_integers) {
    char text[64];
    for (int i = 0; i < 100000; i++) {
        const int shift = (int)random_below(11);
        const uint64_t even = (random_bits() >> 11 | UINT64_C(1) << 52) << shift;
        const uint64_t half = shift > 0 ? UINT64_C(1) << (shift - 1) : 0;
        for (int delta = -1; delta <= 1; delta++) {
            snprintf(text, sizeof text, "%llu.0",
                     (unsigned long long)(even + half + (uint64_t)delta));
            check(text);
            snprintf(text, sizeof text, "%llue%d",
                     (unsigned long long)(even + half + (uint64_t)delta),
                     (int)random_below(30) - 5);
            check(text);
        }
    }
}

Test(number, digits_beyond_those_that_matter_still_tell) {
    char text[1700];
    /* 2^-1074 times one half, in full: 751 significant digits. */
    const int size = snprintf(text, sizeof text, "%.*Le", 900, 0x1p-1075L);
    cr_assert_gt(size, 900);
    cr_assert_eq(read_number(text), 0.0);
    char *e = strchr(text, 'e');
    memmove(e + 1, e, strlen(e) + 1);
    *e = '1';
    cr_assert_eq(read_number(text), 0x1p-1074);
}

Test(number, a_great_many_digits_are_weighed_by_the_exponent) {
    static char text[2048];
    memset(text, '0', 1500);
    memcpy(text, "0.", 2);
    strcpy(text + 1500, "25e1500");
    cr_assert_eq(read_number(text), 25.0);
    memset(text, '0', 1500);
    text[0] = '3';
    strcpy(text + 1500, "e-1498");
    cr_assert_eq(read_number(text), 30.0);
    memset(text, '7', 1500);
    strcpy(text + 1500, ".5e-1499");
    check(text);
}

Test(number, no_locale_changes_what_is_read) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale(LC_ALL, names[i]) != NULL)
            break;
    /* Long enough for the slow path. */
    cr_assert_eq(read_number("9007199254740993.00000000000000000000000000000000000000000001"),
                 9007199254740994.0);
    cr_assert_eq(read_number("0.5"), 0.5);
}

Test(number, errno_is_left_alone) {
    errno = 77;
    cr_assert_eq(read_number("2.4703282292062327208299699564e-324"), 0.0);
    cr_assert_eq(errno, 77);
}
