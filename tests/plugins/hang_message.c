/*
 * Never comes back from on_message at offset `offset` (-1: any). Passes a rehearsal without that
 * message, and then sticks in the lane: the watch names it.
 */
#include "plugin.h"

#include <unistd.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "hang_message"
#endif

static int32_t on_message(void *self, const t5_message *message) {
    const int64_t offset = t5_parameter_integer(self, "offset");
    while (offset < 0 || offset == message->offset)
        (void)pause();
    return T5_OK;
}

static const t5_parameter offset = {.size = sizeof offset,
                                    .type = T5_PARAMETER_INTEGER,
                                    .name = "offset",
                                    .help = "of the message that it hangs on; -1: any",
                                    .default_value = "-1"};
static const t5_parameter *const parameters[] = {&offset, NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .parameters = parameters,
            .create = create_handle, .destroy = destroy_nothing, .on_message = on_message);
