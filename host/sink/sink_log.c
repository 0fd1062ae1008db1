/*
 * The log as a sink: safe as soon as the line is said, so nothing is ever queued.
 */
#include "sink/sink.h"

#include <stdlib.h>

struct log_sink {
    struct sink sink;
    struct log *log;
    _Atomic uint64_t confirmed;
};

static bool log_sink_push(struct sink *sink, struct parcel *parcel) {
    struct log_sink *self = (struct log_sink *)sink;
    log_write(self->log, parcel->kind == PARCEL_LETTER ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "sink",
              "%s", parcel->line ? parcel->line : "");
    atomic_fetch_add_explicit(&self->confirmed, 1, memory_order_relaxed);
    parcel_confirm(parcel);
    return true;
}

static bool log_sink_flush(struct sink *sink, int timeout_ms) {
    (void)sink;
    (void)timeout_ms;
    return true;
}

static bool log_sink_reopen(struct sink *sink, struct error *error) {
    (void)sink; /* the log's file is the log's */
    (void)error;
    return true;
}

static void log_sink_status(struct sink *sink, struct sink_status *status) {
    struct log_sink *self = (struct log_sink *)sink;
    *status = (struct sink_status){
        .name = "log",
        .is_well = true,
        .confirmed = atomic_load_explicit(&self->confirmed, memory_order_relaxed),
    };
}

static void log_sink_close(struct sink *sink, int timeout_ms) {
    (void)timeout_ms;
    free(sink);
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
        error_set_memory(error, sizeof *self, "the log sink");
        return NULL;
    }
    self->sink = (struct sink){.ops = &LOG_SINK_OPS, .wants_lines = true};
    self->log = log;
    return &self->sink;
}
