/*
 * engine/rebalance/rebalance.h - what the host owns: partitions assigned (assign.c) and revoked
 * (revoke.c).
 *
 * Control thread. rebalance_assigned and rebalance_revoked are the
 * source's listener.
 */
#ifndef TAKE5_ENGINE_REBALANCE_REBALANCE_H
#define TAKE5_ENGINE_REBALANCE_REBALANCE_H

#include "base/error.h"
#include "engine/lane/lane.h"
#include "source/source.h"

struct engine;

void rebalance_assigned(void *context, struct topic_partition *parts, size_t count);
void rebalance_revoked(void *context, const struct topic_partition *parts, size_t count,
                       bool is_lost);

/* With one lane: the partition of the GLOBAL deployments, which exists from start to end; still
 * without an instance. */
bool rebalance_begin_global(struct engine *engine, struct error *error);
/* Deactivates and frees all partitions. Lanes are held, the source is closed. */
void rebalance_end(struct engine *engine);

/* GLOBAL instances are suspended while the host lacks a partition of a topic that they want, unless
 * `global_partial = ok`; either way they are notified. */
void rebalance_judge_global(struct engine *engine);

/* Waits for the sinks to confirm what they have, up to the time, and no longer than a stop
 * allows. */
void rebalance_flush(struct engine *engine, int64_t timeout_ns);
/* Frees partitions that were parked for too long, or are too many. */
void rebalance_prune(struct engine *engine);
/* Deactivates and frees a partition that no lane works on. Confirmations that are still to come
 * point into its offset trackers: they are waited for, and if they do not come the memory is
 * leaked. */
void rebalance_discard(struct engine *engine, struct partition *partition);

/* Moves the parts of the first one's number to the front; returns how many there are. */
size_t rebalance_gather(struct topic_partition *parts, size_t count);
/* A private copy in which parts may be moved; free() it. NULL: no memory, which is logged. */
struct topic_partition *rebalance_copy_parts(struct engine *engine,
                                             const struct topic_partition *parts, size_t count);

#endif
