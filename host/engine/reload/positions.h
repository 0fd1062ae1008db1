/*
 * engine/reload/positions.h - where a task that a reload brings goes on. In the lane's call,
 * between two messages, when its instance has been activated.
 *
 * One that is behind the stream is caught up (engine/lane/catch_up.h), unless an operator suspended
 * it.
 */
#ifndef TAKE5_ENGINE_RELOAD_POSITIONS_H
#define TAKE5_ENGINE_RELOAD_POSITIONS_H

struct lane;
struct task;

/* Where the one was that it replaces, whose order it takes over too. */
void task_take_position(struct lane *lane, struct task *task, struct task *old);
/* A shadow that is new: where its original is. What that one is suspended for is no reason here. */
void task_take_original_position(struct lane *lane, struct task *task, const struct task *original);
/* One that did not run for a while: where it was when it ran last (partition_absent()). */
void task_take_kept_position(struct lane *lane, struct task *task);
/* One that has no state: with the messages that its warm-up reaches back to, if there are any. */
void task_take_warm_up(struct lane *lane, struct task *task);

#endif
