/*
 * commands/authoring/authoring.h - what who writes a strategy does with it. A command's file ends
 * with its table (cli/options.h).
 */
#ifndef TAKE5_COMMANDS_AUTHORING_AUTHORING_H
#define TAKE5_COMMANDS_AUTHORING_AUTHORING_H

#include "cli/options.h"

extern const struct command command_check, command_list, command_inspect, command_new,
    command_rehearse, command_conformance, command_locate;

#endif
