/*
 * Speaks ABI 2. Refused by the version rule, before any of it runs.
 */
#include "plugin.h"

#undef T5_ABI_MAJOR
#define T5_ABI_MAJOR 2

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "other_major"
#endif

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message);
