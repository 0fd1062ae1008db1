#include "config/build.h"

#include <stdlib.h>
#include <string.h>

static void release_files(char **files) {
    for (char **file = files; file != NULL && *file != NULL; file++)
        free(*file);
    free(files);
}

/* NULL: no memory. */
static char **copy_files(char *const *files) {
    size_t count = 0;
    while (files[count] != NULL)
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(files[i]);
        if (copy[i] == NULL) {
            release_files(copy);
            return NULL;
        }
    }
    return copy;
}

void config_choice_release(struct config *config) {
    release_files(config->strategy_files);
    config->strategy_files = NULL;
}

bool config_choose(struct config *config, char *const *files,
                   bool (*keeps)(void *context, const struct config_deployment *deployment),
                   void *context) {
    char **copy = files != NULL ? copy_files(files) : NULL;
    size_t kept = 0;
    if (files != NULL && copy == NULL)
        return false;
    config_choice_release(config);
    config->strategy_files = copy;
    for (size_t i = 0; i < config->deployment_count; i++) {
        if (keeps(context, &config->deployments[i]))
            config->deployments[kept++] = config->deployments[i];
        else
            config_deployment_release(&config->deployments[i]);
    }
    config->deployment_count = kept;
    return true;
}
