/*
 * engine/engine.h - the engine: lanes, the partitions that they own, the deployments in force, and
 * the changes to all of it.
 *
 * All calls are the control thread's, but engine_request_reload, engine_request_stop and the
 * read-only view (engine/view.h), which any thread may use.
 *
 * Its life: engine_new, engine_start, engine_poll again and again, engine_stop, engine_free.
 */
#ifndef TAKE5_ENGINE_ENGINE_H
#define TAKE5_ENGINE_ENGINE_H

#include "base/error.h"
#include "base/faults.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/observe.h"
#include "engine/outbox.h"
#include "engine/report.h"
#include "source/source.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;

struct engine_options {
    const struct config *config; /* of the start; outlives the engine */
    struct log *log;
    struct source *source;     /* engine_stop closes it; the caller frees it after engine_free */
    struct outbox *outbox;     /* with its sinks; the caller closes them after engine_stop */
    struct observer *observer; /* NULL: none; freed by the caller after engine_free */
    enum t5_mode mode;         /* LIVE or REPLAY */
    bool does_rehearse;
    bool keeps_state;                                  /* reads and writes config->state_dir */
    const char *program;                               /* for rehearsals; NULL: this program */
    uint64_t (*sequence)(const struct record *record); /* see lane.h */
    /* A lane tells of each message that goes to the dead letters, whatever those are. Its thread.
     * `deployment` NULL: none rejected it, nobody can use it. The call may be NULL. */
    void (*unusable)(void *context, const struct record *record, const char *reason,
                     const char *message, const char *deployment);
    void *unusable_context;
    /* A reload replaces every deployment, be it by itself: what it knows goes through save and
     * load. */
    bool does_renew;
};

struct engine *engine_new(const struct engine_options *options, struct error *error);

/* Musters the deployments, starts the lanes and the source. What is rejected does not stop the rest
 * (the report says it). False: nothing can run at all. */
bool engine_start(struct engine *engine, struct report *report, struct error *error);

/* Serves the source for up to `timeout_ms`. False: the source has ended; `error` has a text when
 * that was a fault. */
bool engine_poll(struct engine *engine, int timeout_ms, struct error *error);

/*
 * Puts new code, parameters and deployments to work, as DESIGN's *Reload* says. Takes `next` over,
 * and frees it when it is not used. `report` gets one line a deployment; they are logged too.
 */
void engine_reload(struct engine *engine, struct config *next, struct report *report);

/*
 * Ends the work within about `timeout_ns`: lanes finish the message in hand, the sinks are flushed,
 * offsets stored, instances saved (if so configured and everything is confirmed), the source closed
 * with a last commit, instances deactivated and destroyed. False when something had to be left
 * behind: then the process should _exit.
 */
bool engine_stop(struct engine *engine, int64_t timeout_ns);
/* After engine_stop gave true, or without a start; and after the sinks were closed, so that none
 * can confirm any more. */
void engine_free(struct engine *engine);

/* Any thread, also a stop while a reload is under way: the reload gives up soon. */
void engine_request_stop(struct engine *engine);

/* Suspends or resumes a deployment's instances, for an operator. False: there is no such one. */
bool engine_suspend(struct engine *engine, const char *deployment, struct error *error);
bool engine_resume(struct engine *engine, const char *deployment, struct error *error);

/*
 * Stops reading, with nothing else changed: partitions stay assigned, what was read is worked off,
 * timers go on, reloads and status work. Waits up to the time until the sinks have confirmed all;
 * offsets are committed. False: some are not confirmed yet; reading has stopped all the same. With
 * `does_drain` false the lanes read again.
 */
bool engine_drain(struct engine *engine, bool does_drain, int64_t timeout_ns, struct error *error);

/* The configuration in force. Control thread. */
const struct config *engine_config(const struct engine *engine);

#endif
