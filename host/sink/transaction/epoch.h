/*
 * sink/transaction/epoch.h - what becomes visible together: the signals and Kafka dead letters of a
 * stretch of a lane's work, and the offsets after it.
 *
 * A *tenure* is one topic partition in one assignment to this host. The lane's *open epoch*
 * gathers, in order, what is emitted; the lane closes it between two messages, when a commit is due
 * or requested, and continues. A closed epoch is the transactor's (transactor.h): it is committed
 * as one transaction, without those of its tenures that are over.
 *
 * A record of a tenure goes into a closed epoch only if its cause is below the offset that is
 * committed with it. So a host that continues from the committed offsets emits all the others, and
 * none of these. A record without a tenure (of a redriven dead letter, for example) goes with the
 * next epoch.
 *
 * Threads: tenure_end() and the atomics any; the rest of a tenure and the open epoch belong to the
 * lane, or to control for a partition that no lane works on; a closed epoch has one owner.
 */
#ifndef TAKE5_SINK_TRANSACTION_EPOCH_H
#define TAKE5_SINK_TRANSACTION_EPOCH_H

#include "sink/queue.h"
#include "sink/sink.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EPOCH_NO_OFFSET INT64_MIN

struct tenure {
    _Atomic uint32_t references;
    const char *topic; /* outlives it */
    int32_t partition;
    /* The assignment has ended: nothing more is committed for it. */
    _Atomic bool is_over;
    /* Offset of the last transaction that succeeded; EPOCH_NO_OFFSET: none. */
    _Atomic int64_t committed;
    /* Undecided epochs that include it. */
    _Atomic uint32_t undecided;
    /* Records of it were dropped: the instances have emitted what never became visible. */
    _Atomic bool was_dropped;
    /* The lane's. */
    int64_t closed;      /* offset in the last closed epoch, initially the group's committed one */
    int64_t bound;       /* for the one that is being closed: records at or above stay */
    char *note;          /* text for the one that is being closed, which takes it; NULL: none */
    size_t record_count; /* in the open epoch */
    bool has_due;        /* some of these go with the one that is being closed */
};

/* With one reference; NULL: out of memory. `committed` is the group's committed offset. */
struct tenure *tenure_new(const char *topic, int32_t partition, int64_t committed);
void tenure_retain(struct tenure *tenure);
/* Takes NULL. */
void tenure_release(struct tenure *tenure);
/* Nothing more is committed for it, except what the brokers have already decided. Takes NULL. */
void tenure_end(struct tenure *tenure);
/* Whether all that was emitted in it, and no more, is visible, as far as this host knows. */
bool tenure_is_settled(const struct tenure *tenure);

/* ---- the open epoch ---- */

struct epoch_open {
    struct sink_list records;
    size_t count;
};

/* Takes one of the delivery's entries, with a reference, like a sink. `offset` is its cause's.
 * `tenure` NULL: it goes with the next epoch. */
void epoch_add(struct epoch_open *open, struct delivery *delivery, struct tenure *tenure,
               int64_t offset);
/* At the end: gives up what is in it, unconfirmed. */
void epoch_open_release(struct epoch_open *open);

/* ---- a closed epoch ---- */

struct epoch_part {
    struct tenure *tenure; /* a reference */
    int64_t offset;
    char *note;   /* follows the epoch's name in the offset's metadata; NULL: nothing */
    bool is_gone; /* its assignment was over before this was committed: it was dropped */
};

struct epoch {
    struct epoch *next; /* the transactor's */
    uint64_t number;    /* the transactor's: names it in the offsets' metadata */
    uint64_t ticket;    /* of what has to be on the disk before it is committed; 0: nothing */
    int64_t closed_ns;  /* clock_monotonic_ns() */
    size_t submitted;   /* the transactor's: records at submission */
    bool is_in_doubt;   /* a commit was requested, and its outcome is not known */
    struct sink_list records;
    size_t record_count;
    size_t part_count;
    struct epoch_part parts[];
};

/*
 * Closes it with these tenures, whose `bound` and `note` are set: takes those whose offset moved or
 * that have records, and all records below the bounds. The others stay, except that those whose
 * tenure is over are dropped. NULL, and nothing has changed, if there is nothing to close, or
 * memory runs out (`*is_oom`).
 */
struct epoch *epoch_close(struct epoch_open *open, struct tenure *const *tenures, size_t count,
                          bool *is_oom);
/* It was committed: confirms its records, and updates the tenures. */
void epoch_committed(struct epoch *epoch);
/* Drops the parts whose tenure is over, and their records. Returns how many parts. */
size_t epoch_drop_gone(struct epoch *epoch);
/* Whether nothing is left to commit: also no record without a tenure. */
bool epoch_is_empty(const struct epoch *epoch);
/* What is in it and undecided stays unconfirmed, and counts as dropped. */
void epoch_free(struct epoch *epoch);

#endif
