/*
 * GLOBAL deployments: they exist before the first assignment, and are handed all partitions.
 */
#include "engine/history/recovery_private.h"

#include "base/clock.h"
#include "base/sync/patience.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/history/part_note.h"
#include "engine/instances/instances.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/lane.h"
#include "engine/lane/late_note.h"
#include "engine/lane/suspension.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A GLOBAL task's instance is replaced by one with its state. */
struct renewal {
    struct task *task;
    struct task *next; /* holds the new instance, then the old one */
    const struct state *state;
    bool did;
    struct error error;
};

static void renew(struct lane *lane, void *argument) {
    struct renewal *renewal = argument;
    struct instance *next = renewal->next->instance;
    if (!recovery_load_state(lane, renewal->next, renewal->state, &renewal->error))
        return;
    instance_deactivate(renewal->task->instance);
    lock_acquire(lane->options.status_lock, status_lock);
    renewal->next->instance = renewal->task->instance;
    renewal->task->instance = next;
    lock_release(lane->options.status_lock, status_lock);
    renewal->task->origin = "loaded";
    instance_activate(next);
    task_notify(renewal->task, T5_EVENT_RESUMED);
    renewal->did = true;
}

/* False with an error: it was refused, or ERROR_MEMORY. */
static bool take_global(struct engine *engine, struct task *task, const struct state *state,
                        struct error *error) {
    struct renewal renewal = {.task = task, .state = state};
    struct projection *draft = projection_draft(engine);
    renewal.next = task_new(task->partition, task->deployment);
    /* The new instance emits through the old task. */
    bool did = draft != NULL && renewal.next != NULL;
    if (!did)
        error_set_memory(&renewal.error, "an instance");
    did = did && instance_for_task(engine, task, task->deployment, draft, &renewal.next->instance,
                                   &renewal.error);
    if (did) {
        did = lane_projections_use(engine, draft, &renewal.error);
        draft = NULL;
    }
    if (did)
        (void)lane_call(task->partition->home, renew, &renewal, engine->config->revoke_timeout_ns,
                        &renewal.error);
    projection_free(draft);
    if (renewal.next != NULL && renewal.next->instance != NULL)
        instance_set_current_call(renewal.next->instance, engine->loader_call);
    task_free(renewal.next);
    *error = renewal.error;
    return renewal.did;
}

/* Its highest partition number, by the assignment, the checkpoint and the journal. */
static int32_t highest_number(const struct partition *global, const struct topic_partition *parts,
                              size_t count, const struct recovery *recovery) {
    int32_t highest = -1;
    for (size_t i = 0; i < count; i++)
        highest = parts[i].partition > highest ? parts[i].partition : highest;
    for (size_t i = 0; i < recovery->checkpoint.positions.count; i++) {
        const int32_t number = recovery->checkpoint.positions.items[i].partition;
        highest = number > highest ? number : highest;
    }
    for (uint64_t i = order_begin(recovery->order); i < order_end(recovery->order); i++) {
        const uint32_t stream = order_at(recovery->order, i)->stream;
        if (stream != ORDER_CLOCK && partition_stream_number(global, stream) > highest)
            highest = partition_stream_number(global, stream);
    }
    return highest;
}

/* GLOBAL deployments begin, with what was found, at the assigned offsets. */
struct global_beginning {
    const struct engine *engine;
    struct partition *global;
    const struct topic_partition *parts;
    size_t count;
    struct recovery *recovery;
    bool did;
};

static bool begin_streams(const struct global_beginning *beginning) {
    struct partition *global = beginning->global;
    const int32_t highest =
        highest_number(global, beginning->parts, beginning->count, beginning->recovery);
    if (highest >= 0 && !catch_up_add_streams(global, highest))
        return false;
    for (size_t i = 0; i < beginning->count; i++) {
        const struct topic_partition *part = &beginning->parts[i];
        struct offset_tracker *stream =
            &global->streams[partition_stream(global, part->topic, part->partition)];
        stream->next = part->offset;
        offset_tracker_set_owned(stream, true);
    }
    return true;
}

/* Exactly once, there has to be a checkpoint below whatever is committed from now on. The same
 * holds if a deployment is no longer here. */
static void save_beginning(struct lane *lane, const struct global_beginning *beginning) {
    struct error error;
    const bool has_nothing =
        lane->options.transactor != NULL && beginning->recovery->checkpoint.number == 0;
    if (has_nothing || beginning->global->owes_checkpoint)
        (void)checkpointing_take(lane, beginning->global, &error);
}

