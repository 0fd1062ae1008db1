/*
 * engine/good.h - the last good copy of each strategy file: STATE_DIR/good/NAME.so.
 *
 * Written when a generation went to work; taken at a start when the file on disk is refused, so
 * that a bad drop does not take a strategy away at the next restart.
 */
#ifndef TAKE5_ENGINE_GOOD_H
#define TAKE5_ENGINE_GOOD_H

#include "base/error.h"
#include "strategy/generation.h"
#include "strategy/strategy_file.h"

#include <stdbool.h>

/* Keeps the generation's copy, unless those very bytes are kept already. */
bool good_keep(const char *state_dir, const struct generation *generation, struct error *error);

/* Reads the kept file of a strategy; false when there is none, or it is refused by now too. */
bool good_read(const char *state_dir, const char *name, struct strategy_file *file);

#endif
