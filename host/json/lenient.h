/*
 * json/lenient.h - steps through JSON text, for the scans of recorded lines.
 *
 * Why not scan.h: a step here finds where a value ends and does not judge it. What a topic carried
 * must come out of a recording byte for byte, invalid messages too, which scan.h refuses; and to
 * count brackets 64 bytes at a time took a third of the time of the strict steps (1.6 kB of nested
 * objects: 0.42 against 1.24 us). The escapes of strings are one piece for both (escape.h).
 *
 * As lenient_bytes.h they may read LENIENT_SLACK bytes beyond `end`.
 */
#ifndef TAKE5_JSON_LENIENT_H
#define TAKE5_JSON_LENIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline const char *lenient_skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* `at` stands on the opening quote. Gives what follows the closing one, NULL when there is none. */
const char *lenient_skip_string(const char *at, const char *end);
/* Over a value of any kind. NULL when it does not end. */
const char *lenient_skip_value(const char *at, const char *end);
/* Resolves the string whose opening quote `at` stands on into `to` (needs its size and 32 bytes).
 * Gives what follows the closing quote; NULL when it does not end or an escape is wrong. */
const char *lenient_unescape(const char *at, const char *end, char *to, size_t *size);
/* An integer of 64 bits, without fraction and exponent. NULL when it is none. */
const char *lenient_integer(const char *at, const char *end, int64_t *number);
/* Standard base64 with padding; `to` may be `text`. False when it is none. */
bool lenient_unbase64(const char *text, size_t text_size, char *to, size_t *size);

#endif
