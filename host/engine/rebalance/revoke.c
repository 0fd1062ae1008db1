/*
 * Partitions are revoked, parked, dropped. Assignment is in assign.c. Control thread; what touches
 * a lane's partitions is a lane call.
 */
#include "engine/instances/instances.h"
#include "engine/lane/lane.h"
#include "engine/rebalance/rebalance.h"

#include "base/clock.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/history/behind.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/dispatch.h"
#include "engine/lane/epochs.h"
#include "engine/lane/suspension.h"
#include "sink/transaction/transactor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_LOOK_MS 100

size_t rebalance_gather(struct topic_partition *parts, size_t count) {
    size_t same = 1;
    for (size_t i = 1; i < count; i++) {
        if (parts[i].partition == parts[0].partition) {
            const struct topic_partition part = parts[i];
            parts[i] = parts[same];
            parts[same++] = part;
        }
    }
    return same;
}

struct topic_partition *rebalance_copy_parts(struct engine *engine,
                                             const struct topic_partition *parts, size_t count) {
    struct patience patience = PATIENCE_INIT;
    struct topic_partition *copy;
    do
        copy = malloc((count + 1) * sizeof *copy);
    while (copy == NULL && breakdown_wait(&engine->breakdown, &patience, "a rebalance"));
    if (copy != NULL)
        memcpy(copy, parts, count * sizeof *copy);
    return copy;
}

/* A call to the partition's lane; if it fails, everything continues nevertheless. */
static void call_home(struct engine *engine, struct partition *partition,
                      void (*run)(struct lane *lane, void *argument), void *argument,
                      const char *what) {
    struct error error;
    if (!lane_call(partition->home, run, argument, engine->config->revoke_timeout_ns, &error))
        log_change(engine->log, LOG_LEVEL_ERROR, "engine", "partition %" PRId32 ": %s: %s",
                   partition->number, what, error.text);
}

/* ---- revoke ---- */

/* One partition number's share of a revocation. */
struct revocation {
    struct engine *engine;
    struct partition *partition;
    const struct topic_partition *parts;
    size_t count;
    bool is_lost;
    uint64_t journal_ticket, checkpoint_ticket;
    bool is_saved, has_failed;
};

static void lose_topic(struct lane *lane, struct partition *partition, uint32_t topic) {
    offset_tracker_set_owned(&partition->topics[topic], false);
    struct partition *global = lane->global;
    if (global == NULL)
        return;
    const size_t stream = partition_stream(global, topic, partition->number);
    if (stream < global->stream_count)
        offset_tracker_set_owned(&global->streams[stream], false);
    /* The present reading continues without it. */
    for (size_t i = 0; global->catch_up != NULL && i < global->task_count; i++) {
        if (!global->tasks[i]->is_fed)
            continue;
        global->tasks[i]->is_fed = false;
        atomic_store(&global->wants_history, true);
    }
}

/* Nothing more of these topics is dispatched. Lane. */
static void stop_dispatch(struct lane *lane, void *argument) {
    struct revocation *revocation = argument;
    for (size_t i = 0; i < revocation->count; i++)
        lose_topic(lane, revocation->partition, revocation->parts[i].topic);
}

/* Exactly once, this host commits nothing more of it: it is the next owner's. */
static void end_tenures(const struct revocation *revocation) {
    for (size_t i = 0; i < revocation->count; i++)
        tenure_end(revocation->partition->topics[revocation->parts[i].topic].tenure);
}

/* Stores what is done by now, then parks the partition or notifies its instances of what it lost.
 * Lane. */
static void detach_revoked(struct lane *lane, void *argument) {
    struct revocation *revocation = argument;
    struct partition *partition = revocation->partition;
    if (revocation->is_saved && revocation->journal_ticket != 0) {
        checkpointing_journal_written(partition);
        checkpointing_journal(lane, lane->global, 0); /* its lane continues: checks what is
                                                       * written */
    }
    for (size_t i = 0; i < revocation->count && !revocation->is_lost; i++)
        lane_store_topic(lane, partition, revocation->parts[i].topic, true);
    if (partition_is_owned(partition)) {
        for (size_t i = 0; i < partition->task_count; i++)
            task_notify_extent(partition->tasks[i],
                               partition_missing(partition, partition->tasks[i]->deployment),
                               false);
        return;
    }
    for (size_t i = 0; i < partition->task_count; i++)
        task_notify(partition->tasks[i], T5_EVENT_PARKED);
    lane_detach(lane, partition);
    partition->parked_ns = clock_monotonic_ns();
}

