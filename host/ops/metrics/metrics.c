#include "ops/metrics/metrics.h"

#include "base/clock.h"
#include "engine/view.h"
#include "feedstats/feed_stats.h"
#include "ops/metrics/metrics_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_LAGS 4096

static const char *partition_text(char text[16], int32_t partition) {
    snprintf(text, 16, "%d", (int)partition);
    return text;
}

static void one_counter(struct text *text, const char *name, const char *help, uint64_t value) {
    metrics_family(text, name, "counter", help);
    metrics_count(text, name, value, NULL);
}

static void one_gauge(struct text *text, const char *name, const char *help, double value) {
    metrics_family(text, name, "gauge", help);
    metrics_gauge(text, name, value, NULL);
}

static void write_bad(struct text *text, const struct view_totals *totals) {
    static const char name[] = "take5_bad_messages_total";
    metrics_family(text, name, "counter", "Invalid messages, by reason.");
    for (int reason = DECODE_OK + 1; reason < DECODE_REASONS; reason++)
        metrics_count(text, name, totals->bad_by_reason[reason], "reason",
                      decode_reason_name((enum decode_reason)reason), NULL);
}

static void write_messages(struct text *text, const struct view_totals *totals) {
    one_counter(text, "take5_messages_total", "Messages received.", totals->messages);
    one_counter(text, "take5_message_bytes_total", "Bytes of keys and payloads received.",
                totals->bytes);
    one_counter(text, "take5_messages_decoded_total", "Valid messages.", totals->decoded);
    write_bad(text, totals);
    one_counter(text, "take5_repeats_dropped_total", "Duplicate messages dropped.", totals->seen);
    one_counter(text, "take5_not_owned_dropped_total",
                "Messages dropped because their partition had been revoked.", totals->not_owned);
    one_counter(text, "take5_key_differs_total", "Messages whose key differs from their symbol.",
                totals->key_differs);
    one_counter(text, "take5_non_finite_total",
                "Messages with unquoted NaN or Infinity, or a number out of the range of a double.",
                totals->non_finite);
    one_counter(text, "take5_suspect_time_total",
                "Messages with an event time too far from their Kafka timestamp.",
                totals->suspect_time);
    one_counter(text, "take5_unreadable_time_total", "Messages with an unreadable event time.",
                totals->unreadable_time);
    one_counter(text, "take5_symbols_expired_total", "Symbols expired because they were idle.",
                totals->symbols_expired);
}

static void write_partition(void *context, const struct view_partition *partition) {
    char number[16];
    metrics_count(context, "take5_partition_messages_total", partition->messages, "topic",
                  partition->topic, "partition", partition_text(number, partition->partition),
                  NULL);
}

static void write_topic(void *context, const char *topic, size_t held) {
    metrics_count(context, "take5_partitions_held", held, "topic", topic, NULL);
}

static void write_partitions(struct text *text, struct engine *engine) {
    metrics_family(text, "take5_partitions_held", "gauge",
                   "Partitions that the group has assigned to this host.");
    view_each_topic(engine, write_topic, text);
    metrics_family(text, "take5_partition_messages_total", "counter",
                   "Messages received, by partition that this host holds.");
    view_each_partition(engine, write_partition, text);
}

static void write_redriven(struct text *text, const struct view_totals *totals) {
    static const char name[] = "take5_redriven_total";
    metrics_family(text, name, "counter", "Dead letters redriven to a strategy, by result.");
    for (int outcome = REDRIVE_GIVEN; outcome < REDRIVE_OUTCOMES; outcome++)
        metrics_count(text, name, totals->redriven[outcome], "outcome",
                      redrive_outcome_name((enum redrive_outcome)outcome), NULL);
}

static void write_points(struct text *text, const struct view_totals *totals) {
    static const char name[] = "take5_points_dropped_total";
    metrics_family(text, name, "counter",
                   "Points of published series that were dropped, by reason: sink, the sink of "
                   "[series] did not take them in time; page, the page's tables are full.");
    metrics_count(text, name, totals->dropped_points, "reason", "sink", NULL);
    metrics_count(text, name, totals->missed_points, "reason", "page", NULL);
}

