/*
 * Calls a function that no library has. dlopen refuses it and names the function.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "missing_symbol"
#endif

int take5_no_such_function(void);

static int32_t on_message(void *self, const t5_message *message) {
    (void)self;
    (void)message;
    return take5_no_such_function();
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = on_message);
