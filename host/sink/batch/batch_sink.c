#include "sink/batch/batch_sink.h"

#include "base/clock.h"
#include "base/sync/thread.h"
#include "base/text.h"
#include "sink/batch/refusal.h"
#include "sink/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_NS (250 * NS_PER_MS)
/* How long a wait that a receiver asks for is respected at most. */
#define WISH_MOST_NS   (10 * 60 * NS_PER_S)
/* Refusals are logged once in that time, with their number. */
#define LOG_NS         (10 * NS_PER_S)

struct batch_sink {
    struct sink sink;
    struct log *log;
    char *target;
    size_t most, bytes;
    int64_t retry_most_ns;
    struct sink *dead_letters; /* NULL: none */
    pthread_t thread;

    struct sink_queue queue;
    uint64_t refused GUARDED_BY(sink_lock); /* permanently */

    /* The thread's. */
    struct receiver *receiver;
    struct sink_entry **entries;  /* the current batch, all of `sent` */
    struct delivery **deliveries; /* of these */
    size_t count;                 /* of both */
    int64_t retry_ns;             /* the next interval */
    int64_t logged_ns;            /* when a refusal was logged last; 0: never */
    uint64_t suppressed;          /* refusals since */
};

/* ---- the end ---- */

/* Whether to end now: at the time to stop, or earlier if no delivery waits. */
REQUIRES(sink_lock) static bool must_end(struct sink_queue *queue) {
    return queue->is_stopping &&
           (sink_queue_open(queue) == 0 || clock_monotonic_ns() >= queue->stop_ns);
}

static bool is_over(void *context) {
    struct batch_sink *self = context;
    lock_acquire(&self->queue.mutex, sink_lock);
    const bool is = must_end(&self->queue);
    lock_release(&self->queue.mutex, sink_lock);
    return is;
}

/* Sleeps, until the time to stop at most. False: that has come. */
static bool rest(struct batch_sink *self, int64_t for_ns) {
    struct sink_queue *queue = &self->queue;
    const int64_t until_ns = clock_monotonic_ns() + for_ns;
    lock_acquire(&queue->mutex, sink_lock);
    for (;;) {
        const int64_t end_ns =
            queue->is_stopping && queue->stop_ns < until_ns ? queue->stop_ns : until_ns;
        if (must_end(queue) || clock_monotonic_ns() >= end_ns)
            break;
        sink_queue_wait(queue, &queue->work, end_ns);
    }
    lock_release(&queue->mutex, sink_lock);
    return !is_over(self);
}

/* ---- ok and failing ---- */

/* Whether alerts wait, on which no offset depends. */
REQUIRES(sink_lock) static bool has_alerts(const struct sink_queue *queue) {
    const struct sink_entry *first =
        queue->sent.first != NULL ? queue->sent.first : queue->waiting.first;
    return first != NULL && first->delivery->kind == DELIVERY_ALERT;
}

static void note_failing(struct batch_sink *self, const char *detail) {
    char waits[64] = "";
    lock_acquire(&self->queue.mutex, sink_lock);
    const bool is_new = sink_queue_set_failing(&self->queue, detail);
    const uint64_t open = sink_queue_open(&self->queue);
    if (has_alerts(&self->queue))
        snprintf(waits, sizeof waits, "%" PRIu64 " alert%s; ", open,
                 open == 1 ? " waits" : "s wait");
    else if (open > 0)
        snprintf(waits, sizeof waits, "%" PRIu64 " signal%s buffered, offsets held back; ", open,
                 text_plural(open));
    lock_release(&self->queue.mutex, sink_lock);
    if (is_new)
        log_change_event(self->log, LOG_LEVEL_ERROR, "sink", "sink.failing",
                         "write to %s failed: %s; %sretrying", self->target, detail, waits);
}

static void note_ok(struct batch_sink *self) {
    self->retry_ns = RETRY_FIRST_NS;
    lock_acquire(&self->queue.mutex, sink_lock);
    const bool is_new = sink_queue_set_ok(&self->queue);
    lock_release(&self->queue.mutex, sink_lock);
    if (is_new)
        log_change_event(self->log, LOG_LEVEL_INFO, "sink", "sink.recovered",
                         "writes to %s recovered, nothing lost", self->target);
}

/* Waits for the interval, or longer if the receiver asked for that. */
static bool back_off(struct batch_sink *self, int64_t wish_ns) {
    int64_t for_ns = wish_ns < WISH_MOST_NS ? wish_ns : WISH_MOST_NS;
    if (for_ns < self->retry_ns)
        for_ns = self->retry_ns;
    self->retry_ns =
        self->retry_ns * 2 < self->retry_most_ns ? self->retry_ns * 2 : self->retry_most_ns;
    return rest(self, for_ns);
}

