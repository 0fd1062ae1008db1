/*
 * Says a mean each hundred messages, and one of nothing after some thousand: NaN.
 */
#include "plugin.h"

#include <stdlib.h>

struct means {
    t5_host *host;
    uint64_t messages;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct means *means = calloc(1, sizeof *means);
    if (means == NULL)
        return t5_fail(args->host, "no memory");
    means->host = args->host;
    *self = means;
    return T5_OK;
}

static int32_t on_message(void *self, const t5_message *message) {
    struct means *means = self;
    (void)message;
    if (++means->messages % 100 != 0)
        return T5_OK;
    const double count = means->messages == 5000 ? 0 : 100;
    const t5_signal signal = t5_signal_init("mean", count / count, 1);
    (void)t5_emit(means->host, &signal);
    return T5_OK;
}

T5_STRATEGY("late_nan", "1.0.0", .topics = bar_trends, .create = create, .destroy = free,
            .on_message = on_message);
