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
    char *kept;             /* the file that it is kept in; NULL: none */
    uint64_t offered;       /* the older checkpoint whose state it was offered last; 0: none */
    bool was_level;         /* in that one, it had no positions of its own */
    bool is_refused;        /* that one too */
    bool is_over;           /* and there is none older */
};

struct recovery {
    struct checkpoint checkpoint; /* empty: there is none to go on with */
    struct order *order;          /* the journal behind it; NULL: none is kept */
    struct order_tail *tail;      /* of the order; NULL: there is none */
    struct moved moved;           /* those in the checkpoint that come from another worker */
    struct recovery_refusal *refusals;
    size_t refusal_count;
    bool is_oom;                         /* of memory, while a state was loaded */
    const struct topic_partition *parts; /* that were assigned, with their notes; the caller's */
    size_t part_count;
};

/* Whether messages of before can be handed over again. */
bool recovery_can_feed(const struct engine *engine);

/* Who comes to the partition number from another worker (moved.h): before recovery_find(), which
 * joins them with what is here. Where the group has no offsets they say where `parts` begin. False:
 * nobody knows, as there. */
bool recovery_find_moved(struct engine *engine, int32_t partition, struct topic_partition *parts,
                         size_t count, struct recovery *recovery, struct error *error);
/* The newest checkpoint of the number that is usable for the committed offsets, which are in
 * `parts` (those of the number, or for GLOBAL all that are assigned). Where nothing can be read
 * again, only one that begins at the very offsets; of GLOBAL only one whose partitions were all
 * assigned. What there is and cannot be used is logged. False: nobody knows: out of memory, or not
 * by now (ERROR_TIMEOUT). */
bool recovery_find(struct engine *engine, const struct partition *partition,
                   const struct topic_partition *parts, size_t count, struct recovery *recovery,
                   struct error *error);
void recovery_release(struct recovery *recovery);
/* A partition number that was parked comes again, and goes on with what it has. Likewise. */
bool recovery_resume(struct engine *engine, const struct partition *partition, struct error *error);

/* Lane call: loads the states of a partition that does not work yet; tasks whose state it is then
 * are `is_recovered`. One that refuses its state may be anything (`is_spoilt`): it is to be
 * replaced by one without state, to be asked again after recovery_fall_back(). */
void recovery_load(struct lane *lane, struct partition *partition, struct recovery *recovery);
/* Control: keeps the states that were refused aside, and puts what the next older checkpoint has
 * of these deployments in their place, with its positions: they are fed all that came since. Where
 * there is none, they begin without state. False with an error, as of recovery_find(). */
bool recovery_fall_back(struct engine *engine, const struct partition *partition,
                        struct recovery *recovery, struct error *error);
/* Logs what has become of those that refused a state: an older one was taken, or none. */
void recovery_log_refusals(const struct engine *engine, const struct partition *partition,
                           const struct recovery *recovery);
/* When states have been loaded: the journal behind them, into the recovery. False: out of memory.
 */
bool recovery_make_order(struct engine *engine, int32_t number, struct recovery *recovery,
                         struct error *error);
/* Lane call: the task, which has no state, is fed what its deployment's warm_up reaches back to.
 * What lies below where the stream is now is history. */
void recovery_warm_up(struct task *task);
/* Lane call, after the topics have begun: gives each task the position that the checkpoint has of
 * it, or a warm-up. Gives whether offsets have to be held: somebody is behind with messages whose
 * signals are not safe otherwise. */
bool recovery_place(struct lane *lane, struct partition *partition, struct recovery *recovery);
/* Keeps what the checkpoint has of deployments that do not run, but not of those that have gone to
 * another worker, which knows it already; and where those begin that were refused at the start and
 * have nothing there. A checkpoint is owed when one of them was
 * level, or a newer checkpoint was passed over (partition.h, `owes_checkpoint`). False: out of
 * memory. */
bool recovery_keep_absent(const struct engine *engine, struct partition *partition,
                          struct recovery *recovery);

/* GLOBAL instances were there before the first assignment: those that have a state in the newest
 * usable checkpoint are replaced by ones with it, before any message, and are fed what lies between
 * beside the stream. Once. */
void recovery_take_global(struct engine *engine, struct topic_partition *parts, size_t count);
/* Before the first GLOBAL instance comes to a host that is at work: from here on it is known what
 * such instances are handed, and in which order. False with an error. */
bool recovery_follow_global(struct engine *engine, struct error *error);
/* Lane call: topics of the partition number, which the lane has adopted, are handed to the GLOBAL
 * instances from here on. False: out of memory. */
bool recovery_join_global(struct lane *lane, const struct partition *number);

#endif
