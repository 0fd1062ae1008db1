/*
 * take5/host.h - what the host does for an instance.
 *
 * `t5_host` is the instance's handle: it belongs to one instance, is given to `create`, stays valid
 * until `destroy` returns, and is of no use to any other instance. Its first member is the table of
 * services; what lies behind is the host's. Call through the inline helpers at the end, or through
 * the table from other languages.
 *
 * Threads: services are called inside a callback, on its thread. Only log() and wake() may be
 * called from any thread, between `create` and the return of `destroy`. A service that is called
 * where it is not allowed does nothing and answers T5_NOT_NOW.
 * Texts are pointer and length; no function here is variadic. Nothing is kept of the caller's
 * memory.
 */
#ifndef TAKE5_HOST_H
#define TAKE5_HOST_H

#include "codes.h"
#include "event.h"
#include "message.h"
#include "signal.h"
#include "state.h"
#include "timer.h"
#include "value.h"
#include "version.h"

#include <stdarg.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct t5_services t5_services;

/* Frozen: one pointer, then what is the host's own. */
typedef struct t5_host {
    const t5_services *services;
} t5_host;

/* A look into the whole document of the current message: in and out. */
typedef struct t5_document {
    uint32_t size;
    uint32_t child; /* in: UINT32_MAX for the value at `path`, else its child number `child` */
    t5_str path;    /* in: as a field path; empty for the document itself */
    t5_value value; /* out: the value; its text lives until the callback returns */
    t5_str name;    /* out: the member's name when `child` was given for an object */
    uint32_t child_count; /* out: how many children the value has; 0 unless object or array */
    uint32_t reserved;
} t5_document;

struct t5_services {
    uint32_t size;
    uint32_t abi_minor; /* of the host */

    /* Writes a log line under the deployment's name. A WARNING or ERROR that repeats in a row is
     * counted instead, and the count is written. Any thread. */
    int32_t (*log)(t5_host *host, int32_t level, const char *text, size_t len);

    /* Sets the reason that goes with the T5_ERROR or T5_REJECT which this callback is about to
     * return. The last one counts. Any callback that returns a code. */
    int32_t (*fail)(t5_host *host, const char *text, size_t len);

    /* Emits a signal. T5_OK means accepted, not yet durable; T5_ERROR that it was refused (not
     * finite, confidence outside 0..1, bad name or value, data no JSON object, too many in one
     * callback), which is counted and logged. on_message and on_timer only. */
    int32_t (*emit)(t5_host *host, const t5_signal *signal);

    /* Arms, or moves, the timer (clock, symbol, key). T5_ERROR: unknown symbol, too many timers.
     * load, activate, on_message, on_timer, on_event. */
    int32_t (*arm_timer)(t5_host *host, const t5_timer *timer);

    /* Disarms it; T5_END when it was not armed. As arm_timer. */
    int32_t (*cancel_timer)(t5_host *host, const t5_timer *timer);

    /* The time by a clock (enum t5_clock), ns since 1970; 0 while the event clock has not moved
     * yet. Any callback. */
    int64_t (*now)(t5_host *host, int32_t clock);

    /* The value of a declared parameter. T5_ERROR when none has that name. The text of the value
     * lives as long as the instance. Any callback. */
    int32_t (*parameter)(t5_host *host, const char *name, size_t len, t5_value *value);

    /* Wants one more field of each message; `*index` is its number for t5_field(). T5_ERROR when
     * the path is not well formed. create only. */
    int32_t (*declare_field)(t5_host *host, const char *path, size_t len, uint32_t *index);

    /* Looks into the whole document of the current message; the first call for a message builds a
     * tree of it, which costs as much as several callbacks. Integers are exact within
     * 64 bits, as in fields. T5_END when there is no such value or child. on_message only. */
    int32_t (*document)(t5_host *host, t5_document *document);

    /* The text of a symbol id; valid until the callback returns. T5_ERROR: no such id. Any
     * callback but create. */
    int32_t (*symbol_text)(t5_host *host, uint32_t symbol_id, t5_str *text);

    /* The id of a symbol, given out now if it has none. T5_ERROR: empty, too long, or too many
     * symbols. Any callback but create and save. */
    int32_t (*symbol_id)(t5_host *host, const char *text, size_t len, uint32_t *symbol_id);

    /* Appends a record to the state. save only. */
    int32_t (*record_write)(t5_host *host, uint32_t symbol_id, const void *data, size_t size);

    /* The next record of the state; T5_END after the last. load only. */
    int32_t (*record_read)(t5_host *host, t5_record *record);

    /* Asks for an on_event(T5_EVENT_WOKEN) soon, on the instance's lane. Calls before it comes are
     * one. Any thread, between activate and the return of deactivate. */
    int32_t (*wake)(t5_host *host);

