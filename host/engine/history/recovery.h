/*
 * engine/history/recovery.h - what an assigned partition number continues with: the newest usable
 * checkpoint, and the messages since then, which its instances are fed (engine/lane/catch_up.h).
 *
 * Control thread; what touches instances is a lane call.
 */
#ifndef TAKE5_ENGINE_HISTORY_RECOVERY_H
#define TAKE5_ENGINE_HISTORY_RECOVERY_H

#include "checkpoint/checkpoint.h"
#include "engine/core/partition.h"
#include "engine/history/moved.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct lane;

/* A deployment whose strategy refuses the state that the checkpoint has of it. */
struct recovery_refusal {
    const char *deployment; /* the engine's */
    struct error why;       /* of the first one */
    char *kept;             /* the file that it was put into; NULL: none */
    uint64_t offered;       /* the older checkpoint whose state it was last offered; 0: none */
    bool was_level;         /* in that one; it had no positions of its own */
    bool is_refused;        /* that one was refused too */
    bool is_over;           /* and there is none older */
};

struct recovery {
    struct checkpoint checkpoint; /* empty: none to continue with */
    struct order *order;          /* the journal behind it; NULL: none is kept */
    struct order_tail *tail;      /* of the order; NULL: there is none */
    struct moved moved;           /* those in the checkpoint that come from another worker */
    struct recovery_refusal *refusals;
    size_t refusal_count;
    bool is_oom;                         /* while a state was loaded */
    const struct topic_partition *parts; /* those assigned, with their notes; the caller's */
    size_t part_count;
};

/* Whether earlier messages can be handed over again. */
bool recovery_can_feed(const struct engine *engine);

/* Finds the deployments that come to the partition number from another worker (moved.h): before
 * recovery_find(), which joins them with those here. Where the group has no offsets they decide
 * where `parts` begin. False: it could not be found out, as there. */
bool recovery_find_moved(struct engine *engine, int32_t partition, struct topic_partition *parts,
                         size_t count, struct recovery *recovery, struct error *error);
/* The newest checkpoint of the number that is usable for the committed offsets, which are in
 * `parts` (those of the number, or for GLOBAL all that are assigned). If messages cannot be read
 * again, only one at exactly these offsets; for GLOBAL only one whose partitions are all assigned.
 * Unusable ones are logged. False: it could not be found out: out of memory, or no answer in time
 * (ERROR_TIMEOUT). */
bool recovery_find(struct engine *engine, const struct partition *partition,
                   const struct topic_partition *parts, size_t count, struct recovery *recovery,
                   struct error *error);
void recovery_release(struct recovery *recovery);
/* A parked partition number is assigned again, and continues with what it has. False: as above. */
bool recovery_resume(struct engine *engine, const struct partition *partition, struct error *error);

/* Lane call: loads the states of a partition that does not work yet; tasks that took theirs are
 * `is_recovered`. An instance that refuses its state may be in any condition (`is_spoilt`): it
 * has to be replaced by one without state, which is offered another state after
 * recovery_fall_back(). */
void recovery_load(struct lane *lane, struct partition *partition, struct recovery *recovery);
/* Control: puts refused states aside, and replaces them by those that the next older checkpoint has
 * of these deployments, with its positions: they are fed all that came since. If there is none,
 * they begin without state. False with an error, as of recovery_find(). */
bool recovery_fall_back(struct engine *engine, const struct partition *partition,
                        struct recovery *recovery, struct error *error);
/* Logs the outcome for those that refused a state: an older one was taken, or none. */
void recovery_log_refusals(const struct engine *engine, const struct partition *partition,
                           const struct recovery *recovery);
/* After states have been loaded: reads the journal behind them into the recovery. False: out of
 * memory. */
bool recovery_make_order(struct engine *engine, int32_t number, struct recovery *recovery,
                         struct error *error);
/* Lane call: the task, which has no state, is fed from as far back as its deployment's warm_up
 * says. What is below the stream's present position is history. */
void recovery_warm_up(struct task *task);
/* Lane call, after the topics have begun: gives each task the position that the checkpoint has of
 * it, or a warm-up. Returns whether offsets have to be held: some task is behind with messages
 * whose signals are not safe otherwise. */
bool recovery_place(struct lane *lane, struct partition *partition, struct recovery *recovery);
/* Keeps the checkpoint's parts of deployments that do not run, except those that have moved to
 * another worker, which has them already; and the positions of those that were refused at the start
 * and have no part. A checkpoint is owed if one of them was level, or a newer checkpoint was passed
 * over (partition.h, `owes_checkpoint`). False: out of memory. */
bool recovery_keep_absent(const struct engine *engine, struct partition *partition,
                          struct recovery *recovery);

/* GLOBAL instances exist before the first assignment: those that have a state in the newest usable
 * checkpoint are replaced by ones with it, before any message, and catch up on what lies between.
 * Once. */
void recovery_take_global(struct engine *engine, struct topic_partition *parts, size_t count);
/* Before the first GLOBAL instance comes to a working host: from here on it is recorded what such
 * instances are handed, and in which order. False with an error. */
bool recovery_follow_global(struct engine *engine, struct error *error);
/* Lane call: topics of the partition number, which the lane has adopted, are handed to the GLOBAL
 * instances from here on. False: out of memory. */
bool recovery_join_global(struct lane *lane, const struct partition *number);

#endif