/* ---- the receiver ---- */

typedef enum receiver_answer ask(struct receiver *receiver, struct receiver_batch *batch);

/* Repeats it until there is a final answer. RECEIVER_BUSY: the time to stop came first. */
static enum receiver_answer persist(struct batch_sink *self, ask *what, size_t from, size_t count,
                                    struct error *error) {
    for (;;) {
        struct receiver_batch batch = {
            .deliveries = self->deliveries + from,
            .count = count,
            .is_over = is_over,
            .context = self,
            .error = error,
        };
        const enum receiver_answer answer = what(self->receiver, &batch);
        if (answer != RECEIVER_BUSY) {
            note_ok(self);
            return answer;
        }
        self->receiver->ops->hang_up(self->receiver);
        if (is_over(self))
            return RECEIVER_BUSY;
        note_failing(self, error->text);
        if (!back_off(self, batch.wait_ns))
            return RECEIVER_BUSY;
    }
}

/* ---- permanent refusals ---- */

static void log_refused(struct batch_sink *self, const struct delivery *delivery,
                        const char *reason) {
    const int64_t now_ns = clock_monotonic_ns();
    struct text line;
    if (self->logged_ns != 0 && now_ns - self->logged_ns < LOG_NS) {
        self->suppressed++;
        return;
    }
    text_init(&line);
    delivery_write_line(delivery, &line);
    if (self->suppressed > 0)
        text_printf(&line, " (and %" PRIu64 " other%s since the last such line)", self->suppressed,
                    text_plural(self->suppressed));
    log_event(self->log, LOG_LEVEL_ERROR, "sink", "sink.record_refused",
              "%s refused a record permanently: %s; %s: %s", self->target, reason,
              self->dead_letters != NULL ? "it goes to the dead letters" : "it is dropped",
              line.data);
    text_release(&line);
    self->logged_ns = now_ns;
    self->suppressed = 0;
}

/* Until the dead letter is safe. False: the time to stop came first. */
static bool await_dead_letters(struct batch_sink *self) {
    while (!self->dead_letters->ops->flush(self->dead_letters, RECEIVER_LOOK_MS)) {
        if (is_over(self))
            return false;
    }
    return true;
}

static bool write_dead_letter(struct batch_sink *self, struct delivery *delivery,
                              const char *reason) {
    struct delivery *dead_letter;
    bool did = false;
    while ((dead_letter = refusal_new(delivery, self->receiver->ops->name, reason)) == NULL ||
           !(did = self->dead_letters->ops->push(self->dead_letters, dead_letter))) {
        if (dead_letter != NULL)
            delivery_release(dead_letter);
        note_failing(self, "no memory for a dead letter");
        if (!back_off(self, 0))
            return false;
    }
    delivery_release(dead_letter);
    return did && await_dead_letters(self);
}

/* Alerts are about the host and do not become dead letters. False: the time to stop came first, and
 * log and dead letters may be gone. */
static bool refuse(struct batch_sink *self, struct delivery *delivery, const char *reason) {
    if (is_over(self))
        return false;
    log_refused(self, delivery, reason);
    if (self->dead_letters != NULL && delivery->kind == DELIVERY_SIGNAL &&
        !write_dead_letter(self, delivery, reason))
        return false;
    lock_acquire(&self->queue.mutex, sink_lock);
    self->refused++;
    lock_release(&self->queue.mutex, sink_lock);
    return true;
}

/* ---- batches ---- */

static void collect(struct batch_sink *self) {
    lock_only_writer(sink_lock); /* of `sent` */
    self->count = 0;
    for (struct sink_entry *entry = self->queue.sent.first; entry != NULL; entry = entry->after) {
        self->deliveries[self->count] = entry->delivery;
        self->entries[self->count++] = entry;
    }
}

/* Takes what waits, up to a batch. False: it is time to end. */
static bool batch_take(struct batch_sink *self) {
    struct sink_queue *queue = &self->queue;
    lock_acquire(&queue->mutex, sink_lock);
    while (!sink_queue_has_waiting(queue) && !queue->is_stopping)
        sink_queue_await(queue);
    const bool is_late = queue->is_stopping && clock_monotonic_ns() >= queue->stop_ns;
    const size_t taken = is_late ? 0 : sink_queue_take(queue, self->most, self->bytes);
    lock_release(&queue->mutex, sink_lock);
    collect(self);
    return taken > 0;
}

