/*
 * commands/operation/operation.h - what is done to a host. A command's file ends with its table
 * (cli/options.h).
 */
#ifndef TAKE5_COMMANDS_OPERATION_OPERATION_H
#define TAKE5_COMMANDS_OPERATION_OPERATION_H

#include "cli/options.h"

extern const struct command command_run, command_ctl, command_top, command_dlq, command_checkpoint;

#endif
