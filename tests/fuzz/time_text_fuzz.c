/*
 * Times against the C library: a text that is taken must, by its own digits, mean what gmtime()
 * says of the result; one that looks right digit by digit must be taken. One without an offset is
 * taken with a zone alone, and then as one of it.
 */
#include "fuzz.h"

#include "message/time_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

/* Whether the text has the form: 9 stands for a digit, T for T, t or a space. */
static bool has_form(const char *text, size_t size, const char *form) {
    if (size < strlen(form))
        return false;
    for (; *form != '\0'; form++, text++) {
        const bool is_digit = *text >= '0' && *text <= '9';
        if (*form == '9'   ? !is_digit
            : *form == 'T' ? strchr("Tt ", *text) == NULL || *text == '\0'
                           : *form != *text)
            return false;
    }
    return true;
}

static int number(const char *text, int digits) {
    int value = 0;
    while (digits-- > 0)
        value = value * 10 + (*text++ - '0');
    return value;
}

/* Seconds of the zone behind the time; false when it is none. */
static bool zone(const char *text, size_t size, int *seconds) {
    *seconds = 0;
    if (size == 1 && (*text == 'Z' || *text == 'z'))
        return true;
    if (size < 3 || (*text != '+' && *text != '-'))
        return false;
    int minutes = 0;
    const char *rest = text + 1;
    if (size == 6 && has_form(rest, 5, "99:99"))
        minutes = number(rest + 3, 2);
    else if (size == 5 && has_form(rest, 4, "9999"))
        minutes = number(rest + 2, 2);
    else if (size != 3 || !has_form(rest, 2, "99"))
        return false;
    const int hours = number(rest, 2);
    *seconds = (hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
    return hours < 24 && minutes < 60;
}

static bool expected(const char *text, size_t size, const int *naive_offset, int64_t *time_ns) {
    if (!has_form(text, size, "9999-99-99T99:99:99"))
        return false;
    struct tm tm = {.tm_year = number(text, 4) - 1900,
                    .tm_mon = number(text + 5, 2) - 1,
                    .tm_mday = number(text + 8, 2),
                    .tm_hour = number(text + 11, 2),
                    .tm_min = number(text + 14, 2),
                    .tm_sec = number(text + 17, 2)};
    if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 || tm.tm_year < 1678 - 1900 ||
        tm.tm_year > 2261 - 1900)
        return false;
    const bool is_leap_second = tm.tm_sec == 60;
    if (is_leap_second)
        tm.tm_sec = 59;
    const struct tm given = tm;
    const time_t seconds = timegm(&tm);
    if (tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon) /* no such day */
        return false;
    const char *end = text + size;
    text += 19;
    int64_t ns = 0;
    if (text < end && (*text == '.' || *text == ',')) {
        int digits = 0;
        for (text++; text < end && *text >= '0' && *text <= '9'; text++, digits++)
            if (digits < 9)
                ns = ns * 10 + (*text - '0');
        if (digits == 0)
            return false;
        for (; digits < 9; digits++)
            ns *= 10;
    }
    int offset = 0;
    if (naive_offset != NULL && text == end)
        offset = *naive_offset;
    else if (!zone(text, (size_t)(end - text), &offset))
        return false;
    *time_ns = ((int64_t)seconds - offset) * NS_PER_S + (is_leap_second ? NS_PER_S - 1 : ns);
    return true;
}

static bool check(const char *text, size_t size, const int *naive_offset) {
    const struct time_zone naive = {.is_set = naive_offset != NULL,
                                    .offset_s = naive_offset != NULL ? *naive_offset : 0};
    int64_t time_ns = 0;
    int64_t oracle_ns = 0;
    const bool is_time = time_text_parse(text, size, naive, &time_ns);
    const bool is_expected = expected(text, size, naive_offset, &oracle_ns);
    FUZZ_CHECK(is_time == is_expected, "\"%.*s\" is %s", (int)size, text,
               is_time ? "taken" : "refused");
    FUZZ_CHECK(!is_time || time_ns == oracle_ns, "\"%.*s\" is %lld, not %lld", (int)size, text,
               (long long)time_ns, (long long)oracle_ns);
    return is_time;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const int offsets[] = {0, 19800, -5 * 3600};
    char *text = fuzz_copy(data, size);
    const bool is_time = check(text, size, NULL);
    const bool is_in_zone = check(text, size, &offsets[size % (sizeof offsets / sizeof *offsets)]);
    if (!is_time)
        FUZZ_CHECK((time_text_form(text, size) == TIME_TEXT_WITHOUT_ZONE) == is_in_zone,
                   "\"%.*s\" is of another form", (int)size, text);
    free(text);
    return 0;
}
