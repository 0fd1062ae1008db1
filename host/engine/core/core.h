/*
 * engine/core/core.h - the engine's state, shared only by the rooms of engine/, and what all of
 * them do to it.
 *
 * engine/instances makes instances, engine/rebalance assigns and revokes partitions, engine/reload
 * puts new deployments to work, engine/ itself starts, stops and shows all of it.
 */
#ifndef TAKE5_ENGINE_CORE_CORE_H
#define TAKE5_ENGINE_CORE_CORE_H

#include "base/sync/event.h"
#include "base/text.h"
#include "config/sections/worker_peers.h"
#include "engine/core/breakdown.h"
#include "engine/core/deployment.h"
#include "engine/core/engine_options.h"
#include "engine/core/gather.h"
#include "engine/core/offset_tracker.h"
#include "engine/core/partition.h"
#include "engine/core/redrive_outcome.h"
#include "engine/core/report.h"
#include "engine/core/topic_table.h"
#include "engine/crash/quarantine.h"

#include <pthread.h>
#include <stdatomic.h>

struct checkpoint_store;
struct journal;
struct lane;
struct watchdog;

struct engine {
    struct engine_options options;
    struct log *log;
    struct topics *topics;
    const struct config *config; /* in force */
    struct config *owned_config; /* `config` if it came with a reload; otherwise NULL */
    struct generations *generations;
    const struct record *samples; /* for the rehearsals of the start */
    size_t sample_count;
    struct lane **lanes;
    size_t lane_count;
    struct projection *projection; /* lanes run on sealed copies of it */
    struct deployment_set *deployment_set;
    struct quarantine quarantine; /* which deployments are not loaded */
    /* Only control writes what it guards, and reads it without the lock; so do lanes in calls of
     * control. */
    pthread_mutex_t status_lock;
    struct held **held GUARDED_BY(status_lock); /* those not loaded because of it, by name */
    size_t held_count GUARDED_BY(status_lock);
    /* All partitions, working or parked, the GLOBAL one included. */
    struct partition **partitions GUARDED_BY(status_lock);
    size_t partition_count GUARDED_BY(status_lock);
    _Atomic bool should_stop;
    _Atomic bool is_stopping;
    /* Monotonic: no wait lasts beyond it. INT64_MAX until a stop. */
    _Atomic int64_t hurry_ns;
    _Atomic(const char *) stop_step; /* what a stop waits for; NULL: none */
    struct engine_left left;         /* of the stop */
    _Atomic bool is_draining;        /* no lane reads; lanes have a pointer to it */
    _Atomic bool is_unattended;      /* no deployment runs: nothing is read */
    bool is_source_started;
    /* For the view. */
    int64_t started_wall_ns, started_ns;
    _Atomic uint64_t assigned_count, revoked_count, reload_counts[OUTCOMES];
    _Atomic uint64_t reloads, failed_reloads;
    _Atomic uint64_t missing;        /* instances that could not be made */
    _Atomic int64_t reload_moved_ns; /* monotonic, when it began or last made progress; 0: none */
    _Atomic int64_t last_pause_ns;
    struct text last_reload GUARDED_BY(status_lock); /* report_json() */
    struct current_call *loader_call;                /* of the control thread: create and destroy */
    struct current_call own_loader_call;             /* used when crash.h has none */
    struct watchdog *watchdog;
    pthread_mutex_t call_readers;   /* see instance.h */
    struct journal *journal;        /* NULL: none is kept */
    struct checkpoint_store *store; /* NULL: no state is saved */
    struct config_peers peers;      /* with the store: the other workers that have one */
    atomic_flag saving;             /* a lane takes a checkpoint */
    bool did_take_global;           /* the first assignment is done */
    /* Deployments that were refused at the start and have not run since; control's only. */
    char **refused;
    size_t refused_count;
    /* Unconfirmed deliveries without a partition: left by dropped ones, and of redriven dead
     * letters. */
    struct offset_tracker orphans;
    _Atomic uint64_t redriven[REDRIVE_OUTCOMES]; /* dead letters by outcome */
    _Atomic bool has_stopped;                    /* engine_stop has ended: sinks are not waited
                                                  * for */
    /* A lane has drained or needs control, a redriven dead letter has been confirmed, or a stop is
     * in progress. */
    struct event changed;
    struct breakdown breakdown;
    struct gather gather; /* what control logs about several partitions at once */
};

/* Logs it, counts its outcomes, keeps it for the view. `what` is "start" or "reload". */
void engine_log_report(struct engine *engine, const struct report *report, const char *what);

/* Keeps it for the view. */
void engine_keep_report(struct engine *engine, const struct report *report);

/* The quarantine in force with this configuration; NULL: none. */
const struct quarantine *engine_quarantine(const struct engine *engine,
                                           const struct config *config);

/* Restores what crash reports need on the control thread as well; `culprit` NULL: not known. */
void engine_look_after(struct engine *engine, const char *culprit);

/* Notifies the source whether any deployment runs, and logs a change of that. */
void engine_attend(struct engine *engine, const struct report *report);

#endif
