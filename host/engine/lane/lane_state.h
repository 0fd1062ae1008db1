/*
 * engine/lane/lane_state.h - what a lane is made of, shared by the files of engine/lane/ and by the
 * calls that run on one (lane.h).
 *
 * Threads: as the members say; otherwise the lane's only.
 */
#ifndef TAKE5_ENGINE_LANE_LANE_STATE_H
#define TAKE5_ENGINE_LANE_LANE_STATE_H

#include "base/sync/event.h"
#include "base/sync/mailbox.h"
#include "checkpoint/store.h"
#include "config/config.h"
#include "engine/core/breakdown.h"
#include "engine/core/latency.h"
#include "engine/core/partition.h"
#include "engine/core/topic_table.h"
#include "engine/lane/ack_scope.h"
#include "engine/lane/journal.h"
#include "engine/lane/publisher.h"
#include "engine/lane/samples.h"
#include "feedstats/feed_stats.h"
#include "log/log.h"
#include "message/decode.h"
#include "published/published.h"
#include "sink/transaction/epoch.h"
#include "source/source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What would be logged with every message is logged once in this time; those in between are
 * counted. */
#define ERROR_LOG_EVERY_NS (10 * NS_PER_S)

/* Written by the lane with relaxed stores, read by anyone. */
struct lane_counts {
    _Atomic uint64_t messages; /* read and not dropped */
    _Atomic uint64_t bytes;
    _Atomic uint64_t decoded;
    _Atomic uint64_t bad[DECODE_REASONS];
    _Atomic uint64_t seen;      /* dropped: below the next expected offset */
    _Atomic uint64_t not_owned; /* dropped: of a partition that is no longer this lane's */
    _Atomic uint64_t late;      /* records of catch-ups and warm-ups that were handed over */
    /* Catch-ups begun: those that hold offsets, after an assignment, and the others. */
    _Atomic uint64_t recoveries, catch_ups;
    _Atomic uint64_t key_differs, non_finite, suspect_time, unreadable_time;
    /* Records whose deliveries are not confirmed, and the bytes of these deliveries. */
    _Atomic uint64_t unconfirmed, unconfirmed_bytes;
    _Atomic uint64_t throttled; /* times that it stopped reading because of unconfirmed work */
    _Atomic uint64_t symbols_expired;
    /* Latency from event time and from Kafka time to the callback, sampled once a batch. */
    _Atomic uint64_t event_latency[LATENCY_BUCKETS], kafka_latency[LATENCY_BUCKETS];
    _Atomic uint64_t event_latency_sum_us, kafka_latency_sum_us;
};

struct transactor;
struct lane_options {
    uint32_t index;
    const struct config *config; /* replaced at a reload, by a call */
    const struct topics *topics;
    struct log *log;
    struct source *source;
    struct publisher *publisher;
    struct transactor *transactor; /* NULL: at least once */
    pthread_mutex_t *status_lock;  /* guards structure and texts that status reads */
    bool is_replay;                /* no samples, no wall clock */
    /* What rehearsals get until the lane has handled messages itself; copied by lane_new(). */
    const struct record *samples;
    size_t sample_count;
    struct feed_lane *observed;       /* NULL: no one reads them */
    struct published_lane *published; /* NULL: no one reads series */
    const _Atomic bool *is_draining;  /* while true it reads nothing; NULL: never */
    struct event *changed; /* signalled when it has drained or needs control; NULL: not */
    /* Monotonic: no call is waited for beyond this, whatever its own limit; may change at any time.
     * NULL: never. */
    const _Atomic int64_t *hurry_ns;
    /* The input sequence number of a record, for replay; NULL: 0. */
    uint64_t (*sequence)(const struct record *record);
    /* How long before the beginning of a replay the record lies: it is history, for tasks whose
     * warm-up reaches back to it. 0: it is none. NULL: no record is. */
    int64_t (*ahead_ns)(const struct record *record);
    /* See engine.h. May be NULL. */
    void (*unusable)(void *context, const struct record *record, const char *reason,
                     const char *message, const char *deployment);
    void *unusable_context;
    void (*usable)(void *context, const struct record *record, const t5_message *message);
    void *usable_context;
    struct journal *journal;           /* NULL: none is kept */
    struct checkpoint_store *store;    /* NULL: no checkpoints */
    atomic_flag *saving;               /* set by the lane that takes a checkpoint: one at a time */
    struct current_call *current_call; /* where it notes its current call; NULL: in itself */
    struct breakdown *breakdown;
};

