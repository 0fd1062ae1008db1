/*
 * Where the tasks of a partition begin: at the position that the checkpoint has of them, or with a
 * warm-up; and what is kept of deployments that do not run.
 */
#include "engine/history/recovery_private.h"

#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/history/part_note.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/lane.h"
#include "engine/lane/late_note.h"
#include "engine/lane/suspension.h"

#include <stdlib.h>
#include <string.h>

/* A suspended task stays so until it is resumed. */
static void fall_behind(struct task *task) {
    if (atomic_load(&task->suspension) == SUSPENDED_NOT)
        task_catch_up(task);
}

/* Whether the journal has the order in which a strategy that joins topics was handed what comes
 * next, or the messages at which wall-clock timers fired: it must be the same again. */
static bool is_in_journal(const struct task *task) {
    const struct partition *partition = task->partition;
    const bool does_join = task->deployment->wanted_count > 1 ||
                           partition->number == PARTITION_GLOBAL || partition->clock_ns != 0;
    for (size_t i = 0; does_join && i < partition->stream_count; i++) {
        if (task_wants(task, i) && offset_tracker_is_owned(&partition->streams[i]) &&
            partition->order != NULL && partition->journal.noted_to[i] > partition->streams[i].next)
            return true;
    }
    return false;
}

/* The note that was committed with the stream's offset. */
static const char *note_of(const struct recovery *recovery, const struct partition *partition,
                           size_t stream) {
    for (size_t i = 0; i < recovery->part_count; i++) {
        const struct topic_partition *part = &recovery->parts[i];
        if (part->topic == partition_stream_topic(partition, stream) &&
            part->partition == partition_stream_number(partition, stream))
            return part->note;
    }
    return NULL;
}

/* Up to where its signals are safe, if it was suspended, or advanced, since the checkpoint. */
static void apply_note(struct task *task, size_t stream, const char *note, bool is_own) {
    const char *name = task->deployment->name;
    int64_t noted;
    task->was_behind |= late_note_find(note, name, &noted) == LATE_NOTE_NAMED;
    task->history_to[stream] =
        late_note_safe(note, name, task->position[stream], task->history_to[stream], is_own);
}

/* Whether it was behind its partition in its checkpoint: what it had not seen by then are real
 * messages. */
static bool is_behind_itself(const struct recovery *recovery, const struct task *task,
                             const struct checkpoint_part *part) {
    return part->positions.count > 0 && !recovery_has_older(recovery, task->deployment->name);
}

/* The position that the checkpoint has of it: its own, with its own bound of history; or the
 * partition's, and then all below the stream's beginning is history. A task from another worker, or
 * its signals, may be ahead of the stream here: it waits, so that the stream hands it no history.
 * Returns whether it is behind, or will be. */
static bool place(const struct lane *lane, struct task *task, struct recovery *recovery,
                  const struct checkpoint_part *part) {
    struct partition *partition = task->partition;
    const struct checkpoint *checkpoint = &recovery->checkpoint;
    const bool is_own = is_behind_itself(recovery, task, part);
    const struct positions *positions =
        part->positions.count > 0 ? &part->positions : &checkpoint->positions;
    const bool is_moved = moved_has(&recovery->moved, part->deployment);
    bool is_behind = false;
    for (size_t i = 0; i < partition->stream_count; i++) {
        const int64_t next = partition->streams[i].next;
        const int64_t position = checkpointing_position(lane, partition, positions, i);
        if (!task_wants(task, i) || position == SOURCE_NO_OFFSET || next == SOURCE_NO_OFFSET ||
            !offset_tracker_is_owned(&partition->streams[i]))
            continue;
        task->position[i] = position < next || is_moved ? position : next;
        task->history_to[i] =
            is_own ? checkpointing_position(lane, partition, &part->history_to, i) : next;
        apply_note(task, i, note_of(recovery, partition, i), is_own);
        task->is_ahead |= is_moved && (position > next || task->history_to[i] > next);
        is_behind |= position < next;
    }
    task->was_behind |= is_own;
    if (is_moved) /* a checkpoint is due that includes it */
        partition->checkpoint_ns = 0;
    task->is_newcomer = is_moved && task_holds_offsets(task) && lane->options.transactor != NULL;
    if (is_moved && task_holds_offsets(task))
        task->moved_order = moved_take_order(&recovery->moved, part->deployment);
    task->moved_clock_ns = moved_clock(&recovery->moved, part->deployment);
    if (is_behind || task->is_ahead || task->moved_order != NULL ||
        (!is_own && is_in_journal(task))) {
        fall_behind(task);
        return true;
    }
    task_forget_positions(task);
    return false;
}

void recovery_warm_up(struct task *task) {
    const struct partition *partition = task->partition;
    for (size_t i = 0; i < partition->stream_count; i++)
        task->history_to[i] = task->position[i] = partition->streams[i].next;
    task->needs_warm_up = true;
    task->warm_up_to_ms = task_time_ms(task);
    fall_behind(task);
}

/* Whether there may be messages before those that come next. Before offset 0 there are none. */
static bool has_history(const struct task *task) {
    const struct partition *partition = task->partition;
    for (size_t i = 0; i < partition->topic_count; i++) {
        if (task->deployment->topics[i] != NOT_WANTED &&
            offset_tracker_is_owned(&partition->topics[i]) && partition->topics[i].next != 0)
            return true;
    }
    return false;
}

