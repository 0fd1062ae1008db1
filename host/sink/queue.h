/*
 * sink/queue.h - what a sink's pushers, its own thread and its waiters share.
 *
 * A pushed delivery is in the queue until the sink's thread takes it, and is *open* until it is
 * confirmed. The sink handles each through an entry, which is part of the delivery. A push puts it
 * into the inbox, without the mutex. Whoever looks at the queue gathers first: entries are numbered
 * then, in the order of the pushes, and are in one of two lists, both in order of their numbers:
 * `waiting` (to be sent) and `sent` (on their way). All but the inbox is guarded by `mutex`; only
 * the sink's thread and waiters touch it.
 */
#ifndef TAKE5_SINK_QUEUE_H
#define TAKE5_SINK_QUEUE_H

#include "base/sync/locks.h"
#include "sink/inbox.h"
#include "sink/sink.h"

#include <pthread.h>

struct sink_list {
    struct sink_entry *first, *last;
};

LOCK_CLASS(sink_lock);
struct sink_queue {
    struct sink_inbox inbox;
    pthread_mutex_t mutex;
    pthread_cond_t work; /* for the sink's thread: something to do */
    pthread_cond_t done; /* for waiters: something was confirmed, or answered */
    struct sink_list waiting GUARDED_BY(sink_lock);
    struct sink_list sent GUARDED_BY(sink_lock);
    uint64_t pushed GUARDED_BY(sink_lock);
    uint64_t confirmed GUARDED_BY(sink_lock);
    uint64_t shortened GUARDED_BY(sink_lock);
    uint64_t errors GUARDED_BY(sink_lock);
    bool is_stopping GUARDED_BY(sink_lock); /* end when nothing is open, or at `stop_ns` */
    /* The sink was closed without its thread, which confirms nothing any more. */
    bool is_abandoned GUARDED_BY(sink_lock);
    bool is_confirming GUARDED_BY(sink_lock); /* the thread is in `done` of a delivery */
    bool is_ended GUARDED_BY(sink_lock);      /* the thread is about to return */
    int64_t stop_ns GUARDED_BY(sink_lock);
    bool is_ok GUARDED_BY(sink_lock);
    char detail[256] GUARDED_BY(sink_lock);
};

bool sink_queue_init(struct sink_queue *queue);
/* Gives up what is open, unconfirmed. */
void sink_queue_release(struct sink_queue *queue);

/* Pusher, without the mutex: as sink_inbox_push(), and wakes a thread in sink_queue_await(). */
void sink_queue_push(struct sink_queue *queue, struct delivery *delivery);
/* Any thread, with the mutex held: numbers what was pushed, and adds it to `waiting`. */
void sink_queue_gather(struct sink_queue *queue) REQUIRES(sink_lock);
/* The same; returns whether anything waits. */
bool sink_queue_has_waiting(struct sink_queue *queue) REQUIRES(sink_lock);
/* The same; returns how many are open. */
uint64_t sink_queue_open(struct sink_queue *queue) REQUIRES(sink_lock);
/* The thread, with the mutex held: waits for a push, or a signal of `work`. */
void sink_queue_await(struct sink_queue *queue) REQUIRES(sink_lock);
/* Puts an entry, which is in no list, at its place in the order. */
void sink_list_insert(struct sink_list *list, struct sink_entry *entry);
/* Appends it, whatever its number. */
void sink_list_append(struct sink_list *list, struct sink_entry *entry);
void sink_list_remove(struct sink_list *list, struct sink_entry *entry);

/* The sink's thread, with the mutex held: moves entries to `sent`, up to `most` or until their
 * deliveries have that many bytes. Returns how many. */
size_t sink_queue_take(struct sink_queue *queue, size_t most, size_t bytes) REQUIRES(sink_lock);
/* The sink's thread, without the mutex: the entry, which is in `sent`, is safe. Confirms it,
 * removes it and gives it up. */
void sink_queue_confirm(struct sink_queue *queue, struct sink_entry *entry);
/* The same for all that are in `sent`. */
void sink_queue_confirm_sent(struct sink_queue *queue);

/* Waits until all that was pushed before is confirmed, up to the time. Takes the mutex. */
bool sink_queue_flush(struct sink_queue *queue, int timeout_ms);
/* With the mutex held: waits for `condition` until the time; false: it has come. */
bool sink_queue_wait(struct sink_queue *queue, pthread_cond_t *condition, int64_t until_ns)
    REQUIRES(sink_lock);

/* With the mutex held. True if this is a change, so that it is logged once; never when abandoned:
 * the log may be gone. */
bool sink_queue_set_failing(struct sink_queue *queue, const char *detail) REQUIRES(sink_lock);
bool sink_queue_set_ok(struct sink_queue *queue) REQUIRES(sink_lock);
void sink_queue_status(struct sink_queue *queue, struct sink_status *status);

/* Asks the thread to stop by then and waits; false if it had to be left behind: it confirms nothing
 * any more, and the memory belongs to the thread. `wake` (may be NULL) is called with the mutex
 * held. */
bool sink_thread_stop(struct sink_queue *queue, pthread_t thread, int timeout_ms,
                      void (*wake)(void *), void *context);
/* The thread, before it returns. True: it was left behind, and has to free everything. */
bool sink_thread_end(struct sink_queue *queue);

#endif
