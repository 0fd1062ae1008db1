/*
 * json/scan_error.h - a text that is scanned (json/scan.h), and how a step says that it is bad. The
 * room's own.
 */
#ifndef TAKE5_JSON_SCAN_ERROR_H
#define TAKE5_JSON_SCAN_ERROR_H

#include "json/reason.h"

#include <stdbool.h>
#include <stdint.h>

struct scan {
    const char *end;
    uint8_t *closers; /* max_depth bytes: what closes each open bracket that scan_skip is in */
    uint32_t max_depth;
    bool refuses_non_finite;
    bool has_non_finite; /* bare NaN, Infinity or -Infinity was met, or a number beyond doubles */
    enum decode_reason reason;
    const char *at;
    const char *what;
};

/* Sets why the text is bad, once, and gives NULL. A byte that is no UTF-8 makes it BAD_UTF8. */
const char *scan_fail(struct scan *scan, const char *at, enum decode_reason reason,
                      const char *what);
const char *scan_fail_grammar(struct scan *scan, const char *at, const char *what);

/* What is not finite stands at p. Gives `behind`, or NULL when such are refused. */
const char *scan_non_finite(struct scan *scan, const char *p, const char *behind, const char *what);
/* The same of a number [p, behind) beyond the range of doubles, which counts as the Infinity that
 * it would be. */
const char *scan_beyond_range(struct scan *scan, const char *p, const char *behind);

#endif
