#include "engine/engine.h"

#include "base/clock.h"
#include "engine/crash.h"
#include "engine/dispatch.h"
#include "engine/good.h"
#include "engine/internal.h"
#include "engine/journal.h"
#include "engine/keep.h"
#include "engine/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct engine *engine_new(const struct engine_options *options, struct error *error) {
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        error_set_memory(error, sizeof *engine, "the engine");
        return NULL;
    }
    engine->options = *options;
    engine->log = options->log;
    engine->config = options->config;
    pthread_mutex_init(&engine->status_lock, NULL);
    pthread_mutex_init(&engine->lookers, NULL);
    text_init(&engine->last_reload);
    engine->started_wall_ns = clock_wall_ns();
    engine->started_ns = clock_monotonic_ns();
    return engine;
}

const struct config *engine_config(const struct engine *engine) {
    return engine->config;
}

void engine_request_stop(struct engine *engine) {
    atomic_store(&engine->should_stop, true);
}

/* ---- start ---- */

/* Deployments whose very code crashed or hung lately begin suspended. */
static void quarantine(struct engine *engine, struct muster *muster) {
    size_t count = 0;
    if (!engine->options.keeps_state || engine->config->on_crash != ON_CRASH_QUARANTINE)
        return;
    struct crash_record *crashes =
        crash_recent(engine->config->state_dir, engine->config->quarantine_ns, &count);
    for (size_t c = 0; c < count; c++) {
        for (size_t i = 0; i < muster->count; i++) {
            struct deployment *deployment = muster->items[i].next;
            if (deployment == NULL || strcmp(deployment->name, crashes[c].deployment) != 0 ||
                strcmp(deployment->hash, crashes[c].hash) != 0)
                continue;
            free(deployment->quarantine);
            deployment->quarantine = text_format(
                "crashed (%s) in %s at %s/%" PRId64 "/%" PRId64 "; resume it, or deploy another "
                "file",
                crashes[c].what, crashes[c].callback, crashes[c].topic, crashes[c].partition,
                crashes[c].offset);
        }
    }
    for (size_t i = 0; i < muster->count; i++) {
        const struct deployment *deployment = muster->items[i].next;
        if (deployment != NULL && deployment->quarantine != NULL)
            log_error(engine->log, "engine", "%s starts suspended (quarantine): %s",
                      deployment->name, deployment->quarantine);
    }
    free(crashes);
}

static struct roster *first_roster(struct muster *muster, struct report *report) {
    struct deployment **deployments = calloc(muster->count + 1, sizeof *deployments);
    size_t count = 0;
    if (deployments == NULL)
        return NULL;
    for (size_t i = 0; i < muster->count; i++) {
        if (muster->items[i].next == NULL)
            continue;
        deployments[count++] = deployment_retain(muster->items[i].next);
        report_add(report, muster->items[i].name, OUTCOME_LOADED, "%s",
                   muster->items[i].next->description->version);
    }
    struct roster *roster = roster_new(deployments, count);
    for (size_t i = 0; roster == NULL && i < count; i++)
        deployment_release(deployments[i]);
    free(deployments);
    return roster;
}

/* The envelope, and all fields that descriptors name: what `create` declares comes on top. */
static bool first_projection(struct engine *engine, struct error *error) {
    engine->projection = projection_new();
    if (engine->projection == NULL)
        return error_set_memory(error, 0, "the projection");
    for (size_t i = 0; i < engine->roster->count; i++) {
        const struct description *description = engine->roster->deployments[i]->description;
        for (size_t f = 0; f < description->field_count; f++) {
            uint32_t slot;
            const char *field = description->fields[f];
            if (!projection_add(engine->projection, field, strlen(field), &slot, error))
                return error_prefix(
                    error, "%s: field \"%s\": ", engine->roster->deployments[i]->name, field);
        }
    }
    return projection_seal(engine->projection, error);
}

/* Of what a live host is given; a replay has one already. */
static bool open_journal(struct engine *engine, struct error *error) {
    if (!engine->config->journal_enabled || engine->options.mode != T5_MODE_LIVE)
        return true;
    engine->journal = journal_new(engine->config, engine->log, error);
    return engine->journal != NULL;
}

