/*
 * sink/queue.h - what a sink's pushers, its own thread and those who wait for it share.
 *
 * A delivery that was pushed lies in the queue until the sink's thread takes it, and is *open*
 * until it is confirmed. The sink sees each through an entry, which lies in the delivery itself,
 * numbered in the order of the pushes. Entries stand in one of two lists, both in order of their
 * numbers: `waiting` (to be sent) and `sent` (on their way). All of it is guarded by `mutex`; only
 * pushers, the sink's thread and waiters touch it.
 */
#ifndef TAKE5_SINK_QUEUE_H
#define TAKE5_SINK_QUEUE_H

#include "base/locks.h"
#include "sink/sink.h"

#include <pthread.h>

struct sink_entry {
    struct sink_entry *before, *after;
    struct delivery *delivery;
    uint64_t number;
    uint8_t level;   /* how much it was shortened; 0: not at all */
    bool is_suspect; /* was refused together with others: to be sent alone */
    char *text;      /* what stands for the value when it was shortened */
    size_t text_size;
    uint8_t tries; /* the sink's own */
};

struct sink_list {
    struct sink_entry *first, *last;
};

LOCK_CLASS(sink_lock);
struct sink_queue {
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
    /* The sink was closed without its thread: nothing is confirmed any more. */
    bool is_abandoned GUARDED_BY(sink_lock);
    bool is_confirming GUARDED_BY(sink_lock); /* the thread is inside `done` of a delivery */
    bool is_ended GUARDED_BY(sink_lock);      /* the thread is about to return */
    int64_t stop_ns GUARDED_BY(sink_lock);
    bool is_well GUARDED_BY(sink_lock);
    char detail[256] GUARDED_BY(sink_lock);
};

bool sink_queue_init(struct sink_queue *queue);
/* Gives back what is open, unconfirmed. */
void sink_queue_release(struct sink_queue *queue);

/* Pusher: takes one of the delivery's entries, with a reference. With the mutex held. */
void sink_queue_push(struct sink_queue *queue, struct delivery *delivery) REQUIRES(sink_lock);
/* Puts an entry at its place in the order; the entry stands in none. */
void sink_list_insert(struct sink_list *list, struct sink_entry *entry);
void sink_list_remove(struct sink_list *list, struct sink_entry *entry);

/* The sink's thread, with the mutex held: puts entries among the sent, until they are `most` or
 * their deliveries have so many bytes. Gives how many. */
size_t sink_queue_take(struct sink_queue *queue, size_t most, size_t bytes) REQUIRES(sink_lock);
/* The sink's thread, without the mutex: the entry, which stands in `sent`, is safe. Confirms it,
 * takes it out and gives it up. */
void sink_queue_confirm(struct sink_queue *queue, struct sink_entry *entry);
/* The same of all that stand in `sent`. */
void sink_queue_confirm_sent(struct sink_queue *queue);

/* Waits until all that was pushed before is confirmed, up to the time. Takes the mutex. */
bool sink_queue_flush(struct sink_queue *queue, int timeout_ms);
/* With the mutex held: waits for `condition` until the time; false when it is over. */
bool sink_queue_wait(struct sink_queue *queue, pthread_cond_t *condition, int64_t until_ns)
    REQUIRES(sink_lock);

/* With the mutex held. Gives true when this changes what it was, so that it is said once;
 * never when abandoned: the log may be gone. */
bool sink_queue_set_ill(struct sink_queue *queue, const char *detail) REQUIRES(sink_lock);
bool sink_queue_set_well(struct sink_queue *queue) REQUIRES(sink_lock);
void sink_queue_status(struct sink_queue *queue, struct sink_status *status);

/* Tells the thread to stop by then and waits; false when it had to be left behind: it confirms
 * nothing any more, and the memory is the thread's. `wake` (may be NULL) is called with the mutex
 * held. */
bool sink_thread_stop(struct sink_queue *queue, pthread_t thread, int timeout_ms,
                      void (*wake)(void *), void *context);
/* The thread, before it returns. True: it was left behind, and has to free everything. */
bool sink_thread_end(struct sink_queue *queue);

#endif
