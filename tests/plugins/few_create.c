/* Refuses create on partition 1 in live work; a rehearsal sees a good strategy. */
#include "plugin.h"

static int32_t create(const t5_create_args *args, void **self) {
    *self = NULL;
    if (args->mode == T5_MODE_LIVE && args->partition == 1)
        return t5_fail(args->host, "partition 1 is beyond me");
    return T5_OK;
}

T5_STRATEGY("few_create", "1.0.0", .topics = bar_trends, .create = create,
            .destroy = destroy_nothing, .on_message = accept_message);