static void write_results(struct text *text, const struct metrics_source *source,
                          const struct view_totals *totals) {
    uint64_t waiting;
    one_counter(text, "take5_signals_total", "Signals emitted.", totals->signals);
    one_counter(text, "take5_dead_letters_total", "Dead letters.", totals->dead_letters);
    write_points(text, totals);
    write_redriven(text, totals);
    if (source->dead_letters != NULL && dead_letter_backlog_look(source->dead_letters, &waiting))
        one_gauge(text, "take5_dead_letters_not_redriven",
                  "Messages in the dead-letter file that were not redriven yet.", (double)waiting);
    one_gauge(text, "take5_unconfirmed_records",
              "Records whose signals or dead letters are not yet acknowledged by the sinks.",
              (double)totals->unconfirmed);
    one_gauge(text, "take5_unconfirmed_bytes",
              "Memory of the signals and dead letters of these records; [take5] "
              "max_unconfirmed_bytes bounds it.",
              (double)totals->unconfirmed_bytes);
    one_counter(text, "take5_throttled_total",
                "Times that a lane paused because too many records awaited acknowledgement.",
                totals->throttled);
}

static void write_reloads(struct text *text, struct engine *engine,
                          const struct view_totals *totals) {
    uint64_t outcomes[OUTCOMES];
    view_outcomes(engine, outcomes);
    metrics_family(text, "take5_reloads_total", "counter", "Reloads, by result.");
    metrics_count(text, "take5_reloads_total", totals->reloads, "outcome", "good", NULL);
    metrics_count(text, "take5_reloads_total", totals->failed_reloads, "outcome", "failed", NULL);
    metrics_family(text, "take5_reload_deployments_total", "counter",
                   "Deployments at the start and at reloads, by outcome.");
    for (int outcome = OUTCOME_KEPT; outcome < OUTCOMES; outcome++)
        metrics_count(text, "take5_reload_deployments_total", outcomes[outcome], "outcome",
                      outcome_name((enum outcome)outcome), NULL);
    one_gauge(text, "take5_last_reload_successful",
              "0 while what the last reload, or the start, rejected was not corrected.",
              view_is_last_reload_good(engine));
    one_gauge(text, "take5_reload_pause_seconds", "Pause of the lanes at the last reload.",
              (double)view_last_pause_ns(engine) / 1e9);
    one_gauge(text, "take5_generations", "Strategy files loaded since the start.",
              (double)totals->generations);
}

static void write_source(struct text *text, struct engine *engine,
                         const struct view_totals *totals) {
    struct source_status status = {0};
    view_source(engine, &status);
    one_gauge(text, "take5_broker_connected", "1 while a broker is reachable.",
              status.is_connected);
    one_gauge(text, "take5_assigned", "1 while the group has assigned partitions to this host.",
              status.is_assigned);
    if (status.answer_ns > 0)
        one_gauge(text, "take5_broker_answer_age_seconds",
                  "Time since the last response of a broker.",
                  (double)(clock_monotonic_ns() - status.answer_ns) / (double)NS_PER_S);
    if (status.commit_ns > 0)
        one_gauge(text, "take5_commit_age_seconds",
                  "Time since offsets were last committed; it grows while there is nothing to "
                  "process.",
                  (double)(clock_monotonic_ns() - status.commit_ns) / (double)NS_PER_S);
    one_gauge(text, "take5_attended", "0 while no strategy is running: then no messages are read.",
              !view_is_unattended(engine));
    one_gauge(text, "take5_topics_missing", "1 while a configured topic cannot be read.",
              status.missing[0] != '\0');
    one_gauge(text, "take5_partitions_standing",
              "1 while a partition is stuck, for example at a corrupt batch.",
              status.standing[0] != '\0');
    metrics_family(text, "take5_rebalances_total", "counter", "Assignments and revocations.");
    metrics_count(text, "take5_rebalances_total", totals->assigned, "kind", "assigned", NULL);
    metrics_count(text, "take5_rebalances_total", totals->revoked, "kind", "revoked", NULL);
}

