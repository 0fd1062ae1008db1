/*
 * commands/replay.h - recorded messages through the strategies: what the command line said, and the
 * run.
 */
#ifndef TAKE5_COMMANDS_REPLAY_H
#define TAKE5_COMMANDS_REPLAY_H

#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/time_arg.h"
#include "log/log.h"
#include "service/signals.h"
#include "source/replay/replay_source.h"

#include <stdbool.h>
#include <stdint.h>

struct replay_options {
    struct config_options config; /* read again when strategies are renewed */
    struct choice choice;
    struct csv_arg symbols, mappings;
    struct file_source_options source; /* filters, speed, strictness; paths are the caller's */
    const char *output;                /* NULL: stdout */
    bool is_json;                      /* the summary */
    bool is_quiet;                     /* no summary, no progress */
    bool is_verbose;                   /* all bad lines, the log as configured */
    uint64_t renew_every;              /* messages between two reloads; 0: none */
};

/* Gives the exit code. `config` is in force, with what a replay changes in it already changed. */
int replay_run(struct replay_options *options, struct config *config, struct log *log,
               struct signals *signals);

#endif