struct lane_call {
    struct mailbox_call base;
    void (*run)(struct lane *lane, void *argument);
    void *argument;
};

struct lane {
    struct lane_options options;
    pthread_t thread;
    struct current_call *current_call;
    struct current_call own_current_call; /* used when `options.current_call` is NULL */
    struct lane_counts counts;
    _Atomic bool is_dry;          /* drained, and nothing that it had read is in progress */
    _Atomic int64_t heartbeat_ns; /* clock_monotonic_ns() of the last turn of its loop, or batch */

    /* The lane's own. */
    struct partition **partitions; /* by number */
    size_t partition_capacity;
    struct partition *global; /* GLOBAL deployments, or NULL */
    struct decoder *decoder;
    struct projection *projection;
    t5_message message;
    struct record *records; /* the current batch */
    struct blocks *blocks;  /* where the memory of its signals comes from */
    struct samples samples;
    struct journal_writer journal;
    uint64_t slow_ticks;
    struct ack_scope scope;  /* of what is in progress */
    struct epoch_open epoch; /* with a transactor: see epochs.h */
    struct tenure **tenures; /* scratch for those of an epoch that is being closed */
    size_t tenure_capacity;
    int64_t epoch_ns; /* clock_monotonic_ns() when the last one was closed */
    int64_t housekeeping_ns;
    _Atomic int64_t pause_ns, longest_pause_ns; /* of checkpoints: how long the lane stood still */
    _Atomic uint64_t checkpoints;
    int64_t time_logged_ns[DECODE_TIME_FORMS]; /* when such a time was last logged; 0: never */
    int64_t bad_logged_ns[DECODE_REASONS];     /* ... such a message; 0: never */
    uint64_t bad_suppressed[DECODE_REASONS];   /* since then */
    struct guard guard;                        /* of its thread */
    int64_t guarded_ns;                        /* when it is checked completely next */
    uint64_t look_ticks, looked_ticks;         /* between two checks of shadows; at the last one */
    int64_t looked_delay_ns;                   /* clock_thread_delay_ns() at the last one */
    int64_t full_ns; /* clock_monotonic_ns() since when too much is unconfirmed; 0: it is not */
    bool is_pause_logged; /* it was logged that the lane is paused because of that */
    bool has_shadows;     /* and may stop them: not in a replay */
    bool is_comparing;    /* some partition may have signals of shadows to compare */
    bool has_catch_up;    /* some partition may have one */
    bool is_sampling;     /* the current record is the first of its batch */
    bool is_broken;       /* the current message could not be handled: no more are taken */

    struct mailbox mailbox;
    struct lane_call call;  /* the one that control waits for */
    _Atomic bool has_wakes; /* some instance wants on_event(WOKEN) */
};

/* NULL: not this lane's. */
static inline struct partition *lane_partition(const struct lane *lane, int32_t number) {
    if (number == PARTITION_GLOBAL)
        return lane->global;
    return number >= 0 && (size_t)number < lane->partition_capacity ? lane->partitions[number]
                                                                    : NULL;
}

/* The partition that a stream of this one (partition.h) is a topic of; NULL: it no longer is, or is
 * not yet, this lane's. */
static inline struct partition *lane_stream_home(const struct lane *lane,
                                                 const struct partition *partition, size_t stream) {
    return lane_partition(lane, partition_stream_number(partition, stream));
}
/* Up to where it is done, and what holds it back. NULL: likewise. */
static inline struct offset_tracker *
lane_tracker(const struct lane *lane, const struct partition *partition, size_t stream) {
    const struct partition *home = partition->number == PARTITION_GLOBAL
                                       ? lane_stream_home(lane, partition, stream)
                                       : partition;
    return home != NULL ? &home->topics[partition_stream_topic(partition, stream)] : NULL;
}

/* The task's last error, as status shows it. */
static inline void lane_note_error(struct lane *lane, struct task *task, const char *text) {
    lock_acquire(lane->options.status_lock, status_lock);
    snprintf(task->last_error, sizeof task->last_error, "%s", text);
    lock_release(lane->options.status_lock, status_lock);
}

/* Lane: control has something to do, which it may be waiting for. */
static inline void lane_wake_control(const struct lane *lane) {
    struct source *source = lane->options.source;
    source->ops->wake_control(source);
    if (lane->options.changed != NULL)
        event_signal(lane->options.changed);
}

#endif
