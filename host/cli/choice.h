/*
 * cli/choice.h - the strategies that a command line chooses: files and directories among its
 * arguments, or another strategy directory.
 *
 * Who names files or a directory means these and no others; without -c the system's configuration
 * is none of their business. Who names another directory (`-s take5.strategy_dir=DIR`) means what
 * is in it: deployments of the configuration whose strategy is not there are left out, which is
 * said. A deployment of the command line's own stays, so that a slip in it shows.
 */
#ifndef TAKE5_CLI_CHOICE_H
#define TAKE5_CLI_CHOICE_H

#include "cli/cli.h"

#include <stdbool.h>
#include <stddef.h>

struct choice {
    char *directory; /* NULL: nothing was chosen */
    char **files;    /* names in it, NULL-terminated; NULL: all */
    size_t file_count;
    bool has_reported; /* what was left out */
};

/* Whether an argument is a strategy or a directory of them: a directory, or a name with .so at its
 * end. */
bool choice_is_strategy(const char *argument);
/* Takes one of these. False with a message on stderr: it is not there, or lies elsewhere than those
 * before it. */
bool choice_add(struct choice *choice, const char *argument);
void choice_release(struct choice *choice);

/* Points the options at what was chosen. To be called once, before the configuration is loaded and
 * before a command makes its own settings. False with a message on stderr. */
bool choice_apply(struct choice *choice, struct config_options *options);
/* Loads, and leaves out what was not chosen. NULL when there is an error; faults are on stderr. */
struct config *choice_load(struct choice *choice, const struct config_options *options);
/* The same of one that has errors, too, as far as it could be read. */
struct config *choice_load_anyway(struct choice *choice, const struct config_options *options,
                                  bool *has_errors);

#endif
