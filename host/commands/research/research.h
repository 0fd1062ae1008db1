/*
 * commands/research/research.h - what is done with recordings. A command's file ends with its table
 * (cli/options.h).
 */
#ifndef TAKE5_COMMANDS_RESEARCH_RESEARCH_H
#define TAKE5_COMMANDS_RESEARCH_RESEARCH_H

#include "cli/options.h"

extern const struct command command_record, command_replay, command_evaluate, command_sweep,
    command_diff, command_report, command_feed, command_discard;

#endif
