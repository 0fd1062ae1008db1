/*
 * engine/progress.h - how far one (topic, partition) has come: what was seen, and what is done.
 *
 * An offset is *seen* when all instances have had the message, and *done* when the sinks have also
 * confirmed everything that it caused. What may be stored is the lowest offset that is not done.
 *
 * A message that causes nothing is done at once and costs no memory here. One that does holds a
 * `struct pending`, in order of offsets, until its last parcel is confirmed.
 *
 * Threads: everything by the owner (the lane, or control while the partition is parked), but
 * pending_drop(), which any sink may call.
 */
#ifndef TAKE5_ENGINE_PROGRESS_H
#define TAKE5_ENGINE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A message whose consequences are not all confirmed. Freed by the owner after the last drop. */
struct pending {
    struct pending *next;
    int64_t offset;
    _Atomic uint32_t holds;
};

struct progress {
    _Atomic bool is_owned; /* this host holds the topic's partition */
    int64_t next;          /* the next offset expected; what lies below was seen. Or NO_OFFSET */
    int64_t stored;        /* what was stored last, or NO_OFFSET */
    int64_t assigned_at;   /* committed offset at the last assignment, or NO_OFFSET */
    struct pending *first; /* not confirmed, lowest offset first */
    struct pending *last;
    uint64_t pending_count;
};

void progress_init(struct progress *progress);
/* Frees what is pending. No sink may still know of any of it. */
void progress_release(struct progress *progress);

/* Adds a pending with one hold, which the caller drops when the message has been dispatched. NULL
 * when memory runs out. */
struct pending *progress_hold(struct progress *progress, int64_t offset);
void pending_add_hold(struct pending *pending);
/* Any thread. The pending must not be touched afterwards. */
void pending_drop(struct pending *pending);

/* Frees what has been confirmed from the low end; gives how many. */
uint64_t progress_collect(struct progress *progress);

/* Moves what is pending to the end of another list: of a partition that is dropped while sinks
 * still know of it. */
void progress_abandon(struct progress *progress, struct progress *orphans);

/* The lowest offset that is not done, or NO_OFFSET while nothing was seen. */
int64_t progress_done(const struct progress *progress);

#endif
