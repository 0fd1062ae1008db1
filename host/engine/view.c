#include "engine/view.h"

#include "base/clock.h"
#include "base/counter.h"
#include "engine/core/core.h"
#include "engine/lane/lane.h"
#include "engine/watchdog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LAGS 4096

static int64_t total_lag(struct engine *engine) {
    struct source *source = engine->options.source;
    int64_t sum = -1;
    struct source_lag *lags = calloc(MAX_LAGS, sizeof *lags);
    size_t count = lags != NULL ? source->ops->lag(source, lags, MAX_LAGS) : 0;
    for (size_t i = 0; i < count && i < MAX_LAGS; i++) {
        if (lags[i].lag >= 0)
            sum = (sum < 0 ? 0 : sum) + lags[i].lag;
    }
    free(lags);
    return sum;
}

void view_totals(struct engine *engine, struct view_totals *totals) {
    memset(totals, 0, sizeof *totals);
    for (size_t i = 0; i < engine->lane_count; i++) {
        const struct lane_counts *counts = &engine->lanes[i]->counts;
        totals->messages += counter_read(&counts->messages);
        totals->bytes += counter_read(&counts->bytes);
        totals->decoded += counter_read(&counts->decoded);
        totals->seen += counter_read(&counts->seen);
        totals->late += counter_read(&counts->late);
        totals->not_owned += counter_read(&counts->not_owned);
        totals->unconfirmed += counter_read(&counts->unconfirmed);
        totals->throttled += counter_read(&counts->throttled);
        totals->key_differs += counter_read(&counts->key_differs);
        totals->non_finite += counter_read(&counts->non_finite);
        totals->suspect_time += counter_read(&counts->suspect_time);
        totals->unreadable_time += counter_read(&counts->unreadable_time);
        totals->symbols_expired += counter_read(&counts->symbols_expired);
        for (size_t reason = 0; reason < DECODE_REASONS; reason++) {
            totals->bad_by_reason[reason] += counter_read(&counts->bad[reason]);
            totals->bad += counter_read(&counts->bad[reason]);
        }
    }
    totals->signals = counter_read(&engine->options.publisher->signals);
    totals->dead_letters = counter_read(&engine->options.publisher->dead_letters);
    totals->assigned = counter_read(&engine->assigned_count);
    totals->revoked = counter_read(&engine->revoked_count);
    totals->reloads = counter_read(&engine->reloads);
    totals->failed_reloads = counter_read(&engine->failed_reloads);
    totals->missing = counter_read(&engine->missing);
    for (size_t outcome = 0; outcome < REDRIVE_OUTCOMES; outcome++)
        totals->redriven[outcome] = counter_read(&engine->redriven[outcome]);
    totals->generations =
        (engine->generations != NULL ? generations_count(engine->generations) : 0);
    totals->uptime_ns = clock_monotonic_ns() - engine->started_ns;
    totals->started_ns = engine->started_wall_ns;
    totals->lag = total_lag(engine);
}

static enum view_state state_of(enum suspension suspension) {
    switch (suspension) {
    case SUSPENDED_NOT:
        break;
    case SUSPENDED_CATCHING_UP:
        return VIEW_CATCHING_UP;
    case SUSPENDED_PARTIAL:
        return VIEW_WAITING;
    case SUSPENDED_REJECTS:
        return VIEW_SUSPENDED_REJECTS;
    case SUSPENDED_ERRORS:
        return VIEW_SUSPENDED_ERRORS;
    case SUSPENDED_OPERATOR:
        return VIEW_SUSPENDED_OPERATOR;
    }
    return VIEW_RUNNING;
}

/* Catching up ends by itself: another reason is what people want to know of. */
static void add_suspension(struct view_strategy *view, const struct task *task,
                           enum suspension suspension) {
    const struct partition *partition = task->partition;
    if (suspension == SUSPENDED_NOT)
        return;
    view->suspended++;
    view->is_suspended = true;
    if (state_of(suspension) > view->state) {
        view->state = state_of(suspension);
        view->why = suspension_name(suspension);
    }
    if (partition->lane == NULL)
        return;
    view->behind += counter_read(&task->behind);
    if (suspension != SUSPENDED_CATCHING_UP)
        return;
    view->catching_up++;
    view->caught_up += counter_read(&partition->late_handed);
}

