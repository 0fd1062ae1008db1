/*
 * Aborts in save, as a failed assertion does, with words on stderr. Rejected by the rehearsal,
 * which repeats the words.
 */
#include "plugin.h"

#include <stdlib.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "crash_save"
#endif

static int32_t save(void *self, const t5_save_args *args) {
    (void)self;
    (void)args;
    (void)fputs("the counts do not add up\n", stderr);
    abort();
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .state_version = 1, .create = create_handle,
            .destroy = destroy_nothing, .load = load_nothing, .on_message = accept_message,
            .save = save);
