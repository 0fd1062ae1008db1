/*
 * base/units.h - numbers as people write them: durations, sizes, booleans, and plain numbers,
 * strictly: the whole text must be the number.
 */
#ifndef TAKE5_BASE_UNITS_H
#define TAKE5_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "250ms", "30s", "5m", "2h", "1d", "10us", "7ns", with a decimal fraction ("1.5s"), and "0".
 * A bare number other than 0 is refused: which unit is a guess. Not negative. */
bool parse_duration_ns(const char *text, int64_t *duration_ns);
/* "1048576", "64KiB", "1MiB", "2GiB"; decimal KB, MB, GB too. */
bool parse_size(const char *text, int64_t *bytes);
/* yes/no, true/false, on/off, 1/0, in any case. */
bool parse_boolean(const char *text, bool *value);
bool parse_integer(const char *text, int64_t *value);
/* A finite decimal number, correctly rounded, independent of the locale. */
bool parse_number(const char *text, double *value);

/* The shortest exact text of a duration ("90s" is "1m30s" to no one: one unit only: "90s"). */
void format_duration(int64_t duration_ns, char *buffer, size_t size);

#endif
