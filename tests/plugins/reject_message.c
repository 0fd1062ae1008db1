/*
 * Rejects each message whose offset is a multiple of `every`: it goes into the dead letters.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "reject_message"
#endif

static int32_t on_message(void *self, const t5_message *message) {
    if (message->offset % t5_parameter_integer(self, "every") != 0)
        return T5_OK;
    (void)t5_fail(self, "not a bar that I know");
    return T5_REJECT;
}

static const t5_parameter every = {.size = sizeof every,
                                   .type = T5_PARAMETER_INTEGER,
                                   .name = "every",
                                   .help = "offsets that it rejects are multiples of this",
                                   .default_value = "1",
                                   .min = "1"};
static const t5_parameter *const parameters[] = {&every, NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .parameters = parameters,
            .create = create_handle, .destroy = destroy_nothing, .on_message = on_message);
