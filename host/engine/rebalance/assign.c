/*
 * Partitions are assigned: new instances, with a state from a checkpoint, or parked ones resumed.
 * Control thread; what touches a lane's partitions is a lane call.
 */
#include "base/clock.h"
#include "base/text.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/history/recovery.h"
#include "engine/instances/instances.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/deviation.h"
#include "engine/lane/epochs.h"
#include "engine/lane/lane.h"
#include "engine/lane/publisher.h"
#include "engine/lane/suspension.h"
#include "engine/rebalance/rebalance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gap {
    bool is_there;
    bool is_overtaken; /* they can be read again: no instance is notified */
    int64_t from, to;
};

/* One partition number's share of an assignment. */
struct assigned_partition {
    struct engine *engine;
    struct partition *partition;
    bool is_joining;  /* not working yet: to be adopted */
    struct gap *gaps; /* by topic: offsets that its instances did not see */
    struct recovery recovery;
    bool is_held; /* offsets are held until all are level with the stream */
    bool is_oom;  /* while it was prepared */
    bool did_adopt;
};

static void load_states(struct lane *lane, void *argument) {
    struct assigned_partition *assigned = argument;
    recovery_load(lane, assigned->partition, &assigned->recovery);
}

static void notify_gaps(const struct assigned_partition *assigned, struct task *task) {
    for (size_t topic = 0; topic < assigned->partition->topic_count; topic++) {
        if (assigned->gaps[topic].is_there && !assigned->gaps[topic].is_overtaken)
            deviation_gap(task, topic, assigned->gaps[topic].from, assigned->gaps[topic].to);
    }
}

/* Instances that the committed offsets have overtaken: the same instances on another host were
 * handed the messages between. */
static bool place_overtaken(struct assigned_partition *assigned) {
    struct partition *partition = assigned->partition;
    bool is_behind = false;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        const int was = atomic_load(&task->suspension);
        for (size_t topic = 0; topic < partition->topic_count; topic++) {
            const struct gap *gap = &assigned->gaps[topic];
            const int64_t next = partition->topics[topic].next;
            /* Of an aborted recovery. What the stream had handed over beyond it here is not safe,
             * only what the group has committed. */
            if (was == SUSPENDED_CATCHING_UP && task->history_to[topic] != SOURCE_NO_OFFSET &&
                task->history_to[topic] < partition->topics[topic].assigned_at)
                task->history_to[topic] = partition->topics[topic].assigned_at;
            if (!gap->is_overtaken || task->deployment->topics[topic] == NOT_WANTED)
                continue;
            if (was == SUSPENDED_NOT || task->position[topic] == SOURCE_NO_OFFSET) {
                task->position[topic] = gap->from;
                task->history_to[topic] = was == SUSPENDED_NOT ? next : SOURCE_NO_OFFSET;
            }
        }
        if (was != SUSPENDED_NOT && was != SUSPENDED_CATCHING_UP)
            continue;
        if (!task_is_behind(task))
            continue;
        is_behind |= task_holds_offsets(task);
        task_catch_up(task);
    }
    return is_behind;
}

/* Tasks that are behind will be fed, and offsets are held meanwhile. False: out of memory. */
static bool place_late(struct lane *lane, struct assigned_partition *assigned) {
    struct partition *partition = assigned->partition;
    if (!assigned->is_joining || partition->number == PARTITION_GLOBAL)
        return true;
    if (partition->is_fresh) {
        if (lane->options.store != NULL && partition->order == NULL) {
            if (!checkpointing_begin(lane, partition, assigned->recovery.order,
                                     assigned->recovery.tail))
                return false;
            assigned->recovery.order = NULL; /* taken over */
            assigned->recovery.tail = NULL;
        }
        assigned->is_held = recovery_place(lane, partition, &assigned->recovery);
    } else {
        assigned->is_held = place_overtaken(assigned);
        checkpointing_resume(partition);
    }
    return !assigned->is_held || catch_up_begin(lane, partition, true);
}

