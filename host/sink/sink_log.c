/*
 * The log as a sink, for people. A thread of its own makes the lines, so that no lane does; a
 * delivery is confirmed when its line is logged. Repeated lines are folded, and those that the log
 * has to drop (log/log_writer.h) are counted there: for every signal, use another sink.
 */
#include "sink/queue.h"
#include "sink/sink.h"

#include "base/clock.h"
#include "base/sync/thread.h"
#include "base/text.h"

#include <stdlib.h>

#define BATCH_DELIVERIES 256
/* How long to wait for memory for a line before another attempt. */
#define RETRY_NS         (100 * NS_PER_MS)

struct log_sink {
    struct sink sink;
    struct log *log;
    pthread_t thread;
    struct sink_queue queue;
    struct text line; /* the thread's */
};

/* Moves what waits to `sent`. False: it is time to end. */
static bool batch_take(struct log_sink *self) {
    struct sink_queue *queue = &self->queue;
    lock_acquire(&queue->mutex, sink_lock);
    while (!sink_queue_has_waiting(queue) && !queue->is_stopping)
        sink_queue_await(queue);
    const bool is_over = queue->is_stopping && clock_monotonic_ns() >= queue->stop_ns;
    const size_t taken = is_over ? 0 : sink_queue_take(queue, BATCH_DELIVERIES, SIZE_MAX);
    lock_release(&queue->mutex, sink_lock);
    return taken > 0;
}

/* False: the time to stop came first. */
static bool wait_for_memory(struct log_sink *self) {
    struct sink_queue *queue = &self->queue;
    const int64_t until_ns = clock_monotonic_ns() + RETRY_NS;
    lock_acquire(&queue->mutex, sink_lock);
    sink_queue_set_failing(queue, "no memory for a line");
    while (sink_queue_wait(queue, &queue->work, until_ns)) {}
    const bool is_over = queue->is_stopping && clock_monotonic_ns() >= queue->stop_ns;
    lock_release(&queue->mutex, sink_lock);
    return !is_over;
}

/* False: no line could be made before the time to stop. */
static bool make_line(struct log_sink *self, const struct delivery *delivery) {
    text_reset(&self->line);
    delivery_write_line(delivery, &self->line);
    if (!text_is_oom(&self->line))
        return true;
    do {
        if (!wait_for_memory(self))
            return false;
        text_reset(&self->line);
        delivery_write_line(delivery, &self->line);
    } while (text_is_oom(&self->line));
    lock_acquire(&self->queue.mutex, sink_lock);
    sink_queue_set_ok(&self->queue);
    lock_release(&self->queue.mutex, sink_lock);
    return true;
}

static void log_sink_free(struct log_sink *self) {
    sink_queue_release(&self->queue);
    text_release(&self->line);
    free(self);
}

/* False: not all lines could be made before the time to stop. */
static bool batch_log(struct log_sink *self) {
    lock_only_writer(sink_lock); /* of `sent` */
    for (struct sink_entry *entry = self->queue.sent.first; entry; entry = entry->after) {
        const bool is_signal = entry->delivery->kind == DELIVERY_SIGNAL;
        if (!make_line(self, entry->delivery))
            return false;
        log_event(self->log, is_signal ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "sink",
                  is_signal ? NULL : "dead_letter.written", "%s", self->line.data);
    }
    return true;
}

static void *log_sink_run(void *argument) {
    struct log_sink *self = argument;
    while (batch_take(self) && batch_log(self))
        sink_queue_confirm_sent(&self->queue);
    if (sink_thread_end(&self->queue))
        log_sink_free(self);
    return NULL;
}

static bool log_sink_push(struct sink *sink, struct delivery *delivery) {
    sink_queue_push(&((struct log_sink *)sink)->queue, delivery);
    return true;
}

static bool log_sink_flush(struct sink *sink, int timeout_ms) {
    return sink_queue_flush(&((struct log_sink *)sink)->queue, timeout_ms);
}

static bool log_sink_reopen(struct sink *sink, struct error *error) {
    (void)sink; /* the log owns its file */
    (void)error;
    return true;
}

static void log_sink_status(struct sink *sink, struct sink_status *status) {
    status->name = "log";
    sink_queue_status(&((struct log_sink *)sink)->queue, status);
}

static void log_sink_close(struct sink *sink, int timeout_ms) {
    struct log_sink *self = (struct log_sink *)sink;
    if (sink_thread_stop(&self->queue, self->thread, timeout_ms, NULL, NULL))
        log_sink_free(self);
}

static const struct sink_ops LOG_SINK_OPS = {
    .push = log_sink_push,
    .flush = log_sink_flush,
    .reopen = log_sink_reopen,
    .status = log_sink_status,
    .close = log_sink_close,
};

struct sink *sink_log_new(struct log *log, struct error *error) {
    struct log_sink *self = calloc(1, sizeof *self);
    if (!self) {
        error_set_memory(error, "the log sink");
        return NULL;
    }
    self->sink.ops = &LOG_SINK_OPS;
    self->log = log;
    text_init(&self->line);
    if (!sink_queue_init(&self->queue))
        error_set_memory(error, "the log sink");
    else if (thread_start(&self->thread, "take5-log-sink", log_sink_run, self, error))
        return &self->sink;
    log_sink_free(self);
    return NULL;
}
