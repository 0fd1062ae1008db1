/*
 * base/sync/mailbox.h - calls that other threads hand to the thread which owns something, and
 * which it runs at its own boundaries.
 *
 * The owner reads `has_mail` as often as it likes, which costs a load, and then serves. It may be
 * held: it then runs calls only, until the end.
 *
 * Threads: functions marked "owner" by the owner, all others by the caller. A call needs no memory
 * but its own struct.
 */
#ifndef TAKE5_BASE_SYNC_MAILBOX_H
#define TAKE5_BASE_SYNC_MAILBOX_H

#include "base/sync/locks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MAILBOX_NO_LIMIT INT64_MAX

LOCK_CLASS(mailbox_lock);

/* The caller's, until mailbox_await() has returned. */
struct mailbox_call {
    struct mailbox_call *next GUARDED_BY(mailbox_lock);
    void (*run)(void *owner, void *argument);
    void *argument;
    int state GUARDED_BY(mailbox_lock);
};

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic bool has_mail; /* a call, or the end */
    /* Monotonic: no call is waited for beyond this, whatever its own limit; may change at any time.
     * NULL: never. */
    const _Atomic int64_t *hurry_ns;
    struct mailbox_call *calls GUARDED_BY(mailbox_lock);
    bool is_held GUARDED_BY(mailbox_lock);
    _Atomic bool should_stop;
};

void mailbox_init(struct mailbox *mailbox, const _Atomic int64_t *hurry_ns);
void mailbox_release(struct mailbox *mailbox);

/* If the owner sleeps elsewhere, it has to be woken as well. */
void mailbox_post(struct mailbox *mailbox, struct mailbox_call *call);
/* Waits until it has run. False: the owner did not get to it by `until_ns` (monotonic) or
 * `hurry_ns`; then it will not run at all. Once it runs, or with MAILBOX_NO_LIMIT, the wait has no
 * limit. */
bool mailbox_await(struct mailbox *mailbox, struct mailbox_call *call, int64_t until_ns);
/* Permanently: the owner ends, even if held. */
void mailbox_stop(struct mailbox *mailbox);
/* Owner: whether it is to end. */
static inline bool mailbox_has_ended(const struct mailbox *mailbox) {
    return atomic_load_explicit(&mailbox->should_stop, memory_order_acquire);
}

/* Owner: runs the calls that are there, and stays while held; `tick(owner)` follows each call, and
 * runs several times a second while it stays. */
void mailbox_serve(struct mailbox *mailbox, void *owner, void (*tick)(void *owner));
/* Owner, in a call: holds it. */
void mailbox_hold(struct mailbox *mailbox);
/* Owner: a short sleep, which mail ends. */
void mailbox_rest(struct mailbox *mailbox, int64_t for_ns);

#endif
