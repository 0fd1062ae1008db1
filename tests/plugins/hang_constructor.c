/*
 * Never comes back from its loading.
 */
#include "plugin.h"

#include <unistd.h>

__attribute__((constructor)) static void hang(void) {
    for (;;)
        (void)pause();
}

T5_STRATEGY("hang_constructor", "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message);