REQUIRES(status_lock) static void add_task(struct view_strategy *view, struct task *task) {
    struct instance_counts *counts = instance_counts(task->instance);
    const enum suspension suspension = (enum suspension)atomic_load(&task->suspension);
    view->instances++;
    view->parked += task->partition->lane == NULL;
    add_suspension(view, task, suspension);
    view->unsaved += atomic_load_explicit(&task->is_unsaved, memory_order_relaxed);
    view->messages += counter_read(&counts->messages);
    view->signals += counter_read(&counts->signals);
    view->refused_signals += counter_read(&counts->refused_signals);
    view->errors += counter_read(&counts->errors);
    view->rejects += counter_read(&counts->rejects);
    view->timers_fired += counter_read(&counts->timers_fired);
    view->slow += counter_read(&counts->slow);
    view->passed += counter_read(&task->passed);
    view->suspensions += counter_read(&task->suspensions);
    view->busy_ns += clock_ticks_ns(counter_read(&counts->busy_ticks));
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        view->took[i] += counter_read(&counts->took[i]);
    if (task->last_error[0] != '\0')
        memcpy(view->last_error, task->last_error, sizeof view->last_error);
}

/* Symbols are texts of a configuration: no NUL in them. */
static void add_symbols(struct view_strategy *view, const struct deployment *deployment) {
    size_t used = 0;
    view->symbols = deployment->symbol_count;
    for (size_t i = 0; i < deployment->symbol_count; i++) {
        if (atomic_load_explicit(&deployment->symbols_met[i], memory_order_relaxed)) {
            view->symbols_met++;
            continue;
        }
        const char *comma = used > 0 ? ", " : "";
        const size_t size = strlen(comma) + strlen(deployment->symbols[i]);
        if (used + size < sizeof view->symbols_unmet)
            used +=
                (size_t)sprintf(view->symbols_unmet + used, "%s%s", comma, deployment->symbols[i]);
    }
}

REQUIRES(status_lock)
static void add_partition(struct view_strategy *view, const struct partition *partition,
                          const char *name) {
    struct task *task = partition_task(partition, name);
    const char *why = task == NULL ? partition_refusal(partition, name) : NULL;
    if (task != NULL)
        add_task(view, task);
    if (why == NULL)
        return;
    view->missing++;
    snprintf(view->missing_why, sizeof view->missing_why, "partition %" PRId32 ": %.200s",
             partition->number, why);
}

REQUIRES(status_lock)
static void view_running(struct engine *engine, const struct deployment *deployment,
                         struct view_strategy *view) {
    snprintf(view->name, sizeof view->name, "%s", deployment->name);
    snprintf(view->strategy, sizeof view->strategy, "%s", deployment->description->name);
    snprintf(view->version, sizeof view->version, "%s", deployment->description->version);
    memcpy(view->hash, deployment->hash, sizeof view->hash);
    view->generation = deployment->generation->number;
    view->has_save = deployment->description->has_save;
    view->side = deployment->description->side;
    view->is_global = deployment_is_global(deployment);
    add_symbols(view, deployment);
    if (deployment->differs != NULL)
        snprintf(view->differs, sizeof view->differs, "%s", deployment->differs);
    for (size_t p = 0; p < engine->partition_count; p++)
        add_partition(view, engine->partitions[p], deployment->name);
    if (view->missing > 0 && view->instances == 0)
        view->state = VIEW_REFUSED;
    else if (view->missing > 0 && view->state < VIEW_PARTIAL)
        view->state = VIEW_PARTIAL;
}

