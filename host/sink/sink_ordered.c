#include "sink/sink_ordered.h"

#include "base/clock.h"
#include "base/sync/condition.h"
#include "base/sync/locks.h"
#include "base/sync/patience.h"
#include "base/sync/thread.h"
#include "base/text.h"
#include "log/output.h"
#include "sink/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often to ask what is done while something waits for that. Reporting each step would cost the
 * lanes more than the writing. */
#define LOOK_NS     (NS_PER_MS)
/* Size of a write, about. */
#define BATCH_BYTES (256 * 1024)
/* Input that is more disordered than that of this many lanes takes longer. */
#define RUNS        64

LOCK_CLASS(ordered_lock);
struct ordered_sink {
    struct sink sink;
    struct sink_ordered_options options;
    pthread_t thread;
    struct sink_inbox inbox;
    _Atomic uint64_t pushed;
    pthread_mutex_t mutex; /* over the following members, up to the writer's */
    pthread_cond_t work;   /* for the writer */
    pthread_cond_t idle;   /* for those that wait until all is confirmed */
    uint64_t confirmed GUARDED_BY(ordered_lock);
    uint64_t lines GUARDED_BY(ordered_lock);
    uint64_t end GUARDED_BY(ordered_lock);
    bool is_stopping GUARDED_BY(ordered_lock);
    bool is_emptied GUARDED_BY(ordered_lock);
    int64_t stop_ns GUARDED_BY(ordered_lock);
    int errnum GUARDED_BY(ordered_lock); /* of the write that failed; 0: none */

    /* The writer's. */
    struct sink_list runs[RUNS]; /* what waits, in runs of rising places: mostly one per lane */
    size_t run_count;
    uint64_t gathered;
    struct sink_list batch;
    struct text text;
};

static struct ordered_sink *ordered_of(struct sink *sink) {
    return (struct ordered_sink *)sink;
}

/* ---- the order ---- */

static uint64_t place_of(const struct sink_entry *entry) {
    return entry->delivery->owner_word;
}

/* Within one place, in the order of the pushes. */
static bool is_before(const struct sink_entry *a, const struct sink_entry *b) {
    const uint64_t place = place_of(a), other = place_of(b);
    return place != other ? place < other : a->number < b->number;
}

/* At its place, searched from the end. */
static void insert(struct sink_list *run, struct sink_entry *entry) {
    struct sink_entry *before = run->last;
    while (before != NULL && is_before(entry, before))
        before = before->before;
    entry->before = before;
    entry->after = before != NULL ? before->after : run->first;
    *(before != NULL ? &before->after : &run->first) = entry;
    *(entry->after != NULL ? &entry->after->before : &run->last) = entry;
}

/* Appends to the first run that it continues. */
static void add_to_runs(struct ordered_sink *self, struct sink_entry *entry) {
    size_t i = 0;
    while (i < self->run_count && self->runs[i].last != NULL &&
           is_before(entry, self->runs[i].last))
        i++;
    if (i == RUNS)
        i--;
    if (i == self->run_count)
        self->run_count++;
    insert(&self->runs[i], entry);
}

static void gather(struct ordered_sink *self) {
    struct sink_entry *after;
    for (struct sink_entry *entry = sink_inbox_take(&self->inbox); entry != NULL; entry = after) {
        after = entry->after;
        entry->number = self->gathered++;
        add_to_runs(self, entry);
    }
}

/* The run whose first entry is the lowest of all; NULL: nothing waits. */
static struct sink_list *lowest_run(struct ordered_sink *self) {
    struct sink_list *lowest = NULL;
    for (size_t i = 0; i < self->run_count; i++) {
        struct sink_list *run = &self->runs[i];
        if (run->first != NULL && (lowest == NULL || is_before(run->first, lowest->first)))
            lowest = run;
    }
    return lowest;
}

/* ---- the writer ---- */

/* What may be written now, in order. */
REQUIRES(ordered_lock) static size_t take_batch(struct ordered_sink *self, uint64_t done) {
    size_t count = 0, bytes = 0;
    struct sink_list *run;
    while (bytes < BATCH_BYTES && (run = lowest_run(self)) != NULL) {
        struct sink_entry *entry = run->first;
        const uint64_t place = place_of(entry);
        if (place >= done && place < self->end && self->errnum == 0)
            break;
        sink_list_remove(run, entry);
        sink_list_append(&self->batch, entry);
        bytes += entry->delivery->bytes;
        count++;
    }
    return count;
}

/* A pipe or a device has nothing to discard. */
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

static uint64_t hand_over(struct ordered_sink *self, uint64_t end, int *errnum) {
    uint64_t lines = 0;
    *errnum = 0;
    for (struct sink_entry *entry = self->batch.first;
         entry != NULL && place_of(entry) < end && *errnum == 0; entry = entry->after, lines++)
        if (!self->options.take(self->options.context, entry->delivery))
            *errnum = ENOMEM;
    return *errnum == 0 ? lines : 0;
}

