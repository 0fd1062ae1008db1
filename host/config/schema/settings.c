#include "config/schema/settings.h"

#include "base/array.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

const struct config_topic *config_topic_by_role(const struct config *config, const char *role,
                                                uint32_t *index) {
    for (size_t i = 0; i < config->topic_count; i++) {
        if (strcmp(config->topics[i].role, role) != 0)
            continue;
        if (index != NULL)
            *index = (uint32_t)i;
        return &config->topics[i];
    }
    return NULL;
}

struct config_deployment *config_deployment_find(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->deployment_count; i++)
        if (strcmp(config->deployments[i].name, name) == 0)
            return &config->deployments[i];
    return NULL;
}

struct config_ini *config_add_ini(struct config *config, enum config_ini_kind kind,
                                  const char *path, size_t size) {
    char *copy = text_dup(path, size);
    if (copy == NULL || !ARRAY_RESIZE(config->ini_files, config->ini_file_count + 1)) {
        free(copy);
        return NULL;
    }
    struct config_ini *file = &config->ini_files[config->ini_file_count++];
    *file = (struct config_ini){.kind = kind, .path = copy};
    return file;
}
