/*
 * engine/lane/suspension.h - an instance that gets no messages for a while, or until an operator
 * resumes it: what leads to it, and how it returns. Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_SUSPENSION_H
#define TAKE5_ENGINE_LANE_SUSPENSION_H

#include "config/config.h"
#include "engine/core/partition.h"
#include "log/log.h"

#include <stdint.h>

/* Until when (coarse clock) the task is to be suspended for one more error or reject at `now_ns`;
 * 0: not for this one. `error_run` errors in a row lead to it, or `reject_rate` rejects in a
 * minute; each time is twice as long as the previous one, from `suspend` to `suspend_max`. */
int64_t suspension_for_error(struct task *task, const struct config *config, int64_t now_ns);
int64_t suspension_for_reject(struct task *task, const struct config *config, int64_t now_ns);

/* Suspends it until `resume_ns` (coarse clock; INT64_MAX: until it is resumed). What an operator
 * suspends or resumes is logged by whoever executes the command, once for all instances. */
void task_suspend(struct task *task, enum suspension why, int64_t resume_ns, struct log *log);
/* It is, or is about to be, behind its partition at a position of its own: offsets are stored only
 * up to there until a checkpoint has that, and the committed note says up to where its signals are
 * safe. */
void task_note_behind(struct task *task);
/* From its positions on it is to be fed what it does not get from the stream;
 * partition->wants_history then has to be noticed. */
void task_catch_up(struct task *task);
/* Resumes it. If `can_catch_up` it first catches up on what it did not get (task_catch_up());
 * otherwise it is notified of the gap. */
void task_resume(struct task *task, bool can_catch_up, struct log *log);
/* It has caught up, and gets the next message as all others do. */
void task_catch_up_done(struct task *task);

#endif
