/*
 * engine/operator.h - what an operator asks of a running engine: to suspend and resume a
 * deployment, to take checkpoints, to drain. Reloads are engine.h's, redrives redrive.h's.
 *
 * Control thread.
 */
#ifndef TAKE5_ENGINE_OPERATOR_H
#define TAKE5_ENGINE_OPERATOR_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

/* Suspends or resumes a deployment's instances, for an operator. What passed by is caught up,
 * unless `does_skip`: then it is notified of the gap. False: there is no such one. */
bool engine_suspend(struct engine *engine, const char *deployment, struct error *error);
bool engine_resume(struct engine *engine, const char *deployment, bool does_skip,
                   struct error *error);

/*
 * Puts a shadow in the place of its original, at a message boundary: from then on its code and
 * parameters run under the original's name, with the state that it has; the original is gone. The
 * ids of signals go on where they were. It is noted beside the state, so that a restart and a
 * reload find it so as long as both sections of the configuration are what they are; `answer` says
 * what to write into them for good. False: it does not run level with the stream everywhere, or
 * cannot be noted; then nothing has changed.
 */
bool engine_promote(struct engine *engine, const char *shadow, struct text *answer,
                    struct error *error);

/* Takes a checkpoint of every partition number of which something was handed over since the last
 * one, and waits until they are on the disk, up to the time. `taken` is how many; those of which
 * offsets are held, or late signals are not confirmed, are left out. False: some could not be
 * written, or no state is kept. */
bool engine_checkpoint(struct engine *engine, int64_t timeout_ns, size_t *taken,
                       struct error *error);

/*
 * Stops reading, with nothing else changed: partitions stay assigned, what was read is worked off,
 * timers go on, reloads and status work, instances catch up. Waits up to the time until those that
 * hold offsets are level with the stream and the sinks have confirmed all; offsets are committed.
 * False: some are not yet; reading has stopped all the same. With `does_drain` false the lanes read
 * again.
 */
bool engine_drain(struct engine *engine, bool does_drain, int64_t timeout_ns, struct error *error);
/* Between the start and the first poll: it reads nothing from the beginning on. */
void engine_begin_drained(struct engine *engine);

#endif