/* One that is configured, and not loaded. */
static void view_quarantined(const struct held *held, struct view_strategy *view) {
    snprintf(view->name, sizeof view->name, "%s", held->name);
    snprintf(view->strategy, sizeof view->strategy, "%s", held->strategy);
    snprintf(view->version, sizeof view->version, "%s", held->version);
    memcpy(view->hash, held->hash, sizeof view->hash);
    snprintf(view->quarantine, sizeof view->quarantine, "%s", held->why);
    view->state = VIEW_QUARANTINED;
    view->is_suspended = true;
    view->why = "quarantine";
}

void view_strategies(struct engine *engine,
                     void (*visit)(void *context, const struct view_strategy *strategy),
                     void *context) {
    size_t r = 0, h = 0;
    lock_acquire(&engine->status_lock, status_lock);
    const size_t running = engine->deployment_set != NULL ? engine->deployment_set->count : 0;
    while (r < running || h < engine->held_count) {
        struct view_strategy view = {.why = ""};
        const bool is_held =
            r == running ||
            (h < engine->held_count &&
             strcmp(engine->held[h]->name, engine->deployment_set->deployments[r]->name) < 0);
        if (is_held)
            view_quarantined(engine->held[h++], &view);
        else
            view_running(engine, engine->deployment_set->deployments[r++], &view);
        view.crashes = quarantine_crashes(&engine->quarantine, view.name);
        visit(context, &view);
    }
    lock_release(&engine->status_lock, status_lock);
}

const char *view_strategy_state(const struct view_strategy *strategy) {
    if (strategy->is_suspended)
        return "suspended";
    if (strategy->missing > 0)
        return strategy->instances > 0 ? "partial" : "refused";
    return "running";
}

bool view_is_live(struct engine *engine, char *why, size_t size) {
    if (!watchdog_is_live(engine->watchdog, why, size))
        return false;
    const int64_t began_ns = atomic_load(&engine->reload_began_ns);
    const int64_t for_ns = began_ns != 0 ? clock_monotonic_ns() - began_ns : 0;
    if (for_ns <= 2 * engine->options.config->reload_timeout_ns)
        return true;
    snprintf(why, size, "a reload has been running for %.0f s", (double)for_ns / NS_PER_S);
    return false;
}

bool view_is_stopping(const struct engine *engine) {
    return atomic_load(&engine->should_stop);
}

bool view_is_broken(struct engine *engine, char *why, size_t size) {
    struct error error;
    const bool is_broken = breakdown_has_come(&engine->breakdown, &error);
    snprintf(why, size, "%s", is_broken ? error.text : "");
    return is_broken;
}

uint64_t view_memory_waits(const struct engine *engine) {
    return atomic_load_explicit(&engine->breakdown.waits, memory_order_relaxed);
}

bool view_is_draining(const struct engine *engine) {
    return atomic_load(&engine->is_draining);
}

bool view_is_unattended(const struct engine *engine) {
    return atomic_load(&engine->is_unattended);
}

void view_last_reload(struct engine *engine, struct text *text) {
    lock_acquire(&engine->status_lock, status_lock);
    if (engine->last_reload.size > 0)
        text_append(text, engine->last_reload.data, engine->last_reload.size);
    else
        text_puts(text, "null");
    lock_release(&engine->status_lock, status_lock);
}

/* ---- JSON ---- */

static void write_took(struct json_writer *json, const struct view_strategy *strategy) {
    json_fixed(json, "p50_us", (double)view_took_ns(strategy->took, 0.5) / 1e3, 3);
    json_fixed(json, "p99_us", (double)view_took_ns(strategy->took, 0.99) / 1e3, 3);
    json_begin_array(json, "took");
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        json_unsigned(json, NULL, strategy->took[i]);
    json_end_array(json);
}

