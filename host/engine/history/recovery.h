/*
 * engine/history/recovery.h - what a partition number that comes goes on with: the newest usable
 * checkpoint, and the messages since then, which its instances are then fed
 * (engine/lane/catch_up.h).
 *
 * Control thread; what touches instances is a lane call.
 */
#ifndef TAKE5_ENGINE_HISTORY_RECOVERY_H
#define TAKE5_ENGINE_HISTORY_RECOVERY_H

#include "checkpoint/checkpoint.h"
#include "engine/core/partition.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct lane;

struct recovery {
    struct checkpoint checkpoint; /* empty: there is none to go on with */
    struct order *order;          /* the journal behind it; NULL: none is kept */
    struct order_tail *tail;      /* of the order; NULL: there is none */
    bool is_oom;                  /* of memory, while a state was loaded */
};

/* Whether messages of before can be handed over again. */
bool recovery_can_feed(const struct engine *engine);

/* The newest checkpoint of the number that is usable for the committed offsets, which are in
 * `parts` (those of the number, or for GLOBAL all that are assigned). Where nothing can be read
 * again, and for GLOBAL, only one that begins at the very offsets. What there is and cannot be used
 * is logged. False: nobody knows: out of memory, or not by now (ERROR_TIMEOUT). */
bool recovery_find(struct engine *engine, const struct partition *partition,
                   const struct topic_partition *parts, size_t count, struct recovery *recovery,
                   struct error *error);
void recovery_release(struct recovery *recovery);
/* A partition number that was parked comes again, and goes on with what it has. Likewise. */
bool recovery_resume(struct engine *engine, const struct partition *partition, struct error *error);

/* Lane call: loads the states of a partition that does not work yet; tasks whose state it is then
 * are `is_recovered`. One that refuses its state may be anything: it is to be replaced. */
void recovery_load(struct lane *lane, struct partition *partition, struct recovery *recovery);
/* Lane call: the task, which has no state, is fed what its deployment's warm_up reaches back to.
 * What lies below where the stream is now is history. */
void recovery_warm_up(struct task *task);
/* Lane call, after the topics have begun: gives each task the position that the checkpoint has of
 * it, or a warm-up. Gives whether offsets have to be held: somebody is behind with messages whose
 * signals are not safe otherwise. */
bool recovery_place(struct lane *lane, struct partition *partition,
                    const struct recovery *recovery);
/* Keeps what the checkpoint has of deployments that do not run, and where those begin that were
 * refused at the start and have nothing there. False: out of memory. */
bool recovery_keep_absent(const struct engine *engine, struct partition *partition,
                          struct recovery *recovery);

/* GLOBAL instances were there before the first assignment: those whose state in the last checkpoint
 * fits it exactly are replaced by ones with it, before any message. Once. */
void recovery_take_global(struct engine *engine, const struct topic_partition *parts, size_t count);

#endif
