/*
 * engine/view.h - what others may see of the engine, from any thread, also while a lane is stuck or
 * a reload is under way. Read-only.
 */
#ifndef TAKE5_ENGINE_VIEW_H
#define TAKE5_ENGINE_VIEW_H

#include "base/format/json_writer.h"
#include "engine/core/latency.h"
#include "engine/core/shadow.h"
#include "engine/engine.h"
#include "engine/redrive.h"
#include "published/published.h"
#include "sink/sink.h"
#include "source/source.h"
#include "strategy/instance/instance.h"

#include <stdbool.h>
#include <stdint.h>

/* Totals over all lanes. */
struct view_totals {
    uint64_t messages, bytes, decoded, bad, seen, not_owned, unconfirmed, signals, dead_letters,
        throttled;
    uint64_t bad_by_reason[DECODE_REASONS];
    uint64_t unconfirmed_bytes;      /* of their deliveries: the memory that they take */
    uint64_t points, dropped_points; /* of published series, to their sink */
    uint64_t missed_points;          /* published_missed(); 0 without [http] enabled */
    uint64_t late;                   /* records of catch-ups and warm-ups; not among the messages */
    uint64_t key_differs, non_finite, suspect_time, unreadable_time, symbols_expired;
    uint64_t assigned, revoked, reloads, failed_reloads;
    uint64_t missing; /* instances that could not be made: their messages pass by */
    uint64_t redriven[REDRIVE_OUTCOMES]; /* dead letters given once more, by outcome */
    size_t generations;
    int64_t uptime_ns, started_ns; /* since the start; the start, wall clock */
    int64_t lag;          /* over the partitions where it is known; -1: it is known of none */
    uint64_t lag_unknown; /* partitions that `lag` leaves out */
};
void view_totals(struct engine *engine, struct view_totals *totals);

/* How a deployment does: the worst that is true of any of its instances, worst last. */
enum view_state {
    VIEW_RUNNING,
    VIEW_CATCHING_UP,
    VIEW_WAITING,            /* GLOBAL, while this host lacks partitions */
    VIEW_PARTIAL,            /* no instance could be made on some partitions */
    VIEW_STOPPED_SHADOW,     /* a shadow that took too much time */
    VIEW_SUSPENDED_REJECTS,  /* too many rejected messages */
    VIEW_SUSPENDED_ERRORS,   /* too many errors in a row */
    VIEW_SUSPENDED_OPERATOR, /* `take5 ctl suspend` */
    VIEW_REFUSED,            /* no instance could be made on any partition */
    VIEW_QUARANTINED,        /* not loaded */
    VIEW_STATES
};
/* "running", "catching_up", ..., for metrics. */
const char *view_state_name(enum view_state state);

/* A shadow beside its original, over its instances. */
struct view_shadow {
    char of[128];   /* its original; empty: it is no shadow, and nothing below has a meaning */
    bool is_behind; /* some instance of it, or of its original, gets no messages: then the signals
                     * of that partition are not compared */
    uint64_t same, changed, only_original, only_shadow;
    uint64_t value_changes, confidence_changes, data_changes; /* of the changed ones */
    uint64_t uncompared; /* signals of the shadow with nothing to be compared with */
    int64_t since_ns;    /* wall clock, when the first of them began; 0: it has no instance */
    /* The newest differences; valid during the visit alone. */
    const struct shadow_sample *samples;
    size_t sample_count;
};

