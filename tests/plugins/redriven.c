/*
 * Says of each message whether it is a dead letter given once more: a signal "redriven" or "plain",
 * whose value is the instance's event clock in seconds. A negative price is rejected and a price of
 * zero an error, both after the signal; at a price of 7 a wall-clock timer is armed, which says
 * "timer".
 */
#include "plugin.h"

static int32_t say(t5_host *host, const char *name) {
    const double clock_s = (double)t5_now(host) / 1e9;
    const t5_signal signal = t5_signal_init(name, clock_s, 1);
    return t5_emit(host, &signal);
}

static int32_t arm_wall_timer(t5_host *host) {
    const t5_timer timer = {
        .size = sizeof timer, .clock = T5_CLOCK_WALL, .key = 1, .symbol_id = T5_NO_SYMBOL};
    return host->services->arm_timer(host, &timer);
}

static int32_t on_message(void *self, const t5_message *message) {
    if (say(self, (message->flags & T5_MESSAGE_REDRIVE) != 0 ? "redriven" : "plain") != T5_OK)
        return T5_ERROR;
    if (message->price < 0) {
        (void)t5_fail(self, "a price below nothing");
        return T5_REJECT;
    }
    if (message->price == 0)
        return t5_fail(self, "a price of nothing");
    if (message->price == 7)
        return arm_wall_timer(self);
    return T5_OK;
}

static int32_t on_timer(void *self, const t5_timer *timer) {
    (void)timer;
    return say(self, "timer");
}

T5_STRATEGY("redriven", "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message, .on_timer = on_timer);
