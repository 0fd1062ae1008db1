/*
 * json/scan.h - the grammar of JSON, strictly by RFC 8259, one step at a time. For json/ and
 * message/.
 *
 * The text scanned must end with '}' or ']' (surrounding space is the caller's to trim). That byte
 * is the sentinel: a step that is inside no string never has to ask whether the text is over, since
 * no number, space or name runs past it. Only three places look at the end: strings, the bytes
 * behind a bracket that closes, and steps that take several bytes at once.
 *
 * A step takes the position and gives the one behind what it took, or NULL when the text is bad;
 * then reason, at and what say why.
 */
#ifndef TAKE5_JSON_SCAN_H
#define TAKE5_JSON_SCAN_H

#include "json/scan_error.h"

#include <take5/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From behind the opening quote to the closing one. `*has_escapes` gets true when it has some. */
const char *scan_string(struct scan *scan, const char *p, bool *has_escapes);

/* One whole value, wanted by nobody. `depth` brackets are open around it. */
const char *scan_skip(struct scan *scan, const char *p, uint32_t depth);

/* A bare word as a value: BOOLEAN, NULL, or MISSING for what is not finite. */
const char *scan_word_value(struct scan *scan, const char *p, t5_value *value);

/* Resolves the escapes of a string that scan_string found good; gives the length, which is not
 * above the length of the text. */
size_t scan_unescape(const char *text, size_t size, char *out);

/* Text without the space around it; false when nothing is left. */
bool scan_trim(const char **begin, const char **end);

const char *scan_more_space(const char *p);

/* To the first byte that is no space: mostly the one at hand. */
static inline const char *scan_space(const char *p) {
    return (unsigned char)*p > ' ' ? p : scan_more_space(p);
}

#endif
