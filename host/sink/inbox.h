/*
 * sink/inbox.h - a sink's entry for a delivery, and how it gets to the sink's thread: without a
 * lock, so that a lane never waits, and does not wake a thread that is working.
 *
 * Pushers put entries in, one thread takes all of them, in the order of the pushes. A thread that
 * has nothing to do marks itself idle before it waits; the next pusher wakes it, once.
 */
#ifndef TAKE5_SINK_INBOX_H
#define TAKE5_SINK_INBOX_H

#include "sink/sink.h"

#include <stdatomic.h>

struct tenure;
struct sink_entry {
    struct sink_entry *before, *after; /* in the inbox, `after` is the one pushed before it */
    struct delivery *delivery;
    uint64_t number;
    uint8_t level;   /* how much it was shortened; 0: not at all */
    bool is_suspect; /* was refused together with others: to be sent alone */
    uint8_t tries;   /* the sink's own */
    char *text;      /* replaces the value if it was shortened */
    size_t text_size;
    struct tenure *tenure; /* in an epoch, sink/transaction/epoch.h; otherwise NULL */
};

/* Takes the next of the delivery's entries, with a reference; it is in no list. */
struct sink_entry *sink_entry_take(struct delivery *delivery);
/* Gives up what an entry, which is in no list, holds: it may free the delivery. */
void sink_entry_release(struct sink_entry *entry);

/* All zeros: empty. */
struct sink_inbox {
    struct sink_entry *_Atomic newest;
    atomic_bool is_idle; /* the thread waits for a push, or is about to */
};

/* Pusher: takes one of the delivery's entries, with a reference. True: the thread is idle, or about
 * to wait, and this pusher has to wake it. */
bool sink_inbox_push(struct sink_inbox *inbox, struct delivery *delivery);

/* One thread at a time: empties it. Returns the oldest, linked by `after` to the newer ones; NULL:
 * none. */
struct sink_entry *sink_inbox_take(struct sink_inbox *inbox);

/* The thread: a push from here on wakes it. False: there was one, and it is not idle. */
bool sink_inbox_set_idle(struct sink_inbox *inbox);
/* The thread: pushes do not wake it. */
void sink_inbox_set_busy(struct sink_inbox *inbox);

#endif
