/*
 * engine/lane/dispatch_late.h - a record that the stream has passed, or that lies before its
 * beginning, handed only to the tasks that need it: in a catch-up or warm-up.
 *
 * Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_DISPATCH_LATE_H
#define TAKE5_ENGINE_LANE_DISPATCH_LATE_H

#include "engine/lane/lane_state.h"

#include <stdint.h>

/* Hands a record of the catch-up to the tasks that it feeds and that are not past it. An
 * acknowledgement scope is open. A record that cannot be decoded is reported by the stream. */
void dispatch_late(struct lane *lane, struct partition *partition, const struct record *record,
                   uint64_t *ticks_now, int64_t coarse_ns);

/* Fires the wall-clock timers of a task that the catch-up feeds as of that time; `is_history`:
 * their signals are safe. An acknowledgement scope is open. */
void dispatch_late_clock(struct lane *lane, struct task *task, int64_t wall_ns, bool is_history);

/* Hands a record before the beginning of a replay to the tasks whose warm-up reaches back to it. */
void dispatch_history(struct lane *lane, const struct record *record, uint64_t *ticks_now,
                      int64_t coarse_ns);

#endif
