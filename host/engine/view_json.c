/* The view as JSON: what `take5 ctl status` and HTTP answer. */
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

static void write_took(struct json_writer *json, const struct view_strategy *strategy) {
    json_fixed(json, "p50_us", (double)view_took_ns(strategy->took, 0.5) / 1e3, 3);
    json_fixed(json, "p99_us", (double)view_took_ns(strategy->took, 0.99) / 1e3, 3);
    json_begin_array(json, "took");
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        json_unsigned(json, NULL, strategy->took[i]);
    json_end_array(json);
}

static void write_signal(struct json_writer *json, const char *name, struct delivery *delivery) {
    const struct delivery_text *text = delivery != NULL ? delivery_text(delivery) : NULL;
    struct text *to = json_value(json, name);
    if (text != NULL)
        text_append(to, text->value, text->value_size);
    else
        text_puts(to, "null");
}

static void write_samples(struct json_writer *json, const struct view_shadow *shadow) {
    json_begin_array(json, "differences");
    for (size_t i = 0; i < shadow->sample_count; i++) {
        json_begin_object(json, NULL);
        json_integer(json, "time_ms", shadow->samples[i].time_ns / NS_PER_MS);
        write_signal(json, "original", shadow->samples[i].original);
        write_signal(json, "shadow", shadow->samples[i].shadow);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_shadow(struct json_writer *json, const struct view_strategy *strategy) {
    const struct view_shadow *shadow = &strategy->shadow;
    json_begin_object(json, "shadow");
    json_text(json, "of", shadow->of);
    json_bool(json, "comparing", !shadow->is_behind && shadow->since_ns != 0);
    json_bool(json, "stopped", strategy->state == VIEW_STOPPED_SHADOW);
    json_integer(json, "since_ms", shadow->since_ns / NS_PER_MS);
    json_unsigned(json, "same", shadow->same);
    json_unsigned(json, "changed", shadow->changed);
    json_unsigned(json, "only_original", shadow->only_original);
    json_unsigned(json, "only_shadow", shadow->only_shadow);
    json_unsigned(json, "changed_value", shadow->value_changes);
    json_unsigned(json, "changed_confidence", shadow->confidence_changes);
    json_unsigned(json, "changed_data", shadow->data_changes);
    json_unsigned(json, "uncompared", shadow->uncompared);
    write_samples(json, shadow);
    json_end_object(json);
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
    json_unsigned(json, "points", strategy->points);
    json_unsigned(json, "refused_points", strategy->refused_points);
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
    if (strategy->shadow.of[0] != '\0')
        write_shadow(json, strategy);
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
    json_unsigned(json, "points", totals->points);
    json_unsigned(json, "dropped_points", totals->dropped_points);
    json_unsigned(json, "missed_points", totals->missed_points);
    json_unsigned(json, "redriven", totals->redriven[REDRIVE_GIVEN]);
    json_unsigned(json, "repeats_dropped", totals->seen);
    json_unsigned(json, "not_owned_dropped", totals->not_owned);
    json_unsigned(json, "unconfirmed", totals->unconfirmed);
    json_unsigned(json, "unconfirmed_bytes", totals->unconfirmed_bytes);
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
    json_unsigned(json, "lag_unknown", totals->lag_unknown);
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

/* What each lane is doing: null, or the deployment whose callback runs. */
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
        json_unsigned(json, "unconfirmed_bytes", lane.unconfirmed_bytes);
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
        count += partition_is_parked(engine->partitions[i]);
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
    json_bool(json, "ok", status->is_ok);
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
    json_bool(json, "ok", view.is_ok);
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

static void write_findings(struct json_writer *json, struct engine *engine) {
    struct findings findings = {0};
    findings_gather(&findings, engine);
    findings_json(&findings, json);
    findings_release(&findings);
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
    write_findings(&json, engine);
    view_last_reload(engine, json_value(&json, "last_reload"));
    json_end_object(&json);
}
