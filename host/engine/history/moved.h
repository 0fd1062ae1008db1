/*
 * engine/history/moved.h - deployments that ran in another worker of this host
 * (config/sections/worker_peers.h) and run in this process from now on. What they knew lies in the
 * checkpoints of that worker, at a position of its group; they go on from there, and are fed what
 * came since (engine/lane/catch_up.h). What that worker handed over behind its checkpoint, before
 * it was killed, they are fed in the same order, which is in its journal: some of the signals are
 * out.
 *
 * A worker keeps what it knows of a deployment that has left until the other has it in a checkpoint
 * of its own. So several may know of one: what counts is where it ran last
 * (checkpoint/checkpoint.h, `worked_ms`), and this process itself is asked first.
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

/* Of one partition number. */
struct moved {
    struct checkpoint_part *parts; /* who comes, with positions of their own */
    /* By part: what the other worker had handed over from there on, with exactly once as far as its
     * signals are safe; NULL: nothing. */
    struct order **orders;
    /* By part: up to when the signals of its wall-clock timers are safe, by what was committed
     * there; 0: that is not known. */
    int64_t *clocks;
    size_t count;
    /* Who has left this process and runs elsewhere for good: it need not be kept here. */
    char **gone;
    size_t gone_count;
};

/* Looks for them. `parts` are the partition number's, with what this process's group has committed:
 * a checkpoint above that says nothing here. The other workers' committed offsets are asked for
 * only when somebody comes or has gone. `moved` zeroed. False with an error: ERROR_MEMORY; or
 * nobody knows: ERROR_TIMEOUT. */
bool moved_find(struct engine *engine, int32_t partition, const struct topic_partition *parts,
                size_t count, struct moved *moved, struct error *error);
void moved_release(struct moved *moved);

/* Where the group has no offset of a part it begins where the first of those who come goes on. So
 * it does where it has one and nobody is here but they: what lies between is nobody's, as in a
 * worker that had nothing to do for a while. */
void moved_begin(const struct engine *engine, int32_t partition, const struct moved *moved,
                 struct topic_partition *parts, size_t count);

/* Whether it is one of them. */
bool moved_has(const struct moved *moved, const char *deployment);
bool moved_is_gone(const struct moved *moved, const char *deployment);

/* The caller's; NULL: it has none, or it was taken. */
struct order *moved_take_order(struct moved *moved, const char *deployment);
/* Its clock, of `clocks`; 0: it does not come. */
int64_t moved_clock(const struct moved *moved, const char *deployment);

/* Puts them into what a partition number goes on with, in the place of what that has of them; they
 * are empty then, and keep their names and orders. False: out of memory. */
bool moved_join(struct moved *moved, struct checkpoint *checkpoint);

#endif
