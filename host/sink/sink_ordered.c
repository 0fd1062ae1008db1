#include "sink/sink_ordered.h"

#include "base/clock.h"
#include "base/output.h"
#include "base/text.h"
#include "sink/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often it is asked what is done while something waits for that. Being told of each step would
 * cost the lanes more than the writing. */
#define LOOK_NS     (NS_PER_MS)
/* A write has about so many bytes. */
#define BATCH_BYTES (256 * 1024)

struct item {
    uint64_t place;
    uint64_t number; /* of the push: order within a place */
    struct parcel *parcel;
};

struct ordered_sink {
    struct sink sink;
    struct sink_ordered_options options;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows, up to the writer's */
    pthread_cond_t work;   /* for the writer */
    pthread_cond_t idle;   /* for who waits until all is confirmed */
    struct item *heap;     /* lowest first */
    size_t count, capacity;
    uint64_t pushed, confirmed, lines, end;
    bool is_stopping;
    int64_t stop_ns;
    int errnum; /* of the write that failed; 0: all is well */

    /* The writer's. */
    struct text text;
    struct item *batch;
    size_t batch_capacity;
};

static struct ordered_sink *ordered_of(struct sink *sink) {
    return (struct ordered_sink *)sink;
}

/* ---- the heap, with the mutex held ---- */

static bool is_before(const struct item *a, const struct item *b) {
    return a->place != b->place ? a->place < b->place : a->number < b->number;
}

