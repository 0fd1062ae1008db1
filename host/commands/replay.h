/*
 * commands/replay.h - recorded messages through the strategies: what the command line said, and the
 * run.
 */
#ifndef TAKE5_COMMANDS_REPLAY_H
#define TAKE5_COMMANDS_REPLAY_H

#include "base/log.h"
#include "commands/commands.h"
#include "commands/moment.h"
#include "commands/signals.h"
#include "source/file.h"

#include <stdbool.h>
#include <stdint.h>

struct replay_options {
    struct config_options config; /* read again when strategies are renewed */
    struct words symbols;
    struct file_source_options source; /* filters, speed, strictness; paths are the caller's */
    const char *output;                /* NULL: stdout */
    bool is_json;                      /* the summary */
    bool is_quiet;                     /* no summary, no progress */
    bool is_verbose;                   /* all bad lines, the log as configured */
    uint64_t renew_every;              /* messages between two reloads; 0: none */
};

/* Gives the exit code. `config` is in force, with what a replay changes in it already changed. */
int replay_run(const struct replay_options *options, struct config *config, struct log *log,
               struct signals *signals);

#endif
