/*
 * Has thread-local storage at a fixed place, of which the loader has a small reserve: after some
 * builds there is none left. BUILD tells them apart.
 */
#include "plugin.h"

static __thread volatile char storage[700] __attribute__((tls_model("initial-exec")));

static int32_t on_message(void *self, const t5_message *message) {
    (void)self;
    storage[message->offset % (int64_t)sizeof storage] = BUILD_NUMBER;
    return T5_OK;
}

T5_STRATEGY("static_tls", "1.0." BUILD_TEXT, .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = on_message);
