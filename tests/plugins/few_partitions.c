/*
 * Believes that there are two partitions: crashes when it is created on another.
 */
#include "plugin.h"

static int32_t create(const t5_create_args *args, void **self) {
    if (args->partition > 1)
        crash();
    return create_nothing(args, self);
}

T5_STRATEGY("few_partitions", "1.0.0", .topics = bar_trends, .create = create,
            .destroy = destroy_nothing, .on_message = accept_message);
