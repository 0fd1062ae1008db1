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
    struct feed_stats *feed_stats; /* NULL: none; freed by the caller after engine_free */
    struct published *published;   /* as feed_stats */
    enum t5_mode mode;             /* LIVE or REPLAY */
    bool does_rehearse;
    bool keeps_state; /* reads and writes config->state_dir */
    /* For a host that keeps no state: gives what the instances of a partition number begin with, in
     * an empty checkpoint. False with an error: nobody knows. NULL: with nothing. */
    bool (*beginning)(void *context, int32_t partition, struct checkpoint *checkpoint,
                      struct error *error);
    void *beginning_context;
    struct store_backend *checkpoints; /* where those are kept (checkpoint/backend.h); the engine's,
                                        * once it is there; NULL: in config->state_dir */
    const char *program;               /* for rehearsals; NULL: this program */
    uint64_t (*sequence)(const struct record *record); /* see lane_state.h, as the next */
    int64_t (*ahead_ns)(const struct record *record);
    /* A lane reports each message that goes to the dead letters, whatever those are. Its thread.
     * `deployment` NULL: none rejected it, nobody can use it. The call may be NULL. */
    void (*unusable)(void *context, const struct record *record, const char *reason,
                     const char *message, const char *deployment);
    void *unusable_context;
    /* ... and of each that can be used, before anybody gets it. Several lanes may call at once. The
     * call may be NULL. */
    void (*usable)(void *context, const struct record *record, const t5_message *message);
    void *usable_context;
    /* A reload replaces every deployment, be it by itself: what it knows goes through save and
     * load. */
    bool does_renew;
    /* Control calls it now and then while it waits for a rehearsal, also at the start: such a wait
     * is bounded, but may be longer than others are patient. NULL: nobody has to know. */
    void (*on_wait)(void *context);
    void *on_wait_context;
};

/* What a stop did not get done. */
struct engine_left {
    uint64_t records;    /* not confirmed by a sink: they come again */
    size_t states;       /* not kept: their instances start fresh */
    bool is_uncommitted; /* the group was not left, or did not take the last offsets */
    bool is_broken;      /* the engine broke down (breakdown.h), be it during the stop */
};

#endif
