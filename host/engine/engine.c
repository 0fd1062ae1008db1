#include "engine/engine.h"

#include "base/clock.h"
#include "checkpoint/backend.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/crash/crash.h"
#include "engine/crash/crash_text.h"
#include "engine/history/behind.h"
#include "engine/instances/instances.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/journal.h"
#include "engine/lane/lane.h"
#include "engine/lane/publisher.h"
#include "engine/offsets.h"
#include "engine/rebalance/rebalance.h"
#include "engine/reload/held.h"
#include "engine/reload/reload.h"
#include "engine/watchdog.h"
#include "sink/transaction/transactor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What is under way when a stop is asked for gets this part of the time. */
#define HURRY_SHARE  4
/* The thread that writes checkpoints has nothing left to do by then. */
#define STORE_END_NS (5 * NS_PER_S)

struct engine *engine_new(const struct engine_options *options, struct error *error) {
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        error_set_memory(error, "the engine");
        return NULL;
    }
    engine->topics = topics_new(options->config);
    if (engine->topics == NULL) {
        error_set_memory(error, "the topics");
        free(engine);
        return NULL;
    }
    engine->options = *options;
    engine->log = options->log;
    engine->gather.log = options->log;
    engine->config = options->config;
    pthread_mutex_init(&engine->status_lock, NULL);
    pthread_mutex_init(&engine->call_readers, NULL);
    event_init(&engine->changed);
    breakdown_init(&engine->breakdown, options->log);
    options->publisher->breakdown = &engine->breakdown;
    options->publisher->topics = engine->topics;
    text_init(&engine->last_reload);
    engine->started_wall_ns = clock_wall_ns();
    engine->started_ns = clock_monotonic_ns();
    atomic_store(&engine->hurry_ns, INT64_MAX);
    return engine;
}

const struct config *engine_config(const struct engine *engine) {
    return engine->config;
}

void engine_set_samples(struct engine *engine, const struct record *records, size_t count) {
    engine->samples = records;
    engine->sample_count = count;
}

void engine_request_stop(struct engine *engine, int64_t by_ns) {
    const int64_t now_ns = clock_monotonic_ns();
    int64_t none = INT64_MAX; /* engine_stop may have begun, and sets another */
    atomic_compare_exchange_strong(&engine->hurry_ns, &none,
                                   now_ns + (by_ns - now_ns) / HURRY_SHARE);
    atomic_store(&engine->should_stop, true);
    event_signal(&engine->changed);
}

const char *engine_stop_step(const struct engine *engine) {
    return atomic_load(&engine->stop_step);
}

/* ---- start ---- */

/* What ended the process before, or was at work when it ended. */
static void log_former(struct engine *engine) {
    const struct call_table_former *former = crash_former();
    if (former->is_silent && !former->is_other_boot)
        log_change_event(engine->log, LOG_LEVEL_ERROR, "engine", "crash.unexplained",
                         "the previous process (%" PRId64
                         ") exited without a message, outside any strategy; loaded "
                         "were %s",
                         former->pid,
                         former->loaded.size > 0 ? former->loaded.data : "no strategies");
    for (size_t i = 0; i < former->count; i++) {
        const struct call_table_trace *trace = &former->traces[i];
        char place[512] = "none";
        if (trace->is_named)
            snprintf(place, sizeof place, "%s in %s at %s/%" PRId32 "/%" PRId64,
                     trace->name.deployment, callback_name((enum callback)trace->callback),
                     trace->topic[0] != '\0' ? trace->topic : "no message", trace->partition,
                     trace->offset);
        const bool has_line = trace->is_named && trace->at[0] != '\0';
        log_change_event(
            engine->log, LOG_LEVEL_ERROR, "engine", "crash.found",
            "the previous process (%" PRId64 ") %s%s; current call: %s%s%s%s", trace->pid,
            trace->what == CALL_TABLE_UNEXPLAINED ? "exited without a message" : "was ended by ",
            trace->what == CALL_TABLE_UNEXPLAINED ? "" : crash_what_name(trace->what), place,
            has_line ? ", in " : "", has_line ? trace->at : "",
            former->is_other_boot ? "; the machine restarted too" : "");
    }
}

/* Deployments whose very code crashed or hung lately are not let in; so there is no start without
 * knowing who. */
static bool read_quarantine(struct engine *engine, struct error *error) {
    struct patience patience = PATIENCE_INIT;
    if (!engine->options.keeps_state)
        return true;
    log_former(engine);
    while (!quarantine_read(&engine->quarantine, engine->config->state_dir,
                            engine->config->quarantine_ns, error)) {
        if (!breakdown_wait(&engine->breakdown, &patience, "the quarantine"))
            return false;
    }
    return true;
}

