/*
 * commands/fitness.h - strategies looked at outside a running host: copied into a directory of the
 * moment, described by a child. For `check` and `list`.
 */
#ifndef TAKE5_COMMANDS_FITNESS_H
#define TAKE5_COMMANDS_FITNESS_H

#include "base/faults.h"
#include "commands/scratch.h"
#include "config/config.h"
#include "strategy/description.h"
#include "strategy/generation.h"
#include "strategy/strategy_file.h"

#include <stdbool.h>

struct fitness {
    struct scratch scratch;
    struct generations *generations;
};

bool fitness_init(struct fitness *fitness, struct error *error);
void fitness_release(struct fitness *fitness);

/* What the file says of itself, by a child that loads it and creates nothing; so parameters without
 * a default need no value. NULL with faults; free it. */
struct description *fitness_describe(struct fitness *fitness, const struct config *config,
                                     const struct strategy_file *file, struct faults *faults);

#endif
