/*
 * Crashes in create. Rejected by the rehearsal.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "crash_create"
#endif

static int32_t create(const t5_create_args *args, void **self) {
    (void)args;
    (void)self;
    crash();
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create,
            .destroy = destroy_nothing, .on_message = accept_message);
