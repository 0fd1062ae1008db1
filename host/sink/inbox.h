/*
 * sink/inbox.h - what a sink has of a delivery, and how that comes to the sink's thread: without a
 * lock, so that a lane waits for nobody, and does not wake a thread that is at work.
 *
 * Pushers put entries in, one thread takes all there are, in the order of the pushes. A thread that
 * has nothing to do says that it is idle before it waits; who pushes next wakes it, once.
 */
#ifndef TAKE5_SINK_INBOX_H
#define TAKE5_SINK_INBOX_H

#include "sink/sink.h"

#include <stdatomic.h>

struct tenure;
struct sink_entry {
    struct sink_entry *before, *after; /* in the inbox, `after` is the one that came before it */
    struct delivery *delivery;
    uint64_t number;
    uint8_t level;   /* how much it was shortened; 0: not at all */
    bool is_suspect; /* was refused together with others: to be sent alone */
    uint8_t tries;   /* the sink's own */
    char *text;      /* what stands for the value when it was shortened */
    size_t text_size;
    struct tenure *tenure; /* in an epoch, sink/transaction/epoch.h; else NULL */
};

/* Takes the next of the delivery's entries, with a reference; it stands in no list. */
struct sink_entry *sink_entry_take(struct delivery *delivery);
/* Gives up what an entry holds, which stands in no list: the delivery may go with it. */
void sink_entry_release(struct sink_entry *entry);

/* All bytes zero: empty. */
struct sink_inbox {
    struct sink_entry *_Atomic newest;
    atomic_bool is_idle; /* the thread waits for a push, or is about to */
};

/* Pusher: takes one of the delivery's entries, with a reference. True: the thread is idle, and to
 * be woken by this pusher; it may be only about to wait. */
bool sink_inbox_push(struct sink_inbox *inbox, struct delivery *delivery);

/* One thread at a time: empties it. Gives the oldest, and in `after` of each the next; NULL: none.
 */
struct sink_entry *sink_inbox_take(struct sink_inbox *inbox);

/* The thread: a push that comes from here on wakes it. False: one has come, and it is not idle. */
bool sink_inbox_set_idle(struct sink_inbox *inbox);
/* The thread: pushes wake nobody. */
void sink_inbox_set_busy(struct sink_inbox *inbox);

#endif
