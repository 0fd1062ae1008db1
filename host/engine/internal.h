/*
 * engine/internal.h - what the engine's own sources share: the engine itself.
 *
 *   engine.c     life, control, suspend and resume
 *   arrival.c    partitions come
 *   ownership.c  partitions go
 *   reload.c     a reload as a whole
 *   swap.c       new instances for old ones
 *   keep.c       states from a stop to the next start
 *   redrive.c    a dead letter once more
 *   fill.c       instances for partitions, projections for lanes
 *   view.c       what others may see
 */
#ifndef TAKE5_ENGINE_INTERNAL_H
#define TAKE5_ENGINE_INTERNAL_H

#include "engine/engine.h"
#include "engine/lane.h"
#include "engine/muster.h"
#include "engine/ownership.h"
#include "engine/partition.h"
#include "engine/redrive.h"
#include "engine/roster.h"
#include "strategy/generation.h"
#include "strategy/state.h"

struct engine {
    struct engine_options options;
    struct log *log;
    const struct config *config; /* in force */
    struct config *owned_config; /* `config` when it came with a reload; else NULL */
    struct generations *generations;
    struct lane **lanes;
    size_t lane_count;
    struct projection *projection; /* sealed; lanes run on copies of it */
    struct roster *roster;
    /* All partitions there are, at work or parked, the GLOBAL one included. Changed by control
     * under `status_lock`. */
    struct partition **partitions;
    size_t partition_count;
    pthread_mutex_t status_lock;
    _Atomic bool should_stop;
    _Atomic bool is_stopping;
    _Atomic bool is_draining; /* no lane reads; lanes have a pointer to it */
    bool is_source_started;
    /* For the view. */
    int64_t started_wall_ns, started_ns;
    _Atomic uint64_t assigned_count, revoked_count, reload_counts[OUTCOMES];
    _Atomic uint64_t reloads, failed_reloads;
    _Atomic uint64_t missing;        /* instances that could not be made */
    _Atomic int64_t reload_began_ns; /* monotonic; 0: none under way */
    _Atomic int64_t last_pause_ns;
    struct text last_reload;    /* report_json(), guarded by status_lock */
    struct in_hand loader_hand; /* of the control thread: create and destroy */
    struct watch *watch;
    pthread_mutex_t lookers; /* see instance.h */
    struct journal *journal; /* NULL: none is kept */
    bool did_take_global;    /* the first assignment has been */
    /* What has no partition and is not confirmed: left by dropped ones, and of redriven letters. */
    struct progress orphans;
    _Atomic uint64_t redriven[REDRIVE_OUTCOMES]; /* letters by what became of them */
    _Atomic bool has_stopped;                    /* engine_stop has ended: no sink is waited for */
};

/* Logs it, counts its outcomes, keeps it for the view. `what` is "start" or "reload". */
void engine_log_report(struct engine *engine, const struct report *report, const char *what);

/* Keeps copies of what went to work, for the next start (good.h). */
void engine_keep_good(struct engine *engine);

/* ---- fill.c ---- */

/* A fresh instance, wired to the seat but not put into it. */
bool fill_instance(struct engine *engine, struct seat *seat, struct deployment *deployment,
                   struct projection *draft, struct instance **instance, struct error *error);

/* A fresh instance for the seat, wired to its partition; fields go into `draft`. */
bool fill_seat(struct engine *engine, struct seat *seat, struct deployment *deployment,
               struct projection *draft, struct error *error);

/* Seats for all deployments of the roster that belong on this partition. An instance whose create
 * refuses is left out, and said. */
void fill_partition(struct engine *engine, struct partition *partition, struct projection *draft);

/* A copy to add to. NULL when memory runs out. */
struct projection *fill_draft(struct engine *engine);

/* What a lane needs to run on a draft: made before, switched between messages. */
struct lane_projection {
    struct projection *projection;
    struct decoder *decoder;
};
/* Makes a projection and a decoder of the draft for each lane (lane_count entries); all NULL when
 * the draft has no slot that the lanes do not have. */
bool fill_make_projections(struct engine *engine, struct projection *draft,
                           struct lane_projection *projections, struct error *error);
void fill_discard_projections(struct engine *engine, struct lane_projection *projections);
/* Puts all lanes on the draft, which this takes over, before instances made with it go to work.
 * False: some lane did not, and those instances must not be used. */
bool fill_use_draft(struct engine *engine, struct projection *draft, struct error *error);

struct partition *engine_partition(const struct engine *engine, int32_t number);
bool engine_add_partition(struct engine *engine, struct partition *partition);
void engine_remove_partition(struct engine *engine, struct partition *partition);
struct lane *engine_home(const struct engine *engine, int32_t number);

/* ---- swap.c ---- */

/* Puts the muster to work. Takes over `next`, the configuration, when it succeeds. */
bool swap_muster(struct engine *engine, struct muster *muster, struct config *next,
                 struct report *report, struct error *error);

#endif
