/*
 * sink/transaction/epoch.h - what becomes visible together: the signals and Kafka dead letters of a
 * stretch of a lane's work, and the offsets behind it.
 *
 * A *tenure* is one topic partition in one assignment to this host. The lane's *open epoch*
 * gathers, in order, what is emitted; the lane closes it between two messages, when a commit is
 * due or somebody waits, and goes on. A closed epoch is the transactor's (transactor.h): it is
 * committed as one transaction, or those of its tenures that are over are dropped from it.
 *
 * A record of a tenure goes into a closed epoch only when its cause lies below the offset that is
 * committed with it. So whoever goes on from the committed offsets emits all the others, and none
 * of these. A record without a tenure (of a dead letter that was given once more, say) goes with
 * the next epoch.
 *
 * Threads: tenure_end() and the atomics any; the rest of a tenure and the open epoch the lane's, or
 * control's for a partition that no lane works on; a closed epoch has one owner.
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
    /* Offset of the last transaction that went through; EPOCH_NO_OFFSET: none has. */
    _Atomic int64_t committed;
    /* Epochs with it that are not decided. */
    _Atomic uint32_t undecided;
    /* Records of it were dropped: the instances have emitted what nobody was told. */
    _Atomic bool was_dropped;
    /* The lane's. */
    int64_t closed;      /* offset in the last epoch that was closed, else what the group has */
    int64_t bound;       /* for the one that is being closed: records at or above stay */
    char *note;          /* text for the one that is being closed, which takes it; NULL: none */
    size_t record_count; /* in the open epoch */
    bool has_due;        /* some of these go with the one that is being closed */
};

/* With one reference; NULL when memory runs out. `committed` is what the group has. */
struct tenure *tenure_new(const char *topic, int32_t partition, int64_t committed);
void tenure_retain(struct tenure *tenure);
/* NULL is allowed. */
void tenure_release(struct tenure *tenure);
/* Nothing is committed for it any more, but what is decided at the brokers already. NULL is
 * allowed. */
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
/* At the end: gives back what is in it, unconfirmed. */
void epoch_open_release(struct epoch_open *open);

/* ---- a closed one ---- */

struct epoch_part {
    struct tenure *tenure; /* a reference */
    int64_t offset;
    char *note;   /* goes with the offset, behind the epoch's name; NULL: nothing */
    bool is_gone; /* its assignment was over before this was committed: it was dropped */
};

struct epoch {
    struct epoch *next; /* the transactor's */
    uint64_t number;    /* the transactor's: names it in the offsets' metadata */
    uint64_t ticket;    /* of what has to be on the disk before it is committed; 0: nothing */
    int64_t closed_ns;  /* clock_monotonic_ns() */
    size_t submitted;   /* the transactor's: records that it had then */
    bool is_in_doubt;   /* a commit was asked for, and nobody knows what became of it */
    struct sink_list records;
    size_t record_count;
    size_t part_count;
    struct epoch_part parts[];
};

/*
 * Closes it with these tenures, whose `bound` and `note` are set: takes those whose offset moved or
 * that have records, and all records below the bounds. The others stay, but those whose tenure is
 * over: they are dropped. NULL, and nothing has changed, when there is nothing to close, or memory
 * runs out (`*is_oom`).
 */
struct epoch *epoch_close(struct epoch_open *open, struct tenure *const *tenures, size_t count,
                          bool *is_oom);
/* It went through: confirms its records, and tells the tenures. */
void epoch_committed(struct epoch *epoch);
/* Drops the parts whose tenure is over, and their records. Gives how many parts. */
size_t epoch_drop_gone(struct epoch *epoch);
/* Whether there is anything left to commit: also records without a tenure. */
bool epoch_is_empty(const struct epoch *epoch);
/* What is in it and undecided stays unconfirmed, and counts as dropped. */
void epoch_free(struct epoch *epoch);

#endif
