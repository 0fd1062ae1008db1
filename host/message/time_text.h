/*
 * message/time_text.h - ISO-8601 timestamps.
 */
#ifndef TAKE5_MESSAGE_TIME_TEXT_H
#define TAKE5_MESSAGE_TIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How to read a time without an offset. All zeros: not at all. */
struct time_zone {
    bool is_set;
    int32_t offset_s; /* east of UTC */
};

/*
 * "2024-06-17T21:15:30Z", with an optional fraction of a second ("." or "," and 1 or more digits;
 * digits below the nanosecond are cut off), and "Z", "+02:00", "+0200" or "+02" for the offset; "T"
 * may be "t" or a space. Without an offset the time is one of `zone`, or refused. Calendar-checked
 * (leap years; second 60 counts as 59.999999999). Years 1678 to 2261, the range of 64-bit
 * nanoseconds.
 */
bool time_text_parse(const char *text, size_t size, struct time_zone zone, int64_t *time_ns);

/* What a text that time_text_parse() refuses is. */
enum time_text_form {
    TIME_TEXT_WITHOUT_ZONE, /* good except for its missing offset */
    TIME_TEXT_DATE,         /* a date only */
    TIME_TEXT_NO_SUCH,      /* a day or time that does not exist, or a year out of range */
    TIME_TEXT_OTHER
};
enum time_text_form time_text_form(const char *text, size_t size);

/* "UTC", "Z", "+05:30", "-0500" or "+01": a zone that is one offset all the year. */
bool time_zone_parse(const char *text, size_t size, struct time_zone *zone);

#endif
