/*
 * engine/lane/task_errors.h - a callback that failed, rejected its message, or was slow: counted,
 * and logged at most every ten seconds for one instance. A run of errors or rejects suspends the
 * task, except in a replay, which must not depend on the machine's clock.
 *
 * Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_TASK_ERRORS_H
#define TAKE5_ENGINE_LANE_TASK_ERRORS_H

#include "engine/lane/lane_state.h"

/* `what` is for the log, as in "on_timer failed". */
void task_error_count(struct lane *lane, struct task *task, const char *what);

/* The message goes to the dead letters, except a shadow's. */
void task_reject_count(struct lane *lane, struct task *task, const struct record *record);

/* The env's call for a slow callback (strategy/instance/instance.h); `context` is the task. */
void lane_slow(void *context, struct instance *instance, enum callback callback, int64_t took_ns);

#endif
