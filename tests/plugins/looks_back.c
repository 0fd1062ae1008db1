/*
 * Looks back without a state to save, and says what it knows with each price. KIND: a mean over a
 * WINDOW of half an hour, or of MINUTES; on which side of an AVERAGE, which forgets, the price is;
 * the LAST price; a COUNT of all prices. With DECLARED it says how far back. SCOPE may be GLOBAL.
 */
#include "plugin.h"

#include <take5/symbols.h>
#include <take5/window.h>

#ifndef DECLARED
#define DECLARED 0
#endif
#ifndef MINUTES
#define MINUTES 30
#endif
#ifndef SCOPE
#define SCOPE T5_SCOPE_KEYED
#endif
#define WINDOW  1
#define AVERAGE 2
#define LAST    3
#define COUNT   4

struct memory {
    t5_window prices;
    double average, last;
    uint64_t count;
};

struct mine {
    t5_host *host;
    t5_symbols memories;
};

static int32_t memory_init(void *context, uint32_t symbol_id, void *item) {
    struct memory *memory = item;
    (void)context;
    (void)symbol_id;
    t5_window_init(&memory->prices, MINUTES * T5_MINUTE_NS, sizeof(double));
    return T5_OK;
}

static void memory_release(void *context, void *item) {
    (void)context;
    t5_window_release(&((struct memory *)item)->prices);
}

static int32_t create(const t5_create_args *args, void **self) {
    static const t5_symbols_type type = {.init = memory_init, .release = memory_release};
    struct mine *m = calloc(1, sizeof *m);
    if (m == NULL)
        return t5_fail(args->host, "out of memory");
    m->host = args->host;
    t5_symbols_init(&m->memories, sizeof(struct memory), &type);
    *self = m;
    return T5_OK;
}

static void destroy(void *self) {
    struct mine *m = self;
    t5_symbols_release(&m->memories);
    free(m);
}

static void say(struct mine *m, const char *name, double value) {
    const t5_signal signal = t5_signal_init(name, value, 1);
    (void)t5_emit(m->host, &signal);
}

MAYBE_UNUSED static double mean(const t5_window *prices) {
    const double *items = t5_window_items(prices);
    double sum = 0;
    for (size_t i = 0; i < t5_window_count(prices); i++)
        sum += items[i];
    return sum / (double)t5_window_count(prices);
}

static void look(struct mine *m, struct memory *memory, const t5_message *message) {
#if KIND == WINDOW
    if (t5_window_add(&memory->prices, message->event_time_ns, &message->price) < 3)
        say(m, "mean", mean(&memory->prices));
#elif KIND == AVERAGE
    if (memory->count == 0)
        memory->average = message->price;
    say(m, message->price > memory->average ? "above" : "below", memory->average);
    memory->average += 0.02 * (message->price - memory->average);
#elif KIND == LAST
    if (memory->count > 0)
        say(m, "step", message->price - memory->last);
#else
    say(m, "count", (double)memory->count);
#endif
    memory->last = message->price;
    memory->count++;
}

static int32_t on_message(void *self, const t5_message *message) {
    struct mine *m = self;
    if (!isfinite(message->price) || (message->flags & T5_MESSAGE_TIME_SUSPECT))
        return T5_OK;
    struct memory *memory = t5_symbols_get(&m->memories, message->symbol_id);
    if (memory == NULL)
        return t5_fail(m->host, "out of memory");
    look(m, memory, message);
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .scope = SCOPE,
            .warm_up_ns = DECLARED * MINUTES * T5_MINUTE_NS, .create = create, .destroy = destroy,
            .on_message = on_message);