void view_strategy_json(const struct view_strategy *strategy, struct json_writer *json) {
    json_begin_object(json, NULL);
    json_text(json, "name", strategy->name);
    json_text(json, "strategy", strategy->strategy);
    json_text(json, "version", strategy->version);
    json_text(json, "state", view_strategy_state(strategy));
    json_text(json, "why", strategy->why);
    json_unsigned(json, "generation", strategy->generation);
    json_text(json, "hash", strategy->hash);
    json_text(json, "scope", strategy->is_global ? "global" : "keyed");
    json_unsigned(json, "instances", strategy->instances);
    json_unsigned(json, "suspended", strategy->suspended);
    json_unsigned(json, "parked", strategy->parked);
    json_unsigned(json, "catching_up", strategy->catching_up);
    json_unsigned(json, "caught_up", strategy->caught_up);
    json_unsigned(json, "behind", strategy->behind);
    json_unsigned(json, "missing", strategy->missing);
    json_text(json, "missing_why", strategy->missing_why);
    json_unsigned(json, "unsaved", strategy->unsaved);
    if (strategy->symbols > 0) {
        json_unsigned(json, "symbols", strategy->symbols);
        json_unsigned(json, "symbols_met", strategy->symbols_met);
        json_text(json, "symbols_unmet", strategy->symbols_unmet);
    }
    json_unsigned(json, "messages", strategy->messages);
    json_unsigned(json, "signals", strategy->signals);
    json_unsigned(json, "refused_signals", strategy->refused_signals);
    json_unsigned(json, "errors", strategy->errors);
    json_unsigned(json, "rejects", strategy->rejects);
    json_unsigned(json, "timers", strategy->timers_fired);
    json_unsigned(json, "slow", strategy->slow);
    json_unsigned(json, "passed", strategy->passed);
    json_unsigned(json, "suspensions", strategy->suspensions);
    json_number(json, "busy_ms", (double)strategy->busy_ns / 1e6);
    write_took(json, strategy);
    json_text(json, "last_error", strategy->last_error);
    json_text(json, "quarantine", strategy->quarantine);
    json_unsigned(json, "crashes", strategy->crashes);
    json_text(json, "differs", strategy->differs);
    json_end_object(json);
}

static void write_strategy(void *context, const struct view_strategy *strategy) {
    view_strategy_json(strategy, context);
}

static void write_totals(struct json_writer *json, const struct view_totals *totals) {
    json_begin_object(json, "totals");
    json_unsigned(json, "messages", totals->messages);
    json_unsigned(json, "bytes", totals->bytes);
    json_unsigned(json, "decoded", totals->decoded);
    json_unsigned(json, "bad", totals->bad);
    json_begin_object(json, "bad_by_reason");
    for (int reason = 1; reason < DECODE_REASONS; reason++) {
        if (totals->bad_by_reason[reason] > 0)
            json_unsigned(json, decode_reason_name((enum decode_reason)reason),
                          totals->bad_by_reason[reason]);
    }
    json_end_object(json);
    json_unsigned(json, "signals", totals->signals);
    json_unsigned(json, "dead_letters", totals->dead_letters);
    json_unsigned(json, "redriven", totals->redriven[REDRIVE_GIVEN]);
    json_unsigned(json, "repeats_dropped", totals->seen);
    json_unsigned(json, "not_owned_dropped", totals->not_owned);
    json_unsigned(json, "unconfirmed", totals->unconfirmed);
    json_unsigned(json, "throttled", totals->throttled);
    json_unsigned(json, "key_differs", totals->key_differs);
    json_unsigned(json, "non_finite", totals->non_finite);
    json_unsigned(json, "suspect_time", totals->suspect_time);
    json_unsigned(json, "unreadable_time", totals->unreadable_time);
    json_unsigned(json, "assignments", totals->assigned);
    json_unsigned(json, "revocations", totals->revoked);
    json_unsigned(json, "reloads", totals->reloads);
    json_unsigned(json, "failed_reloads", totals->failed_reloads);
    json_unsigned(json, "generations", totals->generations);
    json_integer(json, "lag", totals->lag);
    json_end_object(json);
}

static void write_partition(void *context, const struct view_partition *partition) {
    struct json_writer *json = context;
    json_begin_object(json, NULL);
    json_text(json, "topic", partition->topic);
    json_integer(json, "partition", partition->partition);
    json_unsigned(json, "lane", partition->lane);
    json_unsigned(json, "messages", partition->messages);
    json_end_object(json);
}

