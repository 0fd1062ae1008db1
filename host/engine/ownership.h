/*
 * engine/ownership.h - what the host owns: partitions that come (arrival.c) and go (ownership.c).
 *
 * Control thread, but for what says "lane". ownership_assigned and ownership_revoked are the
 * source's listener.
 */
#ifndef TAKE5_ENGINE_OWNERSHIP_H
#define TAKE5_ENGINE_OWNERSHIP_H

#include "base/error.h"
#include "engine/lane.h"
#include "source/source.h"

struct engine;

void ownership_assigned(void *context, struct source_part *parts, size_t count);
void ownership_revoked(void *context, const struct source_part *parts, size_t count, bool is_lost);

/* With one lane: the partition of the GLOBAL deployments, which is there from start to end. */
bool ownership_begin_global(struct engine *engine, struct error *error);
/* Deactivates and frees all partitions. Lanes are held, the source is closed. */
void ownership_end(struct engine *engine);

/* GLOBAL instances are suspended while the host lacks a partition of a topic that they want, unless
 * `global_partial = ok`; either way they are told. */
void ownership_judge_global(struct engine *engine);

/* Waits for the sinks to confirm what they have, up to the time. */
void ownership_flush(struct engine *engine, int64_t timeout_ns);
/* Frees what was parked too long, or is too much. */
void ownership_prune(struct engine *engine);
/* Deactivates and frees a partition that no lane works on. Confirmations that are still on their
 * way point into its progress: they are waited for, and when they do not come the memory is left.
 */
void ownership_discard(struct engine *engine, struct partition *partition);

/* Which of a deployment's wanted topics this host holds of the partition number; `missing` (may be
 * NULL) gets the strategy's index of one that it lacks. */
size_t ownership_held(const struct partition *partition, const struct deployment *deployment,
                      uint32_t *missing);

/* An event with everything unset but its kind. */
t5_event ownership_event(enum t5_event_kind kind);
/* Lane: tells an instance whether the host now holds all of its topics, if that changed or
 * `is_forced`. */
void ownership_tell_extent(struct lane *lane, struct seat *seat, bool is_forced);

/* Moves the parts of the first one's number to the front; gives how many there are. */
size_t ownership_gather(struct source_part *parts, size_t count);
/* A private copy in which parts may be moved about; free() it. NULL: no memory, which is logged. */
struct source_part *ownership_copy_parts(struct engine *engine, const struct source_part *parts,
                                         size_t count);

#endif
