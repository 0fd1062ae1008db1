/*
 * Counts messages, and the wall-clock timer that each of them arms for at once: it fires between
 * two messages, and after how many of them is nobody's choice. What it says with each of both, 1000
 * times the messages and the timers, tells in which order they came.
 */
#include "plugin.h"

#include <stdlib.h>

struct counted {
    uint64_t messages, timers;
};

struct ticks {
    t5_host *host;
    struct counted counted;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct ticks *ticks = calloc(1, sizeof *ticks);
    if (ticks == NULL)
        return t5_fail(args->host, "no memory");
    ticks->host = args->host;
    *self = ticks;
    return T5_OK;
}

static void destroy(void *self) {
    free(self);
}

static int32_t say(const struct ticks *ticks, const char *name) {
    const t5_signal signal =
        t5_signal_init(name, (double)(1000 * ticks->counted.messages + ticks->counted.timers), 1);
    return t5_emit(ticks->host, &signal);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct ticks *ticks = self;
    const t5_timer timer = {.size = sizeof timer,
                            .clock = T5_CLOCK_WALL,
                            .key = 1,
                            .symbol_id = T5_NO_SYMBOL,
                            .due_ns = message->event_time_ns};
    ticks->counted.messages++;
    const int32_t code = ticks->host->services->arm_timer(ticks->host, &timer);
    return code == T5_OK ? say(ticks, "message") : t5_fail(ticks->host, "no timer");
}

static int32_t on_timer(void *self, const t5_timer *timer) {
    struct ticks *ticks = self;
    (void)timer;
    ticks->counted.timers++;
    return say(ticks, "timer");
}

static int32_t save(void *self, const t5_save_args *args) {
    const struct ticks *ticks = self;
    (void)args;
    return t5_record_write(ticks->host, T5_NO_SYMBOL, &ticks->counted, sizeof ticks->counted);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct ticks *ticks = self;
    t5_record record;
    (void)args;
    if (t5_record_read(ticks->host, &record) != T5_OK || record.data_size != sizeof ticks->counted)
        return t5_fail(ticks->host, "this is no state of mine");
    memcpy(&ticks->counted, record.data, sizeof ticks->counted);
    return T5_OK;
}

T5_STRATEGY("ticks", "1.0.0", .topics = bar_trends, .state_version = 1, .create = create,
            .destroy = destroy, .save = save, .load = load, .on_message = on_message,
            .on_timer = on_timer);
