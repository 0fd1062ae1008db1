/*
 * A descriptor from before on_timer, on_event and save were thought of, written by hand as another
 * language would. It ends after on_message and says so in its size. Must load and run; what lies
 * behind it in memory must not be taken for callbacks.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "older_minor_small_struct"
#endif

struct small_strategy {
    uint32_t size, flags;
    const char *name, *version, *summary;
    const char *const *topics;
    uint32_t scope, state_version;
    const char *const *fields;
    const t5_parameter *const *parameters;
    int64_t warm_up_ns;
    const char *const *series;
    uint32_t side, reserved;
    void *describe;
    int32_t (*create)(const t5_create_args *args, void **self);
    void (*destroy)(void *self);
    void *load, *activate, *deactivate;
    int32_t (*on_message)(void *self, const t5_message *message);
};

/* What follows the descriptor in memory: calling it dies. */
struct padded {
    struct small_strategy strategy;
    uintptr_t garbage[8];
};

T5_NOTE_(PLUGIN_NAME, "0.9.0");

extern T5_EXPORT const struct padded take5_strategy;
const struct padded take5_strategy = {
    .strategy =
        {
            .size = sizeof(struct small_strategy),
            .name = PLUGIN_NAME,
            .version = "0.9.0",
            .topics = bar_trends,
            .create = create_nothing,
            .destroy = destroy_nothing,
            .on_message = accept_message,
        },
    .garbage = {1, 1, 1, 1, 1, 1, 1, 1},
};