/* False: out of memory. */
static bool write_value(struct ordered_sink *self, struct delivery *delivery) {
    struct patience patience = PATIENCE_INIT;
    const struct delivery_text *text;
    if (delivery_write_once(delivery, &self->text))
        return true;
    while ((text = delivery_text(delivery)) == NULL && patience_wait(&patience)) {}
    if (text != NULL)
        text_append(&self->text, text->value, text->value_size);
    return text != NULL;
}

/* Writes the batch's lines below `end`; returns how many, and 0 or the errno in `errnum`. */
static uint64_t write_batch(struct ordered_sink *self, uint64_t end, int *errnum) {
    uint64_t lines = 0;
    text_reset(&self->text);
    for (struct sink_entry *entry = self->batch.first; entry != NULL && place_of(entry) < end;
         entry = entry->after, lines++) {
        if (self->options.has_places)
            text_printf(&self->text, "%llu ", (unsigned long long)place_of(entry));
        if (!write_value(self, entry->delivery)) {
            *errnum = ENOMEM;
            return 0;
        }
        text_putc(&self->text, '\n');
    }
    *errnum = text_is_oom(&self->text) ? ENOMEM
                                       : output_write(self->options.file, self->text.data,
                                                      self->text.size, NULL, self->options.stop);
    return *errnum == 0 ? lines : 0;
}

static void confirm_batch(struct ordered_sink *self) {
    while (self->batch.first != NULL) {
        struct sink_entry *entry = self->batch.first;
        sink_list_remove(&self->batch, entry);
        delivery_confirm(entry->delivery);
        sink_entry_release(entry);
    }
}

/* With the mutex held, when nothing waits. */
REQUIRES(ordered_lock) static void await_push(struct ordered_sink *self) {
    if (sink_inbox_set_idle(&self->inbox))
        pthread_cond_wait(&self->work, &self->mutex);
    sink_inbox_set_busy(&self->inbox);
}

static void *ordered_run(void *argument) {
    struct ordered_sink *self = argument;
    lock_acquire(&self->mutex, ordered_lock);
    for (;;) {
        lock_release(&self->mutex, ordered_lock);
        /* What is gathered after this includes all lower places. */
        const uint64_t done = self->options.done(self->options.context);
        gather(self);
        lock_acquire(&self->mutex, ordered_lock);
        if (lowest_run(self) == NULL) {
            if (self->is_stopping)
                break;
            await_push(self);
            continue;
        }
        const size_t count = take_batch(self, done);
        if (count == 0) {
            const int64_t now = clock_monotonic_ns();
            if (self->is_stopping && now >= self->stop_ns)
                break; /* the rest stays unconfirmed */
            (void)condition_wait(&self->work, &self->mutex, now + LOOK_NS);
            continue;
        }
        if (self->errnum == 0 && place_of(self->batch.first) < self->end)
            self->errnum = replace(self);
        const uint64_t end = self->errnum == 0 ? self->end : 0;
        int errnum;
        lock_release(&self->mutex, ordered_lock);
        const uint64_t lines = self->options.take != NULL ? hand_over(self, end, &errnum)
                                                          : write_batch(self, end, &errnum);
        confirm_batch(self);
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
    atomic_fetch_add_explicit(&self->pushed, 1, memory_order_relaxed);
    if (sink_inbox_push(&self->inbox, delivery)) {
        lock_acquire(&self->mutex, ordered_lock); /* in case it is about to wait */
        pthread_cond_signal(&self->work);
        lock_release(&self->mutex, ordered_lock);
    }
    return true;
}

static bool ordered_flush(struct sink *sink, int timeout_ms) {
    struct ordered_sink *self = ordered_of(sink);
    const int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    lock_acquire(&self->mutex, ordered_lock);
    const uint64_t pushed = atomic_load(&self->pushed);
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
                                   .is_ok = self->errnum == 0,
                                   .queued = atomic_load(&self->pushed) - self->confirmed,
                                   .confirmed = self->confirmed};
    if (self->errnum != 0)
        snprintf(status->detail, sizeof status->detail, "write failed: %s", strerror(self->errnum));
    lock_release(&self->mutex, ordered_lock);
}

static void ordered_free(struct ordered_sink *self) {
    lock_alone(ordered_lock);
    gather(self);
    for (struct sink_list *run; (run = lowest_run(self)) != NULL;) {
        struct sink_entry *entry = run->first;
        sink_list_remove(run, entry);
        sink_entry_release(entry);
    }
    text_release(&self->text);
    pthread_cond_destroy(&self->work);
    pthread_cond_destroy(&self->idle);
    pthread_mutex_destroy(&self->mutex);
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

bool sink_ordered_is_ok(struct sink *sink, int *errnum, struct error *error) {
    struct ordered_sink *self = ordered_of(sink);
    lock_acquire(&self->mutex, ordered_lock);
    const int failed = self->errnum;
    lock_release(&self->mutex, ordered_lock);
    if (errnum != NULL)
        *errnum = failed;
    return failed == 0 || error_set_errno(error, failed, "cannot write signals");
}
