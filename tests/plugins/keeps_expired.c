/*
 * Counts the messages of each symbol, and goes wrong with that in one way, which the name of the
 * build says:
 *
 *   keeps_expired   ignores T5_EVENT_SYMBOL_EXPIRED: who gets the id inherits the count
 *   saves_nothing   has neither save nor load
 *   saves_only      has no load
 *   loads_only      has no save
 */
#include "plugin.h"

#include <stdlib.h>
#include <take5/symbols.h>

enum { KEEPS = 1, NOTHING, SAVE_ONLY, LOAD_ONLY };

struct mine {
    t5_host *host;
    t5_symbols counts; /* a uint64_t */
};

static int32_t create(const t5_create_args *args, void **self) {
    struct mine *m = calloc(1, sizeof *m);
    if (m == NULL)
        return t5_fail(args->host, "out of memory");
    m->host = args->host;
    t5_symbols_init(&m->counts, sizeof(uint64_t), NULL);
    *self = m;
    return T5_OK;
}

static void destroy(void *self) {
    struct mine *m = self;
    t5_symbols_release(&m->counts);
    free(m);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct mine *m = self;
    uint64_t *count = t5_symbols_get(&m->counts, message->symbol_id);
    if (count == NULL)
        return t5_fail(m->host, "out of memory");
    if (++*count % 10 != 0)
        return T5_OK;
    const t5_signal signal = t5_signal_init("ten", (double)*count, 1);
    return t5_emit(m->host, &signal);
}

static void on_event(void *self, const t5_event *event) {
    struct mine *m = self;
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED && KIND != KEEPS)
        t5_symbols_drop(&m->counts, event->symbol_id);
}

MAYBE_UNUSED static int32_t save(void *self, const t5_save_args *args) {
    struct mine *m = self;
    (void)args;
    return t5_symbols_save(&m->counts, m->host);
}

MAYBE_UNUSED static int32_t load(void *self, const t5_load_args *args) {
    struct mine *m = self;
    (void)args;
    return t5_symbols_load(&m->counts, m->host);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .state_version = 1, .create = create,
            .destroy = destroy, .on_message = on_message, .on_event = on_event,
            .save = KIND == KEEPS || KIND == SAVE_ONLY ? save : NULL,
            .load = KIND == KEEPS || KIND == LOAD_ONLY ? load : NULL);
