/*
 * engine/watch.h - a thread that looks whether the lanes move.
 *
 * A callback that has been in hand longer than `stuck_ns` blocks revoke, reload and stop alike: it
 * is named in the log, and with on_stuck = exit the crash file is written and the process exits
 * with status 1. A slow one is named while it still runs.
 */
#ifndef TAKE5_ENGINE_WATCH_H
#define TAKE5_ENGINE_WATCH_H

#include "base/error.h"
#include "config/config.h"
#include "engine/lane.h"

#include <stdbool.h>
#include <stddef.h>

struct watch;

/* `lanes` and `in_hand` (of the loader thread) outlive the watch. */
struct watch *watch_new(struct lane **lanes, size_t count, const struct in_hand *loader,
                        pthread_mutex_t *lookers, const struct config *config, struct log *log,
                        struct error *error);
void watch_free(struct watch *watch);

/* Any thread: whether all lanes move; else `text` says which does not, and why. */
bool watch_is_live(const struct watch *watch, char *text, size_t size);

/* Any thread: whether the lane has been in one callback since the watch looked last; then `name` is
 * the deployment. */
bool watch_in_callback(const struct watch *watch, size_t lane, char *name, size_t size);

/* Control: these limits from now on. */
void watch_configure(struct watch *watch, const struct config *config);

#endif
