/*
 * A thread of its own, from activate to deactivate, calls wake() and log() without pause, as they
 * may be called from any thread. Each WOKEN event says the count of them in the log's DEBUG lines.
 */
#include "plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "wakes"
#endif

struct waker {
    t5_host *host;
    pthread_t thread;
    int is_running;
    atomic_int should_end;
    long woken;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct waker *waker = calloc(1, sizeof *waker);
    if (waker == NULL)
        return T5_ERROR;
    waker->host = args->host;
    *self = waker;
    return T5_OK;
}

static void *wake_on(void *self) {
    struct waker *waker = self;
    while (!atomic_load(&waker->should_end)) {
        (void)waker->host->services->wake(waker->host);
        t5_log(waker->host, T5_LOG_DEBUG, "woke it");
    }
    return NULL;
}

static void activate(void *self, const t5_activate_args *args) {
    struct waker *waker = self;
    (void)args;
    waker->is_running = pthread_create(&waker->thread, NULL, wake_on, waker) == 0;
}

static void deactivate(void *self) {
    struct waker *waker = self;
    atomic_store(&waker->should_end, 1);
    if (waker->is_running)
        (void)pthread_join(waker->thread, NULL);
}

static void on_event(void *self, const t5_event *event) {
    struct waker *waker = self;
    if (event->kind == T5_EVENT_WOKEN)
        t5_log(waker->host, T5_LOG_DEBUG, "woken %ld times", ++waker->woken);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create, .destroy = free,
            .activate = activate, .deactivate = deactivate, .on_message = accept_message,
            .on_event = on_event);
