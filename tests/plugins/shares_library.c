/*
 * Opens a library by its path with the first message: it lies elsewhere, and is not renewed with
 * the strategy.
 */
#include "plugin.h"

#include <dlfcn.h>

static int32_t on_message(void *self, const t5_message *message) {
    (void)self;
    (void)message;
    return dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) != NULL ? T5_OK : T5_ERROR;
}

T5_STRATEGY("shares_library", "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = on_message);