static void write_assignment(struct json_writer *json, struct engine *engine) {
    json_begin_array(json, "assignment");
    view_each_partition(engine, write_partition, json);
    json_end_array(json);
}

/* What each lane has in hand: null, or the deployment whose callback runs. */
static void write_lanes(struct json_writer *json, struct engine *engine) {
    json_begin_array(json, "lanes");
    for (size_t i = 0; i < engine->lane_count; i++) {
        struct view_lane lane;
        char name[128];
        view_lane(engine, i, &lane);
        json_begin_object(json, NULL);
        json_unsigned(json, "lane", i);
        json_unsigned(json, "messages", lane.messages);
        json_unsigned(json, "unconfirmed", lane.unconfirmed);
        json_unsigned(json, "bytes", lane.bytes);
        json_unsigned(json, "bad", lane.bad);
        json_unsigned(json, "throttled", lane.throttled);
        json_unsigned(json, "partitions", lane.partitions);
        const bool is_in = watchdog_in_callback(engine->watchdog, i, name, sizeof name);
        json_text(json, "in_callback", is_in ? name : NULL);
        json_end_object(json);
    }
    json_end_array(json);
}

static size_t count_parked(struct engine *engine) {
    size_t count = 0;
    lock_acquire(&engine->status_lock, status_lock);
    for (size_t i = 0; i < engine->partition_count; i++)
        count += engine->partitions[i]->lane == NULL;
    lock_release(&engine->status_lock, status_lock);
    return count;
}

static void write_lags(struct json_writer *json, struct engine *engine) {
    struct view_lag *lags = calloc(MAX_LAGS, sizeof *lags);
    const size_t count = lags != NULL ? view_lags(engine, lags, MAX_LAGS) : 0;
    json_begin_array(json, "lag");
    for (size_t i = 0; i < count && i < MAX_LAGS; i++) {
        json_begin_object(json, NULL);
        json_text(json, "topic", lags[i].topic);
        json_integer(json, "partition", lags[i].partition);
        json_integer(json, "lag", lags[i].lag);
        json_integer(json, "committed", lags[i].committed);
        json_integer(json, "end", lags[i].end);
        json_integer(json, "held_back_since", lags[i].held_ms);
        json_end_object(json);
    }
    json_end_array(json);
    free(lags);
}

static void write_sink(void *context, enum view_use use, const struct sink_status *status) {
    struct json_writer *json = context;
    json_begin_object(json, NULL);
    json_text(json, "name", status->name);
    json_text(json, "for", use == VIEW_FOR_DEAD_LETTERS ? "dead letters" : view_use_name(use));
    json_text(json, "delivery", status->is_exactly_once ? "exactly_once" : "at_least_once");
    json_bool(json, "well", status->is_well);
    json_unsigned(json, "queued", status->queued);
    json_unsigned(json, "confirmed", status->confirmed);
    json_unsigned(json, "shortened", status->shortened);
    json_unsigned(json, "refused", status->refused);
    json_unsigned(json, "errors", status->errors);
    json_text(json, "detail", status->detail);
    json_end_object(json);
}

/* null: at least once. */
static void write_transactions(struct json_writer *json, struct engine *engine) {
    struct view_transactions view;
    view_transactions(engine, &view);
    if (!view.is_exactly_once) {
        json_text(json, "transactions", NULL);
        return;
    }
    json_begin_object(json, "transactions");
    json_unsigned(json, "committed", view.committed);
    json_unsigned(json, "aborted", view.aborted);
    json_unsigned(json, "unknown", view.unknown);
    json_unsigned(json, "fenced", view.fenced);
    json_unsigned(json, "dropped", view.dropped);
    json_unsigned(json, "waiting", view.undecided);
    json_fixed(json, "wait_ms", (double)view.wait_ns / 1e6, 3);
    json_fixed(json, "mean_wait_ms", (double)view.mean_wait_ns / 1e6, 3);
    json_end_object(json);
}

