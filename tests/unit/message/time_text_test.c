#include "message/time_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S INT64_C(1000000000)

/* From a heap block of exactly the text's size. */
static bool parse(const char *text, int64_t *time_ns) {
    const size_t size = strlen(text);
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    const bool is_good = time_text_parse(copy, size, time_ns);
    free(copy);
    return is_good;
}

static const struct {
    const char *text;
    int64_t time_ns;
} good[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2024-06-17T21:15:30Z", 1718658930 * S},
    {"2024-06-17t21:15:30z", 1718658930 * S},
    {"2024-06-17 21:15:30Z", 1718658930 * S},
    {"2024-06-17T21:15:30.5Z", 1718658930 * S + 500000000},
    {"2024-06-17T21:15:30,25Z", 1718658930 * S + 250000000},
    {"2024-06-17T21:15:30.123456789Z", 1718658930 * S + 123456789},
    {"2024-06-17T21:15:30.1234567899999999999999Z", 1718658930 * S + 123456789},
    {"2024-06-17T23:15:30+02:00", 1718658930 * S},
    {"2024-06-17T23:15:30+0200", 1718658930 * S},
    {"2024-06-17T23:15:30+02", 1718658930 * S},
    {"2024-06-17T17:45:30-03:30", 1718658930 * S},
    {"2024-06-17T21:15:30-00:00", 1718658930 * S},
    {"2024-06-18T21:14:30+23:59", 1718658930 * S},
    {"2024-06-17T21:15:30.000+00:00", 1718658930 * S},
    {"2024-02-29T00:00:00Z", 1709164800 * S},
    {"2000-02-29T00:00:00Z", 951782400 * S},
    {"1969-12-31T23:59:59.999999999Z", -1},
    {"2016-12-31T23:59:60Z", 1483228799 * S + 999999999},
    {"2016-12-31T23:59:60.5Z", 1483228799 * S + 999999999},
    {"1678-01-01T00:00:00Z", -9214560000 * S},
    {"2261-12-31T23:59:59.999999999Z", 9214646399 * S + 999999999},
};

static const char *const bad[] = {
    "",
    "2024",
    "2024-06-17",
    "2024-06-17T21:15:30",
    "2024-06-17T21:15:30.Z",
    "2024-06-17T21:15Z",
    "2024-06-17T21:15:30+",
    "2024-06-17T21:15:30+2",
    "2024-06-17T21:15:30+020",
    "2024-06-17T21:15:30+02:",
    "2024-06-17T21:15:30+02:0",
    "2024-06-17T21:15:30+02:000",
    "2024-06-17T21:15:30+24:00",
    "2024-06-17T21:15:30+02:60",
    "2024-06-17T21:15:30Z ",
    " 2024-06-17T21:15:30Z",
    "2024-06-17T21:15:30ZZ",
    "2024-06-17X21:15:30Z",
    "2024/06/17T21:15:30Z",
    "20240617T211530Z",
    "2024-6-17T21:15:30Z",
    "2024-06-17T1:15:30Z",
    "24-06-17T21:15:30Z",
    "2024-00-17T21:15:30Z",
    "2024-13-17T21:15:30Z",
    "2024-06-00T21:15:30Z",
    "2024-06-31T21:15:30Z",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2024-06-17T24:00:00Z",
    "2024-06-17T21:60:30Z",
    "2024-06-17T21:15:61Z",
    "1677-12-31T23:59:59Z",
    "2262-01-01T00:00:00Z",
    "-024-06-17T21:15:30Z",
    "+2024-06-17T21:15:30Z",
    "2024-06-17T21:15:3\xd9\xa0Z",
    "2024-06-17T21:15:-1Z",
    "2024-06-17T21:15:30.5",
    "null",
    "now",
};

Test(time_text, what_is_a_time) {
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t time_ns = 42;
        cr_expect(parse(good[i].text, &time_ns), "%s", good[i].text);
        cr_expect_eq(time_ns, good[i].time_ns, "%s: %lld", good[i].text, (long long)time_ns);
    }
}

Test(time_text, what_is_none) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t time_ns;
        cr_expect_not(parse(bad[i], &time_ns), "%s", bad[i]);
    }
}

Test(time_text, no_text_cut_short_is_a_time) {
    const char *text = "2024-06-17T23:15:30.123456+02:00";
    for (size_t size = 0; size < strlen(text); size++) {
        char cut[64];
        int64_t time_ns;
        memcpy(cut, text, size);
        cut[size] = '\0';
        cr_assert_eq(parse(cut, &time_ns), size == 29, "%s", cut); /* ends with +02 */
    }
}

Test(time_text, every_day_agrees_with_the_c_library) {
    for (time_t day = -106650; day <= 106650; day++) {
        const time_t seconds = day * 86400 + 12345;
        struct tm tm;
        char text[40];
        int64_t time_ns;
        gmtime_r(&seconds, &tm);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        cr_assert(parse(text, &time_ns), "%s", text);
        cr_assert_eq(time_ns, (int64_t)seconds * S, "%s", text);
    }
}
