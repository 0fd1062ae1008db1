/*
 * Refuses in create, with a text that must reach people. Rejected, old strategy goes on.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "refuse_create"
#endif
#ifndef PLUGIN_SCOPE
#define PLUGIN_SCOPE T5_SCOPE_KEYED
#endif

static int32_t create(const t5_create_args *args, void **self) {
    (void)self;
    return t5_fail(args->host, "no model for %.*s", (int)args->deployment.len,
                   args->deployment.data);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .scope = PLUGIN_SCOPE, .topics = bar_trends, .create = create,
            .destroy = destroy_nothing, .on_message = accept_message);