/* Exactly once, a crash must not change what follows: tasks that begin without state need a
 * checkpoint below whatever is committed from now on. The same holds if a deployment is no longer
 * here. */
static void save_beginning(struct lane *lane, const struct assigned_partition *assigned) {
    struct error error;
    const bool has_nothing =
        lane->options.transactor != NULL && assigned->recovery.checkpoint.number == 0;
    if (lane->options.store != NULL && assigned->partition->number != PARTITION_GLOBAL &&
        (has_nothing || assigned->partition->owes_checkpoint))
        (void)checkpointing_take(lane, assigned->partition, &error);
}

static void assign_to_lane(struct lane *lane, void *argument) {
    struct assigned_partition *assigned = argument;
    struct partition *partition = assigned->partition;
    if (assigned->is_joining && !lane_adopt(lane, partition)) {
        assigned->is_oom = true;
        return;
    }
    if (!place_late(lane, assigned)) {
        lane_detach(lane, partition);
        assigned->is_oom = true;
        return;
    }
    if (!recovery_join_global(lane, partition)) {
        if (assigned->is_joining)
            lane_detach(lane, partition);
        assigned->is_oom = true;
        return;
    }
    assigned->did_adopt = true;
    partition->global = lane->global;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (partition->is_fresh) {
            instance_activate(task->instance);
            task_notify(task,
                        strcmp(task->origin, "fresh") == 0 ? T5_EVENT_FRESH : T5_EVENT_RESUMED);
        } else if (partition->is_resumed) {
            task->origin = "resumed";
            task_notify(task, T5_EVENT_RESUMED);
        }
        if (!partition->is_fresh || !task->is_recovered) /* otherwise it is fed what lies between */
            notify_gaps(assigned, task);
        task_notify_extent(task, partition_missing(partition, task->deployment),
                           partition->is_fresh);
    }
    for (size_t i = 0; lane->global != NULL && i < lane->global->task_count; i++)
        notify_gaps(assigned, lane->global->tasks[i]);
    if (partition->is_fresh)
        save_beginning(lane, assigned);
    partition->is_fresh = false;
    partition->is_resumed = false;
}

/* An instance that refused its state may be in any condition: a new one is made. Returns whether
 * there is one. */
static bool renew(struct assigned_partition *assigned, struct task *task, struct projection *draft,
                  struct error *error) {
    struct engine *engine = assigned->engine;
    instance_set_current_call(task->instance, engine->loader_call);
    instance_destroy(task->instance);
    task->instance = NULL;
    task->is_spoilt = false;
    if (task_give_instance(engine, task, task->deployment, draft, error))
        return true;
    task_note_refused(engine, assigned->partition, task->deployment, error);
    task_free(task);
    return false;
}

/* All that refused their state. False: out of memory. */
static bool renew_spoilt(struct assigned_partition *assigned, struct projection *draft,
                         struct error *error) {
    struct partition *partition = assigned->partition;
    const size_t task_count = partition->task_count;
    size_t kept = 0;
    bool did = true;
    for (size_t i = 0; i < task_count; i++) {
        struct task *task = partition->tasks[i];
        if (!did || !task->is_spoilt || renew(assigned, task, draft, error))
            partition->tasks[kept++] = task;
        else
            did = error->code != ERROR_MEMORY;
    }
    partition->task_count = kept;
    partition_link_shadows(partition);
    return did;
}

static bool load_on_lane(struct assigned_partition *assigned, struct error *error) {
    struct engine *engine = assigned->engine;
    return lane_call(engine_home(engine, assigned->partition->number), load_states, assigned,
                     engine->config->revoke_timeout_ns, error) &&
           (!assigned->recovery.is_oom || error_set_memory(error, "loading a saved state"));
}

static bool has_spoilt(const struct partition *partition) {
    bool has_spoilt = false;
    for (size_t i = 0; i < partition->task_count; i++)
        has_spoilt |= partition->tasks[i]->is_spoilt;
    return has_spoilt;
}