static bool start_lanes(struct engine *engine, struct error *error) {
    const size_t count = (size_t)engine->config->lanes;
    engine->lanes = calloc(count + 1, sizeof *engine->lanes);
    if (engine->lanes == NULL)
        return error_set_memory(error, count, "the lanes");
    for (size_t i = 0; i < count; i++) {
        const struct lane_options options = {
            .index = (uint32_t)i,
            .config = engine->config,
            .log = engine->log,
            .source = engine->options.source,
            .outbox = engine->options.outbox,
            .status_lock = &engine->status_lock,
            .is_replay = engine->options.mode == T5_MODE_REPLAY,
            .observed = engine->options.observer != NULL
                            ? observer_lane(engine->options.observer, i)
                            : NULL,
            .is_draining = &engine->is_draining,
            .sequence = engine->options.sequence,
            .unusable = engine->options.unusable,
            .unusable_context = engine->options.unusable_context,
            .journal = engine->journal,
        };
        struct projection *projection = projection_copy(engine->projection);
        struct decoder *decoder = NULL;
        if (projection == NULL)
            error_set_memory(error, 0, "a lane's projection");
        else if (projection_seal(projection, error))
            decoder = decoder_new(projection, &engine->config->decode, error);
        struct lane *lane = decoder != NULL ? lane_new(&options, projection, decoder, error) : NULL;
        if (lane == NULL) {
            decoder_free(decoder);
            projection_free(projection);
            return false;
        }
        engine->lanes[engine->lane_count++] = lane;
    }
    return true;
}

void engine_keep_good(struct engine *engine) {
    for (size_t i = 0; engine->options.keeps_state && i < engine->roster->count; i++) {
        struct error error;
        const struct deployment *deployment = engine->roster->deployments[i];
        if (deployment->differs == NULL &&
            !good_keep(engine->config->state_dir, deployment->generation, &error))
            log_warning(engine->log, "engine", "%s: no copy is kept for the next start: %s",
                        deployment->name, error.text);
    }
}

bool engine_start(struct engine *engine, struct report *report, struct error *error) {
    struct muster muster = {0};
    bool did = false;
    const int64_t began_ns = clock_monotonic_ns();
    crash_enter_thread(&engine->loader_hand);
    engine->generations = generations_new(engine->config->cache_dir, error);
    if (engine->generations == NULL)
        return false;
    const struct muster_request request = {
        .config = engine->config,
        .generations = engine->generations,
        .log = engine->log,
        .program = engine->options.program,
        .does_rehearse = engine->options.does_rehearse,
        .good_dir = engine->options.keeps_state ? engine->config->state_dir : NULL,
    };
    if (!muster_build(&request, &muster, report)) {
        error_set(error, ERROR_INVALID, "%s",
                  report->faults.count > 0 ? report->faults.items[0].text : "no deployments");
        goto done;
    }
    quarantine(engine, &muster);
    engine->roster = first_roster(&muster, report);
    if (engine->roster == NULL) {
        error_set_memory(error, 0, "the roster");
        goto done;
    }
    if (!first_projection(engine, error) || !open_journal(engine, error))
        goto done;
    /* Lanes read from the source as soon as they live; it tells of partitions only when polled. */
    const struct source_listener listener = {
        .context = engine, .assigned = ownership_assigned, .revoked = ownership_revoked};
    if (!engine->options.source->ops->start(engine->options.source, &listener, error))
        goto done;
    engine->is_source_started = true;
    if (!start_lanes(engine, error))
        goto done;
    engine->watch = watch_new(engine->lanes, engine->lane_count, &engine->loader_hand,
                              &engine->lookers, engine->config, engine->log, error);
    did = engine->watch != NULL && ownership_begin_global(engine, error);
    if (did)
        engine_keep_good(engine);
done:
    report->took_ns = clock_monotonic_ns() - began_ns;
    engine_log_report(engine, report, "start");
    muster_release(&muster);
    return did;
}

bool engine_poll(struct engine *engine, int timeout_ms, struct error *error) {
    error->code = ERROR_NONE;
    const bool goes_on =
        engine->options.source->ops->poll(engine->options.source, timeout_ms, error);
    ownership_prune(engine);
    return goes_on;
}

/* ---- suspend and resume ---- */

struct order {
    struct engine *engine;
    const char *deployment;
    bool does_suspend;
    size_t found;
};

static void carry_out(struct lane *lane, void *argument) {
    struct order *order = argument;
    for (size_t i = 0; i < order->engine->partition_count; i++) {
        struct partition *partition = order->engine->partitions[i];
        struct seat *seat =
            partition->home == lane ? partition_seat(partition, order->deployment) : NULL;
        if (seat == NULL)
            continue;
        order->found++;
        if (order->does_suspend)
            dispatch_suspend(lane, seat, SUSPENDED_OPERATOR, INT64_MAX);
        else if (atomic_load(&seat->suspension) != SUSPENDED_NOT)
            dispatch_resume(lane, seat);
    }
}

static bool order_all(struct engine *engine, const char *deployment, bool does_suspend,
                      struct error *error) {
    struct order order = {engine, deployment, does_suspend, 0};
    struct deployment *ordered = roster_find(engine->roster, deployment);
    if (ordered == NULL)
        return error_set(error, ERROR_INVALID, "no deployment \"%s\" runs", deployment);
    atomic_store(&ordered->is_suspended, does_suspend);
    atomic_store(&ordered->is_resumed, !does_suspend);
    for (size_t i = 0; i < engine->lane_count; i++) {
        if (!lane_call(engine->lanes[i], carry_out, &order, engine->config->revoke_timeout_ns))
            return error_set(error, ERROR_TIMEOUT, "lane %zu does not answer", i);
    }
    return true;
}

