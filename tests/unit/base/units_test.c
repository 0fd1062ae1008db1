#include "base/units.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_duration(const char *written, int64_t ns) {
    int64_t got = -1;
    cr_assert(parse_duration_ns(written, &got), "%s was refused", written);
    cr_assert_eq(got, ns, "%s became %lld", written, (long long)got);
}

static void refuse_duration(const char *written) {
    int64_t got = -1;
    cr_assert_not(parse_duration_ns(written, &got), "%s was taken as %lld", written,
                  (long long)got);
    cr_assert_eq(got, -1, "%s changed the result", written);
}

Test(units, durations_of_every_unit) {
    expect_duration("0", 0);
    expect_duration("0s", 0);
    expect_duration("7ns", 7);
    expect_duration("10us", 10000);
    expect_duration("250ms", 250000000);
    expect_duration("30s", 30000000000);
    expect_duration("5m", 300000000000);
    expect_duration("2h", 7200000000000);
    expect_duration("1d", 86400000000000);
    expect_duration("1.5s", 1500000000);
    expect_duration("0.25h", 900000000000);
    expect_duration("0.000000001s", 1);
    expect_duration("106751d", 106751LL * 86400 * 1000000000);
}

Test(units, durations_that_are_none) {
    const char *const wrong[] = {"",
                                 "5",
                                 "-1s",
                                 "+1s",
                                 "s",
                                 "1 s",
                                 " 1s",
                                 "1s ",
                                 "1S",
                                 "1min",
                                 "1.s",
                                 ".5s",
                                 "1..5s",
                                 "1.2.3s",
                                 "1e3s",
                                 "0x10s",
                                 "1sx",
                                 "1µs",
                                 "0.5ns",
                                 "1.0001us",
                                 "106752d",
                                 "9223372036854775808ns",
                                 "99999999999999999999s",
                                 "infs",
                                 "nan"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refuse_duration(wrong[i]);
}

static void expect_size(const char *written, int64_t bytes) {
    int64_t got = -1;
    cr_assert(parse_size(written, &got), "%s was refused", written);
    cr_assert_eq(got, bytes, "%s became %lld", written, (long long)got);
}

Test(units, sizes_of_every_unit) {
    expect_size("0", 0);
    expect_size("1048576", 1048576);
    expect_size("17B", 17);
    expect_size("64KiB", 65536);
    expect_size("1MiB", 1048576);
    expect_size("2GiB", 2147483648);
    expect_size("64KB", 64000);
    expect_size("1mb", 1000000);
    expect_size("3GB", 3000000000);
    expect_size("1.5MiB", 1572864);
    expect_size("9223372036854775807", INT64_MAX);
}

Test(units, sizes_that_are_none) {
    const char *const wrong[] = {"",
                                 "-1",
                                 "1K",
                                 "1M",
                                 "1 MiB",
                                 "1TiB",
                                 "MiB",
                                 "0x10",
                                 "1.5",
                                 "1.3KiB",
                                 "9223372036854775808",
                                 "8589934592GiB"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t got = -1;
        cr_assert_not(parse_size(wrong[i], &got), "%s was taken as %lld", wrong[i], (long long)got);
    }
}

Test(units, booleans_in_any_case) {
    const char *const yes[] = {"yes", "true", "on", "1", "YES", "True", "oN"};
    const char *const no[] = {"no", "false", "off", "0", "NO", "False", "Off"};
    const char *const neither[] = {"", "y", "n", "2", "yess", " yes", "yes ", "enabled"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        bool value = false;
        cr_assert(parse_boolean(yes[i], &value));
        cr_assert(value, "%s", yes[i]);
        cr_assert(parse_boolean(no[i], &value));
        cr_assert_not(value, "%s", no[i]);
    }
    for (size_t i = 0; i < sizeof neither / sizeof neither[0]; i++) {
        bool value = true;
        cr_assert_not(parse_boolean(neither[i], &value), "%s", neither[i]);
    }
}

Test(units, integers_of_64_bits) {
    int64_t value = 0;
    cr_assert(parse_integer("0", &value));
    cr_assert_eq(value, 0);
    cr_assert(parse_integer("-12", &value));
    cr_assert_eq(value, -12);
    cr_assert(parse_integer("9223372036854775807", &value));
    cr_assert_eq(value, INT64_MAX);
    cr_assert(parse_integer("-9223372036854775808", &value));
    cr_assert_eq(value, INT64_MIN);
    const char *const wrong[] = {"",
                                 "-",
                                 "+1",
                                 "1.0",
                                 "1e3",
                                 "0x10",
                                 " 1",
                                 "1 ",
                                 "--1",
                                 "1,000",
                                 "9223372036854775808",
                                 "-9223372036854775809",
                                 "99999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_not(parse_integer(wrong[i], &value), "%s", wrong[i]);
}

Test(units, numbers_are_correctly_rounded) {
    double value = 0;
    cr_assert(parse_number("0.1", &value));
    cr_assert_eq(value, 0.1);
    cr_assert(parse_number("-1.5e-3", &value));
    cr_assert_eq(value, -0.0015);
    cr_assert(parse_number("1E6", &value));
    cr_assert_eq(value, 1000000);
    cr_assert(parse_number(".5", &value));
    cr_assert_eq(value, 0.5);
    cr_assert(parse_number("5.", &value));
    cr_assert_eq(value, 5);
    cr_assert(parse_number("9007199254740993", &value));
    cr_assert_eq(value, 9007199254740992.0);
    cr_assert(parse_number("1e-400", &value));
    cr_assert_eq(value, 0);
    const char *const wrong[] = {"",      ".",     "-",  "1e", "1e+", "inf",  "nan",  "NaN",
                                 "0x1p3", "1e999", " 1", "1 ", "1,5", "1.5x", "-inf", "e5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_not(parse_number(wrong[i], &value), "%s", wrong[i]);
}

Test(units, durations_are_written_in_one_unit) {
    const struct {
        int64_t ns;
        const char *written;
    } cases[] = {{0, "0"},
                 {1, "1ns"},
                 {1500, "1500ns"},
                 {90 * 1000000000LL, "90s"},
                 {120 * 1000000000LL, "2m"},
                 {7 * 86400 * 1000000000LL, "7d"},
                 {25 * 3600 * 1000000000LL, "25h"},
                 {250000000, "250ms"},
                 {10000, "10us"},
                 {-5000000000, "-5s"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[32];
        format_duration(cases[i].ns, buffer, sizeof buffer);
        cr_assert_str_eq(buffer, cases[i].written);
        int64_t back = 0;
        if (cases[i].ns >= 0) {
            cr_assert(parse_duration_ns(buffer, &back));
            cr_assert_eq(back, cases[i].ns);
        }
    }
    char small[3];
    format_duration(250000000, small, sizeof small);
    cr_assert_str_eq(small, "25");
}
