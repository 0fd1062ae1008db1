/*
 * json/lenient.h - steps through JSON text, for the scans of recorded lines.
 *
 * As lenient_bytes.h they may read RECORDING_SLACK bytes beyond `end`.
 */
#ifndef TAKE5_JSON_LENIENT_H
#define TAKE5_JSON_LENIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline const char *recording_skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* `at` stands on the opening quote. Gives what follows the closing one, NULL when there is none.
 * `has_escapes` may be NULL. */
const char *recording_skip_string(const char *at, const char *end, bool *has_escapes);
/* Over a value of any kind. NULL when it does not end. */
const char *recording_skip_value(const char *at, const char *end);
/* Resolves the string whose opening quote `at` stands on into `to` (needs its size and 32 bytes).
 * Gives what follows the closing quote; NULL when it does not end or an escape is wrong. */
const char *recording_unescape(const char *at, const char *end, char *to, size_t *size);
/* An integer of 64 bits, without fraction and exponent. NULL when it is none. */
const char *recording_integer(const char *at, const char *end, int64_t *number);
/* Standard base64 with padding; `to` may be `text`. False when it is none. */
bool recording_unbase64(const char *text, size_t text_size, char *to, size_t *size);

#endif
