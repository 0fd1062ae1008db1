/*
 * cli/temp_dir.h - a temporary directory for a host that must not meet a service's files,
 * and what it runs when no configuration says otherwise. For `run --demo`, `replay` and `check`.
 */
#ifndef TAKE5_CLI_TEMP_DIR_H
#define TAKE5_CLI_TEMP_DIR_H

#include "base/error.h"
#include "cli/cli.h"

#include <stdbool.h>

struct temp_dir {
    char directory[128]; /* empty: none was made */
};

/* Makes a directory below $TMPDIR or /tmp. */
bool temp_dir_init(struct temp_dir *temp, struct error *error);
/* Removes it with all that is in it. */
void temp_dir_release(struct temp_dir *temp);

/* Removes one that another process made. False: that is none. */
bool temp_dir_discard(const char *directory);

/* Whether the command line has the setting. */
bool temp_dir_is_overridden(const struct config_options *options, const char *section,
                            const char *key);
/* Overrides a setting, unless the user did. */
bool temp_dir_set(struct config_options *options, const char *section, const char *key,
                  const char *value);
/* run_dir, state_dir and cache_dir in there; those that `settled` says nothing of, when that is not
 * NULL. */
bool temp_dir_set_directories(const struct temp_dir *temp, struct config_options *options,
                              const struct config *settled);
/* Whether somebody set it (file, environment, command line), so that it is no default. */
bool temp_dir_is_settled(const struct config *config, const char *section, const char *key);
/* Whether the path lies in there, and goes with it. */
bool temp_dir_has(const struct temp_dir *temp, const char *path);
/* For who runs without a file: the strategies that came with this program; but not the one that
 * prints every message. What `settled` says of their ownership or of that one stays; it may be
 * NULL. */
bool temp_dir_set_strategies(struct config_options *options, const struct config *settled);

#endif
