#include "message/time_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S INT64_C(1000000000)

/* From a heap block of exactly the text's size. */
static bool parse_in(const char *text, struct time_zone zone, int64_t *time_ns) {
    const size_t size = strlen(text);
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    const bool is_good = time_text_parse(copy, size, zone, time_ns);
    free(copy);
    return is_good;
}

static bool parse(const char *text, int64_t *time_ns) {
    return parse_in(text, (struct time_zone){0}, time_ns);
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

Test(time_text, without_an_offset_it_is_one_of_the_zone) {
    static const struct {
        const char *text;
        int64_t time_ns; /* as UTC */
    } naive[] = {
        {"2024-06-17T21:15:30", 1718658930 * S},
        {"2024-06-17 21:15:30", 1718658930 * S},
        {"2024-06-17t21:15:30.5", 1718658930 * S + 500000000},
        {"2024-06-17T21:15:30,123456789", 1718658930 * S + 123456789},
        {"2016-12-31 23:59:60", 1483228799 * S + 999999999},
    };
    static const int32_t offsets[] = {0, 19800, -5 * 3600, 86340, -86340};
    for (size_t i = 0; i < sizeof naive / sizeof *naive; i++) {
        int64_t time_ns = 0;
        cr_expect_not(parse(naive[i].text, &time_ns), "%s", naive[i].text);
        for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++) {
            const struct time_zone zone = {.is_set = true, .offset_s = offsets[k]};
            cr_expect(parse_in(naive[i].text, zone, &time_ns), "%s", naive[i].text);
            cr_expect_eq(time_ns, naive[i].time_ns - offsets[k] * S, "%s", naive[i].text);
        }
    }
}

Test(time_text, a_zone_changes_nothing_else) {
    static const struct time_zone zone = {.is_set = true, .offset_s = 3600};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t time_ns = 42;
        cr_expect(parse_in(good[i].text, zone, &time_ns), "%s", good[i].text);
        cr_expect_eq(time_ns, good[i].time_ns, "%s: %lld", good[i].text, (long long)time_ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const size_t size = strlen(bad[i]);
        int64_t time_ns;
        cr_expect_eq(parse_in(bad[i], zone, &time_ns),
                     time_text_form(bad[i], size) == TIME_TEXT_WITHOUT_ZONE, "%s", bad[i]);
    }
}

Test(time_text, what_is_no_time_has_a_form) {
    static const struct {
        const char *text;
        enum time_text_form form;
    } cases[] = {
        {"2024-06-17T21:15:30", TIME_TEXT_WITHOUT_ZONE},
        {"2024-06-17 21:15:30.5", TIME_TEXT_WITHOUT_ZONE},
        {"2024-06-17", TIME_TEXT_DATE},
        {"2024-02-30T00:00:00Z", TIME_TEXT_NO_SUCH},
        {"2024-06-17T24:00:00", TIME_TEXT_NO_SUCH},
        {"9999-12-31T23:59:59Z", TIME_TEXT_NO_SUCH},
        {"0000-01-01 00:00:00+02", TIME_TEXT_NO_SUCH},
        {"", TIME_TEXT_OTHER},
        {"2024-06-17T21:15Z", TIME_TEXT_OTHER},
        {"2024-06-17T21:15:30 UTC", TIME_TEXT_OTHER},
        {"06/17/2024 21:15:30", TIME_TEXT_OTHER},
        {"yesterday", TIME_TEXT_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(time_text_form(cases[i].text, strlen(cases[i].text)), cases[i].form, "%s",
                     cases[i].text);
}

Test(time_text, a_zone_is_utc_or_one_offset) {
    static const struct {
        const char *text;
        int32_t offset_s;
    } cases[] = {{"UTC", 0},      {"Z", 0},          {"z", 0},
                 {"+00:00", 0},   {"+05:30", 19800}, {"+0530", 19800},
                 {"-05", -18000}, {"-0330", -12600}, {"+23:59", 86340}};
    static const char *const none[] = {"",          "utc",   "UTC ", " UTC",   "America/New_York",
                                       "EST",       "05:30", "+5",   "+24:00", "+05:60",
                                       "+05:30:00", "none"};
    struct time_zone zone;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(time_zone_parse(cases[i].text, strlen(cases[i].text), &zone), "%s",
                  cases[i].text);
        cr_expect(zone.is_set && zone.offset_s == cases[i].offset_s, "%s", cases[i].text);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_expect_not(time_zone_parse(none[i], strlen(none[i]), &zone), "%s", none[i]);
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
