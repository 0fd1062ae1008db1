/*
 * engine/dispatch.h - one record through one lane: seen already? decode, route, call each instance.
 *
 * Lane thread only.
 */
#ifndef TAKE5_ENGINE_DISPATCH_H
#define TAKE5_ENGINE_DISPATCH_H

#include "engine/lane.h"

/* Handles the record to completion. `ticks_now` is the tick count, in and out; `coarse_ns` the
 * coarse clock, once a batch. */
__attribute__((noinline)) /* counted by name: tests/bench/instructions.py */
void dispatch_record(struct lane *lane, const struct record *record, uint64_t *ticks_now,
                     int64_t coarse_ns);

/* Fires the wall-clock timers that are due, with the seat's last message as cause; gives the due
 * time of the next one, INT64_MAX without one. */
int64_t dispatch_wall_timers(struct lane *lane, int64_t now_ns);

/* Serves wakes. */
void dispatch_wakes(struct lane *lane);

/* Suspends an instance until `resume_ns` (coarse clock; INT64_MAX: until told). */
void dispatch_suspend(struct lane *lane, struct seat *seat, enum suspension why, int64_t resume_ns);
/* Puts it back to work and tells it of the gap. */
void dispatch_resume(struct lane *lane, struct seat *seat);

/* The wiring's slow hook; `context` is the seat. */
void dispatch_slow(void *context, struct instance *instance, enum callback callback,
                   int64_t took_ns);

/* Ends what the cause in hand still holds. */
void dispatch_settle(struct lane *lane);

#endif
