/*
 * engine/core/offset_tracker.h - how far one (topic, partition) has come: what was seen, and what
 * is done.
 *
 * An offset is *seen* when all instances have had the message, and *done* when the sinks have also
 * confirmed everything that it caused. The lowest offset that is not done may be stored.
 *
 * A message that causes nothing is done at once and costs no memory here. One that does is
 * *in flight*, in order of offsets, until its last delivery is confirmed.
 *
 * Threads: everything by the owner (the lane, or control while the partition is parked), except
 * in_flight_release(), which any sink may call.
 */
#ifndef TAKE5_ENGINE_CORE_OFFSET_TRACKER_H
#define TAKE5_ENGINE_CORE_OFFSET_TRACKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many former ones a tracker keeps for reuse, at most. */
#define OFFSET_TRACKER_SPARE 1024

/* A message whose deliveries are not all confirmed. Freed by the owner after the last drop. */
struct in_flight {
    struct in_flight *next;
    int64_t offset;
    _Atomic uint32_t holds;
    bool is_awaited; /* there is an event to signal */
    uint64_t bytes;  /* of the deliveries that hold it */
};

struct event;
struct tenure;
struct offset_tracker {
    _Atomic bool is_owned;   /* this host holds the topic's partition; read by anyone */
    int64_t next;            /* the next expected offset; lower ones were seen. Or NO_OFFSET */
    int64_t stored;          /* what was last stored, or NO_OFFSET */
    int64_t assigned_at;     /* committed offset at the last assignment, or NO_OFFSET */
    int64_t time_ms;         /* Kafka's, of the last record handed over; RECORD_NO_TIME: none */
    struct in_flight *first; /* not confirmed, lowest offset first */
    struct in_flight *last;
    uint64_t in_flight_count;
    uint64_t in_flight_bytes;
    struct in_flight *spare; /* former ones, reused before malloc is called */
    uint32_t spare_count;
    struct tenure *tenure;     /* exactly once: of its last assignment; NULL: none */
    _Atomic uint64_t messages; /* handled here; read by anyone */
};

static inline bool offset_tracker_is_owned(const struct offset_tracker *tracker) {
    return atomic_load_explicit(&tracker->is_owned, memory_order_acquire);
}
/* To be called after what else changes with it. */
static inline void offset_tracker_set_owned(struct offset_tracker *tracker, bool is_owned) {
    atomic_store_explicit(&tracker->is_owned, is_owned, memory_order_release);
}

void offset_tracker_init(struct offset_tracker *tracker);
/* Frees what is in flight. No sink may still refer to it. */
void offset_tracker_release(struct offset_tracker *tracker);

/* Adds a message with one hold, which the caller drops when the message has been dispatched; its
 * offset is not below those of the others, or below all of them. NULL: out of memory. */
struct in_flight *offset_tracker_hold(struct offset_tracker *tracker, int64_t offset);
/* The same for one that is waited for: each drop of a hold signals the event, which outlives it. */
struct in_flight *offset_tracker_hold_awaited(struct offset_tracker *tracker, int64_t offset,
                                              struct event *event);
void in_flight_add_hold(struct in_flight *in_flight);
/* Notes how much memory a delivery takes that holds one of the tracker's messages. */
void offset_tracker_add_bytes(struct offset_tracker *tracker, struct in_flight *in_flight,
                              uint64_t bytes);
/* Any thread. It must not be touched afterwards. */
void in_flight_release(struct in_flight *in_flight);

/* Removes what has been confirmed from the low end; returns how many. */
uint64_t offset_tracker_collect(struct offset_tracker *tracker);

/* Moves what is in flight to the end of another list: for a partition that is dropped while sinks
 * still refer to it. */
void offset_tracker_abandon(struct offset_tracker *tracker, struct offset_tracker *orphans);

/* The lowest offset that is not done, or NO_OFFSET while nothing was seen. */
int64_t offset_tracker_done(const struct offset_tracker *tracker);

#endif
