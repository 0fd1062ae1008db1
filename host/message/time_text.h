/*
 * message/time_text.h - ISO-8601 timestamps.
 */
#ifndef TAKE5_MESSAGE_TIME_TEXT_H
#define TAKE5_MESSAGE_TIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * "2024-06-17T21:15:30Z", with an optional fraction of a second ("." or "," and 1 or more digits;
 * what lies below the nanosecond is cut), and "Z", "+02:00", "+0200" or "+02" for the offset;
 * "T" may be "t" or a space. The offset is required. Calendar-checked (leap years; second 60 counts
 * as 59.999999999). Years 1678 to 2261, which 64-bit nanoseconds hold.
 */
bool time_text_parse(const char *text, size_t size, int64_t *time_ns);

#endif
