#include "engine/instances/instances.h"
#include "base/array.h"
#include "base/clock.h"
#include "engine/core/core.h"
#include "engine/crash/crash.h"
#include "engine/lane/emit.h"
#include "engine/lane/lane.h"
#include "engine/lane/task_errors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct partition *engine_partition(const struct engine *engine, int32_t number) {
    lock_only_writer(status_lock);
    for (size_t i = 0; i < engine->partition_count; i++) {
        if (engine->partitions[i]->number == number)
            return engine->partitions[i];
    }
    return NULL;
}

bool engine_add_partition(struct engine *engine, struct partition *partition) {
    lock_acquire(&engine->status_lock, status_lock);
    const bool has_room = ARRAY_RESIZE(engine->partitions, engine->partition_count + 1);
    if (has_room) {
        size_t at = engine->partition_count++;
        for (; at > 0 && engine->partitions[at - 1]->number > partition->number; at--)
            engine->partitions[at] = engine->partitions[at - 1];
        engine->partitions[at] = partition;
    }
    lock_release(&engine->status_lock, status_lock);
    return has_room;
}

void engine_remove_partition(struct engine *engine, struct partition *partition) {
    lock_acquire(&engine->status_lock, status_lock);
    size_t kept = 0;
    for (size_t i = 0; i < engine->partition_count; i++) {
        if (engine->partitions[i] != partition)
            engine->partitions[kept++] = engine->partitions[i];
    }
    engine->partition_count = kept;
    lock_release(&engine->status_lock, status_lock);
}

struct lane *engine_home(const struct engine *engine, int32_t number) {
    return engine->lanes[number < 0 ? 0 : (size_t)number % engine->lane_count];
}

/* Whether anyone reads them; otherwise strategies need not compute any. */
static bool engine_looks_at_series(const struct engine *engine) {
    return engine->options.published != NULL || engine->options.publisher->point_sink != NULL;
}

/* A replay's clock is the data's, for shadows too. */
static enum t5_mode mode_of(const struct engine *engine, const struct deployment *deployment) {
    const bool is_shadow = deployment->shadow_of != NULL && engine->options.mode == T5_MODE_LIVE;
    return is_shadow ? T5_MODE_SHADOW : engine->options.mode;
}

bool instance_for_task(struct engine *engine, struct task *task, struct deployment *deployment,
                       struct projection *draft, struct instance **instance, struct error *error) {
    const struct instance_env env = {
        .mode = mode_of(engine, deployment),
        .partition = task->partition->number,
        .symbols = task->partition->symbols,
        .log = engine->log,
        .max_signals_per_callback = (uint32_t)engine->config->max_signals_per_callback,
        .max_timers = (uint32_t)engine->config->max_timers,
        .call_readers = &engine->call_readers,
        .context = task,
        .emit = lane_emit,
        .publish = engine_looks_at_series(engine) ? lane_publish : NULL,
        .wake = lane_wake,
        .await_memory = lane_await_memory,
    };
    if (deployment->spec.mark == 0)
        deployment->spec.mark = crash_add_name(&deployment->spec, deployment->spec.descriptor);
    *instance = instance_create(&deployment->spec, &env, draft, engine->loader_call, error);
    engine_look_after(engine, deployment->name);
    if (*instance == NULL)
        return false;
    instance_set_slow(*instance, clock_ns_ticks(engine->config->slow_callback_ns), lane_slow);
    return true;
}

bool task_give_instance(struct engine *engine, struct task *task, struct deployment *deployment,
                        struct projection *draft, struct error *error) {
    if (!instance_for_task(engine, task, deployment, draft, &task->instance, error))
        return false;
    const bool is_stopped = atomic_load(&deployment->is_stopped);
    if (is_stopped || atomic_load(&deployment->is_suspended)) {
        atomic_store(&task->suspension, (int)(is_stopped ? SUSPENDED_SLOW : SUSPENDED_OPERATOR));
        atomic_store(&task->resume_ns, INT64_MAX);
    }
    return true;
}

void task_note_refused(struct engine *engine, struct partition *partition,
                       const struct deployment *deployment, const struct error *error) {
    log_event(engine->log, LOG_LEVEL_ERROR, "engine", "strategy.not_running",
              "%s on partition %" PRId32 ": not running: %s", deployment->name, partition->number,
              error->text);
    atomic_fetch_add(&engine->missing, 1);
    lock_acquire(&engine->status_lock, status_lock);
    partition_note_refusal(partition, deployment->name, error->text);
    lock_release(&engine->status_lock, status_lock);
}

bool partition_give_tasks(struct engine *engine, struct partition *partition,
                          struct projection *draft, struct error *error) {
    for (size_t i = 0; i < engine->deployment_set->count; i++) {
        struct deployment *deployment = engine->deployment_set->deployments[i];
        if (deployment_is_global(deployment) != (partition->number == PARTITION_GLOBAL))
            continue;
        struct task *task = task_new(partition, deployment);
        if (task == NULL)
            return error_set_memory(error, "a task");
        if (!task_give_instance(engine, task, deployment, draft, error)) {
            task_free(task);
            if (error->code == ERROR_MEMORY)
                return false;
            task_note_refused(engine, partition, deployment, error);
            continue;
        }
        partition->tasks[partition->task_count++] = task;
    }
    partition_link_shadows(partition);
    return true;
}

struct projection *projection_draft(struct engine *engine) {
    return projection_copy(engine->projection);
}

void lane_projections_discard(struct engine *engine, struct lane_projection *projections) {
    for (size_t i = 0; i < engine->lane_count; i++) {
        decoder_free(projections[i].decoder);
        projection_free(projections[i].projection);
        projections[i] = (struct lane_projection){0};
    }
}

bool lane_projections_make(struct engine *engine, struct projection *draft,
                           struct lane_projection *projections, struct error *error) {
    memset(projections, 0, engine->lane_count * sizeof *projections);
    if (projection_slots(draft) == projection_slots(engine->projection))
        return true;
    for (size_t i = 0; i < engine->lane_count; i++) {
        projections[i].projection = projection_copy(draft);
        if (projections[i].projection == NULL) {
            error_set_memory(error, "a lane's projection");
            goto failed;
        }
        if (!projection_seal(projections[i].projection, error))
            goto failed;
        projections[i].decoder =
            decoder_new(projections[i].projection, &engine->config->decode, error);
        if (projections[i].decoder == NULL)
            goto failed;
    }
    return true;

failed:
    lane_projections_discard(engine, projections);
    return false;
}

static void use_projection(struct lane *lane, void *argument) {
    struct lane_projection *next = (struct lane_projection *)argument + lane->options.index;
    lane_use_projection(lane, next->projection, next->decoder);
    *next = (struct lane_projection){0};
}

bool lane_projections_use(struct engine *engine, struct projection *draft, struct error *error) {
    struct lane_projection *projections = calloc(engine->lane_count + 1, sizeof *projections);
    if (projections == NULL) {
        projection_free(draft);
        return error_set_memory(error, "projections");
    }
    bool did = lane_projections_make(engine, draft, projections, error);
    if (did && projections[0].projection != NULL) {
        /* A lane that took it and one that did not are both sound: each still has all older
         * slots. */
        did = lanes_call(engine->lanes, engine->lane_count, use_projection, projections,
                         engine->config->revoke_timeout_ns, error);
        if (did) {
            projection_free(engine->projection);
            engine->projection = draft;
            draft = NULL;
        }
    }
    lane_projections_discard(engine, projections);
    free(projections);
    projection_free(draft);
    return did;
}
