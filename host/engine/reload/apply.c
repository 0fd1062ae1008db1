/*
 * The transition: from a planned deployment_set to instances at work. Control thread; what touches
 * instances is a lane call.
 *
 *   prepare   new instances beside the old ones, fields added to a draft of the projection, and all
 *             memory that is needed from here on
 *   meet      the lanes meet at a boundary between messages; they go through the next steps by
 *             themselves, while control waits
 *   hand over every old instance saves, its successor loads; one refusal gives up its deployment
 *   switch    tasks are exchanged; the old are deactivated, the new activated
 *   let go    the stream goes on; the old, and the states, are destroyed off the lanes
 */
#include "engine/reload/apply.h"
#include "base/clock.h"
#include "base/sync/meeting.h"
#include "engine/core/core.h"
#include "engine/core/provenance.h"
#include "engine/history/recovery.h"
#include "engine/instances/instances.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/lane.h"
#include "engine/reload/positions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What happens to one deployment. */
struct change {
    struct plan_item *item;
    bool is_asked; /* the plan wants its instances changed; else they stay */
    bool has_failed;
    const char *lost;
    struct error error; /* when it failed */
    int32_t failed_on;  /* partition */
};

/* What happens to one deployment on one partition. */
struct handover {
    struct change *change;
    struct partition *partition;
    struct task *old;      /* NULL: there is none */
    struct task *next;     /* NULL: removed, or not asked for */
    struct task *original; /* of a shadow that is new: what it begins with. NULL: it does not */
    struct state state;    /* what is handed over; its memory is that of the rehearsal's */
    const char *lost; /* why the state was not handed over, or NULL: it was, or there was none */
    bool has_kept;    /* the partition knows something of it (partition_absent()): it did not run */
    struct checkpoint_part outgoing; /* of one that goes for good: what it knows */
    bool has_outgoing;
    bool has_failed;
    struct error error;
};

struct transition {
    struct engine *engine;
    struct plan *plan;
    struct change *changes;     /* by plan item */
    struct handover *handovers; /* by partition of the engine and plan item */
    size_t handover_count;
    struct projection *draft;
    struct lane_projection *projections;
    struct task ***tasks; /* by partition of the engine: what comes */
    size_t *task_counts;
    struct deployment_set *next; /* what comes */
    struct config *config;       /* what comes; NULL: the one in force stays */
    struct meeting meeting;
    bool did_switch;
};

static bool is_going(const struct change *change) {
    return change->is_asked && !change->has_failed;
}

/* ---- prepare ---- */

static void fail_change(struct change *change, int32_t partition, const struct error *error) {
    if (change->has_failed)
        return;
    change->has_failed = true;
    change->failed_on = partition;
    change->error = *error;
}

static bool belongs(const struct partition *partition, const struct deployment *deployment) {
    return deployment_is_global(deployment) == (partition->number == PARTITION_GLOBAL);
}

/* The instance that comes; a refusal fails the whole deployment. */
static bool prepare_next(struct transition *transition, struct handover *handover) {
    struct deployment *deployment = handover->change->item->next;
    handover->next = task_new(handover->partition, deployment);
    if (handover->next == NULL)
        return error_set_memory(&handover->error, "a task");
    return task_give_instance(transition->engine, handover->next, deployment, transition->draft,
                              &handover->error) ||
           error_prefix(&handover->error, "create failed: ");
}

/* Room for the state that will be handed over. What the rehearsal had of it is taken: a moment ago
 * it was as large. */
static void prepare_state(struct handover *handover, size_t partition) {
    struct plan_states *states = &handover->change->item->states;
    const struct task *from = handover->old != NULL ? handover->old : handover->original;
    const struct state_size size = instance_state_size(from->instance);
    if (partition < states->count) {
        handover->state = states->items[partition];
        state_init(&states->items[partition]);
        state_reset(&handover->state);
    }
    state_reserve(&handover->state, &size);
    instance_reserve(handover->next->instance, &size);
}

static void prepare_handover(struct transition *transition, struct handover *handover,
                             size_t partition) {
    struct change *change = handover->change;
    const struct plan_item *item = change->item;
    state_init(&handover->state);
    state_init(&handover->outgoing.state);
    handover->partition->absent_reserved = 0;
    if (item->running != NULL)
        handover->old = partition_task(handover->partition, item->name);
    else if (item->states_of != NULL && item->why_cold == NULL)
        handover->original = partition_task(handover->partition, item->states_of);
    if (!is_going(change) || item->outcome == OUTCOME_REMOVED ||
        !belongs(handover->partition, item->next))
        return;
    if (!prepare_next(transition, handover))
        fail_change(change, handover->partition->number, &handover->error);
    else if (handover->old != NULL || handover->original != NULL)
        prepare_state(handover, partition);
    else
        handover->has_kept = partition_absent(handover->partition, item->name) != NULL;
}

