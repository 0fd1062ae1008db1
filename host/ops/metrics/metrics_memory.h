/*
 * ops/metrics/metrics_memory.h - keeps the counters of deployments from going back. Inside ops.
 *
 * A deployment's figures are sums over its instances, and an instance that ends (another host took
 * its partition, a reload replaced it) takes its own with it. Prometheus would see a counter that
 * went back, take it for a restart, and count all that is left as new. So what was lost is added
 * again; what the instance counted after the last look is not seen.
 */
#ifndef TAKE5_OPS_METRICS_METRICS_MEMORY_H
#define TAKE5_OPS_METRICS_METRICS_MEMORY_H

#include "engine/view.h"

#include <stddef.h>

#define METRICS_MEMORY_MAX 1024 /* deployments' names */

struct metrics_memory {
    struct metrics_remembered *items;
    size_t count;
};

void metrics_memory_release(struct metrics_memory *memory);
/* Raises the counters of `strategy` to what they were with the instances that are gone. Without
 * memory, or with too many names, they stay as they are. */
void metrics_memory_apply(struct metrics_memory *memory, struct view_strategy *strategy);

#endif
