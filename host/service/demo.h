/*
 * service/demo.h - a broker and a feed inside the process, for `run --demo`: librdkafka's mock
 * cluster, a synthetic market producing all three topics, temporary directories.
 */
#ifndef TAKE5_SERVICE_DEMO_H
#define TAKE5_SERVICE_DEMO_H

#include "base/error.h"
#include "cli/cli.h"
#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

struct demo;

/* Starts the broker and makes a temporary directory. From then on `options` are a demo's: no file
 * counts but one that is named. */
struct demo *demo_new(struct config_options *options, struct error *error);
/* Adds to `options` what points the host at the broker, whatever `config` says that was loaded with
 * them, and what that leaves open: run, state and cache directories, and the bundled strategies
 * when there are no others. A strategy_dir that the file names is never replaced, and what the
 * command line says stays. `config` is NULL when it cannot be loaded. False: no memory. */
bool demo_settle(struct demo *demo, struct config_options *options, const struct config *config);
/* Says on stderr what of the configuration does not count, what is temporary, and how to ask the
 * host. */
void demo_announce(const struct demo *demo, const struct config *config);
/* Topics are made and the feed begins. */
bool demo_start(struct demo *demo, const struct config *config, struct log *log,
                struct error *error);
/* How many messages the broker has taken of the feed. */
uint64_t demo_fed(const struct demo *demo);
/* The feed ends; the broker stays. */
void demo_stop(struct demo *demo);
/* After every client of the broker is gone. */
void demo_free(struct demo *demo);

#endif
