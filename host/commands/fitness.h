/*
 * commands/fitness.h - strategies looked at outside a running host: copied into a directory of the
 * moment, rehearsed in a child, described. For `check` and `list`.
 */
#ifndef TAKE5_COMMANDS_FITNESS_H
#define TAKE5_COMMANDS_FITNESS_H

#include "base/faults.h"
#include "config/config.h"
#include "strategy/description.h"
#include "strategy/generation.h"
#include "strategy/strategy_file.h"

#include <stdbool.h>

struct fitness {
    char directory[64]; /* temporary */
    struct generations *generations;
};

bool fitness_init(struct fitness *fitness, struct error *error);
void fitness_release(struct fitness *fitness);

/*
 * Rehearses the file for a deployment (NULL: with its defaults), without messages, in a child. True
 * with a description (free it) when it is fit to run.
 */
bool fitness_try(struct fitness *fitness, const struct config *config,
                 const struct strategy_file *file, const struct config_deployment *deployment,
                 struct description **description, struct faults *faults);

#endif
