/*
 * take5/signal.h - a signal emitted by an instance, and a point of a series that it publishes.
 */
#ifndef TAKE5_SIGNAL_H
#define TAKE5_SIGNAL_H

#include "value.h"

#include <math.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One signal, handed to emit. The host checks and copies it; nothing is kept of the caller's
 * memory. Zero-initialise, set `size`, then what you need (t5_signal_init() does both).
 *
 * Limits: name 1 to 64 bytes of [A-Za-z0-9_.-]; symbol at most 64 bytes; data at most 64 KiB; at
 * most 64 values, their names as the signal's and no two alike, their texts at most 64 KiB
 * together.
 */
typedef struct t5_signal {
    uint32_t size;
    uint32_t flags;        /* none yet: 0 */
    t5_str name;           /* what it reports, such as "momentum_up" */
    t5_str symbol;         /* empty: that of the current message or timer */
    int64_t event_time_ns; /* 0: that of the current message or timer */
    double value;          /* finite */
    double confidence;     /* 0 to 1 */
    /* What else belongs to it: readers find one JSON object, the members of `data` and then the
     * values. Values cost the lane a copy, text what it takes to write and to check it. */
    t5_str data;                  /* empty, or the text of one JSON object */
    const t5_named_value *values; /* NUMBER (not finite: null), INTEGER, BOOLEAN, TEXT or NULL */
    uint32_t value_count;
    uint32_t time_frame_s; /* 0: that of the current message, if it has one */
    double price;          /* 0: that of the current message, if it has one; else finite */
} t5_signal;

/* One point of a series that the descriptor declares, handed to publish. Zero-initialise, set
 * `size`. Points go to reports and the live page, and not to those who read signals. */
typedef struct t5_point {
    uint32_t size;
    uint32_t series;       /* index into the descriptor's `series` */
    t5_str symbol;         /* empty: that of the current message or timer */
    int64_t event_time_ns; /* 0: that of the current message or timer */
    double value;          /* not finite: a gap */
    uint32_t time_frame_s; /* 0: that of the current message, if it has one */
    uint32_t reserved;
} t5_point;

/* ---- named values ---- */

static inline t5_value t5_value_of(uint16_t type, double number, int64_t integer) {
    t5_value value;
    memset(&value, 0, sizeof value);
    value.type = type;
    value.number = number;
    value.integer = integer;
    return value;
}

static inline t5_named_value t5_named_number(const char *name, double number) {
    t5_named_value named;
    named.name = t5_text(name);
    named.value = t5_value_of(T5_VALUE_NUMBER, number, 0);
    return named;
}

static inline t5_named_value t5_named_integer(const char *name, int64_t integer) {
    t5_named_value named;
    named.name = t5_text(name);
    named.value = t5_value_of(T5_VALUE_INTEGER, (double)integer, integer);
    return named;
}

static inline t5_named_value t5_named_boolean(const char *name, int is_true) {
    t5_named_value named;
    named.name = t5_text(name);
    named.value = t5_value_of(T5_VALUE_BOOLEAN, is_true ? 1.0 : 0.0, is_true ? 1 : 0);
    return named;
}

/* The text stays the caller's and must live until the call that it is handed to returns. */
static inline t5_named_value t5_named_text(const char *name, t5_str text) {
    t5_named_value named;
    named.name = t5_text(name);
    named.value = t5_value_of(T5_VALUE_TEXT, (double)NAN, 0);
    named.value.text = text.data;
    named.value.length = (uint32_t)text.len;
    return named;
}

#ifdef __cplusplus
}
#endif

#endif
