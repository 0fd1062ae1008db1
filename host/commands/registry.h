/*
 * commands/registry.h - the subcommands.
 *
 * Commands are the one room that prints and decides exit codes. A command's file ends with its
 * table (cli/options.h).
 */
#ifndef TAKE5_COMMANDS_REGISTRY_H
#define TAKE5_COMMANDS_REGISTRY_H

#include "cli/options.h"

/* In the order in which people read them; NULL at the end. */
extern const struct command *const commands[];

extern const struct command command_run, command_check, command_list, command_inspect, command_new,
    command_record, command_replay, command_evaluate, command_diff, command_feed, command_ctl,
    command_top, command_dlq, command_checkpoint, command_completion, command_version,
    command_rehearse, command_conformance;

#endif
