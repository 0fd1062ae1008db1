#include "engine/view.h"

#include "base/clock.h"
#include "engine/internal.h"
#include "engine/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LAGS 4096

static uint64_t load(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

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
        totals->messages += load(&counts->messages);
        totals->bytes += load(&counts->bytes);
        totals->decoded += load(&counts->decoded);
        totals->seen += load(&counts->seen);
        totals->not_owned += load(&counts->not_owned);
        totals->unconfirmed += load(&counts->unconfirmed);
        totals->throttled += load(&counts->throttled);
        totals->key_differs += load(&counts->key_differs);
        totals->non_finite += load(&counts->non_finite);
        totals->suspect_time += load(&counts->suspect_time);
        totals->symbols_expired += load(&counts->symbols_expired);
        for (size_t reason = 0; reason < DECODE_REASONS; reason++) {
            totals->bad_by_reason[reason] += load(&counts->bad[reason]);
            totals->bad += load(&counts->bad[reason]);
        }
    }
    totals->signals = load(&engine->options.outbox->signals);
    totals->letters = load(&engine->options.outbox->letters);
    totals->assigned = load(&engine->assigned_count);
    totals->revoked = load(&engine->revoked_count);
    totals->reloads = load(&engine->reloads);
    totals->failed_reloads = load(&engine->failed_reloads);
    totals->missing = load(&engine->missing);
    for (size_t outcome = 0; outcome < REDRIVE_OUTCOMES; outcome++)
        totals->redriven[outcome] = load(&engine->redriven[outcome]);
    totals->generations = generations_count(engine->generations);
    totals->uptime_ns = clock_monotonic_ns() - engine->started_ns;
    totals->lag = total_lag(engine);
}

void view_latency(struct engine *engine, struct view_latency *latency) {
    memset(latency, 0, sizeof *latency);
    for (size_t i = 0; i < engine->lane_count; i++) {
        const struct lane_counts *counts = &engine->lanes[i]->counts;
        for (size_t bucket = 0; bucket < 16; bucket++) {
            latency->event[bucket] += load(&counts->event_latency[bucket]);
            latency->kafka[bucket] += load(&counts->kafka_latency[bucket]);
        }
        latency->event_sum_us += load(&counts->event_latency_sum_us);
        latency->kafka_sum_us += load(&counts->kafka_latency_sum_us);
    }
}

static void add_seat(struct view_strategy *view, struct seat *seat) {
    struct instance_counts *counts = instance_counts(seat->instance);
    const enum suspension suspension = (enum suspension)atomic_load(&seat->suspension);
    view->instances++;
    view->parked += seat->partition->lane == NULL;
    view->suspended += suspension != SUSPENDED_NOT;
    if (suspension != SUSPENDED_NOT) {
        view->is_suspended = true;
        view->why = suspension_name(suspension);
    }
    view->messages += load(&counts->messages);
    view->signals += load(&counts->signals);
    view->refused_signals += load(&counts->refused_signals);
    view->errors += load(&counts->errors);
    view->rejects += load(&counts->rejects);
    view->timers_fired += load(&counts->timers_fired);
    view->slow += load(&counts->slow);
    view->passed += load(&seat->passed);
    view->suspensions += load(&seat->suspensions);
    view->busy_ns += clock_ticks_ns(load(&counts->busy_ticks));
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        view->took[i] += load(&counts->took[i]);
    if (seat->last_error[0] != '\0')
        memcpy(view->last_error, seat->last_error, sizeof view->last_error);
}