/* Hands the journal and, for a partition that is revoked as a whole, a checkpoint to the store.
 * Lane. */
static void save_revoked(struct lane *lane, void *argument) {
    struct revocation *revocation = argument;
    struct partition *partition = revocation->partition;
    if (lane->options.store == NULL || revocation->is_lost)
        return;
    revocation->journal_ticket = checkpointing_journal_now(lane, partition);
    /* GLOBAL instances were handed its records too. */
    const uint64_t global_ticket = checkpointing_journal_now(lane, lane->global);
    if (global_ticket > revocation->journal_ticket)
        revocation->journal_ticket = global_ticket;
    if (partition_is_owned(partition))
        return;
    struct error error = {0};
    if (breakdown_has_come(lane->options.breakdown, &error)) { /* it may be half a message ahead */
        revocation->has_failed = true;
        return;
    }
    revocation->checkpoint_ticket = checkpointing_take(lane, partition, &error);
    if (error.code == ERROR_NONE)
        return;
    log_change_event(lane->options.log, LOG_LEVEL_ERROR, "engine", "checkpoint.failed",
                     "partition %" PRId32 ": no checkpoint: %s", partition->number, error.text);
    revocation->has_failed = true;
}

/* What was handed to the store is on the disk, if at all possible: offsets may be stored. */
static void await_saved(struct engine *engine, struct revocation *revocation, int64_t until_ns) {
    uint64_t ticket = revocation->journal_ticket > revocation->checkpoint_ticket
                          ? revocation->journal_ticket
                          : revocation->checkpoint_ticket;
    if (ticket == 0)
        return;
    const int64_t left_ns = until_ns - clock_monotonic_ns();
    const bool did = checkpoint_store_await(engine->store, ticket, left_ns > 0 ? left_ns : 0);
    revocation->is_saved = did;
    if (revocation->checkpoint_ticket != 0 &&
        (!did || !checkpoint_store_has(engine->store, revocation->partition->number,
                                       revocation->partition->checkpoint_number)))
        revocation->has_failed = true;
}