/* Nothing runs: fields and deployments come with the first plan. */
static bool make_empty(struct engine *engine, struct error *error) {
    engine->deployment_set = deployment_set_new(0);
    engine->projection = projection_new();
    if (engine->deployment_set == NULL || engine->projection == NULL)
        return error_set_memory(error, "the deployments");
    return projection_seal(engine->projection, error);
}

/* Of what a live host is given; a replay has one already. */
static bool open_journal(struct engine *engine, struct error *error) {
    if (!engine->config->journal_enabled || engine->options.mode != T5_MODE_LIVE)
        return true;
    engine->journal = journal_new(engine->config->journal_path, engine->topics, engine->log, error);
    return engine->journal != NULL;
}

/* Where a live host keeps what its strategies know. */
static bool open_store(struct engine *engine, struct error *error) {
    const struct config *config = engine->config;
    if (!engine->options.keeps_state || !config->keep_state || engine->options.mode != T5_MODE_LIVE)
        return true;
    const char **names = calloc(engine->topics->count + 1, sizeof *names);
    if (names == NULL)
        return error_set_memory(error, "the topics' names");
    for (size_t i = 0; i < engine->topics->count; i++)
        names[i] = topics_name(engine->topics, (uint32_t)i);
    const struct checkpoint_store_options options = {
        .backend = engine->options.checkpoints,
        .hurry_ns = &engine->hurry_ns,
        .state_dir = config->state_dir,
        .group = config->group_id,
        .topics = names,
        .topic_count = engine->topics->count,
        .log = engine->log,
    };
    engine->options.checkpoints = NULL; /* the store's */
    engine->store = checkpoint_store_new(&options, error);
    free(names);
    return engine->store != NULL && (config_peers_list(config, &engine->peers) ||
                                     error_set_memory(error, "the other workers"));
}

/* ---- exactly once ---- */

static bool await_journal(void *context, uint64_t ticket, int64_t timeout_ns) {
    const struct lane *lane = context;
    return checkpoint_store_await(lane->options.store, ticket, timeout_ns);
}

static void wake_lane(void *context) {
    const struct lane *lane = context;
    lane->options.source->ops->wake(lane->options.source, lane->options.index);
}

/* NULL: at least once. */
static struct transactor *transactor_of(const struct engine *engine, size_t lane) {
    const struct publisher *publisher = engine->options.publisher;
    return lane < publisher->transactor_count ? publisher->transactors[lane] : NULL;
}

/* Before any partition is assigned, and so before the lane closes an epoch. */
static void bind_transactor(struct lane *lane) {
    const struct transactor_user user = {
        .context = lane, .await_durable = await_journal, .decided = wake_lane};
    if (lane->options.transactor != NULL)
        transactor_bind(lane->options.transactor, &user);
}

static bool start_lanes(struct engine *engine, struct error *error) {
    const size_t count = (size_t)engine->config->lanes;
    engine->lanes = calloc(count + 1, sizeof *engine->lanes);
    if (engine->lanes == NULL)
        return error_set_memory(error, "the lanes");
    for (size_t i = 0; i < count; i++) {
        const struct lane_options options = {
            .index = (uint32_t)i,
            .config = engine->config,
            .topics = engine->topics,
            .log = engine->log,
            .source = engine->options.source,
            .publisher = engine->options.publisher,
            .transactor = transactor_of(engine, i),
            .status_lock = &engine->status_lock,
            .is_replay = engine->options.mode == T5_MODE_REPLAY,
            .samples = engine->samples,
            .sample_count = engine->sample_count,
            .observed = engine->options.feed_stats != NULL
                            ? feed_stats_lane(engine->options.feed_stats, i)
                            : NULL,
            .published = engine->options.published != NULL
                             ? published_lane(engine->options.published, i)
                             : NULL,
            .is_draining = &engine->is_draining,
            .changed = &engine->changed,
            .hurry_ns = &engine->hurry_ns,
            .sequence = engine->options.sequence,
            .ahead_ns = engine->options.ahead_ns,
            .unusable = engine->options.unusable,
            .unusable_context = engine->options.unusable_context,
            .usable = engine->options.usable,
            .usable_context = engine->options.usable_context,
            .journal = engine->journal,
            .store = engine->store,
            .saving = &engine->saving,
            .current_call = crash_call(i),
            .breakdown = &engine->breakdown,
        };
        struct projection *projection = projection_copy(engine->projection);
        struct decoder *decoder = NULL;
        if (projection == NULL)
            error_set_memory(error, "a lane's projection");
        else if (projection_seal(projection, error))
            decoder = decoder_new(projection, &engine->config->decode, error);
        struct lane *lane = decoder != NULL ? lane_new(&options, projection, decoder, error) : NULL;
        if (lane == NULL) {
            decoder_free(decoder);
            projection_free(projection);
            return false;
        }
        engine->lanes[engine->lane_count++] = lane;
        bind_transactor(lane);
    }
    return true;
}

