/*
 * engine/history/moved.h - deployments that ran in another worker of this host
 * (config/sections/worker_peers.h) and run in this process from now on. Their states are in the
 * checkpoints of that worker, at a position of its group; they continue from there, and are fed
 * what came since (engine/lane/catch_up.h). What that worker handed over after its checkpoint,
 * before it was killed, they are fed in the same order, which is in its journal: some of the
 * signals are already published.
 *
 * A worker keeps the state of a deployment that has left until the other one has it in a checkpoint
 * of its own. So several may have a state of it: the one where it ran last counts
 * (checkpoint/checkpoint.h, `worked_ms`), and this process comes first. Of one that was killed
 * before anything behind its checkpoints was committed none counts, and the one before does.
 *
 * Control thread.
 */
#ifndef TAKE5_ENGINE_HISTORY_MOVED_H
#define TAKE5_ENGINE_HISTORY_MOVED_H

#include "checkpoint/checkpoint.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

/* Those of one partition number. */
struct moved {
    struct checkpoint_part *parts; /* those that come, with positions of their own */
    /* By part: what the other worker had handed over from there on, with exactly once only as far
     * as its signals are safe; NULL: nothing. */
    struct order **orders;
    /* By part: up to when the signals of its wall-clock timers are safe, according to what was
     * committed there; 0: not known. */
    int64_t *clocks;
    size_t count;
    /* Those that have left this process for good and run elsewhere: not to be kept here. */
    char **gone;
    size_t gone_count;
};

/* Looks for them. `parts` are the partition number's, with the committed offsets of this process's
 * group: a checkpoint above these does not count here. The other workers' committed offsets are
 * requested only if a deployment comes or has left. This process's stamps are above all that is
 * found (checkpoint_store_raise_stamp()). `moved` is zeroed. False with an error: ERROR_MEMORY; or,
 * if it cannot be found out, ERROR_TIMEOUT. */
bool moved_find(struct engine *engine, int32_t partition, const struct topic_partition *parts,
                size_t count, struct moved *moved, struct error *error);
void moved_release(struct moved *moved);

/* A part without a committed offset begins where the first of those that come continues. So does a
 * part that has one when no other deployment is here: no deployment needs what lies between, as in
 * a worker that was idle for a while. */
void moved_begin(const struct engine *engine, int32_t partition, const struct moved *moved,
                 struct topic_partition *parts, size_t count);

/* Whether the deployment is one of them. */
bool moved_has(const struct moved *moved, const char *deployment);
bool moved_is_gone(const struct moved *moved, const char *deployment);

/* The caller's to free; NULL: it has none, or it was taken. */
struct order *moved_take_order(struct moved *moved, const char *deployment);
/* Its entry of `clocks`; 0: it does not come. */
int64_t moved_clock(const struct moved *moved, const char *deployment);

/* Puts them into the checkpoint that a partition number continues with, in place of its parts of
 * them; they are empty then, and keep their names and orders. False: out of memory. */
bool moved_join(struct moved *moved, struct checkpoint *checkpoint);

#endif
