/*
 * Crashes in load, but only when there is a record: an empty state, as a careless try would give
 * it, goes well. Rejected by the rehearsal with the real state.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "crash_load"
#endif

static int32_t load(void *self, const t5_load_args *args) {
    t5_record record;
    (void)args;
    while (t5_record_read(self, &record) == T5_OK)
        crash();
    return T5_OK;
}

static const uint64_t one = 1;

static int32_t save(void *self, const t5_save_args *args) {
    (void)args;
    return t5_record_write(self, T5_NO_SYMBOL, &one, sizeof one);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .state_version = 1, .create = create_handle,
            .destroy = destroy_nothing, .load = load, .on_message = accept_message, .save = save);