bool recovery_place(struct lane *lane, struct partition *partition, struct recovery *recovery) {
    bool is_held = false;
    if (lane->options.source->ops->history == NULL)
        return false;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        const struct checkpoint_part *part = recovery_part_of(&recovery->checkpoint, task);
        const bool is_own = part != NULL && is_behind_itself(recovery, task, part);
        task->safe_clock_ns =
            part_note_clock(recovery->parts, recovery->part_count, task->deployment->name,
                            partition->number == PARTITION_GLOBAL);
        if (part != NULL && (is_own || part->has_state) &&
            (!part->has_state || task->is_recovered)) {
            is_held |= place(lane, task, recovery, part) && task_holds_offsets(task) &&
                       (!is_own || (task->is_newcomer && !task->is_ahead));
        } else if (task->deployment->warm_up_ns > 0 && has_history(task)) {
            recovery_warm_up(task);
            is_held |= task_holds_offsets(task);
        }
    }
    return is_held;
}

/* ---- deployments that do not run ---- */

/* A position that was the partition's becomes its own. */
static bool own_positions(const struct lane *lane, const struct partition *partition,
                          const struct checkpoint *checkpoint, struct checkpoint_part *part) {
    if (part->positions.count > 0)
        return true;
    if (!positions_add_all(&part->positions, &checkpoint->positions))
        return false;
    for (size_t i = 0; i < partition->stream_count; i++) {
        if (partition->streams[i].next != SOURCE_NO_OFFSET &&
            !positions_add(&part->history_to,
                           topics_name(lane->options.topics, partition_stream_topic(partition, i)),
                           partition_stream_number(partition, i), partition->streams[i].next))
            return false;
    }
    return true;
}

/* Applies the committed notes to it; the next commit does not name it. */
static bool apply_notes(struct partition *partition, const struct recovery *recovery,
                        struct checkpoint_part *part, bool was_behind) {
    bool did = true;
    for (size_t i = 0; did && i < partition->stream_count; i++)
        did = part_note_apply(
            part,
            topics_name(partition->home->options.topics, partition_stream_topic(partition, i)),
            partition_stream_number(partition, i), note_of(recovery, partition, i), was_behind,
            &partition->owes_checkpoint);
    return did;
}

/* Positions for those that should run and do not: when they come they get what the others get from
 * here on. */
static bool keep_refused(const struct engine *engine, struct partition *partition,
                         const char *deployment) {
    struct checkpoint_part part = {.deployment = strdup(deployment)};
    bool did = part.deployment != NULL;
    state_init(&part.state);
    for (size_t i = 0; did && i < partition->topic_count; i++)
        did = partition->topics[i].next == SOURCE_NO_OFFSET ||
              positions_add(&part.positions, topics_name(engine->topics, (uint32_t)i),
                            partition->number, partition->topics[i].next);
    did = did && partition_keep_absent(partition, &part);
    free(part.deployment);
    positions_release(&part.positions);
    partition->owes_checkpoint = true;
    return did;
}

/* Whether some task continues that deployment: its own, or the one it was promoted to. */
static bool has_task_for(const struct partition *partition, const char *deployment) {
    for (size_t i = 0; i < partition->task_count; i++) {
        const struct deployment *of = partition->tasks[i]->deployment;
        if (strcmp(of->name, deployment) == 0 ||
            (of->promoted_from != NULL && strcmp(of->promoted_from, deployment) == 0))
            return true;
    }
    return false;
}

/* A newer checkpoint was passed over, as it is above what was committed. Other workers that look
 * later would take it for the newest as soon as more is committed: the next one comes before
 * that. */
static void outdate_newer(const struct engine *engine, struct partition *partition,
                          const struct recovery *recovery) {
    const uint64_t number = recovery->checkpoint.number;
    if (engine->store != NULL && engine->peers.count > 0 && number != 0)
        partition->owes_checkpoint |=
            checkpoint_store_next_number(engine->store, partition->number) > number + 1;
}

bool recovery_keep_absent(const struct engine *engine, struct partition *partition,
                          struct recovery *recovery) {
    struct checkpoint *checkpoint = &recovery->checkpoint;
    outdate_newer(engine, partition, recovery);
    for (size_t i = checkpoint->part_count; i-- > 0;) {
        struct checkpoint_part *part = &checkpoint->parts[i];
        if (has_task_for(partition, part->deployment) ||
            moved_is_gone(&recovery->moved, part->deployment))
            continue;
        const bool is_moved = moved_has(&recovery->moved, part->deployment);
        const bool was_behind = part->positions.count > 0;
        if (!is_moved) {
            part->same_as = checkpoint->number;
            partition->owes_checkpoint |= !was_behind;
            part->worked_ms = part->worked_ms != 0 ? part->worked_ms : checkpoint->taken_ms;
        }
        if (!own_positions(partition->home, partition, checkpoint, part) ||
            (!is_moved && !apply_notes(partition, recovery, part, was_behind)) ||
            !partition_keep_absent(partition, part))
            return false;
        checkpoint->part_count--; /* it now belongs to the partition */
        memmove(part, part + 1, (checkpoint->part_count - i) * sizeof *part);
    }
    /* Whether a refused deployment is GLOBAL is not known: only what it left is kept there. */
    const bool keeps_refused = recovery_can_feed(engine) && partition->number != PARTITION_GLOBAL;
    for (size_t i = 0; keeps_refused && i < engine->refused_count; i++) {
        if (partition_absent(partition, engine->refused[i]) == NULL &&
            !keep_refused(engine, partition, engine->refused[i]))
            return false;
    }
    return true;
}