static bool allocate(struct transition *transition, struct error *error) {
    lock_only_writer(status_lock);
    const struct engine *engine = transition->engine;
    const size_t items = transition->plan->count, partitions = engine->partition_count;
    transition->changes = calloc(items + 1, sizeof *transition->changes);
    transition->handovers = calloc(items * partitions + 1, sizeof *transition->handovers);
    transition->projections = calloc(engine->lane_count + 1, sizeof *transition->projections);
    transition->draft = projection_copy(engine->projection);
    transition->next = deployment_set_new(items);
    transition->tasks = calloc(partitions + 1, sizeof *transition->tasks);
    transition->task_counts = calloc(partitions + 1, sizeof *transition->task_counts);
    bool did = transition->changes != NULL && transition->handovers != NULL &&
               transition->projections != NULL && transition->draft != NULL &&
               transition->next != NULL && transition->tasks != NULL &&
               transition->task_counts != NULL;
    for (size_t p = 0; did && p < partitions; p++) {
        transition->tasks[p] = calloc(items + 1, sizeof *transition->tasks[p]);
        did = transition->tasks[p] != NULL;
    }
    return did || error_set_memory(error, "a reload");
}

/* From here on no memory is needed. */
static bool prepare(struct transition *transition, struct error *error) {
    lock_only_writer(status_lock);
    struct engine *engine = transition->engine;
    if (!allocate(transition, error))
        return false;
    for (size_t i = 0; i < transition->plan->count; i++) {
        struct plan_item *item = &transition->plan->items[i];
        transition->changes[i] = (struct change){
            .item = item,
            .is_asked = (item->outcome == OUTCOME_REPLACED && !item->needs_process) ||
                        item->outcome == OUTCOME_LOADED || item->outcome == OUTCOME_REMOVED,
        };
    }
    for (size_t p = 0; p < engine->partition_count; p++) {
        for (size_t i = 0; i < transition->plan->count; i++) {
            struct handover *handover = &transition->handovers[transition->handover_count++];
            handover->change = &transition->changes[i];
            handover->partition = engine->partitions[p];
            prepare_handover(transition, handover, p);
        }
    }
    return lane_projections_make(engine, transition->draft, transition->projections, error);
}

/* ---- hand over, on the lanes ---- */

static void hand_over_one(struct handover *handover) {
    struct state *state = &handover->state;
    struct task *old = handover->old, *next = handover->next;
    struct error *error = &handover->error;
    const char *why = NULL;
    if (!old->made_of->description->has_save) {
        handover->lost = "no save function";
    } else if (!instance_save_unsorted(old->instance, T5_SAVE_RELOAD, state, error)) {
        error_prefix(error, "save failed: ");
        handover->has_failed = true;
    } else if (!instance_takes_state(next->instance, state, &why)) {
        handover->lost = why;
    } else if (!instance_load(next->instance, state, error)) {
        error_prefix(error, "load failed: ");
        handover->has_failed = true;
    } else {
        next->origin = "kept";
    }
}

/* A shadow begins with what its original is, which goes on. */
static void begin_with_original(struct handover *handover) {
    struct task *original = handover->original, *next = handover->next;
    struct error *error = &handover->error;
    const char *why = NULL;
    if (!original->made_of->description->has_save)
        handover->lost = "its original has no save function";
    else if (!instance_save_unsorted(original->instance, T5_SAVE_SHADOW, &handover->state, error))
        handover->lost = "its original could not save";
    else if (!instance_takes_state(next->instance, &handover->state, &why))
        handover->lost = why;
    else if (!instance_load(next->instance, &handover->state, error))
        handover->has_failed = !error_prefix(error, "load of its original's state failed: ");
    else
        next->origin = "kept";
}

/* The state that it had when it was last let run. */
static void take_up(struct handover *handover) {
    const char *why = NULL;
    const struct checkpoint_part *part =
        partition_absent(handover->partition, handover->change->item->name);
    if (!part->has_state) {
        /* its position is all that there is */
    } else if (!instance_takes_state(handover->next->instance, &part->state, &why)) {
        handover->lost = why;
    } else if (!instance_load(handover->next->instance, &part->state, &handover->error)) {
        error_prefix(&handover->error, "load failed: ");
        handover->has_failed = true;
    } else {
        handover->next->origin = "loaded";
    }
}

