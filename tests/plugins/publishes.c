/*
 * Publishes two series: the price, and one that only ever has gaps. Its signal's value is what
 * publish answered, so that a test can tell whether anybody looks.
 */
#include "plugin.h"

static const char *const names[] = {"close", "gap", NULL};

static int32_t on_message(void *self, const t5_message *message) {
    const int32_t code = t5_publish(self, 0, message->price);
    (void)t5_publish(self, 1, (double)NAN);
    const t5_signal signal = t5_signal_init("answer", code, 1);
    return t5_emit(self, &signal);
}

T5_STRATEGY("publishes", "1.0.0", .topics = bar_trends, .series = names, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
