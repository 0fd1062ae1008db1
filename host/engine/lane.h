/*
 * engine/lane.h - a thread that owns some partitions and runs all their instances, to completion,
 * one message after the other.
 *
 * Everything that changes what a lane owns or runs is a *call*: a function that control hands over
 * and the lane runs between two messages, on its own thread. A lane may also be *held*: it then
 * runs calls only, until it is let go; so several lanes meet at a boundary between messages.
 *
 * Threads: lane_call and lane_hold/lane_release_hold by control; members as said below.
 */
#ifndef TAKE5_ENGINE_LANE_H
#define TAKE5_ENGINE_LANE_H

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/journal.h"
#include "engine/observe.h"
#include "engine/outbox.h"
#include "engine/partition.h"
#include "engine/samples.h"
#include "message/decode.h"
#include "source/source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

/* Written by the lane with relaxed stores, read by anyone. */
struct lane_counts {
    _Atomic uint64_t messages; /* read and not dropped */
    _Atomic uint64_t bytes;
    _Atomic uint64_t decoded;
    _Atomic uint64_t bad[DECODE_REASONS];
    _Atomic uint64_t seen;      /* dropped: below the next expected offset */
    _Atomic uint64_t not_owned; /* dropped: of a partition that is gone */
    _Atomic uint64_t key_differs, non_finite, suspect_time;
    _Atomic uint64_t unconfirmed; /* records whose parcels are not confirmed */
    _Atomic uint64_t throttled;   /* times that it stopped draining for unconfirmed work */
    _Atomic uint64_t symbols_expired;
    /* Latency from event time and from Kafka time to the callback, sampled once a batch: bucket i
     * counts what is below LATENCY_BOUNDS_NS[i]; the last one everything. */
    _Atomic uint64_t event_latency[16], kafka_latency[16];
    _Atomic uint64_t event_latency_sum_us, kafka_latency_sum_us;
};

extern const int64_t LATENCY_BOUNDS_NS[16];

struct lane_options {
    uint32_t index;
    const struct config *config; /* replaced at a reload, by a call */
    struct log *log;
    struct source *source;
    struct outbox *outbox;
    pthread_mutex_t *status_lock;    /* guards structure and texts that status reads */
    bool is_replay;                  /* no samples, no wall clock */
    struct observe_lane *observed;   /* NULL: nobody looks */
    const _Atomic bool *is_draining; /* while true it reads nothing; NULL: never */
    /* The input sequence number of a record, for replay; NULL: 0. */
    uint64_t (*sequence)(const struct record *record);
    /* See engine.h. May be NULL. */
    void (*unusable)(void *context, const struct record *record, const char *reason,
                     const char *message, const char *deployment);
    void *unusable_context;
    struct journal *journal; /* NULL: none is kept */
};

struct lane_call;

struct lane {
    struct lane_options options;
    pthread_t thread;
    struct in_hand in_hand;
    struct lane_counts counts;
    _Atomic bool is_dry;     /* drained, and nothing that it had read is in hand */
    _Atomic int64_t beat_ns; /* clock_monotonic_ns() of the last turn of its loop, or batch */

    /* The lane's own. */
    struct partition **partitions; /* by number */
    size_t partition_capacity;
    struct partition *global; /* GLOBAL deployments, or NULL */
    struct decoder *decoder;
    struct projection *projection;
    t5_message message;
    struct samples samples;
    struct journal_writer journal;
    uint64_t slow_ticks;
    /* The cause in hand: what a signal holds back. */
    struct progress *progress; /* NULL: nothing can be held */
    struct partition *progress_partition;
    int64_t hold_offset;
    struct pending *pending;
    uint64_t sequence;
    int64_t housekeeping_ns;
    bool is_throttled;

    /* Guarded by `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct lane_call *calls;
    _Atomic bool has_calls; /* there is something in `calls`, or `should_stop` */
    bool is_held;
    int64_t held_ns; /* clock_monotonic_ns() when the last hold began */
    _Atomic bool should_stop;
    _Atomic bool has_wakes; /* some instance wants on_event(WOKEN) */
};

/* Makes the lane and its thread. `projection` and `decoder` are the first it runs on; the lane owns
 * them from here. */
struct lane *lane_new(const struct lane_options *options, struct projection *projection,
                      struct decoder *decoder, struct error *error);
/* Stops the thread, between two messages, and waits for it. */
void lane_stop(struct lane *lane);
/* After lane_stop. Partitions must have been taken away. */
void lane_free(struct lane *lane);

/*
 * Runs `run(lane, argument)` on the lane between two messages and waits for it to end. False when
 * the lane did not get to it within the time: then it will not run at all. Once it runs, it is
 * waited for without limit (the watch deals with what is stuck).
 */
bool lane_call(struct lane *lane, void (*run)(struct lane *lane, void *argument), void *argument,
               int64_t timeout_ns);

/* Runs it on several lanes at once; `arguments[i]` for lanes[i]. False when one did not get to it:
 * those that did have run, and did[i] says which (may be NULL). */
bool lanes_call(struct lane **lanes, size_t count, void (*run)(struct lane *lane, void *argument),
                void **arguments, int64_t timeout_ns, bool *did);

/* Control: the lane finishes its message in hand and then runs calls only. False: not within the
 * time; then it is not held. */
bool lane_hold(struct lane *lane, int64_t timeout_ns);
void lane_release_hold(struct lane *lane);

/* For lane calls. */
/* Takes the partition in, gives its instances their hands. Its lane must be this one. */
bool lane_adopt(struct lane *lane, struct partition *partition);
/* Gives it up: nothing of it is in hand afterwards. */
void lane_expel(struct lane *lane, struct partition *partition);
struct partition *lane_partition(const struct lane *lane, int32_t number);
/* Switches to another projection and decoder; frees the old ones. */
void lane_use_projection(struct lane *lane, struct projection *projection, struct decoder *decoder);
/* Stores the offsets that are done, of all its partitions. */
void lane_store(struct lane *lane);
/* Sends an event to a seat's instance, with the seat's cause as it is. */
void lane_event(struct lane *lane, struct seat *seat, const t5_event *event);

/* The wiring's calls, with a seat as context. */
bool lane_emit(void *context, struct instance *instance, const struct emission *emission);
void lane_wake(void *context, struct instance *instance);

#endif
