#include "sink/queue.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long a thread that was told to stop may still take beyond its time, to wind up. */
#define STOP_GRACE_NS NS_PER_S

bool sink_queue_init(struct sink_queue *queue) {
    memset(queue, 0, sizeof *queue);
    queue->is_well = true;
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool did = pthread_mutex_init(&queue->mutex, NULL) == 0 &&
               pthread_cond_init(&queue->work, &attributes) == 0 &&
               pthread_cond_init(&queue->done, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return did;
}

static void entry_free(struct sink_entry *entry) {
    parcel_release(entry->parcel);
    free(entry->text);
    free(entry);
}

static void list_release(struct sink_list *list) {
    while (list->first) {
        struct sink_entry *entry = list->first;
        sink_list_remove(list, entry);
        entry_free(entry);
    }
}

void sink_queue_release(struct sink_queue *queue) {
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

void sink_list_remove(struct sink_list *list, struct sink_entry *entry) {
    *(entry->before ? &entry->before->after : &list->first) = entry->after;
    *(entry->after ? &entry->after->before : &list->last) = entry->before;
    entry->before = entry->after = NULL;
}

bool sink_queue_push(struct sink_queue *queue, struct parcel *parcel) {
    struct sink_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return false;
    parcel_retain(parcel);
    entry->parcel = parcel;
    entry->number = queue->pushed++;
    sink_list_insert(&queue->waiting, entry);
    return true;
}

void sink_queue_confirm(struct sink_queue *queue, struct sink_entry *entry) {
    pthread_mutex_lock(&queue->mutex);
    bool is_abandoned = queue->is_abandoned;
    queue->is_confirming = !is_abandoned;
    pthread_mutex_unlock(&queue->mutex);
    if (!is_abandoned) /* else whom `done` would tell may be gone */
        parcel_confirm(entry->parcel);
    pthread_mutex_lock(&queue->mutex);
    queue->is_confirming = false;
    if (!is_abandoned) {
        queue->confirmed++;
        queue->shortened += entry->level > 0;
    }
    sink_list_remove(&queue->sent, entry);
    pthread_cond_broadcast(&queue->done);
    pthread_mutex_unlock(&queue->mutex);
    entry_free(entry);
}

bool sink_queue_wait(struct sink_queue *queue, pthread_cond_t *condition, int64_t until_ns) {
    struct timespec until = {(time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S)};
    return pthread_cond_timedwait(condition, &queue->mutex, &until) == 0;
}

/* Whether an entry numbered below `number` is open. Both lists are in order. */
static bool is_open_below(const struct sink_queue *queue, uint64_t number) {
    return (queue->waiting.first && queue->waiting.first->number < number) ||
           (queue->sent.first && queue->sent.first->number < number);
}

bool sink_queue_flush(struct sink_queue *queue, int timeout_ms) {
    int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    pthread_mutex_lock(&queue->mutex);
    uint64_t number = queue->pushed;
    while (is_open_below(queue, number) && sink_queue_wait(queue, &queue->done, until_ns))
        ;
    bool is_done = !is_open_below(queue, number);
    pthread_mutex_unlock(&queue->mutex);
    return is_done;
}

bool sink_queue_set_ill(struct sink_queue *queue, const char *detail) {
    bool is_new = queue->is_well && !queue->is_abandoned;
    queue->is_well = false;
    snprintf(queue->detail, sizeof queue->detail, "%s", detail);
    return is_new;
}

bool sink_queue_set_well(struct sink_queue *queue) {
    bool is_new = !queue->is_well && !queue->is_abandoned;
    queue->is_well = true;
    queue->detail[0] = '\0';
    return is_new;
}

void sink_queue_status(struct sink_queue *queue, struct sink_status *status) {
    pthread_mutex_lock(&queue->mutex);
    status->is_well = queue->is_well;
    status->queued = queue->pushed - queue->confirmed;
    status->confirmed = queue->confirmed;
    status->shortened = queue->shortened;
    memcpy(status->detail, queue->detail, sizeof status->detail);
    pthread_mutex_unlock(&queue->mutex);
}

bool sink_thread_start(pthread_t *thread, void *(*run)(void *), void *argument, const char *name,
                       struct error *error) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code)
        return error_set_errno(error, code, "starting the thread of %s", name);
    pthread_setname_np(*thread, name);
    return true;
}

/* The wait of pthread_timedjoin_np() is by the wall clock, the only one it has. */
static bool thread_join(pthread_t thread, int64_t wait_ns) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (wait_ns > 0 ? wait_ns : 0);
    until.tv_sec += (time_t)(ns / NS_PER_S);
    until.tv_nsec = (long)(ns % NS_PER_S);
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

bool sink_thread_stop(struct sink_queue *queue, pthread_t thread, int timeout_ms,
                      void (*wake)(void *), void *context) {
    int64_t wait_ns = timeout_ms * NS_PER_MS;
    pthread_mutex_lock(&queue->mutex);
    queue->is_stopping = true;
    queue->stop_ns = clock_monotonic_ns() + wait_ns;
    pthread_cond_signal(&queue->work);
    if (wake)
        wake(context);
    pthread_mutex_unlock(&queue->mutex);
    if (thread_join(thread, wait_ns + STOP_GRACE_NS))
        return true;

    pthread_mutex_lock(&queue->mutex);
    while (queue->is_confirming)
        pthread_cond_wait(&queue->done, &queue->mutex);
    bool is_ended = queue->is_ended;
    queue->is_abandoned = !is_ended;
    pthread_mutex_unlock(&queue->mutex);
    if (is_ended)
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
    return is_ended;
}

bool sink_thread_end(struct sink_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->is_ended = true;
    bool is_abandoned = queue->is_abandoned;
    pthread_mutex_unlock(&queue->mutex);
    return is_abandoned;
}
