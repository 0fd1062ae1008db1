/*
 * Emits what its library says (libraries/helper.c), which needs another one. Both lie beside it, or
 * where $ORIGIN leads.
 */
#include "plugin.h"

int t5helper_value(void);

static int32_t on_message(void *self, const t5_message *message) {
    const t5_signal signal = t5_signal_init("said", (double)t5helper_value(), 1.0);
    (void)message;
    return t5_emit(self, &signal);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
