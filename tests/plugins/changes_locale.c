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
    const locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    (void)setlocale(LC_ALL, "C.UTF-8");
    if (locale != (locale_t)0)
        (void)uselocale(locale);
    (void)fesetround(FE_UPWARD);
    *self = locale;
    return T5_OK;
}

static void destroy(void *self) {
    if (self != NULL)
        freelocale(self);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create, .destroy = destroy,
            .on_message = accept_message);
