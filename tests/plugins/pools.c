/*
 * Begins threads with its first message and keeps them for all instances and ever, as the pool of
 * OpenMP does; so does its library, not the strategy.
 */
#include "plugin.h"

#include <pthread.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *wait_for_ever(void *nothing) {
    (void)nothing;
    for (;;)
        (void)pause();
    return NULL;
}

static void begin(void) {
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0)
            (void)pthread_detach(thread);
}

static int32_t on_message(void *self, const t5_message *message) {
    (void)self;
    (void)message;
    (void)pthread_once(&once, begin);
    return T5_OK;
}

T5_STRATEGY("pools", "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = on_message);
