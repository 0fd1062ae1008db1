#include "engine/operator.h"

#include "base/clock.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/history/behind.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/dispatch.h"
#include "engine/lane/lane.h"
#include "engine/lane/publisher.h"
#include "engine/lane/suspension.h"
#include "engine/offsets.h"
#include "engine/rebalance/rebalance.h"
#include "engine/reload/reload.h"
#include "sink/transaction/transactor.h"

#include <inttypes.h>
#include <string.h>

#define RETRY_NS (100 * NS_PER_MS) /* the longest between two looks at what is due by the time */

/* ---- suspend and resume ---- */

struct command {
    struct engine *engine;
    const char *deployment;
    bool does_suspend, does_skip;
    _Atomic size_t changed, late; /* instances; of those resumed, who catch up first */
};

static void carry_out(struct lane *lane, void *argument) {
    lock_only_writer(status_lock);
    struct command *command = argument;
    for (size_t i = 0; i < command->engine->partition_count; i++) {
        struct partition *partition = command->engine->partitions[i];
        struct task *task =
            partition->home == lane ? partition_task(partition, command->deployment) : NULL;
        if (task == NULL)
            continue;
        if (!command->does_suspend && atomic_load(&task->suspension) == SUSPENDED_NOT)
            continue;
        if (command->does_suspend)
            task_suspend(task, SUSPENDED_OPERATOR, INT64_MAX, lane->options.log);
        else
            dispatch_resume(lane, task, !command->does_skip);
        atomic_fetch_add(&command->changed, 1);
        atomic_fetch_add(&command->late, atomic_load(&task->suspension) == SUSPENDED_CATCHING_UP);
    }
}

/* One line for all instances. */
static void log_carried_out(const struct engine *engine, struct command *command) {
    const size_t changed = atomic_load(&command->changed), late = atomic_load(&command->late);
    char more[64] = "";
    if (late > 0)
        snprintf(more, sizeof more, ", of which %zu catch up first", late);
    if (command->does_suspend)
        log_change_event(engine->log, LOG_LEVEL_WARNING, "strategy", "strategy.suspended",
                         "%s: suspended by an operator, on %zu partition%s, until resumed",
                         command->deployment, changed, text_plural(changed));
    else
        log_change_event(engine->log, LOG_LEVEL_INFO, "strategy", "strategy.resumed",
                         "%s: resumed by an operator, on %zu partition%s%s", command->deployment,
                         changed, text_plural(changed), more);
}

static bool command_all(struct engine *engine, const char *deployment, bool does_suspend,
                        bool does_skip, struct error *error) {
    struct command command = {
        .engine = engine,
        .deployment = deployment,
        .does_suspend = does_suspend,
        .does_skip = does_skip,
    };
    struct deployment *ordered = deployment_set_find(engine->deployment_set, deployment);
    if (ordered == NULL)
        return error_set(error, ERROR_INVALID, "deployment \"%s\" is not running", deployment);
    atomic_store(&ordered->is_suspended, does_suspend);
    atomic_store(&ordered->is_stopped, false);
    const bool did = lanes_call(engine->lanes, engine->lane_count, carry_out, &command,
                                engine->config->revoke_timeout_ns, error);
    log_carried_out(engine, &command);
    return did;
}

static bool is_held(const struct engine *engine, const char *deployment) {
    lock_only_writer(status_lock);
    for (size_t i = 0; i < engine->held_count; i++) {
        if (strcmp(engine->held[i]->name, deployment) == 0)
            return true;
    }
    return false;
}

bool engine_suspend(struct engine *engine, const char *deployment, struct error *error) {
    if (is_held(engine, deployment))
        return error_set(error, ERROR_STATE, "%s is quarantined and not loaded", deployment);
    return command_all(engine, deployment, true, false, error);
}

bool engine_resume(struct engine *engine, const char *deployment, bool does_skip,
                   struct error *error) {
    if (is_held(engine, deployment))
        return reload_readmit(engine, deployment, error);
    return command_all(engine, deployment, false, does_skip, error);
}

bool engine_promote(struct engine *engine, const char *shadow, struct text *answer,
                    struct error *error) {
    size_t taken;
    struct error ignored = {0};
    if (!reload_promote(engine, shadow, answer, error))
        return false;
    /* Under its new name, soon: else a crash would find it under the old one, as the notes say. */
    if (engine->store != NULL)
        (void)engine_checkpoint(engine, engine->config->revoke_timeout_ns, &taken, &ignored);
    return true;
}

/* ---- checkpoints ---- */

struct taking {
    pthread_mutex_t *lock;
    uint64_t ticket; /* the last of them */
    size_t taken;
    struct error error;
};

static void take_on_lane(struct lane *lane, void *argument) {
    struct taking *taking = argument;
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        struct error error = {0};
        const uint64_t ticket = partition != NULL ? checkpointing_take(lane, partition, &error) : 0;
        lock_acquire(taking->lock, status_lock);
        taking->taken += ticket != 0;
        if (ticket > taking->ticket)
            taking->ticket = ticket;
        if (error.code != ERROR_NONE)
            taking->error = error;
        lock_release(taking->lock, status_lock);
    }
}