/* What one knows that goes: should it come back, it goes on from there. Without memory it stays;
 * what it cannot save is lost, and logged. */
static void keep_outgoing(struct lane *lane, struct handover *handover) {
    struct task *old = handover->old;
    struct checkpoint_part *part = &handover->outgoing;
    struct error *error = &handover->error;
    if (task_is_cold(old) || old->is_ahead || old->moved_order != NULL)
        return; /* it knows nothing yet, or the other worker does */
    part->has_state = old->made_of->description->has_save;
    part->worked_ms = lane->options.store != NULL ? checkpoint_store_stamp_ms(lane->options.store)
                                                  : clock_wall_ns() / NS_PER_MS;
    part->deployment = strdup(old->deployment->name);
    if (part->deployment == NULL || !checkpointing_place(lane, old, part) ||
        !partition_reserve_absent(handover->partition)) {
        handover->has_failed = !error_set_memory(error, "what it knows");
        return;
    }
    handover->has_outgoing =
        !part->has_state || instance_save(old->instance, T5_SAVE_CHECKPOINT, &part->state, error);
    if (!handover->has_outgoing && error->code == ERROR_MEMORY)
        handover->has_failed = true;
    else if (!handover->has_outgoing)
        log_event(lane->options.log, LOG_LEVEL_WARNING, "engine", "state.not_kept",
                  "%s on partition %" PRId32 ": its state is not kept: %s", old->deployment->name,
                  handover->partition->number, error->text);
}

static void hand_over(struct lane *lane, struct transition *transition) {
    for (size_t i = 0; i < transition->handover_count; i++) {
        struct handover *handover = &transition->handovers[i];
        if (handover->partition->home != lane || !is_going(handover->change))
            continue;
        if (handover->next == NULL) {
            if (handover->old != NULL && lane->options.store != NULL)
                keep_outgoing(lane, handover);
            continue;
        }
        instance_set_current_call(handover->next->instance, lane->current_call);
        if (handover->old != NULL)
            hand_over_one(handover);
        else if (handover->original != NULL)
            begin_with_original(handover);
        else if (handover->has_kept)
            take_up(handover);
    }
}

/* ---- switch ---- */

/* After the hand-over: what failed anywhere fails everywhere. */
static void judge(struct transition *transition) {
    for (size_t i = 0; i < transition->handover_count; i++) {
        struct handover *handover = &transition->handovers[i];
        if (handover->has_failed)
            fail_change(handover->change, handover->partition->number, &handover->error);
        if (handover->lost != NULL)
            handover->change->lost = handover->lost;
    }
}

/* Each item's deployment, for failed ones what ran. */
static void choose_deployments(struct transition *transition) {
    for (size_t i = 0; i < transition->plan->count; i++) {
        const struct plan_item *item = &transition->plan->items[i];
        struct deployment *deployment =
            transition->changes[i].has_failed ? item->running : item->next;
        const bool is_leaving =
            item->outcome == OUTCOME_REMOVED && !transition->changes[i].has_failed;
        if (deployment != NULL && !is_leaving)
            deployment_set_add(transition->next, deployment);
    }
}

/* The tasks that each partition will have: the new ones of what goes, of all else the old. */
static void choose_tasks(struct transition *transition) {
    for (size_t i = 0; i < transition->handover_count; i++) {
        const struct handover *handover = &transition->handovers[i];
        const size_t p = i / transition->plan->count;
        struct task *task = is_going(handover->change) ? handover->next : handover->old;
        if (task != NULL)
            transition->tasks[p][transition->task_counts[p]++] = task;
    }
}

REQUIRES(status_lock) static void exchange_one(const struct handover *handover) {
    const struct plan_item *item = handover->change->item;
    struct task *task = handover->old;
    if (is_going(handover->change)) {
        partition_note_refusal(handover->partition, item->name, NULL); /* it has one now, or goes */
    } else if (item->is_filter_change && task != NULL) {
        deployment_release(task->deployment);
        task->deployment = deployment_retain(item->next);
    }
}

