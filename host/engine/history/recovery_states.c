/*
 * Instances are given their states from a checkpoint. A state that a strategy refuses is put aside,
 * and older ones are offered.
 */
#include "engine/history/recovery_private.h"

#include "base/array.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/lane/lane.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct checkpoint_part *recovery_part_of(const struct checkpoint *checkpoint,
                                         const struct task *task) {
    const struct deployment *deployment = task->deployment;
    struct checkpoint_part *part = NULL;
    if (deployment->promoted_from != NULL)
        part = checkpoint_part(checkpoint, deployment->promoted_from);
    if (part == NULL)
        part = checkpoint_part(checkpoint, deployment->name);
    if (part == NULL && deployment->shadow_of != NULL)
        part = checkpoint_part(checkpoint, deployment->shadow_of);
    return part;
}

bool recovery_load_state(struct lane *lane, struct task *task, const struct state *state,
                         struct error *error) {
    const char *why = NULL;
    instance_set_current_call(task->instance, lane->current_call);
    if (!instance_takes_state(task->instance, state, &why))
        return error_set(error, ERROR_INVALID, "%s (\"%s\" %s, state version %u)", why,
                         state->strategy != NULL ? state->strategy : "",
                         state->version != NULL ? state->version : "",
                         (unsigned)state->state_version);
    return instance_load(task->instance, state, error);
}

void recovery_load(struct lane *lane, struct partition *partition, struct recovery *recovery) {
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        const struct checkpoint_part *part = recovery_part_of(&recovery->checkpoint, task);
        struct error error = {0};
        if (!recovery_is_offered(recovery, task, part))
            continue;
        task->is_recovered = recovery_load_state(lane, task, &part->state, &error);
        task->is_spoilt = !task->is_recovered;
        if (task->is_recovered)
            task->origin = "loaded";
        else if (error.code == ERROR_MEMORY || !recovery_note_refusal(recovery, task, &error))
            recovery->is_oom = true;
    }
}

/* ---- refused ---- */

static struct recovery_refusal *refusal_of(const struct recovery *recovery,
                                           const char *deployment) {
    for (size_t i = 0; i < recovery->refusal_count; i++) {
        if (strcmp(recovery->refusals[i].deployment, deployment) == 0)
            return &recovery->refusals[i];
    }
    return NULL;
}

bool recovery_is_offered(const struct recovery *recovery, const struct task *task,
                         const struct checkpoint_part *part) {
    const struct recovery_refusal *refusal = refusal_of(recovery, task->deployment->name);
    return !task->is_recovered && part != NULL && part->has_state &&
           (refusal == NULL || (refusal->offered != 0 && !refusal->is_refused));
}

bool recovery_has_older(const struct recovery *recovery, const char *deployment) {
    const struct recovery_refusal *refusal = refusal_of(recovery, deployment);
    return refusal != NULL && refusal->offered != 0 && refusal->was_level;
}

bool recovery_note_refusal(struct recovery *recovery, const struct task *task,
                           const struct error *why) {
    struct recovery_refusal *refusal = refusal_of(recovery, task->deployment->name);
    if (refusal != NULL) {
        refusal->is_refused = true;
        return true;
    }
    if (!ARRAY_RESIZE(recovery->refusals, recovery->refusal_count + 1))
        return false;
    refusal = &recovery->refusals[recovery->refusal_count++];
    *refusal = (struct recovery_refusal){
        .deployment = task->deployment->name, .why = *why, .is_refused = true};
    return true;
}

/* If memory or the disk is short it is not kept: that must not prevent a start. */
static void keep(struct engine *engine, const struct recovery *recovery,
                 const struct checkpoint_part *part, struct recovery_refusal *refusal) {
    struct error error;
    if (engine->store == NULL || moved_has(&recovery->moved, part->deployment))
        return;
    refusal->kept = checkpoint_store_keep_refused(engine->store, &recovery->checkpoint,
                                                  part->deployment, &error);
    if (refusal->kept == NULL)
        log_change_event(engine->log, LOG_LEVEL_ERROR, "engine", "checkpoint.not_kept",
                         "%s: its state of checkpoint %" PRIu64
                         " is refused, and could not be kept for inspection: %s",
                         part->deployment, recovery->checkpoint.number, error.text);
}

/* Replaces it by the part of an older checkpoint. One that was level there gets the positions of
 * that checkpoint. False: out of memory. */
