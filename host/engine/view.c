#include "engine/view.h"

#include "base/clock.h"
#include "base/sync/counter.h"
#include "engine/core/core.h"
#include "engine/findings.h"
#include "engine/lane/lane.h"
#include "engine/watchdog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LAGS 4096

static void add_lags(struct engine *engine, struct view_totals *totals) {
    struct source *source = engine->options.source;
    totals->lag = -1;
    struct source_lag *lags = calloc(MAX_LAGS, sizeof *lags);
    size_t count = lags != NULL ? source->ops->lag(source, lags, MAX_LAGS) : 0;
    for (size_t i = 0; i < count && i < MAX_LAGS; i++) {
        if (lags[i].lag < 0)
            totals->lag_unknown++;
        else
            totals->lag = (totals->lag < 0 ? 0 : totals->lag) + lags[i].lag;
    }
    free(lags);
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
        totals->unconfirmed_bytes += counter_read(&counts->unconfirmed_bytes);
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
    totals->points = counter_read(&engine->options.publisher->points);
    totals->dropped_points = counter_read(&engine->options.publisher->dropped_points);
    totals->missed_points =
        engine->options.published != NULL ? published_missed(engine->options.published) : 0;
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
    add_lags(engine, totals);
}

static enum view_state state_of(enum suspension suspension) {
    switch (suspension) {
    case SUSPENDED_NOT:
        break;
    case SUSPENDED_CATCHING_UP:
        return VIEW_CATCHING_UP;
    case SUSPENDED_PARTIAL:
        return VIEW_WAITING;
    case SUSPENDED_SLOW:
        return VIEW_STOPPED_SHADOW;
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
    if (partition_is_parked(partition))
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
    view->parked += partition_is_parked(task->partition);
    add_suspension(view, task, suspension);
    view->unsaved += atomic_load_explicit(&task->is_unsaved, memory_order_relaxed);
    view->messages += counter_read(&counts->messages);
    view->signals += counter_read(&counts->signals);
    view->refused_signals += counter_read(&counts->refused_signals);
    view->points += counter_read(&counts->points);
    view->refused_points += counter_read(&counts->refused_points);
    view->errors += counter_read(&counts->errors);
    view->rejects += counter_read(&counts->rejects);
    view->timers_fired += counter_read(&counts->timers_fired);
    view->slow += counter_read(&counts->slow);
    view->passed += counter_read(&task->passed);
    view->suspensions += counter_read(&task->suspensions);
    view->late += counter_read(&task->late);
    view->history += counter_read(&task->history);
    view->busy_ns += clock_ticks_ns(counter_read(&counts->busy_ticks));
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        view->took[i] += counter_read(&counts->took[i]);
    if (task->last_error[0] != '\0')
        memcpy(view->last_error, task->last_error, sizeof view->last_error);
}

static void add_shadow_counts(struct view_shadow *view, const struct shadow_counts *counts) {
    view->same += counter_read(&counts->same);
    view->changed += counter_read(&counts->changed);
    view->only_original += counter_read(&counts->only_original);
    view->only_shadow += counter_read(&counts->only_shadow);
    view->value_changes += counter_read(&counts->value_changes);
    view->confidence_changes += counter_read(&counts->confidence_changes);
    view->data_changes += counter_read(&counts->data_changes);
    view->uncompared += counter_read(&counts->uncompared);
}

REQUIRES(status_lock)
static void add_shadow(struct view_shadow *view, const struct task *task) {
    const struct shadow *shadow = task->shadow;
    if (shadow == NULL)
        return;
    view->is_behind |= atomic_load(&task->suspension) != SUSPENDED_NOT ||
                       shadow->original == NULL ||
                       atomic_load(&shadow->original->suspension) != SUSPENDED_NOT;
    add_shadow_counts(view, &shadow->counts);
    if (view->since_ns == 0 || shadow->began_ns < view->since_ns)
        view->since_ns = shadow->began_ns;
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
    if (task != NULL) {
        add_task(view, task);
        add_shadow(&view->shadow, task);
    }
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
    if (deployment->shadow_of != NULL)
        snprintf(view->shadow.of, sizeof view->shadow.of, "%s", deployment->shadow_of);
    if (deployment->differs != NULL)
        snprintf(view->differs, sizeof view->differs, "%s", deployment->differs);
    for (size_t p = 0; p < engine->partition_count; p++)
        add_partition(view, engine->partitions[p], deployment->name);
    if (view->missing > 0 && view->instances == 0)
        view->state = VIEW_REFUSED;
    else if (view->missing > 0 && view->state < VIEW_PARTIAL)
        view->state = VIEW_PARTIAL;
}

/* ---- the newest differences of a shadow ---- */

struct samples_of {
    struct shadow_sample items[SHADOW_SAMPLES]; /* newest first */
    size_t count;
};

/* Puts it in its place, if it is new enough; takes its references over. */
static void put_sample(struct samples_of *all, struct shadow_sample *sample) {
    size_t at = all->count;
    while (at > 0 && all->items[at - 1].time_ns < sample->time_ns)
        at--;
    if (at == SHADOW_SAMPLES) {
        shadow_sample_release(sample);
        return;
    }
    if (all->count == SHADOW_SAMPLES)
        shadow_sample_release(&all->items[--all->count]);
    memmove(all->items + at + 1, all->items + at, (all->count - at) * sizeof *all->items);
    all->items[at] = *sample;
    all->count++;
}

REQUIRES(status_lock)
static void gather_samples(const struct engine *engine, const struct view_strategy *view,
                           struct samples_of *all) {
    for (size_t p = 0; view->shadow.of[0] != '\0' && p < engine->partition_count; p++) {
        struct shadow_sample samples[SHADOW_SAMPLES];
        const struct task *task = partition_task(engine->partitions[p], view->name);
        const size_t count =
            task != NULL && task->shadow != NULL ? shadow_copy_samples(task->shadow, samples) : 0;
        for (size_t i = 0; i < count; i++)
            put_sample(all, &samples[i]);
    }
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
        struct samples_of samples = {.count = 0};
        gather_samples(engine, &view, &samples);
        view.shadow.samples = samples.items;
        view.shadow.sample_count = samples.count;
        visit(context, &view);
        while (samples.count > 0)
            shadow_sample_release(&samples.items[--samples.count]);
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
    if (engine->watchdog != NULL && !watchdog_is_live(engine->watchdog, why, size))
        return false; /* before a start there is none */
    const int64_t moved_ns = atomic_load(&engine->reload_moved_ns);
    const int64_t for_ns = moved_ns != 0 ? clock_monotonic_ns() - moved_ns : 0;
    if (for_ns <= 2 * engine->options.config->reload_timeout_ns)
        return true;
    snprintf(why, size, "a reload has made no progress for %.0f s", (double)for_ns / NS_PER_S);
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