/* Continues with the newest usable checkpoint; a task that refuses its state there, with an older
 * one. False: memory or time was short, and it is not known whether a state is good. */
static bool recover(struct assigned_partition *assigned, const struct topic_partition *parts,
                    size_t count, struct projection *draft, struct error *error) {
    struct engine *engine = assigned->engine;
    struct partition *partition = assigned->partition;
    struct recovery *recovery = &assigned->recovery;
    bool did = recovery_find(engine, partition, parts, count, recovery, error) &&
               load_on_lane(assigned, error);
    while (did && has_spoilt(partition))
        did = renew_spoilt(assigned, draft, error) &&
              recovery_fall_back(engine, partition, recovery, error) &&
              load_on_lane(assigned, error);
    if (did)
        recovery_log_refusals(engine, partition, recovery);
    return did && recovery_make_order(engine, partition->number, recovery, error) &&
           (recovery_keep_absent(engine, partition, recovery) ||
            error_set_memory(error, "what is known of deployments that do not run"));
}

/* A parked partition has not learnt what is committed exactly once. */
static int64_t stored_of(const struct offset_tracker *tracker) {
    return tracker->tenure != NULL ? atomic_load(&tracker->tenure->committed) : tracker->stored;
}

/* Whether no other host moved the offset since this one held the topic: it is still the one that
 * this host committed last (a lost assignment or a broker's outage leaves stores uncommitted), or
 * the one with which it was assigned. */
static bool is_topic_as_left(const struct engine *engine, const struct offset_tracker *tracker,
                             const struct topic_partition *part) {
    struct source *source = engine->options.source;
    if (tracker->tenure != NULL && !tenure_is_settled(tracker->tenure))
        return false; /* its instances have emitted signals that were never received */
    if (part->offset == stored_of(tracker))
        return true;
    /* A topic that was created meanwhile: neither this host nor another has seen any of it. */
    if (part->is_new && tracker->next == SOURCE_NO_OFFSET)
        return true;
    const int64_t committed = source->ops->committed != NULL
                                  ? source->ops->committed(source, part->topic, part->partition)
                                  : SOURCE_NO_OFFSET;
    if (committed != SOURCE_NO_OFFSET)
        return part->offset == committed;
    /* Without an offset of the group or of this host, it was recreated: what was done here was in
     * the old topic, wherever that began. */
    return part->offset == tracker->assigned_at &&
           !(part->is_new && tracker->stored != SOURCE_NO_OFFSET);
}

/* "7", or that there is none. */
static const char *offset_text(int64_t offset, char text[32]) {
    if (offset == SOURCE_NO_OFFSET)
        snprintf(text, 32, "unknown");
    else
        snprintf(text, 32, "%" PRId64, offset);
    return text;
}

/* Whether another host has continued from this one's position: what lies between can be read
 * again. */
static bool is_overtaken(const struct engine *engine, const struct offset_tracker *tracker,
                         const struct topic_partition *part) {
    return engine->store != NULL && engine->options.source->ops->history != NULL && !part->is_new &&
           tracker->next != SOURCE_NO_OFFSET && tracker->in_flight_count == 0 &&
           (tracker->tenure == NULL || tenure_is_settled(tracker->tenure)) &&
           part->offset > tracker->next;
}

static bool is_as_left(struct engine *engine, const struct partition *partition,
                       const struct topic_partition *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct offset_tracker *tracker = &partition->topics[parts[i].topic];
        if (is_topic_as_left(engine, tracker, &parts[i]) ||
            is_overtaken(engine, tracker, &parts[i]))
            continue;
        char begins[32], left[32], detail[384];
        if (tracker->tenure != NULL && !tenure_is_settled(tracker->tenure)) {
            gather_add(&engine->gather, LOG_LEVEL_INFO, "partition.rolled_back", partition->number,
                       "its last signals were not committed",
                       "it was revoked before that; going back to the committed offsets");
            return false;
        }
        snprintf(detail, sizeof detail, "the %s offset of %.249s is %s, this host left off at %s",
                 parts[i].is_new ? "first" : "committed",
                 topics_name(engine->topics, parts[i].topic), offset_text(parts[i].offset, begins),
                 offset_text(stored_of(tracker), left));
        gather_add(&engine->gather, LOG_LEVEL_WARNING, "state.discarded", partition->number, detail,
                   "the state in memory was discarded, as it does not fit the offsets; strategies "
                   "continue from a checkpoint that does, or without state");
        return false;
    }
    return true;
}

