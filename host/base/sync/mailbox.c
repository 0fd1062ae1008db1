#include "base/sync/mailbox.h"

#include "base/clock.h"
#include "base/sync/condition.h"

#include <stddef.h>

#define TICK_NS       (100 * NS_PER_MS)
#define HURRY_LOOK_NS (100 * NS_PER_MS)

enum { CALL_QUEUED, CALL_RUNNING, CALL_DONE, CALL_WITHDRAWN };

void mailbox_init(struct mailbox *mailbox, const _Atomic int64_t *hurry_ns) {
    *mailbox = (struct mailbox){.hurry_ns = hurry_ns};
    condition_init(&mailbox->changed);
    pthread_mutex_init(&mailbox->lock, NULL);
}

void mailbox_release(struct mailbox *mailbox) {
    pthread_cond_destroy(&mailbox->changed);
    pthread_mutex_destroy(&mailbox->lock);
}

REQUIRES(mailbox_lock) static void await_change(struct mailbox *mailbox, int64_t for_ns) {
    (void)condition_wait(&mailbox->changed, &mailbox->lock, clock_monotonic_ns() + for_ns);
}

void mailbox_post(struct mailbox *mailbox, struct mailbox_call *call) {
    lock_acquire(&mailbox->lock, mailbox_lock);
    struct mailbox_call **last = &mailbox->calls;
    while (*last != NULL)
        last = &(*last)->next;
    *last = call;
    call->next = NULL;
    call->state = CALL_QUEUED;
    atomic_store(&mailbox->has_mail, true);
    pthread_cond_broadcast(&mailbox->changed);
    lock_release(&mailbox->lock, mailbox_lock);
}

REQUIRES(mailbox_lock)
static void withdraw(struct mailbox *mailbox, struct mailbox_call *call) {
    struct mailbox_call **link = &mailbox->calls;
    while (*link != NULL && *link != call)
        link = &(*link)->next;
    if (*link == call)
        *link = call->next;
    call->state = CALL_WITHDRAWN;
}

/* Waits for a change, until the time or the hurry at most. False: that has come. */
REQUIRES(mailbox_lock) static bool await_in_time(struct mailbox *mailbox, int64_t until_ns) {
    const int64_t hurry_ns = mailbox->hurry_ns != NULL ? atomic_load(mailbox->hurry_ns) : INT64_MAX;
    const int64_t left_ns = (until_ns < hurry_ns ? until_ns : hurry_ns) - clock_monotonic_ns();
    if (left_ns <= 0)
        return false;
    await_change(mailbox, left_ns < HURRY_LOOK_NS ? left_ns : HURRY_LOOK_NS);
    return true;
}

bool mailbox_await(struct mailbox *mailbox, struct mailbox_call *call, int64_t until_ns) {
    lock_acquire(&mailbox->lock, mailbox_lock);
    while (call->state == CALL_QUEUED || call->state == CALL_RUNNING) {
        if (call->state == CALL_RUNNING || until_ns == MAILBOX_NO_LIMIT)
            pthread_cond_wait(&mailbox->changed, &mailbox->lock);
        else if (!await_in_time(mailbox, until_ns))
            withdraw(mailbox, call);
    }
    const bool did = call->state == CALL_DONE;
    lock_release(&mailbox->lock, mailbox_lock);
    return did;
}

void mailbox_hold(struct mailbox *mailbox) {
    lock_acquire(&mailbox->lock, mailbox_lock);
    mailbox->is_held = true;
    lock_release(&mailbox->lock, mailbox_lock);
}

void mailbox_stop(struct mailbox *mailbox) {
    lock_acquire(&mailbox->lock, mailbox_lock);
    atomic_store_explicit(&mailbox->should_stop, true, memory_order_release);
    atomic_store(&mailbox->has_mail, true);
    pthread_cond_broadcast(&mailbox->changed);
    lock_release(&mailbox->lock, mailbox_lock);
}

void mailbox_serve(struct mailbox *mailbox, void *owner, void (*tick)(void *owner)) {
    lock_acquire(&mailbox->lock, mailbox_lock);
    for (;;) {
        struct mailbox_call *call = mailbox->calls;
        if (call != NULL) {
            mailbox->calls = call->next;
            call->state = CALL_RUNNING;
            lock_release(&mailbox->lock, mailbox_lock);
            call->run(owner, call->argument);
            tick(owner);
            lock_acquire(&mailbox->lock, mailbox_lock);
            call->state = CALL_DONE;
            pthread_cond_broadcast(&mailbox->changed);
            continue;
        }
        if (!mailbox->is_held || mailbox_has_ended(mailbox))
            break;
        await_change(mailbox, TICK_NS);
        lock_release(&mailbox->lock, mailbox_lock);
        tick(owner);
        lock_acquire(&mailbox->lock, mailbox_lock);
    }
    atomic_store(&mailbox->has_mail, mailbox_has_ended(mailbox));
    lock_release(&mailbox->lock, mailbox_lock);
}

void mailbox_rest(struct mailbox *mailbox, int64_t for_ns) {
    lock_acquire(&mailbox->lock, mailbox_lock);
    if (mailbox->calls == NULL && !mailbox_has_ended(mailbox))
        await_change(mailbox, for_ns);
    lock_release(&mailbox->lock, mailbox_lock);
}
