/*
 * Says 1 000 signals a message. Those above max_signals_per_callback are refused and counted.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "flood_signals"
#endif

static int32_t on_message(void *self, const t5_message *message) {
    (void)message;
    for (int i = 0; i < 1000; i++) {
        const t5_signal signal = t5_signal_init("flood", i, 1);
        (void)t5_emit(self, &signal);
    }
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
