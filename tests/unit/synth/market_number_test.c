#include "synth/market_number.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(market_number, reads_back_as_the_same_double_in_the_fewest_digits) {
    uint64_t state = 88172645463325252ULL;
    for (int i = 0; i < 200000; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double number;
        if (i % 2 == 0) {
            /* Any mantissa, exponents from 2^-40 to 2^39, now and then a power of two. */
            uint64_t exponent = 1023 - 40 + (state >> 20) % 80;
            uint64_t bits = (i % 64 == 0 ? 0 : state >> 12) | exponent << 52 | (state & 1) << 63;
            memcpy(&number, &bits, sizeof number);
        } else {
            number = (double)(state % 1000000007) / pow(10, (double)(i % 9));
        }
        char text[MARKET_NUMBER_SIZE + 1], least[40];
        *market_number_put(text, number) = '\0';
        cr_assert_eq(strtod(text, NULL), number, "%.17g became %s", number, text);
        int precision = 1;
        do
            snprintf(least, sizeof least, "%.*e", precision - 1, number);
        while (strtod(least, NULL) != number && ++precision <= 17);
        int digits = 0, zeros = 0;
        for (const char *at = text; *at != '\0' && *at != 'E'; at++) {
            if (*at < '0' || *at > '9' || (digits == 0 && *at == '0'))
                continue;
            digits++;
            zeros = *at == '0' ? zeros + 1 : 0;
        }
        cr_assert_leq(digits - zeros, precision, "%.17g became %s", number, text);
    }
}

Test(market_number, looks_as_java_prints_it) {
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0.0"},
                 {1, "1.0"},
                 {-1, "-1.0"},
                 {100, "100.0"},
                 {485.23, "485.23"},
                 {0.05, "0.05"},
                 {0.001, "0.001"},
                 {9.99e-4, "9.99E-4"},
                 {1e7, "1.0E7"},
                 {9999999, "9999999.0"},
                 {12345678.5, "1.23456785E7"},
                 {1e-10, "1.0E-10"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e300, "1.0E300"},
                 {1.0 / 3, "0.3333333333333333"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[MARKET_NUMBER_SIZE + 1];
        *market_number_put(text, cases[i].number) = '\0';
        cr_assert_str_eq(text, cases[i].text);
    }
}
