#include "engine/history/recovery.h"

#include "base/patience.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/instances/instances.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/lane.h"
#include "engine/lane/suspension.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- find ---- */

bool recovery_can_feed(const struct engine *engine) {
    return engine->store != NULL && engine->options.source->ops->history != NULL;
}

static bool list_committed(const struct engine *engine, const struct topic_partition *parts,
                           size_t count, struct positions *committed) {
    for (size_t i = 0; i < count; i++) {
        if (parts[i].offset != SOURCE_NO_OFFSET &&
            !positions_add(committed, topics_name(engine->topics, parts[i].topic),
                           parts[i].partition, parts[i].offset))
            return false;
    }
    return true;
}

/* Offsets that are not known are above nothing: no checkpoint can be trusted. */
static bool knows_all(const struct topic_partition *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (parts[i].offset == SOURCE_NO_OFFSET && !parts[i].is_new)
            return false;
    }
    return true;
}

static void say_not_found(struct engine *engine, int32_t number, const char *why) {
    if (why[0] != '\0')
        gather_add(&engine->gather, LOG_LEVEL_WARNING, "state.discarded", number, why,
                   "starting without state, as no checkpoint fits the committed offsets; to use "
                   "one, stop the hosts of the group, set its offsets to where a checkpoint stands "
                   "(`take5 checkpoint list`), and restart them");
}

/* Whether it begins at the very offsets: no message lies between; and for GLOBAL, all that it has
 * seen is here again. */
static bool is_exact(const struct checkpoint *checkpoint, const struct positions *committed) {
    for (size_t i = 0; i < committed->count; i++) {
        const struct position *item = &committed->items[i];
        const struct position *position =
            positions_find(&checkpoint->positions, item->topic, item->partition);
        if (position != NULL && position->next != item->next)
            return false;
    }
    for (size_t i = 0; checkpoint->partition == PARTITION_GLOBAL && i < checkpoint->positions.count;
         i++) {
        const struct position *item = &checkpoint->positions.items[i];
        if (positions_find(committed, item->topic, item->partition) == NULL)
            return false;
    }
    return true;
}

static bool find(struct engine *engine, int32_t number, const struct positions *committed,
                 struct checkpoint *checkpoint, struct text *why, struct error *error) {
    error->code = ERROR_NONE;
    bool is_found = checkpoint_store_find(engine->store, number, committed, checkpoint, why, error);
    if (!is_found && error->code == ERROR_NONE && why->size == 0)
        is_found = checkpoint_store_find_old(engine->store, number, committed, checkpoint, error);
    if (!is_found)
        return error->code == ERROR_NONE;
    const bool can_feed =
        engine->options.source->ops->history != NULL && number != PARTITION_GLOBAL;
    if (!can_feed && !is_exact(checkpoint, committed)) {
        text_puts(why,
                  "the offsets of the last checkpoint do not match the committed ones, and the "
                  "messages between them cannot be read again");
        checkpoint_release(checkpoint);
    }
    return true;
}

/* Empty: there is none to go on with, and the log says why. False: nobody knows. */
static bool find_for(struct engine *engine, int32_t number, const struct topic_partition *parts,
                     size_t count, struct checkpoint *checkpoint, struct error *error) {
    struct positions committed;
    struct text why;
    positions_init(&committed);
    text_init(&why);
    bool did = list_committed(engine, parts, count, &committed) ||
               error_set_memory(error, "committed offsets");
    if (did && !knows_all(parts, count)) {
        text_puts(&why, "the committed offsets are not known");
        did = checkpoint_store_resume(engine->store, number, error);
    } else if (did)
        did = find(engine, number, &committed, checkpoint, &why, error);
    if (did && checkpoint->part_count == 0)
        say_not_found(engine, number, why.data);
    positions_release(&committed);
    text_release(&why);
    return did;
}

static bool make_order(struct engine *engine, int32_t number, const struct topic_partition *parts,
                       size_t count, struct recovery *recovery) {
    recovery->order = calloc(1, sizeof *recovery->order);
    if (recovery->order == NULL || !order_init(recovery->order, recovery->checkpoint.number)) {
        free(recovery->order);
        recovery->order = NULL;
        return false;
    }
    if (recovery->checkpoint.number != 0) {
        checkpoint_store_read_order(engine->store, number, recovery->checkpoint.number,
                                    recovery->order);
        checkpoint_store_read_tail(engine->store, &recovery->checkpoint, recovery->order);
    }
    /* A topic without a committed offset may have been recreated. */
    for (size_t i = 0; i < count; i++) {
        if (parts[i].is_new && parts[i].offset != SOURCE_NO_OFFSET)
            order_cut(recovery->order, parts[i].topic, parts[i].offset);
    }
    recovery->tail = checkpoint_store_new_tail(engine->store, number, recovery->order);
    return true;
}

