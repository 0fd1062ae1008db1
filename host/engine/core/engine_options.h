/*
 * engine/core/engine_options.h - what an engine is made of, and what its stop left undone.
 */
#ifndef TAKE5_ENGINE_CORE_ENGINE_OPTIONS_H
#define TAKE5_ENGINE_CORE_ENGINE_OPTIONS_H

#include "config/config.h"
#include "log/log.h"
#include "source/source.h"

#include <take5/strategy.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct checkpoint;
struct feed_stats;
struct published;
struct publisher;

struct store_backend;

struct engine_options {
    const struct config *config; /* to start with; outlives the engine */
    struct log *log;
    struct source *source;       /* engine_stop closes it; the caller frees it after engine_free */
    struct publisher *publisher; /* with its sinks; the caller closes them after engine_stop */
    struct feed_stats *feed_stats; /* NULL: none; the caller frees it after engine_free */
    struct published *published;   /* as feed_stats */
    enum t5_mode mode;             /* LIVE or REPLAY */
    bool does_rehearse;
    bool keeps_state; /* reads and writes config->state_dir */
    /* For a host that keeps no state: fills an empty checkpoint with what the instances of a
     * partition number begin with. False with an error: it could not be found out. NULL: with
     * nothing. */
    bool (*beginning)(void *context, int32_t partition, struct checkpoint *checkpoint,
                      struct error *error);
    void *beginning_context;
    struct store_backend *checkpoints; /* where checkpoints are kept (checkpoint/backend.h);
                                        * taken over by the engine; NULL: in config->state_dir */
    const char *program;               /* for rehearsals; NULL: this program */
    uint64_t (*sequence)(const struct record *record); /* see lane_state.h, as the next */
    int64_t (*ahead_ns)(const struct record *record);
    /* A lane reports each message that goes to the dead letters, even if there are none. Its
     * thread. `deployment` NULL: it was not rejected, but is unusable. The call may be NULL. */
    void (*unusable)(void *context, const struct record *record, const char *reason,
                     const char *message, const char *deployment);
    void *unusable_context;
    /* ... and each usable one, before any instance gets it. Several lanes may call at once. The
     * call may be NULL. */
    void (*usable)(void *context, const struct record *record, const t5_message *message);
    void *usable_context;
    /* A reload replaces every deployment, even by the same one: its state goes through save and
     * load. */
    bool does_renew;
    /* Control calls it now and then while it waits for a rehearsal, also at the start: such a wait
     * is bounded, but may exceed the time limits of others. NULL: not needed. */
    void (*on_wait)(void *context);
    void *on_wait_context;
};

/* What a stop left undone. */
struct engine_left {
    uint64_t records;    /* not confirmed by a sink: they come again */
    size_t states;       /* not saved: their instances start without state */
    bool is_uncommitted; /* the group was not left, or did not take the last offsets */
    bool is_broken;      /* the engine broke down (breakdown.h), possibly during the stop */
};

#endif
