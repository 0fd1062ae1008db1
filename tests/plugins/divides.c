/*
 * Emits a third of each message's price: a number whose last bits tell how the processor rounds.
 */
#include "plugin.h"

static int32_t on_message(void *self, const t5_message *message) {
    const t5_signal signal = t5_signal_init("third", message->price / 3.0, 1.0);
    return t5_emit(self, &signal);
}

T5_STRATEGY("divides", "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
