/*
 * message/number_scan.h - numbers in JSON text. The room's own.
 */
#ifndef TAKE5_MESSAGE_NUMBER_SCAN_H
#define TAKE5_MESSAGE_NUMBER_SCAN_H

#include "message/scan.h"

#include <take5/value.h>

static inline bool number_is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* Whether a number stands at p: a digit, or a minus and a digit. */
static inline bool number_begins(const char *p) {
    return number_is_digit(*p) || (*p == '-' && number_is_digit(p[1]));
}

/* Checks a number that nobody wants. number_begins(p) must hold, here and below. */
const char *number_skip(struct scan *scan, const char *p);

/* Reads one: INTEGER or NUMBER. */
const char *number_read(struct scan *scan, const char *p, t5_value *value);

#endif