static void write_lag(struct text *text, struct engine *engine) {
    static const char name[] = "take5_consumer_lag_messages";
    struct view_lag *lags = calloc(MAX_LAGS, sizeof *lags);
    const size_t count = lags != NULL ? view_lags(engine, lags, MAX_LAGS) : 0;
    metrics_family(
        text, name, "gauge",
        "Consumer lag: messages between the committed offset and the end of the partition.");
    for (size_t i = 0; i < count && i < MAX_LAGS; i++) {
        char partition[16];
        if (lags[i].lag < 0)
            continue;
        metrics_gauge(text, name, (double)lags[i].lag, "topic", lags[i].topic, "partition",
                      partition_text(partition, lags[i].partition), NULL);
    }
    free(lags);
}

static void write_shortages(struct text *text, const struct metrics_source *source) {
    static const char name[] = "take5_accept_failures_total";
    one_counter(text, "take5_memory_waits_total",
                "Times that the engine waited for memory and retried.",
                view_memory_waits(source->engine));
    metrics_family(text, name, "counter", "Connections delayed for lack of file descriptors.");
    metrics_count(text, name, source->http_accept_failures, "listener", "http", NULL);
    metrics_count(text, name, source->control_accept_failures, "listener", "control", NULL);
}

static void write_lanes(struct text *text, struct engine *engine) {
    const size_t count = view_lane_count(engine);
    struct view_lane lane;
    char index[24];
    metrics_family(text, "take5_lane_messages_total", "counter", "Messages received, by lane.");
    for (size_t i = 0; i < count; i++) {
        view_lane(engine, i, &lane);
        snprintf(index, sizeof index, "%zu", i);
        metrics_count(text, "take5_lane_messages_total", lane.messages, "lane", index, NULL);
    }
    metrics_family(text, "take5_lane_heartbeat_age_seconds", "gauge",
                   "Time since the lane last completed a loop.");
    for (size_t i = 0; i < count; i++) {
        view_lane(engine, i, &lane);
        snprintf(index, sizeof index, "%zu", i);
        metrics_gauge(text, "take5_lane_heartbeat_age_seconds", (double)lane.heartbeat_age_ns / 1e9,
                      "lane", index, NULL);
    }
}

static void write_latency(struct text *text, struct engine *engine) {
    struct view_latency latency;
    double bounds[LATENCY_BUCKETS];
    view_latency(engine, &latency);
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        bounds[i] = i + 1 < LATENCY_BUCKETS ? (double)LATENCY_BOUNDS_NS[i] / 1e9 : INFINITY;
    metrics_family(text, "take5_event_latency_seconds", "histogram",
                   "From a message's event time to its callbacks; sampled once a batch.");
    metrics_histogram(text, "take5_event_latency_seconds", NULL, NULL, bounds, latency.event,
                      LATENCY_BUCKETS, (double)latency.event_sum_us / 1e6);
    metrics_family(text, "take5_kafka_latency_seconds", "histogram",
                   "From a message's Kafka time to its callbacks; sampled once a batch.");
    metrics_histogram(text, "take5_kafka_latency_seconds", NULL, NULL, bounds, latency.kafka,
                      LATENCY_BUCKETS, (double)latency.kafka_sum_us / 1e6);
}

/* ---- sinks ---- */

enum sink_figure {
    SINK_OK,
    SINK_QUEUED,
    SINK_CONFIRMED,
    SINK_SHORTENED,
    SINK_REFUSED,
    SINK_ERRORS
};

struct sink_writer {
    struct text *text;
    const char *name;
    enum sink_figure figure;
};

