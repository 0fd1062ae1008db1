#include "config/schema/settings.h"

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
