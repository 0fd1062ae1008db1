/*
 * Keeps nothing: replacing it loses its state, and the host says so.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "no_save"
#endif

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message);