static bool offer(struct recovery_refusal *refusal, struct checkpoint_part *part,
                  const struct task *task, const struct checkpoint *older) {
    struct checkpoint_part *from = recovery_part_of(older, task);
    if (from == NULL || !from->has_state)
        return true;
    const bool was_level = from->positions.count == 0;
    if (was_level && !positions_add_all(&from->positions, &older->positions))
        return false;
    checkpoint_part_take(part, from);
    refusal->offered = older->number;
    refusal->was_level = was_level;
    refusal->is_refused = false;
    return true;
}

/* The next older one's part for the task; `refusal` stays as it is if there is none. */
static bool look_before(struct engine *engine, const struct partition *partition,
                        struct recovery *recovery, struct recovery_refusal *refusal,
                        const struct task *task, const struct positions *committed,
                        struct error *error) {
    struct checkpoint_part *part = recovery_part_of(&recovery->checkpoint, task);
    uint64_t below = refusal->offered != 0 ? refusal->offered : recovery->checkpoint.number;
    bool did = true;
    while (did && below != 0 && refusal->is_refused) {
        struct checkpoint older;
        checkpoint_init(&older);
        did = checkpoint_store_find_before(engine->store, partition->number, below, committed,
                                           &older, error);
        below = older.number;
        if (did && below != 0 && recovery_is_whole(&older, committed) &&
            !offer(refusal, part, task, &older))
            did = error_set_memory(error, "an older state");
        checkpoint_release(&older);
    }
    return did;
}

/* Not if a shadow without its own state refuses its original's, or if the state comes from another
 * worker, and is in the checkpoints there. */
static bool can_look_before(const struct engine *engine, const struct recovery *recovery,
                            const struct task *task, const struct checkpoint_part *part) {
    const char *original = task->deployment->shadow_of;
    return recovery_can_feed(engine) && !moved_has(&recovery->moved, part->deployment) &&
           (original == NULL || strcmp(part->deployment, original) != 0);
}

bool recovery_fall_back(struct engine *engine, const struct partition *partition,
                        struct recovery *recovery, struct error *error) {
    struct positions committed;
    positions_init(&committed);
    bool did = recovery_list_committed(engine, recovery->parts, recovery->part_count, &committed) ||
               error_set_memory(error, "committed offsets");
    for (size_t i = 0; did && i < recovery->refusal_count; i++) {
        struct recovery_refusal *refusal = &recovery->refusals[i];
        const struct task *task = partition_task(partition, refusal->deployment);
        const struct checkpoint_part *part =
            task != NULL ? recovery_part_of(&recovery->checkpoint, task) : NULL;
        if (!refusal->is_refused || refusal->is_over || part == NULL)
            continue;
        if (refusal->offered == 0)
            keep(engine, recovery, part, refusal);
        if (can_look_before(engine, recovery, task, part))
            did = look_before(engine, partition, recovery, refusal, task, &committed, error);
        refusal->is_over = refusal->is_refused;
    }
    positions_release(&committed);
    return did;
}

void recovery_log_refusals(const struct engine *engine, const struct partition *partition,
                           const struct recovery *recovery) {
    char where[48] = " (GLOBAL)", name[PARTITION_NAME_SIZE], goes_on[80];
    if (partition->number != PARTITION_GLOBAL)
        snprintf(where, sizeof where, " on %s", partition_name(partition, name));
    for (size_t i = 0; i < recovery->refusal_count; i++) {
        const struct recovery_refusal *refusal = &recovery->refusals[i];
        const char *kept = refusal->kept;
        if (partition_task(partition, refusal->deployment) == NULL)
            continue; /* no instance could be made to replace the one that refused */
        snprintf(goes_on, sizeof goes_on, "starting without state");
        if (!refusal->is_refused)
            snprintf(goes_on, sizeof goes_on, "going on with its state of checkpoint %" PRIu64,
                     refusal->offered);
        log_change_event(engine->log, LOG_LEVEL_WARNING, "engine",
                         refusal->is_refused ? "state.discarded" : "state.older_used",
                         "%s%s: %s: that of checkpoint %" PRIu64 " is not used: %s%s%s",
                         refusal->deployment, where, goes_on, recovery->checkpoint.number,
                         refusal->why.text, kept != NULL ? "; kept for inspection as " : "",
                         kept != NULL ? kept : "");
    }
}
