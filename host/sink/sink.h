/*
 * sink/sink.h - where signals and dead letters go.
 *
 * A *delivery* is one signal or one dead letter on its way. A lane makes it, pushes it to every
 * sink that should have it, and goes on; a signal's texts are made on the sinks' threads. Each sink
 * confirms it from a thread of its own when it is safe (broker acknowledgement; a completed write,
 * and fsync if configured). When the last one has confirmed, the delivery's `done` is called once,
 * by that thread. Until then the offset of the cause does not move.
 *
 * A sink that fails *for now* (broker away, disk full, unknown topic, authorisation) keeps the
 * delivery and tries again, saying so once and once more when it is over. One that refuses *for
 * good* (record too large or invalid for the broker) writes a shortened delivery instead:
 * coordinates, length and hash. Receivers that are no Kafka have a letter among the dead letters
 * instead (sink/batch/).
 *
 * An *alert* is of the host itself: it holds no offset, and goes to sinks of its own.
 */
#ifndef TAKE5_SINK_SINK_H
#define TAKE5_SINK_SINK_H

#include "base/error.h"
#include "base/sync/locks.h"
#include "config/config.h"
#include "log/log.h"
#include "sink/signal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum delivery_kind { DELIVERY_SIGNAL = 1, DELIVERY_DEAD_LETTER, DELIVERY_ALERT, DELIVERY_POINT };

#define DELIVERY_SIGNAL_ID  "take5-signal-id"
#define DELIVERY_ALERT_ID   "take5-alert-id"
#define DELIVERY_ALERT_LINE "take5-alert-line"

struct delivery_header {
    const char *name;  /* NUL-terminated */
    const char *value; /* not NUL-terminated; NULL: a null header */
    size_t value_size;
};

/* What is written of a delivery. */
struct delivery_text {
    const char *value; /* NULL: none (a tombstone's dead letter) */
    size_t value_size;
    const struct delivery_header *headers;
    size_t header_count;
};

struct blocks;
struct sink_entry;
LOCK_CLASS(delivery_lock);
/*
 * In one block of memory that goes with the last reference; what is seen of it never changes.
 * SIGNAL: `key` is the symbol; its text, a JSON object and headers (`take5-signal-id` and the
 * like), is made of `signal` by the first who asks for it.
 * DEAD_LETTER: key, time and text are the original's, with the `__take5.errors.*` headers behind
 * its own.
 * ALERT: text is a JSON object; of its headers one is its id, and one says it to people.
 * POINT: of a published series, in `signal` as far as signal_write_point() reads it; without
 * headers.
 */
struct delivery {
    enum delivery_kind kind;
    _Atomic uint32_t references;
    uint32_t sinks;               /* that it is for */
    _Atomic uint32_t unconfirmed; /* those of them that have not confirmed yet */
    const char *key;              /* NULL: none */
    size_t key_size;
    int64_t time_ms;                          /* of the record to write; < 0: none */
    const char *deployment;                   /* NULL: none (a bad message) */
    const struct signal *signal;              /* NULL: it was made with its text */
    const struct delivery_text *_Atomic text; /* NULL: not made yet; see delivery_text() */
    pthread_mutex_t making;                   /* held while the text is made */
    struct sink_entry *entries;               /* one for each sink, for queue.h */
    uint32_t entry_count;                     /* of those in use: who pushes it counts */
    size_t bytes;                             /* about what it takes, with its text: for limits */
    struct blocks *blocks;                   /* to make it in: the calling thread's; NULL: malloc */
    void (*done)(struct delivery *delivery); /* any thread; must not block */
    void *owner;                             /* for `done` */
    uint64_t owner_word;                     /* for `done` */
};

/*
 * What a delivery is made from: kind, unconfirmed and what is for `done`, and either `signal`,
 * which then gives key, time and deployment, or these and `text`; and where its memory comes from.
 * Everything is copied, with one allocation. NULL when memory runs out.
 */
struct delivery *delivery_new(const struct delivery *like);
void delivery_retain(struct delivery *delivery);
void delivery_release(struct delivery *delivery);
/* For sinks: this sink has it safe. Calls `done` with the last one. */
void delivery_confirm(struct delivery *delivery);
/* Any thread but a lane: the text, which is made once for all and stays until the delivery goes.
 * NULL when memory runs out: ask again. */
const struct delivery_text *delivery_text(struct delivery *delivery);
/* Any thread but a lane: appends the value of a signal's text, which is neither kept nor looked
 * for: for the only sink that has it. False, and nothing appended: delivery_text() is to be asked.
 * Memory that runs out shows in the text. */
bool delivery_write_once(const struct delivery *delivery, struct text *text);
/* The id of a signal or an alert among its headers; empty: it has none. */
t5_str delivery_id(const struct delivery_text *text);
/* One line for people, without a line end: "momentum_up AAPL 1.23 (confidence 0.80) by fast, ...".
 */
void delivery_write_line(const struct delivery *delivery, struct text *text);

struct sink_status {
    const char *name;
    bool is_ok;      /* the last attempt worked */
    uint64_t queued; /* pushed and not confirmed */
    uint64_t confirmed;
    uint64_t shortened;   /* refused for good, written short */
    uint64_t refused;     /* refused for good, among the dead letters if there are any */
    uint64_t errors;      /* attempts to write that failed */
    bool is_exactly_once; /* it is no sink, but the transactors */
    char detail[256];     /* what is wrong, in words */
};

struct sink;

struct sink_ops {
    /* Takes the delivery (a reference of its own), of which one thread makes all pushes: as many as
     * `unconfirmed` began with. Any lane; neither blocks nor makes text. False:
     * memory ran out. */
    bool (*push)(struct sink *sink, struct delivery *delivery);
    /* Waits until all that was pushed before is confirmed, up to the time; true if so. False before
     * the time is over: waiting is of no use. */
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
};

/* One line a delivery into the log, by a thread of its own; confirmed when the log has it. */
struct sink *sink_log_new(struct log *log, struct error *error);

/* JSON lines, appended by a writer thread: a batch is one write(2), then fsync if asked. A partial
 * last line of an earlier crash is ended first. A signal's line is its value; a dead letter's line
 * is
 * {"topic","partition","offset","ts","key","payload","headers":[...],"reason",...} with
 * "payload_base64" or "key_base64" instead for bytes that are not UTF-8. */
struct sink *sink_jsonl_new(const char *path, bool with_fsync, struct log *log,
                            struct error *error);

/* A Kafka topic, idempotent producer with acks=all; a producer that turned fatal is made anew.
 * `properties` are librdkafka's. */
struct sink *sink_kafka_new(const char *topic, const struct config_items *properties,
                            const char *bootstrap_servers, struct log *log, struct error *error);

#endif
