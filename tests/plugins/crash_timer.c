/*
 * Arms a timer a second ahead on each message, and crashes when one fires. The rehearsal names
 * on_timer, and the message that moved the clock.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "crash_timer"
#endif

static int32_t on_message(void *self, const t5_message *message) {
    return t5_arm_timer(self, message->symbol_id, 1, message->event_time_ns + 1000000000);
}

static int32_t on_timer(void *self, const t5_timer *timer) {
    (void)self;
    (void)timer;
    crash();
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message, .on_timer = on_timer);