static void begin_global(struct lane *lane, void *argument) {
    struct global_beginning *beginning = argument;
    struct partition *global = beginning->global;
    struct recovery *recovery = beginning->recovery;
    if (global->order == NULL && global->task_count > 0) {
        if (!begin_streams(beginning) ||
            !checkpointing_begin(lane, global, recovery->order, recovery->tail))
            return;
        recovery->order = NULL; /* taken over */
        recovery->tail = NULL;
    }
    if (!recovery_keep_absent(beginning->engine, global, recovery))
        return;
    if (recovery_place(lane, global, recovery) && !catch_up_begin(lane, global, true))
        return;
    save_beginning(lane, beginning);
    beginning->did = true;
}

static bool take_states(struct engine *engine, struct partition *global, struct recovery *recovery,
                        struct error *error) {
    bool did = true;
    for (size_t i = 0; did && i < global->task_count; i++) {
        struct task *task = global->tasks[i];
        const struct checkpoint_part *part = recovery_part_of(&recovery->checkpoint, task);
        while (did && recovery_is_offered(recovery, task, part)) {
            task->is_recovered = take_global(engine, task, &part->state, error);
            did = task->is_recovered || (error->code != ERROR_MEMORY &&
                                         (recovery_note_refusal(recovery, task, error) ||
                                          error_set_memory(error, "the GLOBAL deployments")) &&
                                         recovery_fall_back(engine, global, recovery, error));
        }
    }
    if (did)
        recovery_log_refusals(engine, global, recovery);
    return did;
}

static bool find_and_take_global(struct engine *engine, struct partition *global,
                                 struct topic_partition *parts, size_t count, struct error *error) {
    struct recovery recovery = {0};
    struct global_beginning beginning = {engine, global, parts, count, &recovery, false};
    checkpoint_init(&recovery.checkpoint);
    bool did = recovery_find_moved(engine, PARTITION_GLOBAL, parts, count, &recovery, error) &&
               recovery_find(engine, global, parts, count, &recovery, error) &&
               take_states(engine, global, &recovery, error) &&
               recovery_make_order(engine, PARTITION_GLOBAL, &recovery, error) &&
               lane_call(global->home, begin_global, &beginning, engine->config->revoke_timeout_ns,
                         error) &&
               (beginning.did || error_set_memory(error, "the GLOBAL deployments"));
    recovery_release(&recovery);
    return did;
}

/* ---- if none of them runs ---- */

/* Whether a deployment should run and does not. */
static bool is_any_kept_out(const struct engine *engine) {
    lock_only_writer(status_lock);
    return engine->held_count > 0 || engine->refused_count > 0;
}

/* Whether a GLOBAL deployment may be missing. */
static bool may_lack_any(const struct engine *engine) {
    const struct config *config = engine->config;
    bool is = is_any_kept_out(engine);
    for (size_t i = 0; i < config->deployment_count; i++)
        is |= config->deployments[i].is_elsewhere || !config->deployments[i].is_enabled;
    return is;
}

/* Gives positions to those of the checkpoint that were level: they do not get what is committed
 * from here on. False: out of memory. */
static bool own_place(const struct checkpoint *checkpoint, const struct positions *committed,
                      struct checkpoint_part *part) {
    return positions_add_all(&part->positions, &checkpoint->positions) &&
           positions_add_all(&part->history_to, committed);
}

static bool own_places(const struct engine *engine, const struct topic_partition *parts,
                       size_t count, const struct positions *committed,
                       struct checkpoint *checkpoint, bool *did_change) {
    bool did = true;
    for (size_t i = 0; did && i < checkpoint->part_count; i++) {
        struct checkpoint_part *part = &checkpoint->parts[i];
        const bool was_behind = part->positions.count > 0;
        *did_change |= !was_behind;
        part->worked_ms = part->worked_ms != 0 ? part->worked_ms : checkpoint->taken_ms;
        did = was_behind || own_place(checkpoint, committed, part);
        for (size_t j = 0; did && j < count; j++)
            did = part_note_apply(part, topics_name(engine->topics, parts[j].topic),
                                  parts[j].partition, parts[j].note, was_behind, did_change);
    }
    return did;
}

/* Until it is written, or cannot be, which the store has logged. */
static bool write_places(struct engine *engine, struct checkpoint *checkpoint,
                         const struct positions *committed, struct error *error) {
    checkpoint->taken_ms = clock_wall_ns() / NS_PER_MS;
    checkpoint->number = checkpoint_store_next_number(engine->store, PARTITION_GLOBAL);
    if (checkpoint->number == 0)
        return true; /* it was logged */
    const uint64_t ticket = checkpoint_store_put(engine->store, checkpoint, committed);
    if (ticket == 0)
        return error_set_memory(error, "a checkpoint");
    (void)checkpoint_store_await(engine->store, ticket, engine->config->revoke_timeout_ns);
    return true;
}

