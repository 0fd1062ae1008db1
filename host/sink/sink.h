/*
 * sink/sink.h - where signals and dead letters go.
 *
 * A *delivery* is one signal or one dead letter on its way. A lane makes it, pushes it to every
 * sink that should have it, and continues; a signal's texts are made on the sinks' threads. Each
 * sink confirms it from a thread of its own when it is safe (broker acknowledgement; a completed
 * write, and fsync if configured). When the last one has confirmed, that thread calls the
 * delivery's `done`, once. Until then the offset of the cause does not move.
 *
 * A sink that fails *temporarily* (broker away, disk full, unknown topic, authorisation) keeps the
 * delivery and retries, logging that once and once more when it is over. One that refuses
 * *permanently* (record too large or invalid for the broker) writes a shortened delivery instead:
 * coordinates, length and hash. What other receivers than Kafka refuse becomes a dead letter
 * (sink/batch/).
 *
 * An *alert* is about the host itself: it holds no offset, and goes to sinks of its own.
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

/* What is written for a delivery. */
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
 * In one block of memory that is freed with the last reference; what others see of it never
 * changes. SIGNAL: `key` is the symbol; its text, a JSON object and headers (`take5-signal-id` and
 * the like), is made from `signal` for the first that asks for it. DEAD_LETTER: key, time and text
 * are the original's, with the `__take5.errors.*` headers behind its own. ALERT: text is a JSON
 * object; of its headers one is its id, and one says it to people. POINT: of a published series, in
 * `signal` as far as signal_write_point() reads it; without headers.
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
    uint32_t entry_count;                     /* of those in use: the pusher counts */
    size_t bytes;                             /* about how much memory it takes, with its text:
                                               * for limits */
    struct blocks *blocks;                    /* where it is allocated, the calling thread's;
                                               * NULL: malloc */
    void (*done)(struct delivery *delivery);  /* any thread; must not block */
    void *owner;                              /* for `done` */
    uint64_t owner_word;                      /* for `done` */
};

/*
 * Made from: kind, unconfirmed and what is for `done`, and either `signal`, which then gives key,
 * time and deployment, or these and `text`; and where its memory comes from. Everything is copied,
 * with one allocation. NULL: out of memory.
 */
struct delivery *delivery_new(const struct delivery *like);
void delivery_retain(struct delivery *delivery);
void delivery_release(struct delivery *delivery);
/* For sinks: this sink has it safe. The last one calls `done`. */
void delivery_confirm(struct delivery *delivery);
/* Any thread but a lane: the text, which is made once for all and lives as long as the delivery.
 * NULL: out of memory; ask again. */
const struct delivery_text *delivery_text(struct delivery *delivery);
/* Any thread but a lane: appends the value of a signal's text, which is neither kept nor reused:
 * for the only sink of the delivery. False, and nothing is appended: use delivery_text(). If memory
 * runs out, `text` is text_is_oom(). */
bool delivery_write_once(const struct delivery *delivery, struct text *text);
/* The id of a signal or an alert, among its headers; empty: none. */
t5_str delivery_id(const struct delivery_text *text);
/* One line for people, without a line end: "momentum_up AAPL 1.23 (confidence 0.80) by fast,
 * ...". */
void delivery_write_line(const struct delivery *delivery, struct text *text);

struct sink_status {
    const char *name;
    bool is_ok;      /* the last attempt worked */
    uint64_t queued; /* pushed and not confirmed */
    uint64_t confirmed;
    uint64_t shortened;   /* refused permanently, written shortened */
    uint64_t refused;     /* refused permanently, sent to the dead letters if there are any */
    uint64_t errors;      /* attempts to write that failed */
    bool is_exactly_once; /* it is not a sink, but the transactors */
    char detail[256];     /* what is wrong, in words */
};

struct sink;

struct sink_ops {
    /* Takes the delivery (a reference of its own); one thread makes all of its pushes, as many as
     * the initial `unconfirmed`. Any lane; neither blocks nor makes text. False: out of memory. */
    bool (*push)(struct sink *sink, struct delivery *delivery);
    /* Waits until all that was pushed before is confirmed, up to the time; true if so. False before
     * that time: waiting is of no use. */
    bool (*flush)(struct sink *sink, int timeout_ms);
    /* Reopens its file (rotation); does nothing for others. */
    bool (*reopen)(struct sink *sink, struct error *error);
    void (*status)(struct sink *sink, struct sink_status *status);
    /* Ends within the time; what is unconfirmed then stays so, and its offset does not move. */
    void (*close)(struct sink *sink, int timeout_ms);
};

struct sink {
    const struct sink_ops *ops;
};

/* One log line per delivery, by a thread of its own; confirmed when the log has it. */
struct sink *sink_log_new(struct log *log, struct error *error);

/* JSON lines, appended by a writer thread: a batch is one write(2), then fsync if asked. An
 * incomplete last line of an earlier crash is handled first. A signal's line is its value; a dead
 * letter's line is {"topic","partition","offset","ts","key","payload","headers":[...],"reason",...}
 * with "payload_base64" or "key_base64" instead for bytes that are not UTF-8. */
struct sink *sink_jsonl_new(const char *path, bool with_fsync, struct log *log,
                            struct error *error);

/* A Kafka topic, idempotent producer with acks=all; a producer with a fatal error is replaced.
 * `properties` are librdkafka's. */
struct sink *sink_kafka_new(const char *topic, const struct config_items *properties,
                            const char *bootstrap_servers, struct log *log, struct error *error);

#endif
