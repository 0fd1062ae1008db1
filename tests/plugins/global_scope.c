/*
 * Must see everything: scope GLOBAL. Rejected by a host of more than one lane.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "global_scope"
#endif

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .scope = T5_SCOPE_GLOBAL,
            .create = create_nothing, .destroy = destroy_nothing, .on_message = accept_message);