/* The age of the last answer, -1 when there was none. */
static void write_source(struct json_writer *json, struct engine *engine) {
    struct source_status source = {0};
    view_source(engine, &source);
    const int64_t age_ns = source.answer_ns > 0 ? clock_monotonic_ns() - source.answer_ns : -1;
    json_begin_object(json, "source");
    json_bool(json, "connected", source.is_connected);
    json_bool(json, "assigned", source.is_assigned);
    json_fixed(json, "answered_s", age_ns >= 0 ? (double)age_ns / NS_PER_S : -1.0, 1);
    json_text(json, "detail", source.detail);
    json_text(json, "missing_topics", source.missing);
    json_text(json, "standing", source.standing);
    json_end_object(json);
}

static double seconds(int64_t ns) {
    return ns >= 0 ? (double)ns / NS_PER_S : -1.0;
}

static void write_checkpoint(void *context, const struct view_checkpoint *checkpoint) {
    struct json_writer *json = context;
    json_begin_object(json, NULL);
    json_integer(json, "partition", checkpoint->partition);
    json_unsigned(json, "number", checkpoint->number);
    json_fixed(json, "age_s", seconds(checkpoint->age_ns), 1);
    json_unsigned(json, "bytes", checkpoint->size);
    json_fixed(json, "write_ms", (double)checkpoint->write_ns / 1e6, 3);
    json_end_object(json);
}

/* Ages are -1 when there is none. */
static void write_checkpoints(struct json_writer *json, struct engine *engine) {
    struct view_checkpoints view;
    view_checkpoints(engine, &view);
    json_begin_object(json, "checkpoints");
    json_bool(json, "kept", view.is_kept);
    json_bool(json, "well", view.is_well);
    json_text(json, "detail", view.detail);
    json_fixed(json, "newest_s", seconds(view.newest_ns), 1);
    json_fixed(json, "oldest_s", seconds(view.oldest_ns), 1);
    json_unsigned(json, "bytes", view.size);
    json_fixed(json, "pause_ms", (double)view.pause_ns / 1e6, 3);
    json_fixed(json, "longest_pause_ms", (double)view.longest_pause_ns / 1e6, 3);
    json_fixed(json, "write_ms", (double)view.write_ns / 1e6, 3);
    json_unsigned(json, "written", view.written);
    json_unsigned(json, "failed", view.failed);
    json_unsigned(json, "bytes_written", view.bytes);
    json_unsigned(json, "journal_bytes_written", view.journal_bytes);
    json_unsigned(json, "recoveries", view.recoveries);
    json_unsigned(json, "catch_ups", view.catch_ups);
    json_unsigned(json, "late_messages", view.late);
    json_begin_array(json, "partitions");
    view_each_checkpoint(engine, write_checkpoint, json);
    json_end_array(json);
    json_end_object(json);
}

void view_status(struct engine *engine, struct text *text) {
    struct json_writer json = json_writer_of(text);
    struct view_totals totals;
    char why[256];
    view_totals(engine, &totals);
    json_begin_object(&json, NULL);
    json_text(&json, "service", engine->options.config->service);
    json_fixed(&json, "uptime_s", (double)totals.uptime_ns / 1e9, 3);
    json_bool(&json, "live", view_is_live(engine, why, sizeof why));
    json_bool(&json, "stopping", view_is_stopping(engine));
    json_bool(&json, "draining", view_is_draining(engine));
    json_text(&json, "stuck", why);
    json_bool(&json, "attended", !view_is_unattended(engine));
    write_source(&json, engine);
    write_totals(&json, &totals);
    json_unsigned(&json, "parked", count_parked(engine));
    write_assignment(&json, engine);
    write_lanes(&json, engine);
    write_lags(&json, engine);
    write_checkpoints(&json, engine);
    json_begin_array(&json, "sinks");
    view_sinks(engine, write_sink, &json);
    json_end_array(&json);
    write_transactions(&json, engine);
    json_begin_array(&json, "strategies");
    view_strategies(engine, write_strategy, &json);
    json_end_array(&json);
    view_last_reload(engine, json_value(&json, "last_reload"));
    json_end_object(&json);
}
