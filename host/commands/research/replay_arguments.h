/*
 * commands/research/replay_arguments.h - the command line of a child that replays, made of that of
 * its parent: for the commands that replay in several processes.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_REPLAY_ARGUMENTS_H
#define TAKE5_COMMANDS_RESEARCH_REPLAY_ARGUMENTS_H

#include "commands/research/replay.h"

#include <stdbool.h>
#include <stddef.h>

/* Zeroed it is empty. */
struct arguments {
    char **items; /* NULL at the end */
    size_t count;
    bool is_oom;
};

void arguments_add(struct arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The options of OPTIONS_REPLAY; neither strategies nor recordings. */
void arguments_add_replay(struct arguments *arguments, const struct replay_options *options);
void arguments_release(struct arguments *arguments);

#endif