bool engine_checkpoint(struct engine *engine, int64_t timeout_ns, size_t *taken,
                       struct error *error) {
    struct taking taking = {.lock = &engine->status_lock};
    struct checkpoint_store_totals before, after;
    *taken = 0;
    if (engine->store == NULL)
        return error_set(error, ERROR_STATE, "no state is saved ([take5] keep_state = no)");
    (void)checkpoint_store_status(engine->store, NULL, 0, &before);
    if (!lanes_call(engine->lanes, engine->lane_count, take_on_lane, &taking, timeout_ns, error))
        return false;
    *taken = taking.taken;
    if (taking.error.code != ERROR_NONE) {
        *error = taking.error;
        return false;
    }
    if (taking.ticket != 0 && !checkpoint_store_await(engine->store, taking.ticket, timeout_ns))
        return error_set(error, ERROR_TIMEOUT, "the checkpoints are not all on the disk yet");
    (void)checkpoint_store_status(engine->store, NULL, 0, &after);
    return after.failed == before.failed ||
           error_set(error, ERROR_SYSTEM, "not all checkpoints could be written: %s", after.detail);
}

/* ---- drain ---- */

/* Until every lane has worked off what it had read. */
static bool await_dry(struct engine *engine, int64_t deadline_ns, struct error *error) {
    for (size_t i = 0; i < engine->lane_count; i++) {
        for (;;) {
            const uint64_t seen = event_seen(&engine->changed);
            if (atomic_load(&engine->lanes[i]->is_dry))
                break;
            if (atomic_load(&engine->should_stop) ||
                !event_wait(&engine->changed, seen, deadline_ns))
                return error_set(error, ERROR_TIMEOUT,
                                 "lane %zu is still processing messages that it had read", i);
        }
    }
    return true;
}

/* One whose offsets are held until its catch-up is ended; NULL: none. */
static const struct partition *find_recovering(const struct engine *engine) {
    lock_only_writer(status_lock);
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct partition *partition = engine->partitions[i];
        if (!partition_is_parked(partition) && partition->catch_up != NULL &&
            catch_up_holds(partition->catch_up))
            return partition;
    }
    return NULL;
}

/* Until offsets are held by no recovery: what it is fed has been committed before. What control has
 * to do for it is done here, also what is due by the time alone, such as another try to read. */
static bool await_recovered(struct engine *engine, int64_t deadline_ns, struct error *error) {
    char name[PARTITION_NAME_SIZE];
    for (;;) {
        const uint64_t seen = event_seen(&engine->changed);
        behind_poll(engine);
        const struct partition *partition = find_recovering(engine);
        const int64_t now_ns = clock_monotonic_ns(), due_ns = now_ns + RETRY_NS;
        if (partition == NULL)
            return true;
        if (now_ns >= deadline_ns || atomic_load(&engine->should_stop))
            return error_set(error, ERROR_TIMEOUT, "%s: still catching up; try again",
                             partition_name(partition, name));
        (void)event_wait(&engine->changed, seen, due_ns < deadline_ns ? due_ns : deadline_ns);
    }
}

static void set_draining(struct engine *engine, bool does_drain) {
    atomic_store(&engine->is_draining, does_drain);
    log_change_event(
        engine->log, LOG_LEVEL_INFO, "engine", does_drain ? "drain.begun" : "drain.ended",
        does_drain ? "draining: no new messages are read" : "drain ended: reading resumed");
}

void engine_begin_drained(struct engine *engine) {
    set_draining(engine, true);
}

bool engine_drain(struct engine *engine, bool does_drain, int64_t timeout_ns, struct error *error) {
    const int64_t deadline_ns = clock_monotonic_ns() + timeout_ns;
    struct source *source = engine->options.source;
    uint64_t unconfirmed = 0;
    if (!does_drain || !atomic_load(&engine->is_draining)) {
        for (size_t i = 0; i < engine->lane_count; i++)
            atomic_store(&engine->lanes[i]->is_dry, false);
    }
    set_draining(engine, does_drain);
    if (!does_drain)
        return true;
    if (!await_dry(engine, deadline_ns, error) || !await_recovered(engine, deadline_ns, error))
        return false;
    rebalance_flush(engine, deadline_ns - clock_monotonic_ns());
    if (!offsets_store_now(engine, timeout_ns, error))
        return false;
    for (size_t i = 0; i < engine->lane_count; i++)
        unconfirmed += atomic_load(&engine->lanes[i]->counts.unconfirmed);
    if (!source->ops->commit(source, (int)(timeout_ns / NS_PER_MS), error))
        return false;
    for (size_t i = 0; i < engine->options.publisher->transactor_count; i++) {
        if (transactor_undecided(engine->options.publisher->transactors[i]) > 0)
            return error_set(error, ERROR_TIMEOUT, "lane %zu's last transaction is not committed",
                             i);
    }
    return unconfirmed == 0 ||
           error_set(error, ERROR_TIMEOUT, "%" PRIu64 " records are not acknowledged by a sink yet",
                     unconfirmed);
}