/* Every lane stands, so that one may write what all of them read. */
static void exchange_tasks(struct transition *transition) {
    struct engine *engine = transition->engine;
    struct deployment_set *deployment_set = transition->next;
    lock_acquire(&engine->status_lock, status_lock);
    for (size_t p = 0; p < engine->partition_count; p++) {
        struct partition *partition = engine->partitions[p];
        struct task **tasks = partition->tasks;
        partition->tasks = transition->tasks[p];
        partition->task_count = transition->task_counts[p];
        transition->tasks[p] = tasks;
        partition_forget_routes(partition);
        deployment_set_release(partition->deployment_set);
        partition->deployment_set = deployment_set_retain(deployment_set);
    }
    for (size_t i = 0; i < transition->handover_count; i++)
        exchange_one(&transition->handovers[i]);
    for (size_t p = 0; p < engine->partition_count; p++)
        partition_link_shadows(engine->partitions[p]);
    deployment_set_release(engine->deployment_set);
    engine->deployment_set = deployment_set_retain(deployment_set);
    lock_release(&engine->status_lock, status_lock);
}

/* When all have been handed over. From here there is no way back, and nothing can fail: all memory
 * is there. */
static void exchange(void *argument) {
    struct transition *transition = argument;
    judge(transition);
    choose_deployments(transition);
    choose_tasks(transition);
    exchange_tasks(transition);
    if (transition->config != NULL)
        transition->engine->config = transition->config;
    provenance_note(transition->engine);
    transition->did_switch = true;
}

/* It is behind from the start: what passed by since then is caught up, or it is notified of the
 * gap. */
static void activate_next(struct lane *lane, const struct handover *handover) {
    struct task *task = handover->next;
    struct partition *partition = handover->partition;
    instance_activate(task->instance);
    if (strcmp(task->origin, "fresh") == 0)
        task_notify(task, T5_EVENT_FRESH);
    if (strcmp(task->origin, "loaded") == 0)
        task_notify(task, T5_EVENT_RESUMED);
    if (handover->old != NULL)
        task_take_position(lane, task, handover->old);
    else if (handover->original != NULL && handover->lost == NULL)
        task_take_original_position(lane, task, handover->original);
    else if (handover->has_kept)
        task_take_kept_position(lane, task);
    if (strcmp(task->origin, "fresh") == 0 && atomic_load(&task->suspension) == SUSPENDED_NOT)
        task_take_warm_up(lane, task);
    if (partition_is_parked(partition))
        task_notify(task, T5_EVENT_PARKED);
    else if (partition->number != PARTITION_GLOBAL)
        task_notify_extent(task, partition_missing(partition, task->deployment), true);
}

static void switch_over(struct lane *lane, struct transition *transition) {
    struct lane_projection *projection = &transition->projections[lane->options.index];
    if (projection->projection != NULL) {
        lane_use_projection(lane, projection->projection, projection->decoder);
        *projection = (struct lane_projection){0};
    }
    lane->options.config = transition->engine->config;
    for (size_t i = 0; i < transition->handover_count; i++) {
        struct handover *handover = &transition->handovers[i];
        if (handover->partition->home != lane || !is_going(handover->change))
            continue;
        if (handover->has_outgoing)
            (void)partition_keep_absent(handover->partition, &handover->outgoing); /* has room */
        if (handover->old != NULL)
            instance_deactivate(handover->old->instance);
        handover->partition->checkpoint_ns = 0; /* one is due */
        if (handover->next != NULL) {
            instance_set_current_call(handover->next->instance, lane->current_call);
            activate_next(lane, handover);
            partition_forget_absent(handover->partition, handover->change->item->name);
        }
    }
}

/* All that a lane does. */
static void change_over(struct lane *lane, void *argument) {
    struct transition *transition = argument;
    struct meeting *meeting = &transition->meeting;
    if (meeting_await(meeting, &lane->heartbeat_ns, NULL, NULL)) {
        hand_over(lane, transition);
        (void)meeting_await(meeting, &lane->heartbeat_ns, exchange, transition);
        switch_over(lane, transition);
    }
    meeting_leave(meeting);
}

/* False: the lanes did not meet in time, and nothing has changed. */
static bool meet(struct transition *transition, int64_t until_ns, int64_t *paused_ns,
                 struct error *error) {
    struct engine *engine = transition->engine;
    const bool is_limited = until_ns != INT64_MAX;
    meeting_init(&transition->meeting, engine->lane_count, until_ns,
                 is_limited ? &engine->hurry_ns : NULL);
    if (lanes_call(engine->lanes, engine->lane_count, change_over, transition,
                   is_limited ? until_ns - clock_monotonic_ns() : LANE_NO_LIMIT, error) &&
        !transition->did_switch)
        error_set(error, ERROR_TIMEOUT, "the lanes did not all end their messages in time");
    *paused_ns = meeting_took_ns(&transition->meeting);
    meeting_release(&transition->meeting);
    return transition->did_switch;
}