    /* Publishes a point of a series. T5_ERROR: no such series, or a bad point; T5_UNSUPPORTED:
     * nobody can look at series here, so compute none. on_message and on_timer only. */
    int32_t (*publish)(t5_host *host, const t5_point *point);
};

/* ---- helpers: the same services, from C and C++ ---- */

static inline t5_signal t5_signal_init(const char *name, double value, double confidence) {
    t5_signal signal;
    memset(&signal, 0, sizeof signal);
    signal.size = (uint32_t)sizeof signal;
    signal.name = t5_text(name);
    signal.value = value;
    signal.confidence = confidence;
    return signal;
}

static inline int32_t t5_emit(t5_host *host, const t5_signal *signal) {
    return host->services->emit(host, signal);
}

/* Emits the signal with the values beside it. */
static inline int32_t t5_emit_values(t5_host *host, t5_signal signal, const t5_named_value *values,
                                     uint32_t value_count) {
    signal.values = values;
    signal.value_count = value_count;
    return host->services->emit(host, &signal);
}

/* A point of series number `series`, about the current message's or timer's symbol and time. */
static inline int32_t t5_publish(t5_host *host, uint32_t series, double value) {
    t5_point point;
    memset(&point, 0, sizeof point);
    point.size = (uint32_t)sizeof point;
    point.series = series;
    point.value = value;
    return host->services->publish(host, &point);
}

/* Longest text that t5_log() and t5_fail() format; what is longer is cut. */
#define T5_FORMAT_MAX 1024

static inline size_t t5_format_length(int printed) {
    if (printed < 0)
        return 0;
    return printed < T5_FORMAT_MAX ? (size_t)printed : (size_t)T5_FORMAT_MAX - 1;
}

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline void
t5_log(t5_host *host, int32_t level, const char *format, ...) {
    char text[T5_FORMAT_MAX];
    va_list args;
    va_start(args, format);
    const int printed = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)host->services->log(host, level, text, t5_format_length(printed));
}

/* Sets the reason and gives T5_ERROR: `return t5_fail(host, "no file %s", path);` */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline int32_t
t5_fail(t5_host *host, const char *format, ...) {
    char text[T5_FORMAT_MAX];
    va_list args;
    va_start(args, format);
    const int printed = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)host->services->fail(host, text, t5_format_length(printed));
    return T5_ERROR;
}

/* Arms the event-time timer (symbol, key). */
static inline int32_t t5_arm_timer(t5_host *host, uint32_t symbol_id, uint64_t key,
                                   int64_t due_ns) {
    t5_timer timer;
    memset(&timer, 0, sizeof timer);
    timer.size = (uint32_t)sizeof timer;
    timer.clock = T5_CLOCK_EVENT;
    timer.symbol_id = symbol_id;
    timer.key = key;
    timer.due_ns = due_ns;
    return host->services->arm_timer(host, &timer);
}

static inline int32_t t5_cancel_timer(t5_host *host, uint32_t symbol_id, uint64_t key) {
    t5_timer timer;
    memset(&timer, 0, sizeof timer);
    timer.size = (uint32_t)sizeof timer;
    timer.clock = T5_CLOCK_EVENT;
    timer.symbol_id = symbol_id;
    timer.key = key;
    return host->services->cancel_timer(host, &timer);
}

static inline int64_t t5_now(t5_host *host) {
    return host->services->now(host, T5_CLOCK_EVENT);
}

/* A declared parameter; a MISSING value for a name that is not declared. */
static inline t5_value t5_parameter_value(t5_host *host, const char *name) {
    t5_value value;
    memset(&value, 0, sizeof value);
    value.type = T5_VALUE_MISSING;
    value.number = (double)NAN;
    (void)host->services->parameter(host, name, strlen(name), &value);
    return value;
}

static inline double t5_parameter_number(t5_host *host, const char *name) {
    return t5_parameter_value(host, name).number;
}

/* Also for durations (ns) and booleans (0 or 1). */
static inline int64_t t5_parameter_integer(t5_host *host, const char *name) {
    return t5_parameter_value(host, name).integer;
}

static inline t5_str t5_parameter_text(t5_host *host, const char *name) {
    const t5_value value = t5_parameter_value(host, name);
    return t5_value_text(&value);
}

static inline int32_t t5_record_write(t5_host *host, uint32_t symbol_id, const void *data,
                                      size_t size) {
    return host->services->record_write(host, symbol_id, data, size);
}

/* Fills `record`; T5_OK, or T5_END after the last. */
static inline int32_t t5_record_read(t5_host *host, t5_record *record) {
    memset(record, 0, sizeof *record);
    record->size = (uint32_t)sizeof *record;
    return host->services->record_read(host, record);
}

#ifdef __cplusplus
}
#endif

#endif
