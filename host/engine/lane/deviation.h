/*
 * engine/lane/deviation.h - an instance gets something else than the journal says: less, or
 * something in addition. A live host records that (engine/core/provenance.h), since the instance's
 * signals from there on depend on more than its state and the order of its messages.
 *
 * Lane thread, or control where no lane works on the partition.
 */
#ifndef TAKE5_ENGINE_LANE_DEVIATION_H
#define TAKE5_ENGINE_LANE_DEVIATION_H

#include "engine/core/partition.h"

#include <stddef.h>
#include <stdint.h>

/* Notifies it of offsets that it did not see and never will: task_notify_gap(). */
void deviation_gap(struct task *task, size_t stream, int64_t from, int64_t to);
/* It gets something that has no place in the order; `what` completes a sentence that begins with
 * "it had". Recorded once per instance. */
void deviation_besides(struct task *task, const char *what);

#endif