static int64_t longest_warm_up_ns(const struct plan *plan) {
    int64_t longest_ns = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct deployment *next = plan->items[i].next;
        if (next != NULL && next->warm_up_ns > longest_ns)
            longest_ns = next->warm_up_ns;
    }
    return longest_ns;
}

/* The lanes read from the source as soon as they live; it reports partitions only when polled. */
static bool start_parts(struct engine *engine, const struct plan *plan, struct error *error) {
    const struct source_listener listener = {.context = engine,
                                             .assigned = rebalance_assigned,
                                             .revoked = rebalance_revoked,
                                             .history_ns = longest_warm_up_ns(plan)};
    if (!make_empty(engine, error) || !open_journal(engine, error) || !open_store(engine, error))
        return false;
    if (!engine->options.source->ops->start(engine->options.source, &listener, error))
        return false;
    engine->is_source_started = true;
    if (!start_lanes(engine, error))
        return false;
    engine->watchdog = watchdog_new(engine->lanes, engine->lane_count, engine->loader_call,
                                    &engine->call_readers, engine->config, engine->log, error);
    return engine->watchdog != NULL && rebalance_begin_global(engine, error);
}

bool engine_start(struct engine *engine, struct report *report, struct error *error) {
    struct plan plan = {0};
    const int64_t began_ns = clock_monotonic_ns();
    engine->loader_call = crash_call((size_t)engine->config->lanes);
    if (engine->loader_call == NULL)
        engine->loader_call = &engine->own_loader_call;
    crash_enter_thread(engine->loader_call);
    const struct trust trust = config_trust(engine->config);
    engine->generations = generations_new(engine->config->cache_dir, &trust, error);
    if (engine->generations == NULL || !read_quarantine(engine, error))
        return false;
    const bool did =
        reload_plan_start(engine, engine->samples, engine->sample_count, &plan, report, error) &&
        start_parts(engine, &plan, error) && reload_apply_start(engine, &plan, report, error);
    if (!did)
        plan_report(&plan, false, report);
    engine_set_samples(engine, NULL, 0);
    report->took_ns = clock_monotonic_ns() - began_ns;
    engine_log_report(engine, report, "start");
    plan_release(&plan);
    return did;
}

bool engine_poll(struct engine *engine, int timeout_ms, struct error *error) {
    error->code = ERROR_NONE;
    const bool goes_on =
        engine->options.source->ops->poll(engine->options.source, timeout_ms, error);
    rebalance_prune(engine);
    gather_report(&engine->gather);
    behind_poll(engine);
    engine_look_after(engine, NULL);
    if (breakdown_has_come(&engine->breakdown, error))
        return false;
    return goes_on;
}

void engine_reload_unread(struct engine *engine, const struct report *report) {
    atomic_fetch_add(&engine->failed_reloads, 1);
    engine_keep_report(engine, report);
}

void engine_reload(struct engine *engine, struct config *next, struct report *report) {
    if (reload_run(engine, next, report))
        watchdog_configure(engine->watchdog, engine->config);
}

/* ---- stop ---- */

/* A part of what is left of the time. */
static int64_t share(int64_t deadline_ns, int64_t parts, int64_t of) {
    const int64_t left_ns = deadline_ns - clock_monotonic_ns();
    return left_ns > 0 ? left_ns * parts / of : 0;
}

static void begin_step(struct engine *engine, const char *step) {
    atomic_store(&engine->stop_step, step);
}

/* False: a lane does not get to it. */
static bool hold_lanes(struct engine *engine, int64_t deadline_ns) {
    begin_step(engine, "the lanes to finish their current messages");
    for (size_t i = 0; i < engine->lane_count; i++) {
        char name[128];
        struct error error;
        if (lane_hold(engine->lanes[i], deadline_ns - clock_monotonic_ns(), &error))
            continue;
        const bool is_in_one = watchdog_in_callback(engine->watchdog, i, name, sizeof name);
        log_error(engine->log, "engine", "%s%s%s", error.text,
                  is_in_one ? "; current callback: " : "", is_in_one ? name : "");
        return false;
    }
    return true;
}

struct saving_global {
    uint64_t ticket;
    struct error error;
};

static size_t count_states(const struct engine *engine) {
    lock_only_writer(status_lock);
    size_t count = 0;
    for (size_t i = 0; i < engine->partition_count; i++)
        count += partition_count_states(engine->partitions[i]);
    return count;
}

