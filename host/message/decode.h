/*
 * message/decode.h - one record to one message: the JSON is scanned once, left to right, in full.
 *
 * Strict RFC 8259: everything that the grammar does not allow makes the message bad, wherever it is
 * and whether or not it is wanted. Decoding allocates nothing and builds no tree; text stays a span
 * of the payload unless it has escapes, which are resolved into the decoder's scratch buffer.
 *
 * A number beyond the range of doubles (1e999) is treated like a bare Infinity: depending on
 * `non_finite` it is absent, or the message is bad, wherever it is and whether or not it is wanted.
 *
 * A decoder belongs to one thread. Its projection outlives it.
 */
#ifndef TAKE5_MESSAGE_DECODE_H
#define TAKE5_MESSAGE_DECODE_H

#include "base/error.h"
#include "message/projection.h"
#include "message/record.h"
#include "message/time_text.h"
#include "json/reason.h"

#include <take5/message.h>

#include <stdbool.h>
#include <stdint.h>

/* "not-json" and so on: for headers, metrics and dead letters. */
const char *decode_reason_name(enum decode_reason reason);

enum decode_non_finite { DECODE_NON_FINITE_ABSENT = 1, DECODE_NON_FINITE_REJECT };

struct decode_limits {
    uint32_t max_bytes;  /* 1 MiB */
    uint32_t max_depth;  /* 64; the outermost object is depth 1 */
    uint32_t max_symbol; /* 64 bytes */
    enum decode_non_finite non_finite;
    int64_t max_event_lead_ns; /* 1 h; further ahead of the Kafka time is TIME_SUSPECT */
    int64_t max_event_lag_ns;  /* 10 years; further behind it is too */
    struct time_zone zone;     /* of ISO-8601 without one; none: unreadable */
};

#define DECODE_LIMITS_DEFAULT                                                                      \
    {                                                                                              \
        .max_bytes = 1u << 20, .max_depth = 64, .max_symbol = 64,                                  \
        .non_finite = DECODE_NON_FINITE_ABSENT, .max_event_lead_ns = 3600 * 1000000000LL,          \
        .max_event_lag_ns = 3650 * 86400 * 1000000000LL                                            \
    }

/* What is counted about a usable message. */
enum decode_warning {
    DECODE_WARNING_NON_FINITE = 1 << 0,   /* had NaN, Infinity or a number beyond doubles: absent */
    DECODE_WARNING_KEY_DIFFERS = 1 << 1,  /* symbol and key are both present and differ */
    DECODE_WARNING_SUSPECT_TIME = 1 << 2, /* too far ahead of Kafka's time, or behind it */
    DECODE_WARNING_UNREADABLE_TIME = 1 << 3 /* an event time is present and unreadable */
};

/* What an unreadable event time is. */
enum decode_time_form {
    DECODE_TIME_WITHOUT_ZONE, /* ISO-8601 without a zone, and none is configured */
    DECODE_TIME_DATE,
    DECODE_TIME_NO_SUCH, /* ISO-8601 of a day or time that does not exist, or of a far year */
    DECODE_TIME_TEXT,    /* any other text */
    DECODE_TIME_NUMBER,  /* too small or too large */
    DECODE_TIME_TYPE,    /* neither text nor number */
    DECODE_TIME_FORMS    /* number of forms */
};

struct decoder;

/* Allocates all memory that decoding will ever need. */
struct decoder *decoder_new(const struct projection *projection, const struct decode_limits *limits,
                            struct error *error);
void decoder_free(struct decoder *decoder);

/*
 * Decodes the record into `message`: all members but `topic`, `symbol_id`, `field_count`,
 * `field_slots` and `topic_name`, which are the caller's. `message->slots` points into the decoder:
 * valid, like all spans, until its next decode and while the record is. `warnings` gets enum
 * decode_warning bits. With a reason other than OK the message must not be used, and
 * decoder_error() says what is wrong at which byte.
 */
__attribute__((noinline)) /* counted by name: tests/bench/instructions.py */
enum decode_reason
decoder_decode(struct decoder *decoder, const struct record *record, t5_message *message,
               uint32_t *warnings);

/* What was wrong with the record decoded last: "byte 17: expected ':' after a member's name". If it
 * is usable: empty, or with DECODE_WARNING_UNREADABLE_TIME which time is unreadable. */
const char *decoder_error(const struct decoder *decoder);
/* The form of that time, with that warning. */
enum decode_time_form decoder_time_form(const struct decoder *decoder);

/* The role of the topic that a value's shape indicates (host/doc/messages.md), for records without
 * a topic: "bar_trends", "historic_stats", "asset_trends", or NULL. A full strict scan. */
const char *decode_shape(const char *payload, size_t size);

/* Whether the text is exactly one JSON object by the same strict rules: for signal data. */
bool decode_is_object(const char *text, size_t size, uint32_t max_depth);

#endif
