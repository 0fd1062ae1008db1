/*
 * sink/sink.h - where signals and dead letters go.
 *
 * A *parcel* is one signal or one dead letter on its way. A lane makes it, pushes it to every sink
 * that should have it, and goes on; each sink confirms it from a thread of its own when it is safe
 * (broker acknowledgement; a completed write, and fsync if configured). When the last one has
 * confirmed, the parcel's `done` is called once, by that thread. Until then the offset of the cause
 * does not move.
 *
 * A sink that fails *for now* (broker away, disk full, unknown topic, authorisation) keeps the
 * parcel and tries again, saying so once and once more when it is over. One that refuses *for good*
 * (record too large or invalid for the broker) writes a shortened parcel instead: coordinates,
 * length and hash.
 */
#ifndef TAKE5_SINK_SINK_H
#define TAKE5_SINK_SINK_H

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum parcel_kind { PARCEL_SIGNAL = 1, PARCEL_LETTER };

struct parcel_header {
    const char *name;  /* NUL-terminated */
    const char *value; /* not NUL-terminated; NULL: a null header */
    size_t value_size;
};

/*
 * Immutable once made, in one block of memory that goes with the last reference.
 * SIGNAL: `value` is the JSON object, `key` the symbol, headers `take5-signal-id` and the like.
 * LETTER: key, value, headers and time of the original, then the `__take5.errors.*` headers.
 */
struct parcel {
    enum parcel_kind kind;
    _Atomic uint32_t references;
    _Atomic uint32_t unconfirmed; /* sinks that have not confirmed yet */
    const char *key;              /* NULL: none */
    size_t key_size;
    const char *value; /* NULL: none (a tombstone's letter) */
    size_t value_size;
    int64_t time_ms; /* of the record to write; < 0: none */
    const struct parcel_header *headers;
    size_t header_count;
    /* For people, where a sink wants lines: "momentum_up AAPL 1.23 (0.80)". May be NULL. */
    const char *line;
    const char *deployment;              /* NULL: none (a bad message) */
    void (*done)(struct parcel *parcel); /* any thread; must not block */
    void *owner;                         /* for `done` */
    uint64_t owner_word;                 /* for `done` */
};

/* What a parcel is made from; everything is copied. NULL when memory runs out. */
struct parcel *parcel_new(const struct parcel *like);
void parcel_retain(struct parcel *parcel);
void parcel_release(struct parcel *parcel);
/* For sinks: this sink has it safe. Calls `done` with the last one. */
void parcel_confirm(struct parcel *parcel);

struct sink_status {
    const char *name;
    bool is_well;    /* the last attempt worked */
    uint64_t queued; /* pushed and not confirmed */
    uint64_t confirmed;
    uint64_t shortened; /* refused for good, written short */
    char detail[256];   /* what is wrong, in words */
};

struct sink;

struct sink_ops {
    /* Takes the parcel (a reference of its own). Any lane; never blocks. False: memory ran out. */
    bool (*push)(struct sink *sink, struct parcel *parcel);
    /* Waits until all that was pushed before is confirmed, up to the time; true if so. */
    bool (*flush)(struct sink *sink, int timeout_ms);
    /* Opens its file anew (rotation); nothing for others. */
    bool (*reopen)(struct sink *sink, struct error *error);
    void (*status)(struct sink *sink, struct sink_status *status);
    /* Ends within the time; what is not confirmed then stays unconfirmed, and its offset with it.
     */
    void (*close)(struct sink *sink, int timeout_ms);
};

struct sink {
    const struct sink_ops *ops;
    bool wants_lines; /* parcels need a `line` */
};

/* One line a signal into the log; confirmed at once. */
struct sink *sink_log_new(struct log *log, struct error *error);

/* JSON lines, appended by a writer thread: a batch is one write(2), then fsync if asked. A partial
 * last line of an earlier crash is ended first. A signal's line is its value; a letter's line is
 * {"topic","partition","offset","ts","key","payload","headers":[...],"reason",...} with
 * "payload_base64" or "key_base64" instead for bytes that are not UTF-8. */
struct sink *sink_jsonl_new(const char *path, bool with_fsync, struct log *log,
                            struct error *error);

/* A Kafka topic, idempotent producer with acks=all; a producer that turned fatal is made anew.
 * `properties` are librdkafka's. */
struct sink *sink_kafka_new(const char *topic, const struct config_items *properties,
                            const char *bootstrap_servers, struct log *log, struct error *error);

#endif
