/*
 * Takes `takes` for each message: named and counted as slow when that is above slow_callback_ms.
 */
#include "plugin.h"

#include <time.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "slow_message"
#endif

static int32_t on_message(void *self, const t5_message *message) {
    const int64_t ns = t5_parameter_integer(self, "takes");
    const struct timespec pause = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    (void)message;
    (void)nanosleep(&pause, NULL);
    return T5_OK;
}

static const t5_parameter takes = {.size = sizeof takes,
                                   .type = T5_PARAMETER_DURATION,
                                   .name = "takes",
                                   .help = "how long each message takes",
                                   .default_value = "200ms"};
static const t5_parameter *const parameters[] = {&takes, NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .parameters = parameters,
            .create = create_handle, .destroy = destroy_nothing, .on_message = on_message);