static void write_sink(void *context, enum view_use use, const struct sink_status *status) {
    const struct sink_writer *writer = context;
    const uint64_t value = writer->figure == SINK_OK          ? status->is_ok
                           : writer->figure == SINK_QUEUED    ? status->queued
                           : writer->figure == SINK_CONFIRMED ? status->confirmed
                           : writer->figure == SINK_SHORTENED ? status->shortened
                           : writer->figure == SINK_REFUSED   ? status->refused
                                                              : status->errors;
    metrics_count(writer->text, writer->name, value, "sink", status->name, "for",
                  view_use_name(use), NULL);
}

static void write_sinks(struct text *text, struct engine *engine) {
    static const struct {
        const char *name, *type, *help;
        enum sink_figure figure;
    } families[] = {
        {"take5_sink_up", "gauge", "1 while the last write of the sink succeeded.", SINK_OK},
        {"take5_sink_queued", "gauge", "Passed to the sink and not yet acknowledged.", SINK_QUEUED},
        {"take5_sink_confirmed_total", "counter", "Acknowledged by the sink.", SINK_CONFIRMED},
        {"take5_sink_shortened_total", "counter",
         "Rejected permanently, and written in a shortened form.", SINK_SHORTENED},
        {"take5_sink_refused_total", "counter",
         "Rejected permanently: in the dead letters, if there are any.", SINK_REFUSED},
        {"take5_sink_errors_total", "counter", "Attempts to write that failed.", SINK_ERRORS},
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct sink_writer writer = {text, families[i].name, families[i].figure};
        metrics_family(text, families[i].name, families[i].type, families[i].help);
        view_sinks(engine, write_sink, &writer);
    }
}

static void write_log(struct text *text, const struct log *log) {
    struct log_status status;
    log_status(log, &status);
    metrics_family(text, "take5_log_lines_total", "counter",
                   "Log lines by level, repeats included.");
    for (int i = 0; i < LOG_LEVELS; i++)
        metrics_count(text, "take5_log_lines_total", status.lines[i], "level",
                      log_level_name((enum log_level)(LOG_LEVEL_DEBUG + i)), NULL);
    one_counter(text, "take5_log_dropped_lines_total",
                "Log lines dropped because they could not be written in time, or at all.",
                status.dropped);
    one_gauge(text, "take5_log_blocked_seconds",
              "Duration of the current write of the log; 0: none.",
              (double)status.blocked_ns / 1e9);
}

void metrics_write(struct text *text, const struct metrics_source *source) {
    struct engine *engine = source->engine;
    struct view_totals totals;
    char why[256];
    view_totals(engine, &totals);
    metrics_family(text, "take5_build_info", "gauge", "1, with the version.");
    metrics_gauge(text, "take5_build_info", 1, "version", source->version, "compiler", __VERSION__,
                  NULL);
    one_gauge(text, "take5_uptime_seconds", "Time since the start.",
              (double)totals.uptime_ns / 1e9);
    one_gauge(text, "take5_live", "1 while lanes and reload make progress.",
              view_is_live(engine, why, sizeof why));
    one_gauge(text, "take5_ready", "1 while it does its work: what /health/ready answers.",
              source->is_ready);
    one_gauge(text, "take5_draining", "1 while draining: no new messages are read.",
              view_is_draining(engine));
    write_log(text, source->log);
    write_messages(text, &totals);
    write_partitions(text, engine);
    write_results(text, source, &totals);
    write_reloads(text, engine, &totals);
    write_source(text, engine, &totals);
    write_lag(text, engine);
    write_shortages(text, source);
    write_lanes(text, engine);
    write_sinks(text, engine);
    metrics_write_checkpoints(text, engine);
    metrics_write_transactions(text, engine);
    write_latency(text, engine);
    if (source->feed_stats != NULL)
        one_counter(text, "take5_unobserved_messages_total",
                    "Messages that /asset_trends does not count because its tables are full.",
                    feed_stats_missed(source->feed_stats));
    metrics_write_strategies(text, engine, source->memory);
    if (source->kafka_statistics != NULL)
        metrics_write_kafka(text, source->kafka_statistics);
    metrics_write_process(text, totals.started_ns);
}