static bool heap_add(struct ordered_sink *self, struct item item) {
    if (self->count == self->capacity) {
        const size_t larger = self->capacity > 0 ? 2 * self->capacity : 256;
        struct item *heap = reallocarray(self->heap, larger, sizeof *heap);
        if (heap == NULL)
            return false;
        self->heap = heap;
        self->capacity = larger;
    }
    size_t at = self->count++;
    while (at > 0 && is_before(&item, &self->heap[(at - 1) / 2])) {
        self->heap[at] = self->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    self->heap[at] = item;
    return true;
}

static struct item heap_take(struct ordered_sink *self) {
    const struct item first = self->heap[0], last = self->heap[--self->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < self->count; at = child) {
        if (child + 1 < self->count && is_before(&self->heap[child + 1], &self->heap[child]))
            child++;
        if (!is_before(&self->heap[child], &last))
            break;
        self->heap[at] = self->heap[child];
    }
    if (self->count > 0)
        self->heap[at] = last;
    return first;
}

/* ---- the writer ---- */

static void wait_until(struct ordered_sink *self, pthread_cond_t *condition, int64_t until_ns) {
    const struct timespec until = {until_ns / NS_PER_S, until_ns % NS_PER_S};
    pthread_cond_timedwait(condition, &self->mutex, &until);
}

/* Room in the batch for one more. Without memory the batch ends where it is. */
static bool batch_has_room(struct ordered_sink *self, size_t count) {
    if (count < self->batch_capacity)
        return true;
    const size_t larger = self->batch_capacity > 0 ? 2 * self->batch_capacity : 256;
    struct item *batch = reallocarray(self->batch, larger, sizeof *batch);
    if (batch == NULL)
        return false;
    self->batch = batch;
    self->batch_capacity = larger;
    return true;
}

/* What may go out now, in order; with the mutex held. */
static size_t take_batch(struct ordered_sink *self, uint64_t done) {
    size_t count = 0, bytes = 0;
    while (self->count > 0 && bytes < BATCH_BYTES) {
        const uint64_t place = self->heap[0].place;
        if (place >= done && place < self->end && self->errnum == 0)
            break;
        if (!batch_has_room(self, count))
            break;
        self->batch[count] = heap_take(self);
        bytes += self->batch[count++].parcel->value_size + 1;
    }
    return count;
}

/* Writes the batch's lines below `end`; gives how many, or the errno in `errnum`. */
static uint64_t write_batch(struct ordered_sink *self, size_t count, uint64_t end, int *errnum) {
    uint64_t lines = 0;
    text_reset(&self->text);
    for (size_t i = 0; i < count && self->batch[i].place < end; i++) {
        const struct parcel *parcel = self->batch[i].parcel;
        text_append(&self->text, parcel->value, parcel->value_size);
        text_putc(&self->text, '\n');
        lines++;
    }
    *errnum = text_is_short(&self->text) ? ENOMEM
                                         : output_write(self->options.file, self->text.data,
                                                        self->text.size, NULL, self->options.stop);
    return *errnum == 0 ? lines : 0;
}

static void confirm_batch(struct ordered_sink *self, size_t count) {
    for (size_t i = 0; i < count; i++) {
        parcel_confirm(self->batch[i].parcel);
        parcel_release(self->batch[i].parcel);
    }
}

static void *ordered_run(void *argument) {
    struct ordered_sink *self = argument;
    pthread_mutex_lock(&self->mutex);
    for (;;) {
        while (self->count == 0 && !self->is_stopping)
            pthread_cond_wait(&self->work, &self->mutex);
        if (self->count == 0)
            break;
        pthread_mutex_unlock(&self->mutex);
        const uint64_t done = self->options.done(self->options.context);
        pthread_mutex_lock(&self->mutex);
        const size_t count = take_batch(self, done);
        if (count == 0) {
            const int64_t now = clock_monotonic_ns();
            if (self->is_stopping && now >= self->stop_ns)
                break; /* what is left stays unconfirmed */
            wait_until(self, &self->work, now + LOOK_NS);
            continue;
        }
        const uint64_t end = self->errnum == 0 ? self->end : 0;
        int errnum;
        pthread_mutex_unlock(&self->mutex);
        const uint64_t lines = write_batch(self, count, end, &errnum);
        confirm_batch(self, count);
        pthread_mutex_lock(&self->mutex);
        self->lines += lines;
        self->confirmed += count;
        if (self->errnum == 0)
            self->errnum = errnum;
        pthread_cond_broadcast(&self->idle);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

/* ---- the sink ---- */

static bool ordered_push(struct sink *sink, struct parcel *parcel) {
    struct ordered_sink *self = ordered_of(sink);
    pthread_mutex_lock(&self->mutex);
    const bool did = heap_add(self, (struct item){parcel->owner_word, self->pushed, parcel});
    if (did) {
        parcel_retain(parcel);
        self->pushed++;
        if (self->count == 1)
            pthread_cond_signal(&self->work);
    }
    pthread_mutex_unlock(&self->mutex);
    return did;
}

static bool ordered_flush(struct sink *sink, int timeout_ms) {
    struct ordered_sink *self = ordered_of(sink);
    const int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    pthread_mutex_lock(&self->mutex);
    const uint64_t pushed = self->pushed;
    while (self->confirmed < pushed && clock_monotonic_ns() < until_ns)
        wait_until(self, &self->idle, until_ns);
    const bool did = self->confirmed >= pushed;
    pthread_mutex_unlock(&self->mutex);
    return did;
}

static bool ordered_reopen(struct sink *sink, struct error *error) {
    (void)sink; /* the file is the caller's */
    (void)error;
    return true;
}

static void ordered_status(struct sink *sink, struct sink_status *status) {
    struct ordered_sink *self = ordered_of(sink);
    pthread_mutex_lock(&self->mutex);
    *status = (struct sink_status){.name = "ordered",
                                   .is_well = self->errnum == 0,
                                   .queued = self->pushed - self->confirmed,
                                   .confirmed = self->confirmed};
    if (self->errnum != 0)
        snprintf(status->detail, sizeof status->detail, "cannot be written: %s",
                 strerror(self->errnum));
    pthread_mutex_unlock(&self->mutex);
}

static void ordered_free(struct ordered_sink *self) {
    for (size_t i = 0; i < self->count; i++)
        parcel_release(self->heap[i].parcel);
    text_release(&self->text);
    pthread_cond_destroy(&self->work);
    pthread_cond_destroy(&self->idle);
    pthread_mutex_destroy(&self->mutex);
    free(self->heap);
    free(self->batch);
    free(self);
}

static void ordered_close(struct sink *sink, int timeout_ms) {
    struct ordered_sink *self = ordered_of(sink);
    pthread_mutex_lock(&self->mutex);
    self->is_stopping = true;
    self->stop_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    pthread_cond_signal(&self->work);
    pthread_mutex_unlock(&self->mutex);
    /* A write to a pipe that nobody reads may block, until the options' `stop`. */
    pthread_join(self->thread, NULL);
    ordered_free(self);
}

static const struct sink_ops ORDERED_OPS = {
    .push = ordered_push,
    .flush = ordered_flush,
    .reopen = ordered_reopen,
    .status = ordered_status,
    .close = ordered_close,
};

static void init_locks(struct ordered_sink *self) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->work, &monotonic);
    pthread_cond_init(&self->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&self->mutex, NULL);
}

struct sink *sink_ordered_new(const struct sink_ordered_options *options, struct error *error) {
    struct ordered_sink *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, sizeof *self, "the signals' order");
        return NULL;
    }
    self->sink.ops = &ORDERED_OPS;
    self->options = *options;
    self->end = UINT64_MAX;
    text_init(&self->text);
    init_locks(self);
    if (!sink_thread_start(&self->thread, ordered_run, self, "take5-ordered", error)) {
        ordered_free(self);
        return NULL;
    }
    return &self->sink;
}

void sink_ordered_end(struct sink *sink, uint64_t end) {
    struct ordered_sink *self = ordered_of(sink);
    pthread_mutex_lock(&self->mutex);
    if (end < self->end)
        self->end = end;
    pthread_cond_signal(&self->work);
    pthread_mutex_unlock(&self->mutex);
}

uint64_t sink_ordered_lines(struct sink *sink) {
    struct ordered_sink *self = ordered_of(sink);
    pthread_mutex_lock(&self->mutex);
    const uint64_t lines = self->lines;
    pthread_mutex_unlock(&self->mutex);
    return lines;
}

bool sink_ordered_is_well(struct sink *sink, int *errnum, struct error *error) {
    struct ordered_sink *self = ordered_of(sink);
    pthread_mutex_lock(&self->mutex);
    const int failed = self->errnum;
    pthread_mutex_unlock(&self->mutex);
    if (errnum != NULL)
        *errnum = failed;
    return failed == 0 || error_set_errno(error, failed, "signals cannot be written");
}
