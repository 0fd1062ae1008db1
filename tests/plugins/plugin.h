/*
 * What the small strategies of this folder share: a topic, and callbacks that do nothing. Each file
 * says on its top which failure it must provoke. PLUGIN_NAME may be set from outside, to put a bad
 * strategy in the place of a good one.
 */
#ifndef TAKE5_TESTS_PLUGIN_H
#define TAKE5_TESTS_PLUGIN_H

#include <take5/take5.h>

#define MAYBE_UNUSED __attribute__((unused))

MAYBE_UNUSED static const char *const bar_trends[] = {"bar_trends", NULL};

MAYBE_UNUSED static int32_t create_nothing(const t5_create_args *args, void **self) {
    (void)args;
    *self = NULL;
    return T5_OK;
}

/* For those that need nothing but their handle. */
MAYBE_UNUSED static int32_t create_handle(const t5_create_args *args, void **self) {
    *self = args->host;
    return T5_OK;
}

MAYBE_UNUSED static void destroy_nothing(void *self) {
    (void)self;
}

MAYBE_UNUSED static int32_t accept_message(void *self, const t5_message *message) {
    (void)self;
    (void)message;
    return T5_OK;
}

MAYBE_UNUSED static int32_t save_nothing(void *self, const t5_save_args *args) {
    (void)self;
    (void)args;
    return T5_OK;
}

MAYBE_UNUSED static int32_t load_nothing(void *self, const t5_load_args *args) {
    (void)self;
    (void)args;
    return T5_OK;
}

/* Dies of SIGSEGV, by a stray pointer that the compiler cannot see through. */
MAYBE_UNUSED static void crash(void) {
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
}

#endif
