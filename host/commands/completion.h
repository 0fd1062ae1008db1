/*
 * commands/completion.h - completion scripts for shells, from the tables of the commands.
 */
#ifndef TAKE5_COMMANDS_COMPLETION_H
#define TAKE5_COMMANDS_COMPLETION_H

#include "base/text.h"
#include "cli/options.h"

#include <stdbool.h>

/* Appends the script for "bash" or "zsh"; `commands` ends with NULL. False: no such shell. */
bool completion_write(const struct command *const *commands, const char *shell, struct text *text);

#endif