/* One deployment, over its instances. */
struct view_strategy {
    char name[128], strategy[64], version[32], hash[33];
    enum view_state state;
    enum t5_side side; /* how its signals are read as positions */
    uint32_t generation;
    bool is_suspended; /* any instance */
    const char *why;   /* it is: suspension_name(); else empty */
    char last_error[256];
    char quarantine[256]; /* why it is not loaded; empty: it is */
    char differs[256];    /* why it is not the file on disk that runs; empty: it is */
    size_t instances, suspended, parked;
    size_t catching_up; /* of the suspended ones: they are fed what they did not see */
    uint64_t caught_up; /* messages that catch-ups have handed over on their partitions, all
                         * deployments', since these began */
    uint64_t behind;    /* offsets between them and their partitions, all suspended ones', as last
                         * counted: at least once a second */
    size_t missing;     /* partitions on which none could be made */
    char missing_why[256];       /* on one of them; empty: there are none */
    size_t symbols, symbols_met; /* that its filter lists, and of which messages came since it was
                                  * loaded; 0: it has no filter */
    char symbols_unmet[128];     /* the first of the others, with commas */
    size_t unsaved; /* instances that could not be saved: the newest checkpoint is without them */
    bool has_save;
    bool is_global;
    uint64_t messages, signals, refused_signals, errors, rejects, timers_fired, slow, passed,
        suspensions;
    uint64_t late,
        history; /* of the messages: handed over behind the stream, as real ones or not */
    uint64_t points, refused_points;      /* of published series */
    uint64_t took[INSTANCE_TOOK_BUCKETS]; /* callbacks by how long they took */
    int64_t busy_ns;
    struct view_shadow shadow;
    size_t crashes; /* earlier processes that ended in a call of it, within quarantine_minutes */
};
/* Calls `visit` for each, in order of names. */
void view_strategies(struct engine *engine,
                     void (*visit)(void *context, const struct view_strategy *strategy),
                     void *context);
/* What each running deployment is made of, as an array: topics, fields with how many of the sampled
 * messages lacked them, parameters with value, declaration and help. */
void view_setup(struct engine *engine, struct json_writer *json);
/* "running", "suspended" (any instance), "partial" (none could be made on some partitions) or
 * "refused" (on none). */
const char *view_strategy_state(const struct view_strategy *strategy);
/* A time that the share (0.99) of the callbacks did not exceed: the upper bound of its bucket; 0
 * without callbacks. */
int64_t view_took_ns(const uint64_t took[INSTANCE_TOOK_BUCKETS], double share);
/* As it stands in the status: an element of an array, or the whole. */
void view_strategy_json(const struct view_strategy *strategy, struct json_writer *json);

/* The newest points of the series that strategies publish, of all symbols (NULL) or of one:
 * published_visit(). Nothing without [http] enabled. */
void view_published(struct engine *engine, const t5_str *symbol,
                    void (*visit)(void *context, const struct published_series *series),
                    void *context);

/* Whether lanes and reload move; else `why` says what is stuck. */
bool view_is_live(struct engine *engine, char *why, size_t size);
bool view_is_stopping(const struct engine *engine);
/* Whether it broke down and is about to end, and why; see breakdown.h. */
bool view_is_broken(struct engine *engine, char *why, size_t size);
/* How often it waited for memory. */
uint64_t view_memory_waits(const struct engine *engine);
/* No new messages are read: engine_drain(). */
bool view_is_draining(const struct engine *engine);
/* Nothing is read, since no deployment runs. */
bool view_is_unattended(const struct engine *engine);

/* The latency histograms' counts by bucket, and sums in µs. */
struct view_latency {
    uint64_t event[LATENCY_BUCKETS], kafka[LATENCY_BUCKETS];
    uint64_t event_sum_us, kafka_sum_us;
};
void view_latency(struct engine *engine, struct view_latency *latency);

/* One lane. */
struct view_lane {
    uint64_t messages, bytes, bad, unconfirmed, unconfirmed_bytes, throttled;
    size_t partitions;
    int64_t pause_ns, longest_pause_ns; /* for checkpoints: of the last one, and since the start */
    int64_t heartbeat_age_ns;           /* since the last turn of its loop */
};
size_t view_lane_count(const struct engine *engine);
void view_lane(struct engine *engine, size_t index, struct view_lane *lane);

