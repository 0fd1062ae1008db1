#include <take5/decimal.h>

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(double number, const char *wanted) {
    char text[T5_DECIMAL_SIZE];
    const size_t size = t5_decimal(text, number);
    cr_expect_str_eq(text, wanted, "%a became %s, not %s", number, text, wanted);
    cr_expect_eq(size, strlen(wanted));
}

Test(decimal, a_price_is_as_people_write_it) {
    expect(485.23, "485.23");
    expect(486.8, "486.8");
    expect(0.05, "0.05");
    expect(0.0001, "0.0001");
    expect(100, "100");
    expect(-17.25, "-17.25");
    expect(0, "0");
    expect(-0.0, "-0");
}

Test(decimal, a_number_with_all_its_digits_keeps_them) {
    expect(0.1 + 0.2, "0.30000000000000004");
    expect(1.0 / 3, "0.3333333333333333");
    expect(3.4399999999999977, "3.4399999999999977");
    expect(123456789012345.6, "123456789012345.6");
}

Test(decimal, the_large_and_the_small_bear_an_exponent) {
    expect(999999999999999, "999999999999999");
    expect(1e15, "1e+15");
    expect(1.5e-10, "1.5e-10");
    expect(DBL_MAX, "1.7976931348623157e+308");
    expect(-DBL_MIN, "-2.2250738585072014e-308");
    expect(5e-324, "5e-324");
    expect(1234567890123456, "1234567890123456");
    expect(12345678901234568, "12345678901234568");
    expect(123456789012345680, "1.2345678901234568e+17");
    expect(1e22, "1e+22");
    expect(0.00012, "0.00012");
    expect(0.000012, "1.2e-05");
}

/* The doubles below a power of two are nearer than those above. */
Test(decimal, a_power_of_two_is_the_shortest_too) {
    expect(0x1p-1017, "7.120236347223045e-307");
    expect(0x1p-140, "7.174648137343064e-43");
    expect(0x1p-44, "5.684341886080802e-14");
    expect(0x1p60, "1.152921504606847e+18");
}

Test(decimal, what_is_not_finite_is_null) {
    expect((double)NAN, "null");
    expect((double)INFINITY, "null");
    expect(-(double)INFINITY, "null");
}

/* Prices of up to six decimals, where the short way must be right, and any bits. */
Test(decimal, every_number_reads_back) {
    uint64_t bits = 88172645463325252U;
    char text[T5_DECIMAL_SIZE];
    for (int i = 0; i < 300000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double number;
        if (i % 2 == 0)
            number = (double)(bits % 100000000000U) / (i % 4 == 0 ? 1e6 : 1e2);
        else
            memcpy(&number, &bits, sizeof number);
        if (!isfinite(number))
            continue;
        const size_t size = t5_decimal(text, number);
        const double back = strtod(text, NULL);
        cr_assert_eq(memcmp(&back, &number, sizeof back), 0, "%a became %s", number, text);
        cr_assert_lt(size, (size_t)T5_DECIMAL_SIZE);
        if (i % 2 == 0)
            cr_assert_leq(size, 13u, "%s is not the shortest", text);
    }
}

/* No text of fewer digits reads back. The one with as many that is nearest is the text, but for
 * powers of two, of which %g may give one that does not read back. */
Test(decimal, every_text_is_the_shortest_and_the_nearest) {
    uint64_t bits = 88172645463325252U;
    for (int i = 0; i < 100000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double number;
        const uint64_t pattern = i % 3 == 0 ? bits >> (12 + bits % 40) : bits; /* subnormals too */
        memcpy(&number, &pattern, sizeof number);
        if (!isfinite(number) || number == 0)
            continue;
        const t5_decimal_parts parts = t5_decimal_take_apart(number);
        char digits[24], nearest[40], shorter[40];
        const int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)parts.digits);
        cr_assert_neq(digits[count - 1], '0', "%a", number);
        snprintf(shorter, sizeof shorter, "%.*e", count > 1 ? count - 2 : 0, number);
        cr_assert(count == 1 || strtod(shorter, NULL) != number, "%a: %s", number, shorter);
        snprintf(nearest, sizeof nearest, "%.*e", count - 1, fabs(number));
        if (count > 1)
            memmove(nearest + 1, nearest + 2, strlen(nearest + 2) + 1); /* the point */
        cr_assert((pattern & ((UINT64_C(1) << 52) - 1)) == 0 ||
                      memcmp(nearest, digits, (size_t)count) == 0,
                  "%a: %s and not %s", number, digits, nearest);
        cr_assert_eq(atoi(nearest + count + 1), count - 1 + parts.exponent, "%a", number);
    }
}
