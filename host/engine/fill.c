#include "base/clock.h"
#include "engine/dispatch.h"
#include "engine/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct partition *engine_partition(const struct engine *engine, int32_t number) {
    for (size_t i = 0; i < engine->partition_count; i++) {
        if (engine->partitions[i]->number == number)
            return engine->partitions[i];
    }
    return NULL;
}

bool engine_add_partition(struct engine *engine, struct partition *partition) {
    pthread_mutex_lock(&engine->status_lock);
    struct partition **grown =
        realloc(engine->partitions, (engine->partition_count + 1) * sizeof *engine->partitions);
    if (grown != NULL) {
        size_t at = engine->partition_count;
        for (; at > 0 && grown[at - 1]->number > partition->number; at--)
            grown[at] = grown[at - 1];
        grown[at] = partition;
        engine->partitions = grown;
        engine->partition_count++;
    }
    pthread_mutex_unlock(&engine->status_lock);
    return grown != NULL;
}

void engine_remove_partition(struct engine *engine, struct partition *partition) {
    pthread_mutex_lock(&engine->status_lock);
    size_t kept = 0;
    for (size_t i = 0; i < engine->partition_count; i++) {
        if (engine->partitions[i] != partition)
            engine->partitions[kept++] = engine->partitions[i];
    }
    engine->partition_count = kept;
    pthread_mutex_unlock(&engine->status_lock);
}

struct lane *engine_home(const struct engine *engine, int32_t number) {
    return engine->lanes[number < 0 ? 0 : (size_t)number % engine->lane_count];
}

bool fill_instance(struct engine *engine, struct seat *seat, struct deployment *deployment,
                   struct projection *draft, struct instance **instance, struct error *error) {
    const struct instance_wiring wiring = {
        .mode = engine->options.mode,
        .partition = seat->partition->number,
        .symbols = seat->partition->symbols,
        .log = engine->log,
        .max_signals_per_callback = (uint32_t)engine->config->max_signals_per_callback,
        .max_timers = (uint32_t)engine->config->max_timers,
        .lookers = &engine->lookers,
        .context = seat,
        .emit = lane_emit,
        .wake = lane_wake,
    };
    *instance =
        instance_create(&deployment->blueprint, &wiring, draft, &engine->loader_hand, error);
    if (*instance == NULL)
        return false;
    instance_set_owner(*instance, seat);
    instance_set_slow(*instance, clock_ns_ticks(engine->config->slow_callback_ns), dispatch_slow);
    return true;
}

bool fill_seat(struct engine *engine, struct seat *seat, struct deployment *deployment,
               struct projection *draft, struct error *error) {
    if (!fill_instance(engine, seat, deployment, draft, &seat->instance, error))
        return false;
    const bool is_quarantined =
        deployment->quarantine != NULL && !atomic_load(&deployment->is_resumed);
    if (is_quarantined || atomic_load(&deployment->is_suspended)) {
        atomic_store(&seat->suspension,
                     is_quarantined ? (int)SUSPENDED_QUARANTINE : (int)SUSPENDED_OPERATOR);
        atomic_store(&seat->resume_ns, INT64_MAX);
    }
    return true;
}

void fill_partition(struct engine *engine, struct partition *partition, struct projection *draft) {
    for (size_t i = 0; i < engine->roster->count; i++) {
        struct deployment *deployment = engine->roster->deployments[i];
        if (deployment_is_global(deployment) != (partition->number == PARTITION_GLOBAL))
            continue;
        struct error error = {0};
        struct seat *seat = seat_new(partition, deployment);
        if (seat == NULL)
            error_set_memory(&error, sizeof *seat, "a seat");
        if (seat == NULL || !fill_seat(engine, seat, deployment, draft, &error)) {
            log_error(engine->log, "engine", "%s on partition %" PRId32 ": does not run: %s",
                      deployment->name, partition->number, error.text);
            atomic_fetch_add(&engine->missing, 1);
            seat_free(seat);
            continue;
        }
        partition->seats[partition->seat_count++] = seat;
    }
}

struct projection *fill_draft(struct engine *engine) {
    return projection_copy(engine->projection);
}

void fill_discard_projections(struct engine *engine, struct lane_projection *projections) {
    for (size_t i = 0; i < engine->lane_count; i++) {
        decoder_free(projections[i].decoder);
        projection_free(projections[i].projection);
        projections[i] = (struct lane_projection){0};
    }
}

bool fill_make_projections(struct engine *engine, struct projection *draft,
                           struct lane_projection *projections, struct error *error) {
    memset(projections, 0, engine->lane_count * sizeof *projections);
    if (projection_slots(draft) == projection_slots(engine->projection))
        return true;
    for (size_t i = 0; i < engine->lane_count; i++) {
        projections[i].projection = projection_copy(draft);
        if (projections[i].projection == NULL) {
            error_set_memory(error, 0, "a lane's projection");
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
    fill_discard_projections(engine, projections);
    return false;
}

static void use_projection(struct lane *lane, void *argument) {
    struct lane_projection *next = argument;
    lane_use_projection(lane, next->projection, next->decoder);
    *next = (struct lane_projection){0};
}

bool fill_use_draft(struct engine *engine, struct projection *draft, struct error *error) {
    struct lane_projection *projections = calloc(engine->lane_count + 1, sizeof *projections);
    void **arguments = calloc(engine->lane_count + 1, sizeof *arguments);
    bool did = projections != NULL && arguments != NULL;
    if (!did) {
        error_set_memory(error, 0, "projections");
        goto done;
    }
    did = fill_make_projections(engine, draft, projections, error);
    if (!did || projections[0].projection == NULL)
        goto done;
    for (size_t i = 0; i < engine->lane_count; i++)
        arguments[i] = &projections[i];
    /* A lane that took it and one that did not are both sound: each still has all older slots. */
    did = lanes_call(engine->lanes, engine->lane_count, use_projection, arguments,
                     engine->config->revoke_timeout_ns, NULL);
    if (!did) {
        error_set(error, ERROR_TIMEOUT, "a lane did not take its new fields in time");
        goto done;
    }
    projection_free(engine->projection);
    engine->projection = draft;
    draft = NULL;
done:
    if (projections != NULL)
        fill_discard_projections(engine, projections);
    free(projections);
    free(arguments);
    projection_free(draft);
    return did;
}
