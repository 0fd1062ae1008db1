/*
 * commands/operation/run_worker.h - `take5 run` as a worker: what its supervisor begins it with,
 * and what it does to itself first.
 */
#ifndef TAKE5_COMMANDS_OPERATION_RUN_WORKER_H
#define TAKE5_COMMANDS_OPERATION_RUN_WORKER_H

#include "cli/cli.h"
#include "config/config.h"

#include <stdint.h>

/* "take5 run" with these options and the file of the configuration in force, behind which a
 * worker's name is put; NULL at the end. `has_color`: its lines come to a terminal after all. NULL:
 * no memory. */
char **run_worker_arguments(const struct config_options *options, const struct config *config,
                            bool has_color);
void run_worker_arguments_free(char **arguments);

/* A worker's first step: from here on it dies with its supervisor, process `parent`, gains no
 * privileges, and has the program's name. False: that has ended already. */
bool run_worker_begin(int64_t parent);
/* Reads its configuration; what is wrong goes to the log. NULL: it is refused. */
struct config *run_worker_load(const struct config_options *options, struct log *log);
/* Its limits: memory, processors, priority. Before it has other threads. */
bool run_worker_confine(const struct config *config, struct error *error);

#endif
