/*
 * base/sync/meeting.h - threads that meet, and change something together step by step.
 *
 * Each goes through the same steps: no thread begins a step before all have ended the previous one.
 * Only the threads that meet take part (for the engine: lanes, each in a lane call), so that none
 * but those that wait has to be woken between the steps.
 *
 * Threads: init and release by their owner; the rest by those that meet. Allocates nothing.
 */
#ifndef TAKE5_BASE_SYNC_MEETING_H
#define TAKE5_BASE_SYNC_MEETING_H

#include "base/sync/locks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LOCK_CLASS(meeting_lock);
struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t expected;
    int64_t until_ns; /* monotonic: until when a thread waits for the others to come; INT64_MAX:
                       * no limit */
    /* A second limit, which may change at any time; NULL: none. */
    const _Atomic int64_t *hurry_ns;
    size_t here GUARDED_BY(meeting_lock); /* threads that have ended the current step */
    size_t step GUARDED_BY(meeting_lock); /* how many steps all have ended; 0: not all have come */
    bool is_off GUARDED_BY(meeting_lock); /* not all came in time */
    /* When the first one came, and when the last one left; 0: not yet. */
    int64_t began_ns GUARDED_BY(meeting_lock), ended_ns GUARDED_BY(meeting_lock);
};

void meeting_init(struct meeting *meeting, size_t expected, int64_t until_ns,
                  const _Atomic int64_t *hurry_ns);
void meeting_release(struct meeting *meeting);

/* Waits until all others are here as well; the last to come runs `run(argument)` (NULL: nothing)
 * before any of them continues. False, for all of them: some thread did not come in time, which
 * can happen at the first step only. `*heartbeat_ns` shows that this one is alive. */
bool meeting_await(struct meeting *meeting, _Atomic int64_t *heartbeat_ns,
                   void (*run)(void *argument), void *argument);
/* Each thread, at its end, whatever the outcome. */
void meeting_leave(struct meeting *meeting);
/* When all have left: the longest time that a thread stood still. */
int64_t meeting_took_ns(const struct meeting *meeting);

#endif
