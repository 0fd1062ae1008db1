/*
 * Looks events up in a table, and so crashes at a kind that it does not know.
 */
#include "plugin.h"

static void on_event(void *self, const t5_event *event) {
    (void)self;
    if (event->kind > T5_EVENT_MODE_CHANGED)
        crash();
}

T5_STRATEGY("crash_event", "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message, .on_event = on_event);
