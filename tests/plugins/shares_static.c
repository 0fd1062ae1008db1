/*
 * Counts in a static, which is every instance's.
 */
#include "plugin.h"

static uint64_t seen;

static void activate(void *self, const t5_activate_args *args) {
    (void)self;
    (void)args;
    seen = 0;
}

static int32_t on_message(void *self, const t5_message *message) {
    (void)message;
    if (++seen % 100 != 0)
        return T5_OK;
    const t5_signal signal = t5_signal_init("hundred", (double)seen, 1);
    return t5_emit(self, &signal);
}

T5_STRATEGY("shares_static", "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .activate = activate, .on_message = on_message);