void view_strategies(struct engine *engine,
                     void (*visit)(void *context, const struct view_strategy *strategy),
                     void *context) {
    pthread_mutex_lock(&engine->status_lock);
    for (size_t i = 0; engine->roster != NULL && i < engine->roster->count; i++) {
        const struct deployment *deployment = engine->roster->deployments[i];
        struct view_strategy view = {.why = ""};
        snprintf(view.name, sizeof view.name, "%s", deployment->name);
        snprintf(view.strategy, sizeof view.strategy, "%s", deployment->description->name);
        snprintf(view.version, sizeof view.version, "%s", deployment->description->version);
        memcpy(view.hash, deployment->hash, sizeof view.hash);
        view.generation = deployment->generation->number;
        view.has_save = deployment->description->has_save;
        view.is_global = deployment_is_global(deployment);
        if (deployment->quarantine != NULL)
            snprintf(view.quarantine, sizeof view.quarantine, "%s", deployment->quarantine);
        if (deployment->differs != NULL)
            snprintf(view.differs, sizeof view.differs, "%s", deployment->differs);
        for (size_t p = 0; p < engine->partition_count; p++) {
            struct seat *seat = partition_seat(engine->partitions[p], deployment->name);
            if (seat != NULL)
                add_seat(&view, seat);
        }
        if (deployment->quarantine != NULL && view.instances == 0) {
            view.is_suspended = true; /* as its instances will be */
            view.why = suspension_name(SUSPENDED_QUARANTINE);
        }
        visit(context, &view);
    }
    pthread_mutex_unlock(&engine->status_lock);
}

bool view_is_live(struct engine *engine, char *why, size_t size) {
    if (!watch_is_live(engine->watch, why, size))
        return false;
    const int64_t began_ns = atomic_load(&engine->reload_began_ns);
    const int64_t for_ns = began_ns != 0 ? clock_monotonic_ns() - began_ns : 0;
    if (for_ns <= 2 * engine->options.config->reload_timeout_ns)
        return true;
    snprintf(why, size, "a reload has been under way for %.0f s", (double)for_ns / NS_PER_S);
    return false;
}

bool view_is_stopping(const struct engine *engine) {
    return atomic_load(&engine->should_stop);
}

bool view_is_draining(const struct engine *engine) {
    return atomic_load(&engine->is_draining);
}

void view_last_reload(struct engine *engine, struct text *text) {
    pthread_mutex_lock(&engine->status_lock);
    if (engine->last_reload.size > 0)
        text_append(text, engine->last_reload.data, engine->last_reload.size);
    else
        text_puts(text, "null");
    pthread_mutex_unlock(&engine->status_lock);
}

/* ---- JSON ---- */

static void member_text(struct text *text, const char *name, const char *value) {
    text_printf(text, ",\"%s\":", name);
    text_json_string(text, value, strlen(value));
}

static void member_number(struct text *text, const char *name, uint64_t value) {
    text_printf(text, ",\"%s\":%" PRIu64, name, value);
}

struct strategy_list {
    struct text *text;
    bool is_more;
};

static void write_took(const struct view_strategy *strategy, struct text *text) {
    text_printf(text, ",\"p50_us\":%.3f,\"p99_us\":%.3f,\"took\":[",
                (double)view_took_ns(strategy->took, 0.5) / 1e3,
                (double)view_took_ns(strategy->took, 0.99) / 1e3);
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        text_printf(text, "%s%" PRIu64, i > 0 ? "," : "", strategy->took[i]);
    text_putc(text, ']');
}

void view_strategy_json(const struct view_strategy *strategy, struct text *text) {
    text_puts(text, "{\"name\":");
    text_json_string(text, strategy->name, strlen(strategy->name));
    member_text(text, "strategy", strategy->strategy);
    member_text(text, "version", strategy->version);
    member_text(text, "state", strategy->is_suspended ? "suspended" : "running");
    member_text(text, "why", strategy->why);
    member_number(text, "generation", strategy->generation);
    member_text(text, "hash", strategy->hash);
    member_text(text, "scope", strategy->is_global ? "global" : "keyed");
    member_number(text, "instances", strategy->instances);
    member_number(text, "suspended", strategy->suspended);
    member_number(text, "parked", strategy->parked);
    member_number(text, "messages", strategy->messages);
    member_number(text, "signals", strategy->signals);
    member_number(text, "refused_signals", strategy->refused_signals);
    member_number(text, "errors", strategy->errors);
    member_number(text, "rejects", strategy->rejects);
    member_number(text, "timers", strategy->timers_fired);
    member_number(text, "slow", strategy->slow);
    member_number(text, "passed", strategy->passed);
    member_number(text, "suspensions", strategy->suspensions);
    text_puts(text, ",\"busy_ms\":");
    text_json_number(text, (double)strategy->busy_ns / 1e6);
    write_took(strategy, text);
    member_text(text, "last_error", strategy->last_error);
    member_text(text, "quarantine", strategy->quarantine);
    member_text(text, "differs", strategy->differs);
    text_putc(text, '}');
}