/* If others run, these are in the checkpoint that is owed (partition.h). False with an error, as of
 * checkpoint_store_find(). */
static bool keep_places(struct engine *engine, const struct topic_partition *parts, size_t count,
                        struct error *error) {
    struct checkpoint checkpoint;
    struct positions committed;
    struct text why;
    bool does_change = false;
    checkpoint_init(&checkpoint);
    positions_init(&committed);
    text_init(&why);
    bool did = recovery_list_committed(engine, parts, count, &committed) ||
               error_set_memory(error, "committed offsets");
    if (did && !checkpoint_store_find(engine->store, PARTITION_GLOBAL, &committed, &checkpoint,
                                      &why, error))
        did = error->code == ERROR_NONE;
    else if (did)
        did = own_places(engine, parts, count, &committed, &checkpoint, &does_change) ||
              error_set_memory(error, "a checkpoint");
    if (did && does_change)
        did = write_places(engine, &checkpoint, &committed, error);
    text_release(&why);
    positions_release(&committed);
    checkpoint_release(&checkpoint);
    return did;
}

static bool take_global_once(struct engine *engine, struct partition *global,
                             struct topic_partition *parts, size_t count, struct error *error) {
    const bool has_any = global != NULL && global->task_count > 0;
    if (!has_any && may_lack_any(engine) && !keep_places(engine, parts, count, error))
        return false;
    if (global == NULL || (!has_any && !is_any_kept_out(engine)))
        return true; /* none has a state there, or will need it */
    return find_and_take_global(engine, global, parts, count, error);
}

void recovery_take_global(struct engine *engine, struct topic_partition *parts, size_t count) {
    lock_only_writer(status_lock);
    struct partition *global = engine_partition(engine, PARTITION_GLOBAL);
    struct patience patience = PATIENCE_INIT;
    struct error error = {0};
    if (engine->did_take_global || engine->store == NULL || count == 0)
        return;
    engine->did_take_global = true;
    bool did;
    while (!(did = take_global_once(engine, global, parts, count, &error)) &&
           error.code == ERROR_MEMORY &&
           breakdown_wait(&engine->breakdown, &patience, "the GLOBAL deployments' states")) {}
    if (!did && error.code != ERROR_MEMORY && !atomic_load(&engine->should_stop))
        breakdown_come(&engine->breakdown, error.code, "the GLOBAL deployments cannot work: %s",
                       error.text);
}

/* ---- later partition numbers and GLOBAL deployments ---- */

bool recovery_join_global(struct lane *lane, const struct partition *number) {
    struct partition *global = lane->global;
    if (global == NULL || global->order == NULL)
        return true;
    if (!catch_up_add_streams(global, number->number))
        return false;
    for (uint32_t topic = 0; topic < number->topic_count; topic++) {
        const struct offset_tracker *tracker = &number->topics[topic];
        const size_t at = partition_stream(global, topic, number->number);
        struct offset_tracker *stream = &global->streams[at];
        offset_tracker_set_owned(stream, offset_tracker_is_owned(tracker));
        if (!offset_tracker_is_owned(tracker) || tracker->next == SOURCE_NO_OFFSET ||
            tracker->next == stream->next)
            continue;
        checkpointing_cut(global, at, tracker->next);
        stream->next = global->journal.written[at] = tracker->next;
    }
    return catch_up_hold_number(lane, number);
}

static void follow_global(struct lane *lane, void *argument) {
    struct global_beginning *beginning = argument;
    struct recovery *recovery = beginning->recovery;
    beginning->did = checkpointing_begin(lane, beginning->global, recovery->order, recovery->tail);
    if (!beginning->did)
        return;
    recovery->order = NULL; /* taken over */
    recovery->tail = NULL;
    for (size_t i = 0; beginning->did && i < lane->partition_capacity; i++)
        beginning->did =
            lane->partitions[i] == NULL || recovery_join_global(lane, lane->partitions[i]);
}

bool recovery_follow_global(struct engine *engine, struct error *error) {
    struct partition *global = engine_partition(engine, PARTITION_GLOBAL);
    if (global == NULL || !engine->did_take_global || global->order != NULL)
        return true;
    struct recovery recovery = {0};
    struct global_beginning beginning = {.engine = engine, .global = global, .recovery = &recovery};
    checkpoint_init(&recovery.checkpoint);
    const bool did = recovery_make_order(engine, PARTITION_GLOBAL, &recovery, error) &&
                     lane_call(global->home, follow_global, &beginning,
                               engine->config->revoke_timeout_ns, error) &&
                     (beginning.did || error_set_memory(error, "the GLOBAL deployments"));
    recovery_release(&recovery);
    return did;
}
