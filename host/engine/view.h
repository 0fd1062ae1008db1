/*
 * engine/view.h - what others may see of the engine, from any thread, also while a lane is stuck or
 * a reload is under way. Read-only.
 */
#ifndef TAKE5_ENGINE_VIEW_H
#define TAKE5_ENGINE_VIEW_H

#include "base/text.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stdint.h>

/* Totals over all lanes. */
struct view_totals {
    uint64_t messages, bytes, decoded, bad, seen, not_owned, unconfirmed, signals, letters,
        throttled;
    uint64_t bad_by_reason[DECODE_REASONS];
    uint64_t key_differs, non_finite, suspect_time, symbols_expired;
    uint64_t assigned, revoked, reloads, failed_reloads;
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
    char quarantine[256];
    size_t instances, suspended, parked;
    bool has_save;
    bool is_global;
    uint64_t messages, signals, refused_signals, errors, rejects, timers_fired, slow, passed;
    int64_t busy_ns;
};
/* Calls `visit` for each, in order of names. */
void view_strategies(struct engine *engine,
                     void (*visit)(void *context, const struct view_strategy *strategy),
                     void *context);

/* Whether lanes and reload move; else `why` says what is stuck. */
bool view_is_live(struct engine *engine, char *why, size_t size);
bool view_is_stopping(const struct engine *engine);

/* The latency histograms' counts by bucket of LATENCY_BOUNDS_NS, and sums in µs. */
struct view_latency {
    uint64_t event[16], kafka[16];
    uint64_t event_sum_us, kafka_sum_us;
};
void view_latency(struct engine *engine, struct view_latency *latency);

/* The whole status as one JSON object: for `ctl status --json` and http. */
void view_status(struct engine *engine, struct text *text);

/* The last reload's report (report_json()), or the start's; "null" when there was none. */
void view_last_reload(struct engine *engine, struct text *text);

#endif
