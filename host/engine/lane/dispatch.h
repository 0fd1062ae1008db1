/*
 * engine/lane/dispatch.h - one record through one lane: drop duplicates, decode, route, call each
 * instance.
 *
 * Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_DISPATCH_H
#define TAKE5_ENGINE_LANE_DISPATCH_H

#include "engine/lane/lane_state.h"

/* Handles the record to completion. `ticks_now` is the tick count, in and out; `coarse_ns` the
 * coarse clock, read once per batch. */
__attribute__((noinline)) /* counted by name: tests/bench/instructions.py */
void dispatch_record(struct lane *lane, const struct record *record, uint64_t *ticks_now,
                     int64_t coarse_ns);

/* Resumes a suspended task. */
void dispatch_resume(struct lane *lane, struct task *task, bool can_catch_up);

/* Fires the wall-clock timers that are due, with the task's last message as cause; returns the due
 * time of the next one, INT64_MAX if there is none. */
int64_t dispatch_wall_timers(struct lane *lane, int64_t now_ns);

/* Calls on_event(WOKEN) of instances that asked for it. */
void dispatch_wakes(struct lane *lane);

#endif