/* ---- outcome ---- */

/* What failed anywhere is rejected everywhere, and what ran goes on. */
static void settle_change(struct transition *transition, struct change *change) {
    struct plan_item *item = change->item;
    const struct deployment *running = item->running;
    const char *before = running != NULL ? running->description->version : "";
    const char *version = item->next != NULL ? item->next->description->version : before;
    if (change->has_failed) {
        transition->plan->is_oom |= change->error.code == ERROR_MEMORY;
        plan_settle(item, OUTCOME_REJECTED,
                    text_format("%s on partition %" PRId32 ": %s%s%s%s", version, change->failed_on,
                                change->error.text, running != NULL ? "; " : "", before,
                                running != NULL ? " keeps running" : ""));
    } else if (change->lost != NULL && item->states_of != NULL) {
        plan_settle(item, OUTCOME_LOADED,
                    text_format("%s, shadow of %s (warmed up, as its state is not used: %s)",
                                version, item->states_of, change->lost));
    } else if (change->lost != NULL && item->outcome == OUTCOME_LOADED) {
        plan_settle(item, OUTCOME_LOADED,
                    text_format("%s; saved state not used: %s", version, change->lost));
    } else if (change->lost != NULL) {
        const bool is_same_file =
            hash_equal(running->generation->hash, item->next->generation->hash);
        plan_settle(item, OUTCOME_REPLACED,
                    text_format("%s \u2192 %s (%sstate lost: %s)", before, version,
                                is_same_file ? "parameters changed, " : "", change->lost));
    }
}

static void destroy_leftovers(struct transition *transition, bool did_switch) {
    for (size_t i = 0; i < transition->handover_count; i++) {
        struct handover *handover = &transition->handovers[i];
        const bool is_old = did_switch && is_going(handover->change);
        struct task *task = is_old ? handover->old : handover->next;
        if (task != NULL && task->instance != NULL)
            instance_set_current_call(task->instance, transition->engine->loader_call);
        task_free(task);
    }
}

static void transition_release(struct transition *transition) {
    lock_only_writer(status_lock);
    for (size_t i = 0; i < transition->handover_count; i++) {
        state_release(&transition->handovers[i].state);
        checkpoint_part_release(&transition->handovers[i].outgoing);
    }
    for (size_t i = 0; transition->tasks != NULL && i < transition->engine->partition_count; i++)
        free(transition->tasks[i]);
    free(transition->tasks);
    free(transition->task_counts);
    if (transition->projections != NULL)
        lane_projections_discard(transition->engine, transition->projections);
    free(transition->projections);
    projection_free(transition->draft);
    deployment_set_release(transition->next);
    free(transition->changes);
    free(transition->handovers);
}

/* The first GLOBAL deployment may come now. */
static bool follow_global(struct engine *engine, const struct plan *plan, struct error *error) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct deployment *next = plan->items[i].next;
        if (next != NULL && deployment_is_global(next))
            return recovery_follow_global(engine, error);
    }
    return true;
}

bool apply_plan(struct engine *engine, struct plan *plan, struct config *next, int64_t timeout_ns,
                int64_t *paused_ns, struct error *error) {
    struct transition transition = {.engine = engine, .plan = plan, .config = next};
    int64_t until_ns = INT64_MAX;
    /* What ran is reported at the end, and no partition may hold it any more by then. */
    struct deployment_set *outgoing = deployment_set_retain(engine->deployment_set);
    bool did = false;
    if (timeout_ns != LANE_NO_LIMIT)
        until_ns = clock_monotonic_ns() + timeout_ns;
    if (!follow_global(engine, plan, error) || !prepare(&transition, error))
        goto done;
    if (atomic_load(&engine->should_stop)) {
        error_set(error, ERROR_STATE, "the host is stopping");
        goto done;
    }
    did = meet(&transition, until_ns, paused_ns, error);
    if (!did)
        goto done;
    if (projection_slots(transition.draft) != projection_slots(engine->projection)) {
        projection_free(engine->projection);
        engine->projection = transition.draft;
        transition.draft = NULL;
    }
    for (size_t i = 0; i < plan->count; i++)
        settle_change(&transition, &transition.changes[i]);
done:
    destroy_leftovers(&transition, did);
    transition_release(&transition);
    deployment_set_release(outgoing);
    if (did && next != NULL) {
        config_free(engine->owned_config);
        engine->owned_config = next;
    }
    return did;
}
