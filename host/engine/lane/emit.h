/*
 * engine/lane/emit.h - what leaves a lane while it handles a cause (a message, or a timer):
 * signals, points of series, dead letters; and that the cause's offset waits for their
 * acknowledgement (engine/lane/ack_scope.h).
 *
 * Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_EMIT_H
#define TAKE5_ENGINE_LANE_EMIT_H

#include "engine/lane/lane_state.h"

/* The calls of the env (strategy/instance/instance.h); `context` is the task. */
bool lane_emit(void *context, struct instance *instance, const struct emitted_signal *emitted);
bool lane_publish(void *context, struct instance *instance, const struct published_point *point);
void lane_wake(void *context, struct instance *instance);
bool lane_await_memory(void *context, struct patience *patience, const char *what);

/* The message goes to the dead letters, of a deployment (NULL: of none). If that cannot be made,
 * the lane is broken, and the message comes again after a restart. */
void emit_dead_letter(struct lane *lane, const struct record *record, const char *reason,
                      const char *message, const char *deployment);

/* Ends what the current cause still holds. */
void emit_settle(struct lane *lane);

/* Before another attempt at the current message. False: no more attempts; the lane takes no more
 * messages. */
bool emit_await_memory(struct lane *lane, struct patience *patience, const char *what);

#endif
