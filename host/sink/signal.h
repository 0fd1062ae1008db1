/*
 * sink/signal.h - a signal as the lane hands it on: typed values, and where it comes from.
 *
 * A lane copies it into a delivery (sink.h), where its values take a third of the room: what a lane
 * writes there, another core has to fetch. Its texts are made of it on other threads, by those who
 * need them.
 */
#ifndef TAKE5_SINK_SIGNAL_H
#define TAKE5_SINK_SIGNAL_H

#include "base/text.h"

#include <take5/value.h>

#include <stdint.h>

/* A value as it lies in a delivery. */
struct signal_value {
    union {
        double number;
        int64_t integer; /* of an INTEGER, or a BOOLEAN */
        const char *text;
    };
    uint32_t length;  /* of the text */
    uint16_t name_at; /* where its name is: so far behind the beginning of the signal's */
    uint8_t name_size;
    uint8_t type; /* enum t5_value_type */
};

struct signal_names;
/* All of it has passed the checks of `emit`. In a delivery a NUL stands behind each text. */
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
    /* What it says. */
    int64_t event_time_ns;
    double value;
    double confidence;
    double price;          /* 0: none */
    uint32_t time_frame_s; /* 0: none */
    uint32_t value_count;
    const t5_named_value *named;       /* the values as they were emitted; NULL in a delivery */
    const struct signal_value *values; /* in a delivery; see signal_value_at() */
    /* The names of it and its values, for who copies it; NULL: in no block, as in a delivery. */
    const struct signal_names *names;
    t5_str data; /* empty, or the text of one JSON object */
};

/* Number i of its values, in a delivery or not; of what a strategy gave only what its type is
 * about. */
t5_named_value signal_value_at(const struct signal *signal, uint32_t i);
/* Appends one object: its data, and then its values; nothing when it has neither. */
void signal_write_members(const struct signal *signal, struct text *text);

/* DEPLOYMENT/TOPIC/PARTITION/OFFSET/ORDINAL: names the cause, so that the same state and the same
 * order give the same ids, also after a crash. */
void signal_write_id(const struct signal *signal, struct text *text);
/* The JSON object that readers get. `id` is the signal's. */
void signal_write_json(const struct signal *signal, const struct text *id, struct text *text);
/* A point of a published series, whose name is the signal's; a value that is not finite is null. */
void signal_write_point(const struct signal *point, struct text *text);
/* For people: "momentum_up AAPL 1.23 (confidence 0.80) by fast, id ...". */
void signal_write_line(const struct signal *signal, struct text *text);

#endif
