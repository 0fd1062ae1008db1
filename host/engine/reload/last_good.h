/*
 * engine/reload/last_good.h - the last good copy of each strategy file: STATE_DIR/good/NAME.so, or,
 * with its own libraries, STATE_DIR/good/NAME.d/.
 *
 * Written when a generation went to work; taken at a start when the file on disk is refused, so
 * that a bad drop does not take a strategy away at the next restart, or with its move to another
 * worker.
 */
#ifndef TAKE5_ENGINE_RELOAD_LAST_GOOD_H
#define TAKE5_ENGINE_RELOAD_LAST_GOOD_H

#include "base/error.h"
#include "engine/core/core.h"
#include "strategy/plugin/generation.h"
#include "strategy/plugin/strategy_file.h"

#include <stdbool.h>

enum last_good_outcome {
    LAST_GOOD_READ = 1,
    LAST_GOOD_NONE,   /* there is none */
    LAST_GOOD_REFUSED /* not this service's, not whole, or not of this ABI: the error says which */
};

/* Reads the kept file of a strategy. */
enum last_good_outcome last_good_read(const char *state_dir, const char *name,
                                      struct strategy_file *file, struct error *error);

/* The same in a worker, where a strategy may have come from another one, or come back from there:
 * of all workers' copies the one that went to work last counts. */
enum last_good_outcome last_good_read_newest(const struct config *config, const char *name,
                                             struct strategy_file *file, struct error *error);

/* Copies of all that went to work. What cannot be kept is logged. */
void last_good_write_all(struct engine *engine);

#endif
