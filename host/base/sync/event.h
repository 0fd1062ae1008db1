/*
 * base/sync/event.h - something has changed: who waits for it looks again. Any thread.
 *
 *   for (;;) {
 *       const uint64_t seen = event_seen(&event);
 *       if (is_done() || !event_wait(&event, seen, until_ns))
 *           break;
 *   }
 */
#ifndef TAKE5_BASE_SYNC_EVENT_H
#define TAKE5_BASE_SYNC_EVENT_H

#include "base/sync/locks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

LOCK_CLASS(event_lock);
struct event {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t count GUARDED_BY(event_lock); /* of signals */
};

void event_init(struct event *event);
/* Nobody waits for it any more, and nobody signals it. */
void event_release(struct event *event);

/* After the change, which the woken thread then sees. */
void event_signal(struct event *event);
/* How many signals there were: before the look, so that none is missed between look and wait. */
uint64_t event_seen(struct event *event);
/* Until there were more than `seen`. False: there was none until `until_ns` (monotonic). */
bool event_wait(struct event *event, uint64_t seen, int64_t until_ns);

#endif
