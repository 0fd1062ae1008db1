/*
 * Starts a thread in activate and does not join it in deactivate. Its code must stay mapped: the
 * thread goes on running, also after destroy, and neither a reload nor the host's exit may crash.
 */
#include "plugin.h"

#include <pthread.h>
#include <time.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "leaves_thread"
#endif

static void *run_on(void *unused) {
    const struct timespec pause = {0, 1000000};
    (void)unused;
    for (;;)
        (void)nanosleep(&pause, NULL);
    return NULL;
}

static void activate(void *self, const t5_activate_args *args) {
    pthread_t thread;
    (void)self;
    (void)args;
    if (pthread_create(&thread, NULL, run_on, NULL) == 0)
        (void)pthread_detach(thread);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .activate = activate, .on_message = accept_message);
