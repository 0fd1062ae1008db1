/*
 * engine/lane/deviation.h - an instance is handed other than what the journal tells: less, or
 * something besides. A live host notes that (engine/core/provenance.h), since what the instance
 * says from there on follows from more than its state and the order of its messages.
 *
 * Lane thread, or control where no lane works on the partition.
 */
#ifndef TAKE5_ENGINE_LANE_DEVIATION_H
#define TAKE5_ENGINE_LANE_DEVIATION_H

#include "engine/core/partition.h"

#include <stddef.h>
#include <stdint.h>

/* Tells it that it did not see some offsets, and never will: task_notify_gap(). */
void deviation_gap(struct task *task, size_t stream, int64_t from, int64_t to);
/* Something comes that has no place in the order: `what` says what, as words that go on with "it
 * had". Noted once an instance. */
void deviation_besides(struct task *task, const char *what);

#endif