/* Whether another host has continued from there, and has left its state where this one finds it:
 * the state that this one would reach by itself, in the order in which the messages were
 * handled. */
static bool is_succeeded(const struct engine *engine, const struct partition *partition,
                         const struct topic_partition *parts, size_t count) {
    bool is_overtaken_once = false;
    for (size_t i = 0; i < count; i++)
        is_overtaken_once |= is_overtaken(engine, &partition->topics[parts[i].topic], &parts[i]);
    return is_overtaken_once && checkpoint_store_is_shared(engine->store);
}

static void begin_topic(struct partition *partition, const struct topic_partition *part) {
    struct offset_tracker *tracker = &partition->topics[part->topic];
    offset_tracker_set_owned(tracker, true);
    tracker->assigned_at = part->offset;
    tracker->next = part->offset;
    /* The beginning is not committed: the lane stores it, in case nothing comes. */
    tracker->stored = part->is_new ? SOURCE_NO_OFFSET : part->offset;
}

/* Prepares one assigned number; false: out of memory. */
static bool prepare_assigned(struct assigned_partition *assigned,
                             const struct topic_partition *parts, size_t count) {
    struct engine *engine = assigned->engine;
    const int32_t number = parts[0].partition;
    struct partition *partition = engine_partition(engine, number);
    if (assigned->gaps == NULL)
        assigned->gaps = calloc(engine->topics->count + 1, sizeof *assigned->gaps);
    if (assigned->gaps == NULL)
        return false;
    if (partition != NULL && partition_is_parked(partition) &&
        is_succeeded(engine, partition, parts, count)) {
        log_change_event(
            engine->log, LOG_LEVEL_INFO, "engine", "partition.succeeded",
            "partition %" PRId32
            ": another host has worked on it meanwhile: continuing with the state of that host",
            number);
        rebalance_discard(engine, partition);
        partition = NULL;
    }
    if (partition != NULL && partition_is_parked(partition) &&
        !is_as_left(engine, partition, parts, count)) {
        for (size_t i = 0; i < count; i++)
            assigned->gaps[parts[i].topic] = (struct gap){true, false, -1, parts[i].offset};
        rebalance_discard(engine, partition);
        partition = NULL;
    }
    assigned->is_joining = partition == NULL || partition_is_parked(partition);
    if (partition == NULL) {
        partition = partition_new(number, engine->deployment_set, engine->topics->count,
                                  (uint32_t)engine->config->max_symbols);
        if (partition == NULL)
            return false;
        partition->home = engine_home(engine, number);
        partition->is_fresh = true;
        if (!engine_add_partition(engine, partition)) {
            partition_free(partition);
            return false;
        }
    } else if (assigned->is_joining) {
        partition->is_resumed = true;
        gather_add(&engine->gather, LOG_LEVEL_INFO, "partition.resumed", number, NULL,
                   "resumed with the state in memory");
    }
    assigned->partition = partition;
    return true;
}

/* Exactly once, what is committed in an assignment is distinguished from what was committed in the
 * previous one. */
static bool begin_tenure(const struct engine *engine, struct offset_tracker *tracker,
                         const struct topic_partition *part) {
    return engine->options.publisher->transactors == NULL ||
           epochs_begin_tenure(tracker, topics_name(engine->topics, part->topic), part->partition,
                               part->is_new ? SOURCE_NO_OFFSET : part->offset);
}

/* The topics of an assigned number begin. On the lane if the partition is working, otherwise
 * anywhere. False: out of memory. */
