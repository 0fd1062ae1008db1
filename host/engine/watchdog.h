/*
 * engine/watchdog.h - a thread that looks whether the lanes move.
 *
 * A callback that has run longer than `stuck_ns` blocks revoke, reload and stop alike: it
 * is named in the log, and with on_stuck = exit the crash file is written and the process exits
 * with status 1. A slow one is named while it still runs. The watch waits for no disk but that of
 * the crash file, and for no pipe or terminal.
 */
#ifndef TAKE5_ENGINE_WATCHDOG_H
#define TAKE5_ENGINE_WATCHDOG_H

#include "base/error.h"
#include "config/config.h"
#include "engine/lane/lane.h"

#include <stdbool.h>
#include <stddef.h>

struct watchdog;

/* `lanes` and `current_call` (of the loader thread) outlive the watchdog. */
struct watchdog *watchdog_new(struct lane **lanes, size_t count, const struct current_call *loader,
                              pthread_mutex_t *call_readers, const struct config *config,
                              struct log *log, struct error *error);
/* Looks no more: what stands from here on is meant to. NULL is allowed. */
void watchdog_end(struct watchdog *watchdog);
/* Ends it if need be. */
void watchdog_free(struct watchdog *watchdog);

/* Any thread: whether all lanes move, and the watchdog itself; else `text` says which does not, and
 * why. */
bool watchdog_is_live(const struct watchdog *watchdog, char *text, size_t size);

/* Any thread: whether the lane has been in one callback since the watchdog looked last; then `name`
 * is the deployment. */
bool watchdog_in_callback(const struct watchdog *watchdog, size_t lane, char *name, size_t size);

/* Control: these limits from now on. */
void watchdog_configure(struct watchdog *watchdog, const struct config *config);

#endif