static void write_strategy(void *context, const struct view_strategy *strategy) {
    struct strategy_list *list = context;
    if (list->is_more)
        text_putc(list->text, ',');
    list->is_more = true;
    view_strategy_json(strategy, list->text);
}

static void write_totals(struct text *text, const struct view_totals *totals) {
    text_printf(text, "\"messages\":%" PRIu64, totals->messages);
    member_number(text, "bytes", totals->bytes);
    member_number(text, "decoded", totals->decoded);
    member_number(text, "bad", totals->bad);
    text_puts(text, ",\"bad_by_reason\":{");
    bool is_more = false;
    for (int reason = 1; reason < DECODE_REASONS; reason++) {
        if (totals->bad_by_reason[reason] == 0)
            continue;
        text_printf(text, "%s\"%s\":%" PRIu64, is_more ? "," : "",
                    decode_reason_name((enum decode_reason)reason), totals->bad_by_reason[reason]);
        is_more = true;
    }
    text_putc(text, '}');
    member_number(text, "signals", totals->signals);
    member_number(text, "dead_letters", totals->letters);
    member_number(text, "redriven", totals->redriven[REDRIVE_GIVEN]);
    member_number(text, "repeats_dropped", totals->seen);
    member_number(text, "not_owned_dropped", totals->not_owned);
    member_number(text, "unconfirmed", totals->unconfirmed);
    member_number(text, "throttled", totals->throttled);
    member_number(text, "key_differs", totals->key_differs);
    member_number(text, "non_finite", totals->non_finite);
    member_number(text, "suspect_time", totals->suspect_time);
    member_number(text, "assignments", totals->assigned);
    member_number(text, "revocations", totals->revoked);
    member_number(text, "reloads", totals->reloads);
    member_number(text, "failed_reloads", totals->failed_reloads);
    member_number(text, "generations", totals->generations);
    text_printf(text, ",\"lag\":%" PRId64, totals->lag);
}

/* The (topic, partition)s that are held. `next` is read while a lane writes it: a snapshot. */
static void write_assignment(struct engine *engine, struct text *text) {
    bool is_more = false;
    pthread_mutex_lock(&engine->status_lock);
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct partition *partition = engine->partitions[i];
        for (size_t topic = 0; topic < partition->topic_count; topic++) {
            if (!partition->topics[topic].is_owned)
                continue;
            text_puts(text, is_more ? ",{\"topic\":" : "{\"topic\":");
            is_more = true;
            const char *name = engine->options.config->topics[topic].name;
            text_json_string(text, name, strlen(name));
            text_printf(text, ",\"partition\":%" PRId32 ",\"lane\":%" PRIu32 "}", partition->number,
                        partition->home->options.index);
        }
    }
    pthread_mutex_unlock(&engine->status_lock);
}

/* What each lane has in hand: null, or the deployment whose callback runs. */
static void write_lanes(struct engine *engine, struct text *text) {
    for (size_t i = 0; i < engine->lane_count; i++) {
        struct view_lane lane;
        view_lane(engine, i, &lane);
        text_printf(text, "%s{\"lane\":%zu,\"messages\":%" PRIu64 ",\"unconfirmed\":%" PRIu64,
                    i > 0 ? "," : "", i, lane.messages, lane.unconfirmed);
        member_number(text, "bytes", lane.bytes);
        member_number(text, "bad", lane.bad);
        member_number(text, "throttled", lane.throttled);
        member_number(text, "partitions", lane.partitions);
        char name[128];
        if (watch_in_callback(engine->watch, i, name, sizeof name)) {
            member_text(text, "in_callback", name);
            text_putc(text, '}');
        } else {
            text_puts(text, ",\"in_callback\":null}");
        }
    }
}