static bool begin_topics(struct assigned_partition *assigned, const struct topic_partition *parts,
                         size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct offset_tracker *tracker = &assigned->partition->topics[parts[i].topic];
        const bool is_begun = !assigned->partition->is_fresh && tracker->next != SOURCE_NO_OFFSET;
        const bool is_as_left = is_begun && is_topic_as_left(assigned->engine, tracker, &parts[i]);
        const bool was_overtaken =
            is_begun && assigned->is_joining && is_overtaken(assigned->engine, tracker, &parts[i]);
        if (!begin_tenure(assigned->engine, tracker, &parts[i]))
            return false;
        if (is_begun) {
            if (is_as_left) {
                offset_tracker_set_owned(tracker, true);
                tracker->assigned_at = parts[i].offset;
                /* The client has forgotten stored offsets that it did not commit: the lane stores
                 * them again. Else a topic that is silent from now on would stay uncommitted. */
                tracker->stored = parts[i].is_new ? SOURCE_NO_OFFSET : parts[i].offset;
                continue;
            }
            assigned->gaps[parts[i].topic] =
                (struct gap){true, was_overtaken, tracker->next, parts[i].offset};
        }
        begin_topic(assigned->partition, &parts[i]);
    }
    return true;
}

struct beginning {
    struct assigned_partition *assigned;
    const struct topic_partition *parts;
    size_t count;
    bool did;
};

static void begin_topics_on_lane(struct lane *lane, void *argument) {
    struct beginning *beginning = argument;
    (void)lane;
    beginning->did = begin_topics(beginning->assigned, beginning->parts, beginning->count);
}

/* Everything that an assigned number needs before its lane sees it. */
static bool complete_assigned(struct assigned_partition *assigned,
                              const struct topic_partition *parts, size_t count,
                              struct error *error) {
    struct engine *engine = assigned->engine;
    struct partition *partition = assigned->partition;
    if (assigned->is_joining) {
        if (!begin_topics(assigned, parts, count))
            return error_set_memory(error, "an assignment");
    } else {
        struct beginning beginning = {assigned, parts, count, false};
        if (!lane_call(partition->home, begin_topics_on_lane, &beginning,
                       engine->config->revoke_timeout_ns, error))
            return false;
        if (!beginning.did)
            return error_set_memory(error, "an assignment");
    }
    if (!partition->is_fresh)
        return !assigned->is_joining || recovery_resume(engine, partition, error);
    struct projection *draft = projection_draft(engine);
    if (draft == NULL)
        return error_set_memory(error, "a projection");
    if (!partition_give_tasks(engine, partition, draft, error)) {
        projection_free(draft);
        return false;
    }
    if (!recover(assigned, parts, count, draft, error)) {
        projection_free(draft);
        return false;
    }
    return lane_projections_use(engine, draft, error);
}

static bool try_to_assign(struct assigned_partition *assigned, struct topic_partition *parts,
                          size_t count, struct error *error) {
    assigned->partition = NULL;
    assigned->is_oom = false;
    recovery_release(&assigned->recovery);
    if (!prepare_assigned(assigned, parts, count))
        return error_set_memory(error, "a partition");
    if (assigned->partition->is_fresh &&
        !recovery_find_moved(assigned->engine, assigned->partition->number, parts, count,
                             &assigned->recovery, error))
        return false;
    if (!complete_assigned(assigned, parts, count, error))
        return false;
    return lane_call(assigned->partition->home, assign_to_lane, assigned,
                     assigned->engine->config->revoke_timeout_ns, error) &&
           (assigned->did_adopt || error_set_memory(error, "a lane's partitions"));
}

/* A partition that is assigned to this host and not worked on would be idle: if memory is short it
 * is tried again, and if that does not help, the engine ends. */
