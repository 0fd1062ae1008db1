/*
 * Sets the locale of thread and process, and the rounding, in create, as a GUI toolkit does. The
 * host puts them back.
 */
#include "plugin.h"

#include <fenv.h>
#include <locale.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "changes_locale"
#endif

static int32_t create(const t5_create_args *args, void **self) {
    (void)args;
    *self = NULL;
    (void)setlocale(LC_ALL, "C.UTF-8");
    (void)uselocale(newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0));
    (void)fesetround(FE_UPWARD);
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create,
            .destroy = destroy_nothing, .on_message = accept_message);
