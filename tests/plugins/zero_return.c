/*
 * Forgets to say T5_OK and returns 0 from on_message: an error, never an answer.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "zero_return"
#endif

static int32_t on_message(void *self, const t5_message *message) {
    (void)self;
    (void)message;
    return 0;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = on_message);