static void assign_number(struct engine *engine, struct topic_partition *parts, size_t count) {
    struct assigned_partition assigned = {.engine = engine};
    checkpoint_init(&assigned.recovery.checkpoint);
    struct patience patience = PATIENCE_INIT;
    for (bool is_over = false; !is_over;) {
        struct error error = {0};
        is_over = try_to_assign(&assigned, parts, count, &error);
        if (is_over)
            break;
        if (assigned.partition != NULL && assigned.partition->is_fresh)
            rebalance_discard(engine, assigned.partition);
        /* A stop that does not wait for it leaves it to the next owner. */
        if (error.code == ERROR_TIMEOUT && atomic_load(&engine->should_stop))
            break;
        is_over = error.code != ERROR_MEMORY ||
                  !breakdown_wait(&engine->breakdown, &patience, "a partition");
        if (is_over)
            breakdown_come(&engine->breakdown, error.code,
                           "partition %" PRId32 " cannot be processed: %s", parts[0].partition,
                           error.text);
    }
    free(assigned.gaps);
    recovery_release(&assigned.recovery);
}

/* "bar_trends 0 from 12, 1 from 7" */
static void list_begins(const struct engine *engine, const struct topic_partition *parts,
                        size_t count, struct text *text) {
    const char *before = NULL;
    for (size_t i = 0; i < count; i++) {
        char begins[32];
        const char *topic = topics_name(engine->topics, parts[i].topic);
        text_printf(text, "%s%s%s%" PRId32 " from %s", i > 0 ? ", " : "",
                    topic != before ? topic : "", topic != before ? " " : "", parts[i].partition,
                    offset_text(parts[i].offset, begins));
        before = topic;
    }
}

/* Deployments that were refused at the start miss what the others get from here on. */
static void log_refused(const struct engine *engine, const struct topic_partition *parts,
                        size_t count) {
    struct text begins;
    if (engine->refused_count == 0 || count == 0)
        return;
    text_init(&begins);
    list_begins(engine, parts, count, &begins);
    for (size_t i = 0; i < engine->refused_count; i++)
        log_event(engine->log, LOG_LEVEL_WARNING, "engine", "strategy.misses_messages",
                  "%s was rejected at the start: %s the messages of %s", engine->refused[i],
                  recovery_can_feed(engine) ? "when it runs it is given"
                                            : "until it runs it misses",
                  begins.data);
    text_release(&begins);
}

/* Where reading begins may have been found out by then; `left` has the same parts in another
 * order. */
static void give_begins(struct topic_partition *parts, size_t count,
                        const struct topic_partition *left) {
    for (size_t i = 0; left != NULL && i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (left[j].topic == parts[i].topic && left[j].partition == parts[i].partition)
                parts[i] = left[j];
        }
    }
}

void rebalance_assigned(void *context, struct topic_partition *parts, size_t count) {
    struct engine *engine = context;
    struct topic_partition *left = rebalance_copy_parts(engine, parts, count);
    atomic_fetch_add(&engine->assigned_count, 1);
    log_refused(engine, parts, count);
    recovery_take_global(engine, parts, count);
    for (size_t done = 0; left != NULL && done < count;) {
        const size_t same = rebalance_gather(left + done, count - done);
        assign_number(engine, left + done, same);
        done += same;
    }
    give_begins(parts, count, left);
    free(left);
    rebalance_judge_global(engine);
    rebalance_prune(engine);
    gather_report(&engine->gather);
}

bool rebalance_begin_global(struct engine *engine, struct error *error) {
    if (engine->lane_count != 1)
        return true;
    struct assigned_partition assigned = {.engine = engine, .is_joining = true};
    assigned.partition =
        partition_new(PARTITION_GLOBAL, engine->deployment_set, engine->topics->count,
                      (uint32_t)engine->config->max_symbols);
    if (assigned.partition == NULL || !engine_add_partition(engine, assigned.partition)) {
        partition_free(assigned.partition);
        return error_set_memory(error, "the GLOBAL deployments");
    }
    assigned.partition->home = engine->lanes[0];
    return lane_call(engine->lanes[0], assign_to_lane, &assigned, engine->config->revoke_timeout_ns,
                     error);
}
