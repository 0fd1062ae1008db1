/*
 * take5/value.h - text spans and field values: the two types that are passed by value or lie in
 * arrays. Their layout is frozen for ever.
 */
#ifndef TAKE5_VALUE_H
#define TAKE5_VALUE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A span of bytes, not NUL-terminated. `data` may be NULL only when `len` is 0. Text is UTF-8.
 * Whoever hands one over says how long it lives; nobody frees one.
 */
typedef struct t5_str {
    const char *data;
    size_t len;
} t5_str;

/* What a value is. */
enum t5_value_type {
    T5_VALUE_MISSING = 1, /* the message has no such field, or its number is not finite */
    T5_VALUE_NULL = 2,
    T5_VALUE_BOOLEAN = 3, /* `integer` is 0 or 1, `number` the same */
    T5_VALUE_INTEGER = 4, /* `integer` exact, `number` the nearest double */
    T5_VALUE_NUMBER = 5,  /* `number`; `integer` is 0 */
    T5_VALUE_TEXT = 6,    /* `text`, `length`: UTF-8 with all escapes resolved; may contain NUL */
    T5_VALUE_JSON = 7     /* `text`, `length`: an object or array, as it stands in the message */
};

/* Flags of a value. Ignore those that you do not know. */
enum t5_value_flag {
    T5_VALUE_ROUNDED =
        1 /* written as an integer beyond 64 bits: a NUMBER holds the nearest double */
};

/*
 * One value: a field of a message, or a parameter. `number` is NaN unless the type is BOOLEAN,
 * INTEGER or NUMBER, so arithmetic on an absent field gives NaN and never a silent zero.
 * Frozen: 32 bytes.
 */
typedef struct t5_value {
    uint16_t type;  /* enum t5_value_type */
    uint16_t flags; /* enum t5_value_flag */
    uint32_t length;
    double number;
    int64_t integer;
    const char *text;
} t5_value;

/* A value with a name: of what a signal carries. Frozen: 48 bytes. */
typedef struct t5_named_value {
    t5_str name;
    t5_value value;
} t5_named_value;

/* The span of a string literal or other NUL-terminated text; NULL gives the empty span. */
static inline t5_str t5_text(const char *text) {
    t5_str s;
    s.data = text;
    s.len = text != NULL ? strlen(text) : 0;
    return s;
}

/* Whether both spans hold the same bytes. */
static inline int t5_str_equal(t5_str a, t5_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The bytes of a TEXT or JSON value; the empty span for every other type. */
static inline t5_str t5_value_text(const t5_value *value) {
    t5_str s;
    s.data = NULL;
    s.len = 0;
    if (value->type == T5_VALUE_TEXT || value->type == T5_VALUE_JSON) {
        s.data = value->text;
        s.len = value->length;
    }
    return s;
}

/* Whether the value is a number of either kind. */
static inline int t5_value_is_number(const t5_value *value) {
    return value->type == T5_VALUE_INTEGER || value->type == T5_VALUE_NUMBER;
}

#ifdef __cplusplus
}
#endif

#endif
