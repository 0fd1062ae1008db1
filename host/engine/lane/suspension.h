/*
 * engine/lane/suspension.h - an instance that gets no messages for a while, or until an operator
 * says so: what leads to it, and how it comes back. Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_SUSPENSION_H
#define TAKE5_ENGINE_LANE_SUSPENSION_H

#include "config/config.h"
#include "engine/core/partition.h"
#include "log/log.h"

#include <stdint.h>

/* Until when (coarse clock) the task is to be suspended for one more error or reject at `now_ns`;
 * 0: not for this one. `error_run` errors in a row lead to it, or `reject_rate` rejects in a
 * minute; each time is twice the one before, from `suspend` to `suspend_max`. */
int64_t suspension_for_error(struct task *task, const struct config *config, int64_t now_ns);
int64_t suspension_for_reject(struct task *task, const struct config *config, int64_t now_ns);

/* Suspends it until `resume_ns` (coarse clock; INT64_MAX: until told). What an operator suspends,
 * or resumes, is logged by who carries the command out, once for all instances. */
void task_suspend(struct task *task, enum suspension why, int64_t resume_ns, struct log *log);
/* It is, or is about to be, behind its partition at a place of its own: offsets are stored only up
 * to there until a checkpoint has it, and what is committed says how far its signals are safe. */
void task_note_behind(struct task *task);
/* From its positions on it is to be fed what the stream passes by; somebody then has to see
 * partition->wants_history. */
void task_catch_up(struct task *task);
/* Puts it back to work. What passed by it is to be caught up first if `can_catch_up`
 * (task_catch_up()); otherwise it is told of the gap. */
void task_resume(struct task *task, bool can_catch_up, struct log *log);
/* It has caught up, and gets the next message as all others do. */
void task_catch_up_done(struct task *task);

#endif