static void confirm(struct batch_sink *self, size_t from, size_t count) {
    if (count == self->count) {
        sink_queue_confirm_sent(&self->queue);
        return;
    }
    for (size_t i = from; i < from + count; i++)
        sink_queue_confirm(&self->queue, self->entries[i]);
}

/* In pieces, which are halved with each refusal and doubled with each success. False: the time to
 * stop came first. */
static bool batch_save(struct batch_sink *self) {
    ask *send = self->receiver->ops->send;
    size_t piece = self->count;
    for (size_t at = 0; at < self->count;) {
        struct error error;
        const size_t rest = self->count - at;
        const size_t count = piece < rest ? piece : rest;
        const enum receiver_answer answer = persist(self, send, at, count, &error);
        if (answer == RECEIVER_BUSY)
            return false;
        if (answer == RECEIVER_REFUSED && count > 1) {
            piece = count / 2;
            continue;
        }
        if (answer == RECEIVER_REFUSED && !refuse(self, self->deliveries[at], error.text))
            return false;
        piece *= answer == RECEIVER_SAFE ? 2 : 1;
        confirm(self, at, count);
        at += count;
    }
    return true;
}

/* Before the first signal, so that problems show at the start. */
static bool open_receiver(struct batch_sink *self) {
    struct error error;
    ask *open = self->receiver->ops->open;
    return open == NULL || persist(self, open, 0, 0, &error) != RECEIVER_BUSY;
}

static void batch_sink_free(struct batch_sink *self) {
    self->receiver->ops->free(self->receiver);
    sink_queue_release(&self->queue);
    free(self->entries);
    free(self->deliveries);
    free(self->target);
    free(self);
}

static void *batch_sink_run(void *argument) {
    struct batch_sink *self = argument;
    if (open_receiver(self))
        while (batch_take(self) && batch_save(self)) {}
    if (sink_thread_end(&self->queue))
        batch_sink_free(self);
    return NULL;
}

/* ---- the sink ---- */

static bool batch_sink_push(struct sink *sink, struct delivery *delivery) {
    sink_queue_push(&((struct batch_sink *)sink)->queue, delivery);
    return true;
}

static bool batch_sink_flush(struct sink *sink, int timeout_ms) {
    return sink_queue_flush(&((struct batch_sink *)sink)->queue, timeout_ms);
}

static bool batch_sink_reopen(struct sink *sink, struct error *error) {
    (void)sink; /* no file */
    (void)error;
    return true;
}

static void batch_sink_status(struct sink *sink, struct sink_status *status) {
    struct batch_sink *self = (struct batch_sink *)sink;
    status->name = self->receiver->ops->name;
    sink_queue_status(&self->queue, status);
    lock_acquire(&self->queue.mutex, sink_lock);
    status->refused = self->refused;
    lock_release(&self->queue.mutex, sink_lock);
}

static void batch_sink_close(struct sink *sink, int timeout_ms) {
    struct batch_sink *self = (struct batch_sink *)sink;
    struct log *log = self->log;
    char target[256];
    snprintf(target, sizeof target, "%s", self->target);
    if (sink_thread_stop(&self->queue, self->thread, timeout_ms, NULL, NULL))
        batch_sink_free(self);
    else
        log_error(log, "sink", "%s: a write did not complete within %d ms; abandoned", target,
                  timeout_ms);
}

static const struct sink_ops BATCH_SINK_OPS = {
    .push = batch_sink_push,
    .flush = batch_sink_flush,
    .reopen = batch_sink_reopen,
    .status = batch_sink_status,
    .close = batch_sink_close,
};

static bool make_room(struct batch_sink *self, const struct batch_sink_options *options) {
    self->target = strdup(options->target);
    self->entries = calloc(options->most, sizeof(struct sink_entry *));
    self->deliveries = calloc(options->most, sizeof(struct delivery *));
    return sink_queue_init(&self->queue) && self->target != NULL && self->entries != NULL &&
           self->deliveries != NULL;
}

struct sink *batch_sink_new(struct receiver *receiver, const struct batch_sink_options *options,
                            struct error *error) {
    struct batch_sink *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, options->target);
        receiver->ops->free(receiver);
        return NULL;
    }
    *self = (struct batch_sink){.sink.ops = &BATCH_SINK_OPS,
                                .log = options->log,
                                .most = options->most,
                                .bytes = options->bytes,
                                .retry_most_ns = options->retry_most_ns,
                                .dead_letters = options->dead_letters,
                                .receiver = receiver,
                                .retry_ns = RETRY_FIRST_NS};
    if (!make_room(self, options))
        error_set_memory(error, options->target);
    else if (thread_start(&self->thread, "take5-batch", batch_sink_run, self, error))
        return &self->sink;
    batch_sink_free(self);
    return NULL;
}
