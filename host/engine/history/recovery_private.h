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
/* Whether it begins at the very offsets: no message lies between. */
bool recovery_is_exact(const struct checkpoint *checkpoint, const struct positions *committed);
/* Of GLOBAL: whether all that it has seen is here again. */
bool recovery_is_whole(const struct checkpoint *checkpoint, const struct positions *committed);
/* What the checkpoint has of the task. A shadow that was not there begins with what its original
 * was; one that was promoted goes on with what it was itself. NULL: nothing. */
struct checkpoint_part *recovery_part_of(const struct checkpoint *checkpoint,
                                         const struct task *task);
/* A fresh instance gets a state. False with an error: it is to be replaced by another one. */
bool recovery_load_state(struct lane *lane, struct task *task, const struct state *state,
                         struct error *error);
/* Whether it has a state that was not refused, for a task without one. */
bool recovery_is_offered(const struct recovery *recovery, const struct task *task,
                         const struct checkpoint_part *part);
/* The task refuses the one that it was offered. False: out of memory. */
bool recovery_note_refusal(struct recovery *recovery, const struct task *task,
                           const struct error *why);
/* Whether what the recovery has of the deployment is an older checkpoint's, where that was level
 * with its partition. */
bool recovery_has_older(const struct recovery *recovery, const char *deployment);

#endif
