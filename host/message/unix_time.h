/*
 * message/unix_time.h - times that are written as a number since 1970-01-01T00:00:00Z. The unit
 * follows from the magnitude:
 *
 *   1e8  to below 1e11   seconds        1973-03-03T09:46:40Z and later
 *   1e11 to below 1e14   milliseconds   the same instant and later
 *   1e14 to below 1e17   microseconds
 *   1e17 and above       nanoseconds
 *
 * All four begin at one instant and reach beyond the year 2261, so that no number can be taken for
 * the wrong unit; negative ones follow the same bounds. A smaller number is not a time: it would
 * lie within three years of 1970, and is rather a counter, a date written as digits or a zero.
 */
#ifndef TAKE5_MESSAGE_UNIX_TIME_H
#define TAKE5_MESSAGE_UNIX_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EPOCH_MS_FIRST INT64_C(100000000000)
/* The last one in the range of 64-bit nanoseconds. */
#define EPOCH_MS_LAST  INT64_C(9223372036854)

/* As unix_time_read, for what is not clearly a number of milliseconds. */
bool unix_time_read_any(int64_t number, int64_t *time_ns);

/* False if too small, or beyond 64-bit nanoseconds. */
static inline bool unix_time_read(int64_t number, int64_t *time_ns) {
    if ((uint64_t)number - (uint64_t)EPOCH_MS_FIRST >
        (uint64_t)EPOCH_MS_LAST - (uint64_t)EPOCH_MS_FIRST)
        return unix_time_read_any(number, time_ns);
    *time_ns = number * 1000000;
    return true;
}

/* The same for a number that may have a fraction. That of seconds and of milliseconds is rounded to
 * the microsecond, the precision of a double at present dates. */
bool unix_time_read_double(double number, int64_t *time_ns);

/* The same for digits: 9 to 19 of them, with an optional minus. */
bool unix_time_read_text(const char *text, size_t size, int64_t *time_ns);

#endif
