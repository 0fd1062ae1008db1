#include "commands/fitness.h"

#include "strategy/rehearsal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool fitness_init(struct fitness *fitness, struct error *error) {
    memset(fitness, 0, sizeof *fitness);
    snprintf(fitness->directory, sizeof fitness->directory, "/tmp/take5-check-XXXXXX");
    if (mkdtemp(fitness->directory) == NULL)
        return error_set_errno(error, errno, "cannot make %s", fitness->directory);
    fitness->generations = generations_new(fitness->directory, error);
    if (fitness->generations == NULL) {
        rmdir(fitness->directory);
        return false;
    }
    return true;
}

void fitness_release(struct fitness *fitness) {
    char lock[sizeof fitness->directory + 16];
    generations_free(fitness->generations);
    snprintf(lock, sizeof lock, "%s/.lock", fitness->directory);
    unlink(lock);
    rmdir(fitness->directory);
}

bool fitness_try(struct fitness *fitness, const struct config *config,
                 const struct strategy_file *file, const struct config_deployment *deployment,
                 struct description **description, struct faults *faults) {
    struct error error;
    *description = NULL;
    struct generation *generation = generations_copy(fitness->generations, file, &error);
    if (generation == NULL) {
        faults_add(faults, (struct place){file->path, 0}, "%s", error.text);
        return false;
    }
    const struct config_deployment defaults = {.name = (char *)file->name,
                                               .plugin = (char *)file->name,
                                               .is_enabled = true,
                                               .place = {file->path, 0}};
    const struct rehearsal rehearsal = {
        .generation = generation,
        .deployment = deployment != NULL ? deployment : &defaults,
        .config = config,
        .timeout_ns = config->rehearsal_timeout_ns,
    };
    struct rehearsal_answer answer = {0};
    const bool did = rehearsal_run(&rehearsal, &answer, faults);
    if (did && answer.has_changed_fp)
        faults_warn(faults, (struct place){file->path, 0},
                    "changes the floating-point environment when it is loaded (built with "
                    "-ffast-math?); take5 puts it back, but its own results may differ");
    generations_discard(fitness->generations, generation);
    *description = answer.description;
    return did;
}