/* What a crash would cost: the checkpoints, and the catch-ups behind them. */
struct view_checkpoints {
    bool is_kept;     /* false: [take5] keep_state = no, and nothing below has a meaning */
    bool is_ok;       /* the last attempt to write worked */
    char detail[256]; /* what is wrong */
    uint64_t written, failed, bytes; /* checkpoints; bytes of all written */
    uint64_t journal_bytes;          /* written */
    int64_t pause_ns;                /* of a lane for its last checkpoint: the longest of these */
    int64_t longest_pause_ns;        /* since the start */
    /* Of the newest of each partition number that this host works on, and has written one of: */
    size_t partitions;
    int64_t newest_ns, oldest_ns; /* age of the newest and of the oldest of them; -1: none */
    uint64_t size;                /* bytes of all of them */
    int64_t write_ns;             /* the longest of the times that writing took */
    /* Catch-ups begun, and what they handed over. */
    uint64_t recoveries; /* after an assignment: offsets were held meanwhile */
    uint64_t catch_ups;  /* of strategies that had been suspended, disabled or on their own */
    uint64_t late;       /* messages */
};
void view_checkpoints(struct engine *engine, struct view_checkpoints *view);

/* The newest checkpoint of one partition number that this host works on. */
struct view_checkpoint {
    int32_t partition; /* -1: the GLOBAL deployments */
    uint64_t number;
    int64_t age_ns;
    uint64_t size;    /* bytes */
    int64_t write_ns; /* how long writing took, sync included */
};
/* Calls `visit` for each that this process has written. */
void view_each_checkpoint(struct engine *engine,
                          void (*visit)(void *context, const struct view_checkpoint *checkpoint),
                          void *context);

/* One (topic, partition) that is held: assigned to this host. The text lives as long as the engine.
 */
struct view_partition {
    const char *topic;
    int32_t partition;
    size_t lane;
    uint64_t
        messages; /* handled; begins again when it was away for so long that it was forgotten */
};
/* Calls `visit` for each. */
void view_each_partition(struct engine *engine,
                         void (*visit)(void *context, const struct view_partition *partition),
                         void *context);
/* How many of the topic's partitions are held, for each topic of the configuration. */
void view_each_topic(struct engine *engine,
                     void (*visit)(void *context, const char *topic, size_t held), void *context);

/* One (topic, partition) that is held. The text lives as long as the engine. */
struct view_lag {
    const char *topic;
    int32_t partition;
    int64_t lag, committed, end; /* -1: not known */
    int64_t held_ms; /* since when an open transaction holds it back, ms of the epoch; 0: none */
};
/* Gives how many there are in all, fills up to `most`. */
size_t view_lags(struct engine *engine, struct view_lag *lags, size_t most);

/* What open transactions hold back: how many partitions, and since when the first one has been; 0:
 * none. */
size_t view_held(struct engine *engine, int64_t *since_ms);

/* [signals] delivery = exactly_once: over all lanes. */
struct view_transactions {
    bool is_exactly_once; /* false: nothing below has a meaning */
    uint64_t committed, aborted;
    uint64_t unknown;     /* commits whose outcome had to be found out */
    uint64_t fenced;      /* producers that were fenced */
    uint64_t dropped;     /* epochs of which revoked partitions were dropped */
    size_t undecided;     /* epochs that wait for their commit */
    int64_t wait_ns;      /* from the closing of a lane's last epoch to its commit: the longest */
    int64_t mean_wait_ns; /* of all epochs; 0 without any */
};
void view_transactions(struct engine *engine, struct view_transactions *view);

/* What a sink is for. */
enum view_use { VIEW_FOR_SIGNALS = 1, VIEW_FOR_DEAD_LETTERS, VIEW_FOR_ALERTS };
/* "signals", "dead_letters", "alerts", for metrics. */
const char *view_use_name(enum view_use use);
/* Calls `visit` for each sink; exactly once, also for the transactors, as one. */
typedef void view_sink_visit(void *context, enum view_use use, const struct sink_status *status);
void view_sinks(struct engine *engine, view_sink_visit *visit, void *context);

void view_source(struct engine *engine, struct source_status *status);
const char *view_service(const struct engine *engine);
/* Deployments by what became of them, over all reloads and the start. */
void view_outcomes(struct engine *engine, uint64_t counts[OUTCOMES]);
int64_t view_last_pause_ns(struct engine *engine);

/* The whole status as one JSON object: for `ctl status --json` and http. */
void view_status(struct engine *engine, struct text *text);

/* The last reload's report (report_json()), or the start's; "null" when there was none. */
void view_last_reload(struct engine *engine, struct text *text);
/* Whether it rejected nothing. */
bool view_is_last_reload_good(struct engine *engine);

#endif
