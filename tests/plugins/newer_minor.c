/*
 * Requires ABI minor 99. Refused by the version rule, before any of it runs.
 */
#define T5_ABI_MINOR_REQUIRED 99
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "newer_minor"
#endif

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message);
