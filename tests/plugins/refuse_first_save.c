/*
 * Cannot be saved the first time.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "refuse_first_save"
#endif

static int32_t save(void *self, const t5_save_args *args) {
    static int saves;
    (void)args;
    return saves++ == 0 ? t5_fail(self, "in the middle of something") : T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .state_version = 1, .create = create_handle,
            .destroy = destroy_nothing, .load = load_nothing, .on_message = accept_message,
            .save = save);
