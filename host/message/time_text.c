#include "message/time_text.h"

#include <string.h>

#define NS_PER_SECOND INT64_C(1000000000)

struct reader {
    const char *at;
    const char *end;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Exactly `count` digits. */
static bool read_digits(struct reader *reader, int count, int32_t *value) {
    if (reader->end - reader->at < count)
        return false;
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (!is_digit(reader->at[i]))
            return false;
        *value = *value * 10 + (reader->at[i] - '0');
    }
    reader->at += count;
    return true;
}

static bool read_byte(struct reader *reader, char wanted) {
    if (reader->at == reader->end || *reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

/* What follows the point: nanoseconds, the rest is cut off. */
static bool read_fraction(struct reader *reader, int32_t *ns) {
    int32_t unit = 100000000;
    *ns = 0;
    if (!read_byte(reader, '.') && !read_byte(reader, ','))
        return true;
    if (reader->at == reader->end || !is_digit(*reader->at))
        return false;
    for (; reader->at < reader->end && is_digit(*reader->at); reader->at++) {
        *ns += (*reader->at - '0') * unit;
        unit /= 10;
    }
    return true;
}

/* "Z", "+02:00", "+0200" or "+02", to the end. */
static bool read_offset(struct reader *reader, int32_t *seconds) {
    *seconds = 0;
    if (read_byte(reader, 'Z') || read_byte(reader, 'z'))
        return reader->at == reader->end;
    const bool is_west = read_byte(reader, '-');
    if (!is_west && !read_byte(reader, '+'))
        return false;
    int32_t hours;
    int32_t minutes = 0;
    if (!read_digits(reader, 2, &hours))
        return false;
    if (reader->at < reader->end) {
        (void)read_byte(reader, ':');
        if (!read_digits(reader, 2, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59 || reader->at != reader->end)
        return false;
    *seconds = (hours * 60 + minutes) * 60;
    if (is_west)
        *seconds = -*seconds;
    return true;
}

static bool is_leap(int32_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int32_t days_in_month(int32_t year, int32_t month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01. Years begin in March, so that the leap day is a year's last. */
static int32_t days_since_1970(int32_t year, int32_t month, int32_t day) {
    const int32_t y = month > 2 ? year : year - 1;
    const int32_t month_from_march = (month + 9) % 12;
    const int32_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static bool read_date(struct reader *reader, int32_t *year, int32_t *month, int32_t *day) {
    return read_digits(reader, 4, year) && read_byte(reader, '-') &&
           read_digits(reader, 2, month) && read_byte(reader, '-') && read_digits(reader, 2, day);
}

/* An offset, or the zone's if there is none. */
static bool read_zone(struct reader *reader, struct time_zone zone, int32_t *seconds) {
    if (reader->at < reader->end || !zone.is_set)
        return read_offset(reader, seconds);
    *seconds = zone.offset_s;
    return true;
}

bool time_text_parse(const char *text, size_t size, struct time_zone zone, int64_t *time_ns) {
    struct reader reader = {text, text + size};
    int32_t year, month, day, hour, minute, second, ns, offset;

    if (!read_date(&reader, &year, &month, &day))
        return false;
    if (!read_byte(&reader, 'T') && !read_byte(&reader, 't') && !read_byte(&reader, ' '))
        return false;
    if (!read_digits(&reader, 2, &hour) || !read_byte(&reader, ':') ||
        !read_digits(&reader, 2, &minute) || !read_byte(&reader, ':') ||
        !read_digits(&reader, 2, &second) || !read_fraction(&reader, &ns) ||
        !read_zone(&reader, zone, &offset))
        return false;
    if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    if (second == 60) { /* a leap second: the last instant before the next minute */
        second = 59;
        ns = (int32_t)NS_PER_SECOND - 1;
    }
    const int64_t day_seconds = INT64_C(86400) * days_since_1970(year, month, day);
    *time_ns = (day_seconds + (hour * 60 + minute) * 60 + second - offset) * NS_PER_SECOND + ns;
    return true;
}

/* Whether it looks like a date and a time, whatever the digits are. */
static bool is_like_iso(const char *text, size_t size) {
    struct reader reader = {text, text + size};
    int32_t ignored;
    return read_date(&reader, &ignored, &ignored, &ignored) &&
           (read_byte(&reader, 'T') || read_byte(&reader, 't') || read_byte(&reader, ' ')) &&
           read_digits(&reader, 2, &ignored) && read_byte(&reader, ':') &&
           read_digits(&reader, 2, &ignored) && read_byte(&reader, ':') &&
           read_digits(&reader, 2, &ignored) && read_fraction(&reader, &ignored) &&
           (reader.at == reader.end || read_offset(&reader, &ignored));
}

enum time_text_form time_text_form(const char *text, size_t size) {
    static const struct time_zone utc = {.is_set = true};
    struct reader reader = {text, text + size};
    int32_t ignored;
    int64_t time_ns;
    if (time_text_parse(text, size, utc, &time_ns))
        return TIME_TEXT_WITHOUT_ZONE;
    if (read_date(&reader, &ignored, &ignored, &ignored) && reader.at == reader.end)
        return TIME_TEXT_DATE;
    return is_like_iso(text, size) ? TIME_TEXT_NO_SUCH : TIME_TEXT_OTHER;
}

bool time_zone_parse(const char *text, size_t size, struct time_zone *zone) {
    struct reader reader = {text, text + size};
    int32_t seconds = 0;
    const bool is_utc = size == 3 && memcmp(text, "UTC", 3) == 0;
    if (!is_utc && !read_offset(&reader, &seconds))
        return false;
    *zone = (struct time_zone){.is_set = true, .offset_s = seconds};
    return true;
}
