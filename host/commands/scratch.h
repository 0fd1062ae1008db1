/*
 * commands/scratch.h - a directory of the moment for a host that must not meet a service's files,
 * and what it runs when no configuration says otherwise. For `run --demo`, `replay` and `check`.
 */
#ifndef TAKE5_COMMANDS_SCRATCH_H
#define TAKE5_COMMANDS_SCRATCH_H

#include "base/error.h"
#include "commands/commands.h"

#include <stdbool.h>

struct scratch {
    char directory[128]; /* empty: none was made */
};

/* Makes a directory below $TMPDIR or /tmp. */
bool scratch_init(struct scratch *scratch, struct error *error);
/* Removes it with all that is in it. */
void scratch_release(struct scratch *scratch);

/* Overrides a setting, unless the user did. */
bool scratch_set(struct config_options *options, const char *section, const char *key,
                 const char *value);
/* run_dir, state_dir and cache_dir in there. */
bool scratch_set_directories(const struct scratch *scratch, struct config_options *options);
/* For who runs without a file: the strategies that came with this program; but not the one that
 * prints every message. */
bool scratch_set_strategies(struct config_options *options);

#endif
