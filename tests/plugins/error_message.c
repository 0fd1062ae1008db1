/*
 * Answers every message with an error and a reason. Counted and logged; the others go on; after a
 * run of them it is suspended.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "error_message"
#endif

static int32_t on_message(void *self, const t5_message *message) {
    return t5_fail(self, "cannot make anything of %.*s", (int)message->symbol.len,
                   message->symbol.data);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
