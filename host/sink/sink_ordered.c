#include "sink/sink_ordered.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/locks.h"
#include "base/patience.h"
#include "base/text.h"
#include "base/thread.h"
#include "log/output.h"
#include "sink/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often it is asked what is done while something waits for that. Being told of each step would
 * cost the lanes more than the writing. */
#define LOOK_NS     (NS_PER_MS)
/* A write has about so many bytes. */
#define BATCH_BYTES (256 * 1024)

struct item {
    uint64_t place;
    uint64_t number; /* of the push: order within a place */
    struct delivery *delivery;
};

LOCK_CLASS(ordered_lock);
struct ordered_sink {
    struct sink sink;
    struct sink_ordered_options options;
    pthread_t thread;
    pthread_mutex_t mutex;                      /* over what follows, up to the writer's */
    pthread_cond_t work;                        /* for the writer */
    pthread_cond_t idle;                        /* for who waits until all is confirmed */
    struct item *heap GUARDED_BY(ordered_lock); /* lowest first */
    size_t count GUARDED_BY(ordered_lock);
    size_t capacity GUARDED_BY(ordered_lock);
    uint64_t pushed GUARDED_BY(ordered_lock);
    uint64_t confirmed GUARDED_BY(ordered_lock);
    uint64_t lines GUARDED_BY(ordered_lock);
    uint64_t end GUARDED_BY(ordered_lock);
    bool is_stopping GUARDED_BY(ordered_lock);
    bool is_emptied GUARDED_BY(ordered_lock);
    int64_t stop_ns GUARDED_BY(ordered_lock);
    int errnum GUARDED_BY(ordered_lock); /* of the write that failed; 0: all is well */

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

REQUIRES(ordered_lock) static bool heap_add(struct ordered_sink *self, struct item item) {
    if (!ARRAY_GROW(self->heap, self->count, self->capacity))
        return false;
    size_t at = self->count++;
    while (at > 0 && is_before(&item, &self->heap[(at - 1) / 2])) {
        self->heap[at] = self->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    self->heap[at] = item;
    return true;
}

REQUIRES(ordered_lock) static struct item heap_take(struct ordered_sink *self) {
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

/* What may go out now, in order. Without memory for more, the batch ends where it is. */
REQUIRES(ordered_lock) static size_t take_batch(struct ordered_sink *self, uint64_t done) {
    size_t count = 0, bytes = 0;
    while (self->count > 0 && bytes < BATCH_BYTES) {
        const uint64_t place = self->heap[0].place;
        if (place >= done && place < self->end && self->errnum == 0)
            break;
        if (!ARRAY_GROW(self->batch, count, self->batch_capacity))
            break;
        self->batch[count] = heap_take(self);
        bytes += self->batch[count++].delivery->bytes;
    }
    return count;
}

/* A pipe or a device has nothing that could go. */
static int empty_file(int file) {
    struct stat status;
    if (fstat(file, &status) != 0)
        return errno;
    return S_ISREG(status.st_mode) && ftruncate(file, 0) != 0 ? errno : 0;
}

/* Once. With the mutex held, so that no line is written before. */
REQUIRES(ordered_lock) static int replace(struct ordered_sink *self) {
    if (!self->options.does_replace || self->is_emptied)
        return 0;
    const int errnum = empty_file(self->options.file);
    self->is_emptied = errnum == 0;
    return errnum;
}

static uint64_t hand_over(struct ordered_sink *self, size_t count, uint64_t end, int *errnum) {
    uint64_t lines = 0;
    *errnum = 0;
    for (size_t i = 0; i < count && self->batch[i].place < end && *errnum == 0; i++, lines++)
        if (!self->options.take(self->options.context, self->batch[i].delivery))
            *errnum = ENOMEM;
    return *errnum == 0 ? lines : 0;
}

/* Writes the batch's lines below `end`; gives how many, or the errno in `errnum`. */
static uint64_t write_batch(struct ordered_sink *self, size_t count, uint64_t end, int *errnum) {
    uint64_t lines = 0;
    text_reset(&self->text);
    for (size_t i = 0; i < count && self->batch[i].place < end; i++) {
        struct patience patience = PATIENCE_INIT;
        const struct delivery_text *text;
        while ((text = delivery_text(self->batch[i].delivery)) == NULL &&
               patience_wait(&patience)) {}
        if (text == NULL) {
            *errnum = ENOMEM;
            return 0;
        }
        if (self->options.has_places)
            text_printf(&self->text, "%llu ", (unsigned long long)self->batch[i].place);
        text_append(&self->text, text->value, text->value_size);
        text_putc(&self->text, '\n');
        lines++;
    }
    *errnum = text_is_oom(&self->text) ? ENOMEM
                                       : output_write(self->options.file, self->text.data,
                                                      self->text.size, NULL, self->options.stop);
    return *errnum == 0 ? lines : 0;
}

static void confirm_batch(struct ordered_sink *self, size_t count) {
    for (size_t i = 0; i < count; i++) {
        delivery_confirm(self->batch[i].delivery);
        delivery_release(self->batch[i].delivery);
    }
}

static void *ordered_run(void *argument) {
    struct ordered_sink *self = argument;
    lock_acquire(&self->mutex, ordered_lock);
    for (;;) {
        while (self->count == 0 && !self->is_stopping)
            pthread_cond_wait(&self->work, &self->mutex);
        if (self->count == 0)
            break;
        lock_release(&self->mutex, ordered_lock);
        const uint64_t done = self->options.done(self->options.context);
        lock_acquire(&self->mutex, ordered_lock);
        const size_t count = take_batch(self, done);
        if (count == 0) {
            const int64_t now = clock_monotonic_ns();
            if (self->is_stopping && now >= self->stop_ns)
                break; /* what is left stays unconfirmed */
            (void)condition_wait(&self->work, &self->mutex, now + LOOK_NS);
            continue;
        }
        if (self->errnum == 0 && self->batch[0].place < self->end)
            self->errnum = replace(self);
        const uint64_t end = self->errnum == 0 ? self->end : 0;
        int errnum;
        lock_release(&self->mutex, ordered_lock);
        const uint64_t lines = self->options.take != NULL ? hand_over(self, count, end, &errnum)
                                                          : write_batch(self, count, end, &errnum);
        confirm_batch(self, count);
        lock_acquire(&self->mutex, ordered_lock);
        self->lines += lines;
        self->confirmed += count;
        if (self->errnum == 0)
            self->errnum = errnum;
        pthread_cond_broadcast(&self->idle);
    }
    lock_release(&self->mutex, ordered_lock);
    return NULL;
}

/* ---- the sink ---- */

static bool ordered_push(struct sink *sink, struct delivery *delivery) {
    struct ordered_sink *self = ordered_of(sink);
    lock_acquire(&self->mutex, ordered_lock);
    const bool did = heap_add(self, (struct item){delivery->owner_word, self->pushed, delivery});
    if (did) {
        delivery_retain(delivery);
        self->pushed++;
        if (self->count == 1)
            pthread_cond_signal(&self->work);
    }
    lock_release(&self->mutex, ordered_lock);
    return did;
}

static bool ordered_flush(struct sink *sink, int timeout_ms) {
    struct ordered_sink *self = ordered_of(sink);
    const int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    lock_acquire(&self->mutex, ordered_lock);
    const uint64_t pushed = self->pushed;
    while (self->confirmed < pushed && clock_monotonic_ns() < until_ns)
        (void)condition_wait(&self->idle, &self->mutex, until_ns);
    const bool did = self->confirmed >= pushed;
    lock_release(&self->mutex, ordered_lock);
    return did;
}

static bool ordered_reopen(struct sink *sink, struct error *error) {
    (void)sink; /* the file is the caller's */
    (void)error;
    return true;
}

static void ordered_status(struct sink *sink, struct sink_status *status) {
    struct ordered_sink *self = ordered_of(sink);
    lock_acquire(&self->mutex, ordered_lock);
    *status = (struct sink_status){.name = "ordered",
                                   .is_well = self->errnum == 0,
                                   .queued = self->pushed - self->confirmed,
                                   .confirmed = self->confirmed};
    if (self->errnum != 0)
        snprintf(status->detail, sizeof status->detail, "write failed: %s", strerror(self->errnum));
    lock_release(&self->mutex, ordered_lock);
}

static void ordered_free(struct ordered_sink *self) {
    lock_alone(ordered_lock);
    for (size_t i = 0; i < self->count; i++)
        delivery_release(self->heap[i].delivery);
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
    lock_acquire(&self->mutex, ordered_lock);
    self->is_stopping = true;
    self->stop_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    pthread_cond_signal(&self->work);
    lock_release(&self->mutex, ordered_lock);
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
    condition_init(&self->work);
    condition_init(&self->idle);
    pthread_mutex_init(&self->mutex, NULL);
}

struct sink *sink_ordered_new(const struct sink_ordered_options *options, struct error *error) {
    struct ordered_sink *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, "the signals' order");
        return NULL;
    }
    self->sink.ops = &ORDERED_OPS;
    self->options = *options;
    lock_alone(ordered_lock);
    self->end = UINT64_MAX;
    text_init(&self->text);
    init_locks(self);
    if (!ARRAY_GROW(self->batch, 0,
                    self->batch_capacity)) { /* now, so that the writer always gets on */
        error_set_memory(error, "the signals' order");
        ordered_free(self);
        return NULL;
    }
    if (!thread_start(&self->thread, "take5-ordered", ordered_run, self, error)) {
        ordered_free(self);
        return NULL;
    }
    return &self->sink;
}

void sink_ordered_end(struct sink *sink, uint64_t end) {
    struct ordered_sink *self = ordered_of(sink);
    lock_acquire(&self->mutex, ordered_lock);
    if (end < self->end)
        self->end = end;
    pthread_cond_signal(&self->work);
    lock_release(&self->mutex, ordered_lock);
}

int sink_ordered_empty(struct sink *sink) {
    struct ordered_sink *self = ordered_of(sink);
    lock_acquire(&self->mutex, ordered_lock);
    const int errnum = replace(self);
    lock_release(&self->mutex, ordered_lock);
    return errnum;
}

uint64_t sink_ordered_lines(struct sink *sink) {
    struct ordered_sink *self = ordered_of(sink);
    lock_acquire(&self->mutex, ordered_lock);
    const uint64_t lines = self->lines;
    lock_release(&self->mutex, ordered_lock);
    return lines;
}

bool sink_ordered_is_well(struct sink *sink, int *errnum, struct error *error) {
    struct ordered_sink *self = ordered_of(sink);
    lock_acquire(&self->mutex, ordered_lock);
    const int failed = self->errnum;
    lock_release(&self->mutex, ordered_lock);
    if (errnum != NULL)
        *errnum = failed;
    return failed == 0 || error_set_errno(error, failed, "cannot write signals");
}