static size_t count_parked(struct engine *engine) {
    size_t count = 0;
    pthread_mutex_lock(&engine->status_lock);
    for (size_t i = 0; i < engine->partition_count; i++)
        count += engine->partitions[i]->lane == NULL;
    pthread_mutex_unlock(&engine->status_lock);
    return count;
}

static void write_lags(struct engine *engine, struct text *text) {
    struct source *source = engine->options.source;
    struct source_lag *lags = calloc(MAX_LAGS, sizeof *lags);
    size_t count = lags != NULL ? source->ops->lag(source, lags, MAX_LAGS) : 0;
    for (size_t i = 0; i < count && i < MAX_LAGS; i++) {
        text_puts(text, i > 0 ? ",{\"topic\":" : "{\"topic\":");
        const char *topic = engine->options.config->topics[lags[i].topic].name;
        text_json_string(text, topic, strlen(topic));
        text_printf(text,
                    ",\"partition\":%" PRId32 ",\"lag\":%" PRId64 ",\"committed\":%" PRId64
                    ",\"end\":%" PRId64 "}",
                    lags[i].partition, lags[i].lag, lags[i].committed, lags[i].end);
    }
    free(lags);
}

static void write_sinks(struct engine *engine, struct text *text) {
    struct outbox *outbox = engine->options.outbox;
    for (size_t i = 0; i <= outbox->signal_sink_count; i++) {
        struct sink *sink =
            i < outbox->signal_sink_count ? outbox->signal_sinks[i] : outbox->letter_sink;
        struct sink_status status = {0};
        if (sink == NULL)
            continue;
        sink->ops->status(sink, &status);
        text_puts(text, text->data[text->size - 1] == '}' ? ",{\"name\":" : "{\"name\":");
        text_json_string(text, status.name, strlen(status.name));
        member_text(text, "for", i < outbox->signal_sink_count ? "signals" : "dead letters");
        text_printf(text, ",\"well\":%s", status.is_well ? "true" : "false");
        member_number(text, "queued", status.queued);
        member_number(text, "confirmed", status.confirmed);
        member_number(text, "shortened", status.shortened);
        member_text(text, "detail", status.detail);
        text_putc(text, '}');
    }
}

void view_status(struct engine *engine, struct text *text) {
    struct view_totals totals;
    struct source_status source = {0};
    char why[256];
    view_totals(engine, &totals);
    engine->options.source->ops->status(engine->options.source, &source);
    const bool is_live = view_is_live(engine, why, sizeof why);
    text_puts(text, "{\"service\":");
    text_json_string(text, engine->options.config->service,
                     strlen(engine->options.config->service));
    text_printf(text, ",\"uptime_s\":%.3f,\"live\":%s,\"stopping\":%s,\"draining\":%s",
                (double)totals.uptime_ns / 1e9, is_live ? "true" : "false",
                view_is_stopping(engine) ? "true" : "false",
                view_is_draining(engine) ? "true" : "false");
    member_text(text, "stuck", why);
    text_printf(text, ",\"source\":{\"connected\":%s,\"assigned\":%s",
                source.is_connected ? "true" : "false", source.is_assigned ? "true" : "false");
    member_text(text, "detail", source.detail);
    text_puts(text, "},\"totals\":{");
    write_totals(text, &totals);
    text_printf(text, "},\"parked\":%zu,\"assignment\":[", count_parked(engine));
    write_assignment(engine, text);
    text_puts(text, "],\"lanes\":[");
    write_lanes(engine, text);
    text_puts(text, "],\"lag\":[");
    write_lags(engine, text);
    text_puts(text, "],\"sinks\":[");
    write_sinks(engine, text);
    text_puts(text, "],\"strategies\":[");
    struct strategy_list list = {text, false};
    view_strategies(engine, write_strategy, &list);
    text_puts(text, "],\"last_reload\":");
    view_last_reload(engine, text);
    text_putc(text, '}');
}
