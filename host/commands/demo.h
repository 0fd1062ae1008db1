/*
 * commands/demo.h - a broker and a feed inside the process, for `run --demo`: librdkafka's mock
 * cluster, a synthetic market producing all three topics, directories of the moment.
 */
#ifndef TAKE5_COMMANDS_DEMO_H
#define TAKE5_COMMANDS_DEMO_H

#include "base/error.h"
#include "base/log.h"
#include "commands/commands.h"

#include <stdbool.h>

struct demo;

/* Starts the broker, makes a temporary directory, and adds to `options` what points the host at
 * them: broker, group, run, state and cache directories, and, without a file of the user's, the
 * bundled strategies. What the user overrode stays. */
struct demo *demo_new(struct config_options *options, struct error *error);
/* A file of the user's that names no strategy directory means the bundled ones: true when `options`
 * were pointed at them, since the directory that `config` has is not there; then load again. */
bool demo_lacks_strategies(struct config_options *options, const struct config *config);
/* Topics are made and the feed begins. */
bool demo_start(struct demo *demo, const struct config *config, struct log *log,
                struct error *error);
/* The feed ends; the broker stays. */
void demo_stop(struct demo *demo);
/* After every client of the broker is gone. */
void demo_free(struct demo *demo);

#endif
