/*
 * take5/message.h - one decoded Kafka record, as on_message gets it.
 *
 * Lifetime: the struct and everything it points to belong to the host and are valid until
 * on_message returns. Copy what you keep.
 */
#ifndef TAKE5_MESSAGE_H
#define TAKE5_MESSAGE_H

#include "value.h"

#include <math.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of a message. Ignore those that you do not know. */
enum t5_message_flag {
    T5_MESSAGE_HAS_TIME_FRAME = 1 << 0,
    T5_MESSAGE_HAS_PRICE = 1 << 1,
    T5_MESSAGE_HAS_VOLUME = 1 << 2,
    T5_MESSAGE_HAS_OPEN = 1 << 3,
    T5_MESSAGE_HAS_HIGH = 1 << 4,
    T5_MESSAGE_HAS_LOW = 1 << 5,
    T5_MESSAGE_HAS_CLOSE = 1 << 6,
    T5_MESSAGE_HAS_KEY = 1 << 7,        /* the record has a key, be it empty */
    T5_MESSAGE_HAS_KAFKA_TIME = 1 << 8, /* the record has a timestamp */
    T5_MESSAGE_HAS_EVENT_TIME = 1 << 9, /* the event time comes from the payload, not from Kafka */
    /* Its event time is implausibly far ahead of its Kafka time or behind it, or a time that the
     * payload has cannot be read (without HAS_EVENT_TIME, Kafka's stands for it): it moved no
     * clock; keep it out of windows. */
    T5_MESSAGE_TIME_SUSPECT = 1 << 16,
    T5_MESSAGE_HISTORY = 1 << 17, /* warm-up: signals are dropped */
    T5_MESSAGE_REDRIVE = 1 << 18  /* a dead letter given once more */
};

/*
 * One message. Numbers that the payload lacks are NaN and their HAS flag is clear; absent is never
 * zero. Times are nanoseconds since 1970-01-01T00:00:00Z.
 */
typedef struct t5_message {
    uint32_t size;
    uint32_t flags; /* enum t5_message_flag */
    /* Where it comes from. */
    uint32_t topic; /* index into the topics that the descriptor (or describe) lists */
    int32_t partition;
    int64_t offset;
    int64_t kafka_time_ns; /* the record's timestamp; 0 without HAS_KAFKA_TIME */
    /* What it is about. */
    t5_str symbol;         /* never empty */
    uint32_t symbol_id;    /* dense, stable while the instance lives; not to be written to state */
    uint32_t time_frame_s; /* bar time frame in seconds; 0 without HAS_TIME_FRAME */
    int64_t event_time_ns; /* always set: from the payload, else the record's timestamp */
    double price;          /* barData.close, else price */
    double volume;
    double open;
    double high;
    double low;
    double close; /* barData.close alone */
    /* Fields: read them with t5_field(). */
    uint32_t field_count;
    uint32_t reserved;
    const t5_value *slots;       /* decoded values of all strategies, shared */
    const uint32_t *field_slots; /* field_count indices into `slots`: this strategy's fields */
    /* The record as it came. */
    t5_str key;
    t5_str payload;
    t5_str topic_name; /* the Kafka topic, whatever the role is called */
} t5_message;

/*
 * Field number `index` of the message: those of the descriptor first, in its order, then those
 * that `create` declared. Never NULL: an index beyond the last gives a MISSING value.
 */
static inline const t5_value *t5_field(const t5_message *message, uint32_t index) {
    static const t5_value missing = {T5_VALUE_MISSING, 0, 0, (double)NAN, 0, NULL};
    return index < message->field_count ? &message->slots[message->field_slots[index]] : &missing;
}

/* The field as a double; NaN unless it is a number or a boolean. */
static inline double t5_field_number(const t5_message *message, uint32_t index) {
    return t5_field(message, index)->number;
}

#ifdef __cplusplus
}
#endif

#endif
