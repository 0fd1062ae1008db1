/*
 * Crashes while it is loaded, before anything of it is called. Rejected by the rehearsal.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "crash_constructor"
#endif

__attribute__((constructor)) static void construct(void) {
    crash();
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message);
