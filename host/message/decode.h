/*
 * message/decode.h - one record to one message: the JSON is scanned once, left to right, in full.
 *
 * Strict RFC 8259: everything that the grammar does not allow makes the message bad, wherever it
 * stands and whether or not it is wanted. Nothing is allocated while a message is decoded, no tree
 * is built; text stays a span of the payload unless it has escapes, which are resolved into the
 * decoder's scratch.
 *
 * A number beyond the range of doubles (1e999) is JSON: as a field it is an infinite NUMBER, in the
 * envelope it counts as absent.
 *
 * A decoder belongs to one thread. Its projection outlives it.
 */
#ifndef TAKE5_MESSAGE_DECODE_H
#define TAKE5_MESSAGE_DECODE_H

#include "base/error.h"
#include "message/projection.h"
#include "message/record.h"

#include <take5/message.h>

#include <stdbool.h>
#include <stdint.h>

/* Why a record cannot be used. DECODE_OK is none. */
enum decode_reason {
    DECODE_OK = 0,
    DECODE_EMPTY,            /* no payload: a tombstone or zero bytes */
    DECODE_NOT_JSON,         /* breaks the grammar, or text after the value */
    DECODE_NOT_OBJECT,       /* JSON, but not one object */
    DECODE_BAD_UTF8,         /* in a string, or anywhere else */
    DECODE_TOO_DEEP,         /* above max_depth */
    DECODE_TOO_LARGE,        /* payload above max_bytes */
    DECODE_NO_SYMBOL,        /* neither `symbol` nor a key */
    DECODE_SYMBOL_TOO_LONG,  /* above max_symbol */
    DECODE_NON_FINITE,       /* bare NaN or Infinity, with non_finite = reject */
    DECODE_NO_TIME,          /* neither an event time nor a record timestamp */
    DECODE_TOO_MANY_SYMBOLS, /* set by the engine, not by the decoder: the table is full */
    DECODE_REASONS           /* how many there are */
};

/* "not-json" and so on: for headers, metrics and letters. */
const char *decode_reason_name(enum decode_reason reason);

enum decode_non_finite { DECODE_NON_FINITE_ABSENT = 1, DECODE_NON_FINITE_REJECT };

struct decode_limits {
    uint32_t max_bytes;  /* 1 MiB */
    uint32_t max_depth;  /* 64; the outermost object is depth 1 */
    uint32_t max_symbol; /* 64 bytes */
    enum decode_non_finite non_finite;
    int64_t max_event_lead_ns; /* 1 h; further ahead of the Kafka time is TIME_SUSPECT */
};

#define DECODE_LIMITS_DEFAULT                                                                      \
    { 1u << 20, 64, 64, DECODE_NON_FINITE_ABSENT, 3600 * 1000000000LL }

/* Things about a usable message that are counted. */
enum decode_remark {
    DECODE_REMARK_NON_FINITE = 1 << 0,  /* held bare NaN or Infinity, taken as absent */
    DECODE_REMARK_KEY_DIFFERS = 1 << 1, /* symbol and key are both there and differ */
    DECODE_REMARK_SUSPECT_TIME = 1 << 2
};

struct decoder;

/* All memory that decoding will ever need is allocated here. */
struct decoder *decoder_new(const struct projection *projection, const struct decode_limits *limits,
                            struct error *error);
void decoder_free(struct decoder *decoder);

/*
 * Decodes the record into `message`: everything but `topic`, `symbol_id`, `field_count`,
 * `field_slots` and `topic_name`, which are the caller's. `message->slots` points into the decoder:
 * valid, as all spans, until its next decode and while the record is.
 * `remarks` gets enum decode_remark bits. On a reason other than OK the message is not to be used,
 * and decoder_complaint() says what is wrong at which byte.
 */
__attribute__((noinline)) /* counted by name: tests/bench/instructions.py */
enum decode_reason decoder_decode(struct decoder *decoder, const struct record *record,
                                  t5_message *message, uint32_t *remarks);

/* What was wrong with the record decoded last: "byte 17: expected ':' after a member's name". */
const char *decoder_complaint(const struct decoder *decoder);

/* The role of a topic that a value's shape tells (MESSAGES.md), for records without a topic:
 * "bar_trends", "historic_stats", "asset_trends", or NULL. A full strict scan. */
const char *decode_shape(const char *payload, size_t size);

/* Whether the text is exactly one JSON object by the same strict rules: for signal data. */
bool decode_is_object(const char *text, size_t size, uint32_t max_depth);

#endif