static void save_global_on_lane(struct lane *lane, void *argument) {
    struct saving_global *saving = argument;
    if (lane->global != NULL)
        saving->ticket = checkpointing_take(lane, lane->global, &saving->error);
}

/* The other partition numbers are saved as they are revoked. */
static void save_global(struct engine *engine, int64_t deadline_ns) {
    struct saving_global saving = {0};
    struct partition *global = engine_partition(engine, PARTITION_GLOBAL);
    if (engine->store == NULL || global == NULL || global->task_count == 0)
        return;
    const bool did = lane_call(engine->lanes[0], save_global_on_lane, &saving,
                               deadline_ns - clock_monotonic_ns(), &saving.error);
    if (did && saving.ticket == 0 && saving.error.code == ERROR_NONE)
        return; /* the last one has it all */
    if (did && saving.ticket != 0 &&
        checkpoint_store_await(engine->store, saving.ticket, share(deadline_ns, 1, 2)) &&
        checkpoint_store_has(engine->store, PARTITION_GLOBAL, global->checkpoint_number))
        return;
    engine->left.states += partition_count_states(global);
}

/* A lane hangs: whatever is there is left. */
static void count_left(struct engine *engine) {
    for (size_t i = 0; i < engine->lane_count; i++)
        engine->left.records += atomic_load(&engine->lanes[i]->counts.unconfirmed);
    engine->left.states = engine->store != NULL ? count_states(engine) : 0;
    engine->left.is_uncommitted = engine->is_source_started;
}

static bool stop(struct engine *engine, int64_t deadline_ns) {
    struct error error;
    atomic_store(&engine->hurry_ns, deadline_ns);
    atomic_store(&engine->should_stop, true);
    atomic_store(&engine->is_stopping, true);
    if (!hold_lanes(engine, deadline_ns))
        return false;
    begin_step(engine, "the sinks to acknowledge");
    rebalance_flush(engine, share(deadline_ns, 1, 2));
    if (!offsets_store_now(engine, deadline_ns - clock_monotonic_ns(), &error))
        log_event(engine->log, LOG_LEVEL_ERROR, "engine", "stop.offsets_not_stored",
                  "not all final offsets are stored: %s", error.text);
    begin_step(engine, "the states of the strategies to be saved");
    if (!breakdown_has_come(&engine->breakdown, NULL))
        save_global(engine, deadline_ns);
    if (engine->is_source_started) {
        begin_step(engine, "Kafka to commit the final offsets");
        engine->left.is_uncommitted = !engine->options.source->ops->close(
            engine->options.source, (int)(share(deadline_ns, 2, 3) / NS_PER_MS));
        for (size_t i = 0; i < engine->options.publisher->transactor_count; i++)
            engine->left.is_uncommitted |=
                transactor_undecided(engine->options.publisher->transactors[i]) > 0;
    }
    begin_step(engine, "the strategies to be destroyed");
    rebalance_end(engine);
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_stop(engine->lanes[i]);
    return true;
}

void engine_leave(struct engine *engine) {
    struct source *source = engine->options.source;
    if (source->ops->leave != NULL)
        source->ops->leave(source);
}

bool engine_stop(struct engine *engine, int64_t by_ns, struct engine_left *left) {
    const bool did = stop(engine, by_ns);
    if (!did)
        count_left(engine);
    watchdog_end(engine->watchdog);
    engine->left.is_broken = breakdown_has_come(&engine->breakdown, NULL);
    atomic_store(&engine->has_stopped, true);
    event_signal(&engine->changed);
    *left = engine->left;
    return did;
}

void engine_free(struct engine *engine) {
    if (engine == NULL)
        return;
    lock_alone(status_lock);
    watchdog_free(engine->watchdog);
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_free(engine->lanes[i]);
    journal_free(engine->journal);
    (void)checkpoint_store_free(engine->store, STORE_END_NS);
    config_peers_release(&engine->peers);
    if (engine->options.checkpoints != NULL)
        engine->options.checkpoints->ops->free(engine->options.checkpoints);
    free(engine->lanes);
    while (engine->refused_count > 0)
        free(engine->refused[--engine->refused_count]);
    free(engine->refused);
    free(engine->partitions);
    projection_free(engine->projection);
    deployment_set_release(engine->deployment_set);
    held_release(engine);
    quarantine_release(&engine->quarantine);
    generations_free(engine->generations);
    offset_tracker_release(&engine->orphans);
    free(engine->topics);
    config_free(engine->owned_config);
    text_release(&engine->last_reload);
    pthread_mutex_destroy(&engine->status_lock);
    pthread_mutex_destroy(&engine->call_readers);
    event_release(&engine->changed);
    breakdown_release(&engine->breakdown);
    crash_leave_thread();
    free(engine);
}
