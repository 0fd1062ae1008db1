#include "sink/queue.h"

#include "base/clock.h"
#include "base/sync/condition.h"
#include "base/sync/thread.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* How long a thread that is to stop may overrun its time to wind up. */
#define STOP_GRACE_NS NS_PER_S

bool sink_queue_init(struct sink_queue *queue) {
    lock_alone(sink_lock);
    memset(queue, 0, sizeof *queue);
    queue->is_ok = true;
    condition_init(&queue->work);
    condition_init(&queue->done);
    return pthread_mutex_init(&queue->mutex, NULL) == 0;
}

static void list_release(struct sink_list *list) {
    while (list->first) {
        struct sink_entry *entry = list->first;
        sink_list_remove(list, entry);
        sink_entry_release(entry);
    }
}

void sink_queue_release(struct sink_queue *queue) {
    lock_alone(sink_lock);
    sink_queue_gather(queue);
    list_release(&queue->waiting);
    list_release(&queue->sent);
    pthread_cond_destroy(&queue->work);
    pthread_cond_destroy(&queue->done);
    pthread_mutex_destroy(&queue->mutex);
}

void sink_list_insert(struct sink_list *list, struct sink_entry *entry) {
    /* From the end: it nearly always belongs there. */
    struct sink_entry *before = list->last;
    while (before && before->number > entry->number)
        before = before->before;
    entry->before = before;
    entry->after = before ? before->after : list->first;
    *(before ? &before->after : &list->first) = entry;
    *(entry->after ? &entry->after->before : &list->last) = entry;
}

void sink_list_append(struct sink_list *list, struct sink_entry *entry) {
    entry->before = list->last;
    entry->after = NULL;
    *(list->last ? &list->last->after : &list->first) = entry;
    list->last = entry;
}

void sink_list_remove(struct sink_list *list, struct sink_entry *entry) {
    *(entry->before ? &entry->before->after : &list->first) = entry->after;
    *(entry->after ? &entry->after->before : &list->last) = entry->before;
    entry->before = entry->after = NULL;
}

/* ---- pushing and gathering ---- */

void sink_queue_push(struct sink_queue *queue, struct delivery *delivery) {
    if (!sink_inbox_push(&queue->inbox, delivery))
        return;
    lock_acquire(&queue->mutex, sink_lock); /* in case it is about to wait */
    lock_release(&queue->mutex, sink_lock);
    pthread_cond_signal(&queue->work); /* after the release: otherwise it would only wait for the
                                        * mutex */
}

void sink_queue_await(struct sink_queue *queue) {
    if (sink_inbox_set_idle(&queue->inbox))
        pthread_cond_wait(&queue->work, &queue->mutex);
    sink_inbox_set_busy(&queue->inbox);
}

void sink_queue_gather(struct sink_queue *queue) {
    struct sink_entry *after;
    for (struct sink_entry *entry = sink_inbox_take(&queue->inbox); entry != NULL; entry = after) {
        after = entry->after;
        entry->number = queue->pushed++;
        sink_list_append(&queue->waiting, entry);
    }
}

bool sink_queue_has_waiting(struct sink_queue *queue) {
    sink_queue_gather(queue);
    return queue->waiting.first != NULL;
}

uint64_t sink_queue_open(struct sink_queue *queue) {
    sink_queue_gather(queue);
    return queue->pushed - queue->confirmed;
}

size_t sink_queue_take(struct sink_queue *queue, size_t most, size_t bytes) {
    size_t count = 0, size = 0;
    sink_queue_gather(queue);
    while (queue->waiting.first && count < most && size < bytes) {
        struct sink_entry *entry = queue->waiting.first;
        sink_list_remove(&queue->waiting, entry);
        sink_list_insert(&queue->sent, entry);
        size += entry->delivery->bytes;
        count++;
    }
    return count;
}

/* The thread is about to call `done` of deliveries. False: it must not. */
static bool begin_confirming(struct sink_queue *queue) {
    lock_acquire(&queue->mutex, sink_lock);
    const bool may = !queue->is_abandoned;
    queue->is_confirming = may;
    lock_release(&queue->mutex, sink_lock);
    return may;
}

REQUIRES(sink_lock)
static void count_confirmed(struct sink_queue *queue, const struct sink_entry *entry) {
    queue->confirmed++;
    queue->shortened += entry->level > 0;
}

REQUIRES(sink_lock) static void end_confirming(struct sink_queue *queue) {
    queue->is_confirming = false;
    pthread_cond_broadcast(&queue->done);
}

