/*
 * sink/signal.h - a signal as the lane passes it on: typed values, and its cause.
 *
 * A lane copies it into a delivery (sink.h), where its values take a third of the room: what a lane
 * writes there, another core has to fetch. Other threads make its texts when they need them.
 */
#ifndef TAKE5_SINK_SIGNAL_H
#define TAKE5_SINK_SIGNAL_H

#include "base/text.h"

#include <take5/value.h>

#include <stdint.h>

/* A value in a delivery. */
struct signal_value {
    union {
        double number;
        int64_t integer; /* of an INTEGER or a BOOLEAN */
        const char *text;
    };
    uint32_t length;  /* of the text */
    uint16_t name_at; /* where its name is: offset from the beginning of the signal's name */
    uint8_t name_size;
    uint8_t type; /* enum t5_value_type */
};

struct signal_names;
/* All of it has passed the checks of `emit`. In a delivery each text is ended by a NUL. */
struct signal {
    t5_str name;
    t5_str symbol; /* may be empty */
    t5_str deployment;
    t5_str strategy, version;
    t5_str origin; /* of the instance's state: "fresh", "loaded", ... */
    /* The cause. */
    t5_str topic; /* Kafka's name */
    int32_t partition;
    int64_t offset;
    uint32_t ordinal; /* among the signals of that cause */
    /* What was emitted. */
    int64_t event_time_ns;
    double value;
    double confidence;
    double price;          /* 0: none */
    uint32_t time_frame_s; /* 0: none */
    uint32_t value_count;
    const t5_named_value *named;       /* the values as they were emitted; NULL in a delivery */
    const struct signal_value *values; /* in a delivery; see signal_value_at() */
    /* Its own name and those of its values, for copying; NULL: not in one block, as in a
     * delivery. */
    const struct signal_names *names;
    t5_str data; /* empty, or the text of one JSON object */
};

/* Value number i, in a delivery or not; of a strategy's value only the member for its type. */
t5_named_value signal_value_at(const struct signal *signal, uint32_t i);
/* Appends one object: its data, and then its values; nothing if it has neither. */
void signal_write_members(const struct signal *signal, struct text *text);

/* DEPLOYMENT/TOPIC/PARTITION/OFFSET/ORDINAL: identifies the cause, so that the same state and order
 * give the same ids, even after a crash. */
void signal_write_id(const struct signal *signal, struct text *text);
/* The JSON object that consumers get. `id` is the signal's. */
void signal_write_json(const struct signal *signal, const struct text *id, struct text *text);
/* A point of a published series, whose name is the signal's; a non-finite value is null. */
void signal_write_point(const struct signal *point, struct text *text);
/* For people: "momentum_up AAPL 1.23 (confidence 0.80) by fast, id ...". */
void signal_write_line(const struct signal *signal, struct text *text);

#endif
