/*
 * Ends the process in create, as a library does that thinks it owns the program. Rejected by the
 * rehearsal.
 */
#include "plugin.h"

#include <stdlib.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "exit_create"
#endif

static int32_t create(const t5_create_args *args, void **self) {
    (void)args;
    (void)self;
    (void)fputs("no licence found\n", stderr);
    exit(3);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create,
            .destroy = destroy_nothing, .on_message = accept_message);
