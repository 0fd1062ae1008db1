/*
 * An independent reading of RFC 8259, as an oracle: simple, slow, recursive, sharing nothing with
 * the decoder.
 */
#ifndef TAKE5_TESTS_FUZZ_STRICT_H
#define TAKE5_TESTS_FUZZ_STRICT_H

#include <stdbool.h>
#include <stddef.h>

enum strict_verdict { STRICT_GOOD = 1, STRICT_BAD, STRICT_TOO_DEEP, STRICT_NON_FINITE };

struct strict_result {
    enum strict_verdict verdict; /* by the first thing that is wrong */
    bool is_object;
    bool has_non_finite;   /* NaN, Infinity or a number beyond doubles; wrong only when refused */
    bool has_nul;          /* an escaped NUL */
    size_t longest_number; /* in bytes */
};

struct strict_result strict_check(const char *text, size_t size, unsigned max_depth,
                                  bool refuses_non_finite);

struct strict_span {
    const char *text; /* NULL: none */
    size_t size;
};

/* In a good text, the value at a path of steps: the last of duplicate names; digits are an index in
 * an array. As it stands in the text. */
struct strict_span strict_find(const char *text, size_t size, const char *const *steps);

/* The text of a string as it stands, with its quotes: escapes resolved into `out`. */
size_t strict_unescape(struct strict_span string, char *out);

#endif
