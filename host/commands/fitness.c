#include "commands/fitness.h"

#include "commands/conformance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool fitness_init(struct fitness *fitness, struct error *error) {
    memset(fitness, 0, sizeof *fitness);
    if (!scratch_init(&fitness->scratch, error))
        return false;
    fitness->generations = generations_new(fitness->scratch.directory, error);
    if (fitness->generations == NULL)
        scratch_release(&fitness->scratch);
    return fitness->generations != NULL;
}

void fitness_release(struct fitness *fitness) {
    generations_free(fitness->generations);
    scratch_release(&fitness->scratch);
}

struct description *fitness_describe(struct fitness *fitness, const struct config *config,
                                     const struct strategy_file *file, struct faults *faults) {
    struct error error;
    struct generation *generation = generations_copy(fitness->generations, file, &error);
    if (generation == NULL) {
        faults_add(faults, (struct place){file->path, 0}, "%s", error.text);
        return NULL;
    }
    const struct conformance conformance = {
        .generation = generation,
        .config = config,
        .timeout_ns = config->rehearsal_timeout_ns,
    };
    struct description *description = conformance_describe(&conformance, faults);
    generations_discard(fitness->generations, generation);
    return description;
}
