/*
 * Does from its constructor on what a file linked with -ffast-math does: denormals become zero, for
 * the whole thread. The host puts it back; `take5 check` reports it.
 */
#include "plugin.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <fenv.h>
#endif

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "fast_math"
#endif

__attribute__((constructor)) static void construct(void) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ and DAZ */
#else
    (void)fesetround(FE_TOWARDZERO);
#endif
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message);
