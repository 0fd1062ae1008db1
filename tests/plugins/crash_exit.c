/*
 * Does its work well, and crashes in a destructor when the process ends. Rejected by the rehearsal:
 * it would turn every clean stop of the host into a crash.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "crash_exit"
#endif

__attribute__((destructor)) static void destruct(void) {
    crash();
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message);