/* How long to wait in one step: a stop may be requested meanwhile. */
static int next_wait_ms(const struct engine *engine, int64_t until_ns) {
    const int64_t hurry_ns = atomic_load(&engine->hurry_ns);
    const int64_t end_ns = until_ns < hurry_ns ? until_ns : hurry_ns;
    const int64_t left_ms = (end_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left_ms > FLUSH_LOOK_MS ? FLUSH_LOOK_MS : left_ms > 0 ? (int)left_ms : 0;
}

/* Step by step, since a stop may be requested meanwhile. */
static void flush_sink(struct engine *engine, struct sink *sink, int64_t until_ns) {
    for (;;) {
        const int wait_ms = next_wait_ms(engine, until_ns);
        const int64_t began_ns = clock_monotonic_ns();
        if (sink->ops->flush(sink, wait_ms) || wait_ms == 0)
            return;
        if (clock_monotonic_ns() - began_ns < wait_ms * NS_PER_MS)
            return; /* it answers that waiting is of no use */
    }
}

static void close_epoch(struct lane *lane, void *argument) {
    (void)argument;
    epochs_close(lane);
}

/* Everything that was emitted is handed to the transactors, and they get their time. */
static void flush_transactors(struct engine *engine, int64_t until_ns) {
    struct publisher *publisher = engine->options.publisher;
    struct error error;
    if (publisher->transactors == NULL)
        return;
    if (!lanes_call(engine->lanes, engine->lane_count, close_epoch, NULL,
                    until_ns - clock_monotonic_ns(), &error))
        log_change(engine->log, LOG_LEVEL_ERROR, "engine", "not all is committed: %s", error.text);
    for (size_t i = 0; i < publisher->transactor_count; i++) {
        int wait_ms;
        while ((wait_ms = next_wait_ms(engine, until_ns)) > 0 &&
               !transactor_await(publisher->transactors[i],
                                 clock_monotonic_ns() + wait_ms * NS_PER_MS)) {}
    }
}

void rebalance_flush(struct engine *engine, int64_t timeout_ns) {
    struct publisher *publisher = engine->options.publisher;
    const int64_t until_ns = clock_monotonic_ns() + timeout_ns;
    flush_transactors(engine, until_ns);
    for (size_t i = 0; i <= publisher->signal_sink_count; i++) {
        struct sink *sink = i < publisher->signal_sink_count ? publisher->signal_sinks[i]
                                                             : publisher->dead_letter_sink;
        if (sink != NULL)
            flush_sink(engine, sink, until_ns);
    }
}

/* A save is waited for as long as the sinks are; at a stop no longer than that allows. */
static int64_t save_until_ns(const struct engine *engine) {
    const int64_t until_ns = clock_monotonic_ns() + engine->config->revoke_timeout_ns;
    const int64_t hurry_ns = atomic_load(&engine->hurry_ns);
    return until_ns < hurry_ns ? until_ns : hurry_ns;
}

/* For the report of a stop. */
static void count_unsaved(struct engine *engine, const struct revocation *revocation) {
    if (revocation->has_failed)
        engine->left.states += partition_count_states(revocation->partition);
}

/* Room for them; NULL after a breakdown. */
static struct revocation *list_revocations(struct engine *engine, size_t count) {
    struct patience patience = PATIENCE_INIT;
    struct revocation *revocations;
    do
        revocations = calloc(count + 1, sizeof *revocations);
    while (revocations == NULL && breakdown_wait(&engine->breakdown, &patience, "a rebalance"));
    return revocations;
}

void rebalance_revoked(void *context, const struct topic_partition *parts, size_t count,
                       bool is_lost) {
    struct engine *engine = context;
    struct topic_partition *left = rebalance_copy_parts(engine, parts, count);
    struct revocation *revocations = list_revocations(engine, count);
    size_t revocation_count = 0;
    atomic_fetch_add(&engine->revoked_count, 1);
    for (size_t done = 0; left != NULL && revocations != NULL && done < count;) {
        const size_t same = rebalance_gather(left + done, count - done);
        struct partition *partition = engine_partition(engine, left[done].partition);
        if (partition != NULL && !partition_is_parked(partition))
            revocations[revocation_count++] = (struct revocation){.engine = engine,
                                                                  .partition = partition,
                                                                  .parts = left + done,
                                                                  .count = same,
                                                                  .is_lost = is_lost};
        done += same;
    }
    for (size_t i = 0; is_lost && i < revocation_count; i++)
        end_tenures(&revocations[i]);
    for (size_t i = 0; i < revocation_count; i++)
        call_home(engine, revocations[i].partition, stop_dispatch, &revocations[i],
                  "it is revoked anyway");
    /* A stop has waited for the sinks before it leaves the group. */
    if (!is_lost && revocation_count > 0 && !atomic_load(&engine->is_stopping))
        rebalance_flush(engine, engine->config->revoke_timeout_ns);
    for (size_t i = 0; i < revocation_count; i++)
        call_home(engine, revocations[i].partition, save_revoked, &revocations[i],
                  "it is not saved");
    const int64_t until_ns = save_until_ns(engine);
    for (size_t i = 0; i < revocation_count; i++) {
        await_saved(engine, &revocations[i], until_ns);
        count_unsaved(engine, &revocations[i]);
        end_tenures(&revocations[i]);
        call_home(engine, revocations[i].partition, detach_revoked, &revocations[i],
                  "it stays with its lane");
        if (partition_is_parked(revocations[i].partition))
            behind_end(engine, revocations[i].partition);
    }
    free(revocations);
    free(left);
    rebalance_judge_global(engine);
    rebalance_prune(engine);
    gather_report(&engine->gather);
}

/* ---- GLOBAL ---- */

/* A wanted topic of which this host lacks a partition, by the strategy's index; NOT_WANTED: it has
 * all of them, as far as known. */
static uint32_t missing_topic(const struct engine *engine, const struct deployment *deployment) {
    lock_only_writer(status_lock);
    struct source *source = engine->options.source;
    for (uint32_t topic = 0; topic < deployment->topic_count; topic++) {
        int32_t held = 0;
        if (deployment->topics[topic] == NOT_WANTED || source->ops->partitions == NULL)
            continue;
        for (size_t i = 0; i < engine->partition_count; i++)
            held += offset_tracker_is_owned(&engine->partitions[i]->topics[topic]);
        if (held < source->ops->partitions(source, topic))
            return deployment->topics[topic];
    }
    return NOT_WANTED;
}

/* Lane. */
static void judge_global(struct lane *lane, void *argument) {
    const struct engine *engine = argument;
    for (size_t i = 0; lane->global != NULL && i < lane->global->task_count; i++) {
        struct task *task = lane->global->tasks[i];
        const uint32_t missing = missing_topic(engine, task->deployment);
        const bool is_partial = missing != NOT_WANTED;
        task_notify_extent(task, missing, false);
        const int suspension = atomic_load(&task->suspension);
        const bool is_at_work = suspension == SUSPENDED_NOT || suspension == SUSPENDED_CATCHING_UP;
        if (is_partial && is_at_work && !task->deployment->global_partial)
            task_suspend(task, SUSPENDED_PARTIAL, INT64_MAX, lane->options.log);
        else if (!is_partial && suspension == SUSPENDED_PARTIAL)
            dispatch_resume(lane, task, true);
    }
    if (lane->global != NULL)
        catch_up_leave(lane, lane->global);
}

void rebalance_judge_global(struct engine *engine) {
    struct error error;
    if (engine->lane_count == 1 && !atomic_load(&engine->is_stopping) &&
        !lane_call(engine->lanes[0], judge_global, engine, engine->config->revoke_timeout_ns,
                   &error))
        log_change(engine->log, LOG_LEVEL_ERROR, "engine",
                   "cannot notify the GLOBAL deployments of the assigned partitions: %s",
                   error.text);
}

/* ---- parked partitions ---- */

static void deactivate_all(struct lane *lane, void *argument) {
    struct partition *partition = argument;
    (void)lane;
    for (size_t i = 0; i < partition->task_count; i++)
        instance_deactivate(partition->tasks[i]->instance);
}

void rebalance_discard(struct engine *engine, struct partition *partition) {
    behind_end(engine, partition);
    if (!partition->is_fresh)
        call_home(engine, partition, deactivate_all, partition,
                  "its instances are not deactivated");
    engine_remove_partition(engine, partition);
    const bool is_stopping = atomic_load(&engine->is_stopping); /* then they were waited for */
    if (partition->in_flight_count > 0 && !is_stopping)
        rebalance_flush(engine, engine->config->revoke_timeout_ns);
    for (size_t topic = 0; topic < partition->topic_count; topic++)
        partition->in_flight_count -= offset_tracker_collect(&partition->topics[topic]);
    if (partition->in_flight_count > 0 && is_stopping)
        engine->left.records += partition->in_flight_count;
    if (partition->in_flight_count > 0)
        log_event(engine->log, LOG_LEVEL_WARNING, "engine", "partition.records_dropped",
                  "partition %" PRId32 ": %" PRIu64
                  " records are dropped before a sink acknowledged them; they will be redelivered",
                  partition->number, partition->in_flight_count);
    for (size_t topic = 0; topic < partition->topic_count; topic++)
        offset_tracker_abandon(&partition->topics[topic], &engine->orphans);
    offset_tracker_abandon(&partition->late, &engine->orphans);
    for (size_t i = 0; i < partition->task_count; i++)
        instance_set_current_call(partition->tasks[i]->instance, engine->loader_call);
    partition_free(partition);
}

static void detach_global(struct lane *lane, void *argument) {
    lane_detach(lane, argument);
}

void rebalance_end(struct engine *engine) {
    lock_only_writer(status_lock);
    while (engine->partition_count > 0) {
        struct partition *partition = engine->partitions[0];
        if (!partition_is_parked(partition))
            call_home(engine, partition, detach_global, partition, "it ends anyway");
        rebalance_discard(engine, partition);
    }
}

/* The state in memory is lost; a checkpoint of it remains, if there are any. */
static void log_dropped(struct engine *engine, const struct partition *partition, size_t parked) {
    const bool is_crowded = parked > (size_t)engine->config->park_max_count;
    const bool is_lost = engine->store == NULL;
    gather_add(&engine->gather, is_lost || is_crowded ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
               "state.dropped", partition->number,
               is_lost ? "no checkpoints are kept: [take5] keep_state = no" : NULL,
               is_crowded
                   ? "revoked, and its state in memory was dropped, because more than [take5] "
                     "park_max_count are kept; raise it if memory allows"
                   : "revoked [take5] park_max_age ago: its state in memory was dropped");
}

void rebalance_prune(struct engine *engine) {
    lock_only_writer(status_lock);
    const int64_t now = clock_monotonic_ns();
    offset_tracker_collect(&engine->orphans);
    for (;;) {
        struct partition *oldest = NULL;
        size_t parked = 0;
        for (size_t i = 0; i < engine->partition_count; i++) {
            struct partition *partition = engine->partitions[i];
            if (!partition_is_parked(partition))
                continue;
            parked++;
            if (oldest == NULL || partition->parked_ns < oldest->parked_ns)
                oldest = partition;
        }
        if (oldest == NULL || (parked <= (size_t)engine->config->park_max_count &&
                               now - oldest->parked_ns <= engine->config->park_max_age_ns))
            return;
        log_dropped(engine, oldest, parked);
        rebalance_discard(engine, oldest);
    }
}
