/*
 * commands/research/replay/replay_arguments.h - the command line of a child that replays, made of
 * that of its parent: for the commands that replay in several processes.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_REPLAY_REPLAY_ARGUMENTS_H
#define TAKE5_COMMANDS_RESEARCH_REPLAY_REPLAY_ARGUMENTS_H

#include "commands/research/replay/replay.h"
#include "os/arguments.h"

/* The options of OPTIONS_REPLAY; neither strategies nor recordings. */
void arguments_add_replay(struct arguments *arguments, const struct replay_options *options);

#endif
