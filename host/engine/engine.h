/*
 * engine/engine.h - the engine: lanes, the partitions that they own, the deployments in force, and
 * the changes to all of it.
 *
 * All calls are the control thread's, but engine_request_stop, engine_stop_step and the read-only
 * view (engine/view.h), which any thread may use.
 *
 * Its life: engine_new, engine_start, engine_poll again and again, engine_stop, engine_free.
 */
#ifndef TAKE5_ENGINE_ENGINE_H
#define TAKE5_ENGINE_ENGINE_H

#include "base/error.h"
#include "base/faults.h"
#include "config/config.h"
#include "engine/core/engine_options.h"
#include "engine/core/report.h"
#include "log/log.h"
#include "source/source.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;

struct engine *engine_new(const struct engine_options *options, struct error *error);

/* Real messages for the rehearsals of the start, and of reloads until the lanes have handled
 * others, oldest first; before the start, and the caller's again when it has ended. */
void engine_set_samples(struct engine *engine, const struct record *records, size_t count);

/* Plans the deployments, starts the lanes and the source. What is rejected does not stop the rest
 * (the report says it). False: nothing can run at all. */
bool engine_start(struct engine *engine, struct report *report, struct error *error);

/* Serves the source for up to `timeout_ms`. False: the source has ended, or the engine has broken
 * down (breakdown.h); `error` has a text when that was a fault. */
bool engine_poll(struct engine *engine, int timeout_ms, struct error *error);

/*
 * Puts new code, parameters and deployments to work, as host/doc/design.md's *Reload* says. Takes
 * `next` over, and frees it when it is not used. `report` gets one line a deployment; they are
 * logged too.
 */
void engine_reload(struct engine *engine, struct config *next, struct report *report);
/* Notes a reload that came to nothing because the configuration could not be read; `report` has its
 * faults, which the caller logs. */
void engine_reload_unread(struct engine *engine, const struct report *report);

/* Before engine_stop: it gives the partitions up for good (source.h). */
void engine_leave(struct engine *engine);

/*
 * Ends the work by `by_ns` (monotonic): lanes finish the current message, the sinks are flushed,
 * offsets stored, instances saved (if so configured and everything is confirmed), the source closed
 * with a last commit, instances deactivated and destroyed. `left` says what was not done. False
 * when a lane hangs: then the process must _exit.
 */
bool engine_stop(struct engine *engine, int64_t by_ns, struct engine_left *left);
/* Any thread: what engine_stop is at, in words; NULL before it began. */
const char *engine_stop_step(const struct engine *engine);
/* After engine_stop gave true, or without a start; and after the sinks were closed, so that none
 * can confirm any more. */
void engine_free(struct engine *engine);

/* Any thread: engine_stop will follow, and has to end by `by_ns` (monotonic). What is under way - a
 * start, a reload, a rebalance, a drain - gives up soon, so that a good part of the time is left.
 */
void engine_request_stop(struct engine *engine, int64_t by_ns);

/* The configuration in force. Control thread. */
const struct config *engine_config(const struct engine *engine);

#endif
