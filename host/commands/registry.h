/*
 * commands/registry.h - the subcommands.
 *
 * Commands are the one place that prints and decides exit codes. They lie by what they are for:
 * authoring/ a strategy, research/ with recordings, operation/ of a host.
 */
#ifndef TAKE5_COMMANDS_REGISTRY_H
#define TAKE5_COMMANDS_REGISTRY_H

#include "cli/options.h"

/* In the order in which people read them; NULL at the end. */
extern const struct command *const commands[];

extern const struct command command_completion, command_version;

#endif