bool recovery_find(struct engine *engine, const struct partition *partition,
                   const struct topic_partition *parts, size_t count, struct recovery *recovery,
                   struct error *error) {
    memset(recovery, 0, sizeof *recovery);
    checkpoint_init(&recovery->checkpoint);
    if (engine->store == NULL)
        return true;
    return find_for(engine, partition->number, parts, count, &recovery->checkpoint, error) &&
           (make_order(engine, partition->number, parts, count, recovery) ||
            error_set_memory(error, "a journal"));
}

bool recovery_resume(struct engine *engine, const struct partition *partition,
                     struct error *error) {
    return engine->store == NULL ||
           checkpoint_store_resume(engine->store, partition->number, error);
}

void recovery_release(struct recovery *recovery) {
    checkpoint_release(&recovery->checkpoint);
    if (recovery->order != NULL)
        order_release(recovery->order);
    free(recovery->order);
    recovery->order = NULL;
    order_tail_free(recovery->tail);
    recovery->tail = NULL;
}

/* ---- take up ---- */

static bool load(struct lane *lane, struct task *task, const struct state *state,
                 struct error *error) {
    const char *why = NULL;
    instance_set_current_call(task->instance, lane->current_call);
    if (!instance_takes_state(task->instance, state, &why))
        return error_set(error, ERROR_INVALID, "%s", why);
    return instance_load(task->instance, state, error);
}

void recovery_load(struct lane *lane, struct partition *partition, struct recovery *recovery) {
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        const struct checkpoint_part *part =
            checkpoint_part(&recovery->checkpoint, task->deployment->name);
        struct error error = {0};
        if (part == NULL || !part->has_state)
            continue;
        task->is_recovered = load(lane, task, &part->state, &error);
        task->is_spoilt = !task->is_recovered;
        if (task->is_recovered)
            task->origin = "loaded";
        else if (error.code == ERROR_MEMORY)
            recovery->is_oom = true;
        else
            log_change_event(
                lane->options.log, LOG_LEVEL_WARNING, "engine", "state.discarded",
                "%s on partition %" PRId32 ": starting without state: that in checkpoint %" PRIu64
                " is not used: %s",
                task->deployment->name, partition->number, recovery->checkpoint.number, error.text);
    }
}

/* One that is suspended is so until it is resumed. */
static void fall_behind(struct task *task) {
    if (atomic_load(&task->suspension) == SUSPENDED_NOT)
        task_catch_up(task);
}

/* Whether the journal knows in which order a strategy that joins topics was handed what comes next:
 * it is to be no other. */
static bool is_in_journal(const struct task *task) {
    const struct partition *partition = task->partition;
    for (size_t i = 0; task->deployment->wanted_count > 1 && i < partition->topic_count; i++) {
        if (task->deployment->topics[i] != NOT_WANTED && partition->topics[i].is_owned &&
            partition->order != NULL && partition->journal.noted_to[i] > partition->topics[i].next)
            return true;
    }
    return false;
}

/* Where the checkpoint has it: where it was itself, with its part of what is history; or where the
 * partition was, and then all below where the stream begins is history. Gives whether it is behind.
 */
static bool place(const struct lane *lane, struct task *task, const struct checkpoint *checkpoint,
                  const struct checkpoint_part *part) {
    const struct partition *partition = task->partition;
    const bool is_own = part->positions.count > 0;
    bool is_behind = false;
    for (size_t i = 0; i < partition->topic_count; i++) {
        const int64_t next = partition->topics[i].next;
        const int64_t position = checkpointing_position(
            lane, partition, is_own ? &part->positions : &checkpoint->positions, i);
        if (task->deployment->topics[i] == NOT_WANTED || position == SOURCE_NO_OFFSET ||
            next == SOURCE_NO_OFFSET || !partition->topics[i].is_owned)
            continue;
        task->position[i] = position < next ? position : next;
        task->history_to[i] =
            is_own ? checkpointing_position(lane, partition, &part->history_to, i) : next;
        is_behind |= position < next;
    }
    if (is_behind || (!is_own && is_in_journal(task))) {
        fall_behind(task);
        return true;
    }
    task_forget_positions(task);
    return false;
}

void recovery_warm_up(struct task *task) {
    const struct partition *partition = task->partition;
    for (size_t i = 0; i < partition->topic_count; i++)
        task->history_to[i] = task->position[i] = partition->topics[i].next;
    task->needs_warm_up = true;
    task->warm_up_to_ms = partition->time_ms;
    fall_behind(task);
}

bool recovery_place(struct lane *lane, struct partition *partition,
                    const struct recovery *recovery) {
    bool is_held = false;
    if (lane->options.source->ops->history == NULL)
        return false;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        const struct checkpoint_part *part =
            checkpoint_part(&recovery->checkpoint, task->deployment->name);
        const bool is_own = part != NULL && part->positions.count > 0;
        if (part != NULL && (is_own || part->has_state) &&
            (!part->has_state || task->is_recovered)) {
            is_held |= place(lane, task, &recovery->checkpoint, part) && !is_own;
        } else if (task->deployment->warm_up_ns > 0) {
            recovery_warm_up(task);
            is_held = true;
        }
    }
    return is_held;
}

