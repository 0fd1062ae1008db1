#include "base/string_list.h"
#include "config/assign.h"

void config_choice_release(struct config *config) {
    string_list_free(config->strategy_files);
    config->strategy_files = NULL;
}

bool config_choose(struct config *config, char *const *files,
                   bool (*keeps)(void *context, const struct config_deployment *deployment),
                   void *context) {
    char **copy = files != NULL ? string_list_copy(files) : NULL;
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
