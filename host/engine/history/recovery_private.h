/*
 * engine/history/recovery_private.h - what the files of recovery.h share:
 *
 *   recovery.c         what there is: a checkpoint, and the order since then
 *   recovery_states.c  states are given to instances, and refused by them
 *   recovery_place.c   where each begins
 *   recovery_global.c  GLOBAL deployments
 */
#ifndef TAKE5_ENGINE_HISTORY_RECOVERY_PRIVATE_H
#define TAKE5_ENGINE_HISTORY_RECOVERY_PRIVATE_H

#include "engine/history/recovery.h"

/* Adds the committed offsets of these, as far as they are known. False: out of memory. */
bool recovery_list_committed(const struct engine *engine, const struct topic_partition *parts,
                             size_t count, struct positions *committed);
/* Logs why the number begins without state; `why` empty: nothing. */
void recovery_log_not_found(struct engine *engine, int32_t number, const char *why);
/* Whether it is at exactly these offsets: no message lies between. */
bool recovery_is_exact(const struct checkpoint *checkpoint, const struct positions *committed);
/* For GLOBAL: whether all partitions that it has seen are here again. */
bool recovery_is_whole(const struct checkpoint *checkpoint, const struct positions *committed);
/* The checkpoint's part for the task. A shadow that is not in it begins with its original's; a
 * promoted one continues with its own. NULL: none. */
struct checkpoint_part *recovery_part_of(const struct checkpoint *checkpoint,
                                         const struct task *task);
/* Gives a state to a fresh instance. False with an error: the instance has to be replaced. */
bool recovery_load_state(struct lane *lane, struct task *task, const struct state *state,
                         struct error *error);
/* Whether there is a state that was not refused, for a task without one. */
bool recovery_is_offered(const struct recovery *recovery, const struct task *task,
                         const struct checkpoint_part *part);
/* Notes that the task refuses the state that it was offered. False: out of memory. */
bool recovery_note_refusal(struct recovery *recovery, const struct task *task,
                           const struct error *why);
/* Whether the recovery's part of the deployment is from an older checkpoint, in which it was level
 * with its partition. */
bool recovery_has_older(const struct recovery *recovery, const char *deployment);

#endif
