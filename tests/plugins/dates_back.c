/*
 * Sees that a price was a peak when the next one is lower, and gives the signal the time of the
 * peak: as if it had known.
 */
#include "plugin.h"

#include <math.h>
#include <stdlib.h>
#include <take5/frames.h>

struct memory {
    double before, last;
    int64_t last_ns;
    int64_t count;
};

struct mine {
    t5_host *host;
    t5_frames memories;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct mine *m = calloc(1, sizeof *m);
    if (m == NULL)
        return t5_fail(args->host, "out of memory");
    m->host = args->host;
    t5_frames_init(&m->memories, sizeof(struct memory), NULL);
    *self = m;
    return T5_OK;
}

static void destroy(void *self) {
    struct mine *m = self;
    t5_frames_release(&m->memories);
    free(m);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct mine *m = self;
    if (!isfinite(message->price) || message->time_frame_s == 0)
        return T5_OK;
    struct memory *memory = t5_frames_get(&m->memories, message->symbol_id, message->time_frame_s);
    if (memory == NULL)
        return t5_fail(m->host, "out of memory");
    if (memory->count >= 2 && memory->last > memory->before && memory->last > message->price) {
        t5_signal signal = t5_signal_init("peak", memory->last, 1);
        signal.event_time_ns = memory->last_ns;
        (void)t5_emit(m->host, &signal);
    }
    memory->before = memory->last;
    memory->last = message->price;
    memory->last_ns = message->event_time_ns;
    memory->count++;
    return T5_OK;
}

static void on_event(void *self, const t5_event *event) {
    struct mine *m = self;
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED)
        t5_frames_drop(&m->memories, event->symbol_id);
}

static int32_t save(void *self, const t5_save_args *args) {
    struct mine *m = self;
    (void)args;
    return t5_frames_save(&m->memories, m->host);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct mine *m = self;
    (void)args;
    return t5_frames_load(&m->memories, m->host);
}

T5_STRATEGY("dates_back", "1.0.0", .topics = bar_trends, .state_version = 1, .create = create,
            .destroy = destroy, .on_message = on_message, .on_event = on_event, .save = save,
            .load = load);
