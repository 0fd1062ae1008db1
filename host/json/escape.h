/*
 * json/escape.h - the escapes of JSON strings. The room's own.
 */
#ifndef TAKE5_JSON_ESCAPE_H
#define TAKE5_JSON_ESCAPE_H

#include <stddef.h>

/* What a byte behind a backslash stands for; 0: for nothing, or it is the 'u'. */
extern const char escape_bytes[256];

/* `p` stands on the backslash of another escape. Writes the character's 1 to 4 bytes to `*to`, and
 * moves that on; a pair of surrogates is one escape. Gives what follows it, or NULL; then `*what`
 * says what is wrong. */
const char *escape_unicode(const char *p, const char *end, char **to, const char **what);

/* The same for any escape. */
static inline const char *escape_resolve(const char *p, const char *end, char **to) {
    const char *what;
    const char byte = end - p >= 2 ? escape_bytes[(unsigned char)p[1]] : 0;
    if (byte == 0)
        return escape_unicode(p, end, to, &what);
    *(*to)++ = byte;
    return p + 2;
}

#endif