/* ---- who is not there ---- */

/* A position that was the partition's becomes its own. */
static bool own_positions(const struct lane *lane, const struct partition *partition,
                          const struct checkpoint *checkpoint, struct checkpoint_part *part) {
    if (part->positions.count > 0)
        return true;
    if (!positions_add_all(&part->positions, &checkpoint->positions))
        return false;
    for (size_t i = 0; i < partition->topic_count; i++) {
        if (partition->topics[i].next != SOURCE_NO_OFFSET &&
            !positions_add(&part->history_to, topics_name(lane->options.topics, (uint32_t)i),
                           partition->number, partition->topics[i].next))
            return false;
    }
    return true;
}

/* Who was to run and does not: it is given what the others are from here on, when it comes. */
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
    return did;
}

bool recovery_keep_absent(const struct engine *engine, struct partition *partition,
                          struct recovery *recovery) {
    struct checkpoint *checkpoint = &recovery->checkpoint;
    for (size_t i = checkpoint->part_count; i-- > 0;) {
        struct checkpoint_part *part = &checkpoint->parts[i];
        if (partition_task(partition, part->deployment) != NULL)
            continue;
        part->same_as = checkpoint->number;
        if (!own_positions(partition->home, partition, checkpoint, part) ||
            !partition_keep_absent(partition, part))
            return false;
        checkpoint->part_count--; /* it is the partition's now */
        memmove(part, part + 1, (checkpoint->part_count - i) * sizeof *part);
    }
    for (size_t i = 0; recovery_can_feed(engine) && i < engine->refused_count; i++) {
        if (partition_absent(partition, engine->refused[i]) == NULL &&
            !keep_refused(engine, partition, engine->refused[i]))
            return false;
    }
    return true;
}

/* ---- GLOBAL ---- */

/* A GLOBAL task's instance that is replaced by one with its state. */
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
    if (!load(lane, renewal->next, renewal->state, &renewal->error))
        return;
    instance_deactivate(renewal->task->instance);
    lock_acquire(lane->options.status_lock, status_lock);
    renewal->next->instance = renewal->task->instance;
    renewal->task->instance = next;
    lock_release(lane->options.status_lock, status_lock);
    renewal->task->origin = "loaded";
    instance_activate(next);
    task_tell(renewal->task, T5_EVENT_RESUMED);
    renewal->did = true;
}

/* False: out of memory. */
static bool take_global(struct engine *engine, struct task *task, const struct state *state,
                        struct error *error) {
    struct renewal renewal = {.task = task, .state = state};
    struct projection *draft = projection_draft(engine);
    renewal.next = task_new(task->partition, task->deployment);
    /* The new instance's signals are the old task's: it is wired to that one. */
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
    const bool is_oom = renewal.error.code == ERROR_MEMORY;
    if (!renewal.did && !is_oom)
        log_change(engine->log, LOG_LEVEL_WARNING, "engine",
                   "%s (GLOBAL): starting without state: saved state not used: %s",
                   task->deployment->name, renewal.error.text);
    projection_free(draft);
    if (renewal.next != NULL && renewal.next->instance != NULL)
        instance_set_current_call(renewal.next->instance, engine->loader_call);
    task_free(renewal.next);
    *error = renewal.error;
    return renewal.did || !is_oom;
}

static bool find_and_take_global(struct engine *engine, struct partition *global,
                                 const struct topic_partition *parts, size_t count,
                                 struct error *error) {
    struct checkpoint checkpoint;
    checkpoint_init(&checkpoint);
    bool did = find_for(engine, PARTITION_GLOBAL, parts, count, &checkpoint, error);
    for (size_t i = 0; did && i < global->task_count; i++) {
        struct task *task = global->tasks[i];
        const struct checkpoint_part *part = checkpoint_part(&checkpoint, task->deployment->name);
        if (part != NULL && part->has_state && strcmp(task->origin, "loaded") != 0)
            did = take_global(engine, task, &part->state, error);
    }
    checkpoint_release(&checkpoint);
    return did;
}

void recovery_take_global(struct engine *engine, const struct topic_partition *parts,
                          size_t count) {
    struct partition *global = engine_partition(engine, PARTITION_GLOBAL);
    struct patience patience = PATIENCE_INIT;
    struct error error = {0};
    if (global == NULL || global->task_count == 0 || engine->did_take_global ||
        engine->store == NULL)
        return;
    engine->did_take_global = true;
    bool did;
    while (!(did = find_and_take_global(engine, global, parts, count, &error)) &&
           error.code == ERROR_MEMORY &&
           breakdown_wait(&engine->breakdown, &patience, "the GLOBAL deployments' states")) {}
    if (!did && error.code != ERROR_MEMORY && !atomic_load(&engine->should_stop))
        breakdown_come(&engine->breakdown, error.code, "the GLOBAL deployments cannot work: %s",
                       error.text);
}