void sink_queue_confirm(struct sink_queue *queue, struct sink_entry *entry) {
    const bool may = begin_confirming(queue);
    if (may)
        delivery_confirm(entry->delivery);
    lock_acquire(&queue->mutex, sink_lock);
    if (may)
        count_confirmed(queue, entry);
    sink_list_remove(&queue->sent, entry);
    end_confirming(queue);
    lock_release(&queue->mutex, sink_lock);
    sink_entry_release(entry);
}

static void confirm_sent(const struct sink_queue *queue) {
    lock_only_writer(sink_lock); /* of `sent` */
    for (struct sink_entry *entry = queue->sent.first; entry; entry = entry->after)
        delivery_confirm(entry->delivery);
}

void sink_queue_confirm_sent(struct sink_queue *queue) {
    const bool may = begin_confirming(queue);
    if (may)
        confirm_sent(queue);
    lock_acquire(&queue->mutex, sink_lock);
    struct sink_list list = queue->sent;
    queue->sent = (struct sink_list){NULL, NULL};
    for (struct sink_entry *entry = list.first; may && entry; entry = entry->after)
        count_confirmed(queue, entry);
    end_confirming(queue);
    lock_release(&queue->mutex, sink_lock);
    list_release(&list);
}

bool sink_queue_wait(struct sink_queue *queue, pthread_cond_t *condition, int64_t until_ns) {
    return condition_wait(condition, &queue->mutex, until_ns);
}

/* Whether an entry numbered below `number` is open. Both lists are ordered. */
REQUIRES(sink_lock) static bool is_open_below(const struct sink_queue *queue, uint64_t number) {
    return (queue->waiting.first && queue->waiting.first->number < number) ||
           (queue->sent.first && queue->sent.first->number < number);
}

bool sink_queue_flush(struct sink_queue *queue, int timeout_ms) {
    int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    lock_acquire(&queue->mutex, sink_lock);
    sink_queue_gather(queue);
    uint64_t number = queue->pushed;
    while (is_open_below(queue, number) && sink_queue_wait(queue, &queue->done, until_ns))
        ;
    bool is_done = !is_open_below(queue, number);
    lock_release(&queue->mutex, sink_lock);
    return is_done;
}

bool sink_queue_set_failing(struct sink_queue *queue, const char *detail) {
    bool is_new = queue->is_ok && !queue->is_abandoned;
    queue->is_ok = false;
    queue->errors++;
    snprintf(queue->detail, sizeof queue->detail, "%s", detail);
    return is_new;
}

bool sink_queue_set_ok(struct sink_queue *queue) {
    bool is_new = !queue->is_ok && !queue->is_abandoned;
    queue->is_ok = true;
    queue->detail[0] = '\0';
    return is_new;
}

void sink_queue_status(struct sink_queue *queue, struct sink_status *status) {
    lock_acquire(&queue->mutex, sink_lock);
    status->is_ok = queue->is_ok;
    status->queued = sink_queue_open(queue);
    status->confirmed = queue->confirmed;
    status->shortened = queue->shortened;
    status->errors = queue->errors;
    memcpy(status->detail, queue->detail, sizeof status->detail);
    lock_release(&queue->mutex, sink_lock);
}

bool sink_thread_stop(struct sink_queue *queue, pthread_t thread, int timeout_ms,
                      void (*wake)(void *), void *context) {
    int64_t wait_ns = timeout_ms * NS_PER_MS;
    lock_acquire(&queue->mutex, sink_lock);
    queue->is_stopping = true;
    queue->stop_ns = clock_monotonic_ns() + wait_ns;
    pthread_cond_signal(&queue->work);
    if (wake)
        wake(context);
    lock_release(&queue->mutex, sink_lock);
    if (thread_join_within(thread, wait_ns + STOP_GRACE_NS))
        return true;

    lock_acquire(&queue->mutex, sink_lock);
    while (queue->is_confirming)
        pthread_cond_wait(&queue->done, &queue->mutex);
    bool is_ended = queue->is_ended;
    queue->is_abandoned = !is_ended;
    lock_release(&queue->mutex, sink_lock);
    if (is_ended)
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
    return is_ended;
}

bool sink_thread_end(struct sink_queue *queue) {
    lock_acquire(&queue->mutex, sink_lock);
    queue->is_ended = true;
    bool is_abandoned = queue->is_abandoned;
    lock_release(&queue->mutex, sink_lock);
    return is_abandoned;
}
