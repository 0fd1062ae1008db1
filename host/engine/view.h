/*
 * engine/view.h - what others may see of the engine, from any thread, also while a lane is stuck or
 * a reload is under way. Read-only.
 */
#ifndef TAKE5_ENGINE_VIEW_H
#define TAKE5_ENGINE_VIEW_H

#include "base/text.h"
#include "engine/engine.h"
#include "engine/redrive.h"
#include "sink/sink.h"
#include "source/source.h"

#include <stdbool.h>
#include <stdint.h>

/* Totals over all lanes. */
struct view_totals {
    uint64_t messages, bytes, decoded, bad, seen, not_owned, unconfirmed, signals, letters,
        throttled;
    uint64_t bad_by_reason[DECODE_REASONS];
    uint64_t key_differs, non_finite, suspect_time, symbols_expired;
    uint64_t assigned, revoked, reloads, failed_reloads;
    uint64_t missing; /* instances that could not be made: their messages pass by */
    uint64_t redriven[REDRIVE_OUTCOMES]; /* dead letters given once more, by outcome */
    size_t generations;
    int64_t uptime_ns;
    int64_t lag; /* over all partitions; -1: not known */
};
void view_totals(struct engine *engine, struct view_totals *totals);

/* One deployment, over its instances. */
struct view_strategy {
    char name[128], strategy[64], version[32], hash[33];
    uint32_t generation;
    bool is_suspended; /* any instance */
    const char *why;   /* it is: suspension_name(); else empty */
    char last_error[256];
    char quarantine[256]; /* why it starts suspended; empty: it does not */
    char differs[256];    /* why it is not the file on disk that runs; empty: it is */
    size_t instances, suspended, parked;
    bool has_save;
    bool is_global;
    uint64_t messages, signals, refused_signals, errors, rejects, timers_fired, slow, passed,
        suspensions;
    uint64_t took[INSTANCE_TOOK_BUCKETS]; /* callbacks by how long they took */
    int64_t busy_ns;
};
/* Calls `visit` for each, in order of names. */
void view_strategies(struct engine *engine,
                     void (*visit)(void *context, const struct view_strategy *strategy),
                     void *context);
/* A time that the share (0.99) of the callbacks did not exceed: the upper bound of its bucket; 0
 * without callbacks. */
int64_t view_took_ns(const uint64_t took[INSTANCE_TOOK_BUCKETS], double share);
/* As it stands in the status: one JSON object. */
void view_strategy_json(const struct view_strategy *strategy, struct text *text);

/* Whether lanes and reload move; else `why` says what is stuck. */
bool view_is_live(struct engine *engine, char *why, size_t size);
bool view_is_stopping(const struct engine *engine);
/* No new messages are read: engine_drain(). */
bool view_is_draining(const struct engine *engine);

/* The latency histograms' counts by bucket of LATENCY_BOUNDS_NS, and sums in µs. */
struct view_latency {
    uint64_t event[16], kafka[16];
    uint64_t event_sum_us, kafka_sum_us;
};
void view_latency(struct engine *engine, struct view_latency *latency);

/* One lane. */
struct view_lane {
    uint64_t messages, bytes, bad, unconfirmed, throttled;
    size_t partitions;
    int64_t beat_age_ns; /* since the last turn of its loop */
};
size_t view_lane_count(const struct engine *engine);
void view_lane(struct engine *engine, size_t index, struct view_lane *lane);

/* One (topic, partition) that is held. The text lives as long as the engine. */
struct view_lag {
    const char *topic;
    int32_t partition;
    int64_t lag, committed, end; /* -1: not known */
};
/* Gives how many there are in all, fills up to `most`. */
size_t view_lags(struct engine *engine, struct view_lag *lags, size_t most);

/* Calls `visit` for each sink. */
void view_sinks(struct engine *engine,
                void (*visit)(void *context, bool is_for_letters, const struct sink_status *status),
                void *context);

void view_source(struct engine *engine, struct source_status *status);
const char *view_service(const struct engine *engine);
int64_t view_started_wall_ns(const struct engine *engine);
/* Deployments by what became of them, over all reloads and the start. */
void view_outcomes(struct engine *engine, uint64_t counts[OUTCOMES]);
int64_t view_last_pause_ns(struct engine *engine);

/* The whole status as one JSON object: for `ctl status --json` and http. */
void view_status(struct engine *engine, struct text *text);

/* The last reload's report (report_json()), or the start's; "null" when there was none. */
void view_last_reload(struct engine *engine, struct text *text);

#endif
