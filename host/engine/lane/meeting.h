/*
 * engine/lane/meeting.h - lanes that meet at a boundary between messages, and change something
 * together.
 *
 * Each comes in a call of its own (lanes_call) and goes through the same steps: no lane begins one
 * before all have ended the one before. No other thread takes part, so that nobody has to be woken
 * between the steps but a lane that waits for others.
 *
 * Threads: init and release by control; the rest by the lanes. Needs no memory.
 */
#ifndef TAKE5_ENGINE_LANE_MEETING_H
#define TAKE5_ENGINE_LANE_MEETING_H

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
    int64_t until_ns; /* monotonic: no lane waits longer for the others to come; INT64_MAX: never */
    /* Nor longer than until then; may change at any time. NULL: it does not matter. */
    const _Atomic int64_t *hurry_ns;
    size_t here GUARDED_BY(meeting_lock); /* have ended the current step */
    size_t step GUARDED_BY(meeting_lock); /* so many were ended by all; 0: not all have come */
    bool is_off GUARDED_BY(meeting_lock); /* not all came in time */
    /* Of the first that came, and the last that went; 0: none. */
    int64_t began_ns GUARDED_BY(meeting_lock), ended_ns GUARDED_BY(meeting_lock);
};

void meeting_init(struct meeting *meeting, size_t expected, int64_t until_ns,
                  const _Atomic int64_t *hurry_ns);
void meeting_release(struct meeting *meeting);

/* Waits until all others are here as well; the last to come runs `run(argument)` (NULL: nothing)
 * before anybody goes on. False, for all of them: some lane did not come in time; only the first
 * step can be. `*heartbeat_ns` shows that the lane is alive. */
bool meeting_await(struct meeting *meeting, _Atomic int64_t *heartbeat_ns,
                   void (*run)(void *argument), void *argument);
/* Each lane, at its end, whatever came of it. */
void meeting_leave(struct meeting *meeting);
/* When all have left: how long the first of them stood, at most. */
int64_t meeting_took_ns(const struct meeting *meeting);

#endif