bool engine_suspend(struct engine *engine, const char *deployment, struct error *error) {
    return order_all(engine, deployment, true, error);
}

bool engine_resume(struct engine *engine, const char *deployment, struct error *error) {
    return order_all(engine, deployment, false, error);
}

/* ---- drain ---- */

static void store_now(struct lane *lane, void *argument) {
    (void)argument;
    lane_store(lane);
}

/* Until every lane has worked off what it had read. */
static bool await_dry(struct engine *engine, int64_t deadline_ns, struct error *error) {
    const struct timespec step = {.tv_nsec = 2 * NS_PER_MS};
    for (size_t i = 0; i < engine->lane_count; i++) {
        while (!atomic_load(&engine->lanes[i]->is_dry)) {
            if (clock_monotonic_ns() >= deadline_ns)
                return error_set(error, ERROR_TIMEOUT, "lane %zu is still at what it had read", i);
            nanosleep(&step, NULL);
        }
    }
    return true;
}

bool engine_drain(struct engine *engine, bool does_drain, int64_t timeout_ns, struct error *error) {
    const int64_t deadline_ns = clock_monotonic_ns() + timeout_ns;
    struct source *source = engine->options.source;
    uint64_t unconfirmed = 0;
    if (!does_drain || !atomic_load(&engine->is_draining)) {
        for (size_t i = 0; i < engine->lane_count; i++)
            atomic_store(&engine->lanes[i]->is_dry, false);
    }
    atomic_store(&engine->is_draining, does_drain);
    log_info(engine->log, "engine",
             does_drain ? "draining: no new messages are read" : "reading again");
    if (!does_drain)
        return true;
    if (!await_dry(engine, deadline_ns, error))
        return false;
    ownership_flush(engine, deadline_ns - clock_monotonic_ns());
    for (size_t i = 0; i < engine->lane_count; i++) {
        if (!lane_call(engine->lanes[i], store_now, NULL, timeout_ns))
            return error_set(error, ERROR_TIMEOUT, "lane %zu does not answer", i);
        unconfirmed += atomic_load(&engine->lanes[i]->counts.unconfirmed);
    }
    if (!source->ops->commit(source, (int)(timeout_ns / NS_PER_MS), error))
        return false;
    return unconfirmed == 0 ||
           error_set(error, ERROR_TIMEOUT, "%" PRIu64 " records are not confirmed by a sink yet",
                     unconfirmed);
}

/* ---- stop ---- */

static int ms_until(int64_t deadline_ns) {
    const int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left_ms > 0 ? (int)left_ms : 0;
}

static bool stop(struct engine *engine, int64_t timeout_ns) {
    const int64_t deadline_ns = clock_monotonic_ns() + timeout_ns;
    bool is_clean = true;
    atomic_store(&engine->should_stop, true);
    atomic_store(&engine->is_stopping, true);
    for (size_t i = 0; i < engine->lane_count; i++) {
        if (!lane_hold(engine->lanes[i], deadline_ns - clock_monotonic_ns())) {
            log_error(engine->log, "engine", "lane %zu does not end its message in time", i);
            return false;
        }
    }
    ownership_flush(engine, (deadline_ns - clock_monotonic_ns()) / 2);
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_call(engine->lanes[i], store_now, NULL, deadline_ns - clock_monotonic_ns());
    if (engine->is_source_started) {
        is_clean =
            engine->options.source->ops->close(engine->options.source, ms_until(deadline_ns));
        if (!is_clean)
            log_error(engine->log, "engine", "the source did not close in time");
    }
    if (engine->options.keeps_state && engine->config->keep_state)
        keep_all(engine, deadline_ns);
    ownership_end(engine);
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_stop(engine->lanes[i]);
    return is_clean;
}

bool engine_stop(struct engine *engine, int64_t timeout_ns) {
    const bool is_clean = stop(engine, timeout_ns);
    atomic_store(&engine->has_stopped, true);
    return is_clean;
}

void engine_free(struct engine *engine) {
    if (engine == NULL)
        return;
    watch_free(engine->watch);
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_free(engine->lanes[i]);
    journal_free(engine->journal);
    free(engine->lanes);
    free(engine->partitions);
    projection_free(engine->projection);
    roster_release(engine->roster);
    generations_free(engine->generations);
    progress_release(&engine->orphans);
    config_free(engine->owned_config);
    text_release(&engine->last_reload);
    pthread_mutex_destroy(&engine->status_lock);
    pthread_mutex_destroy(&engine->lookers);
    crash_leave_thread();
    free(engine);
}
