#include "conformance/offline_services.h"

#include "conformance/conformance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool offline_init(struct offline *offline, struct error *error) {
    memset(offline, 0, sizeof *offline);
    if (!temp_dir_init(&offline->temp, error))
        return false;
    offline->generations = generations_new(offline->temp.directory, &trust_strict, error);
    if (offline->generations == NULL)
        temp_dir_release(&offline->temp);
    return offline->generations != NULL;
}

void offline_release(struct offline *offline) {
    generations_free(offline->generations);
    temp_dir_release(&offline->temp);
}

struct description *offline_describe(struct offline *offline, const struct config *config,
                                     const struct strategy_file *file, struct faults *faults) {
    struct error error;
    struct generation *generation = generations_copy(offline->generations, file, &error);
    if (generation == NULL) {
        faults_add_error(faults, (struct place){file->path, 0}, &error);
        return NULL;
    }
    const struct conformance conformance = {
        .generation = generation,
        .config = config,
        .timeout_ns = config->rehearsal_timeout_ns,
    };
    struct description *description = conformance_describe(&conformance, faults);
    generations_discard(offline->generations, generation);
    return description;
}
