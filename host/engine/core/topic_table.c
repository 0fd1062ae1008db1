#include "engine/core/topic_table.h"

#include <stdlib.h>
#include <string.h>

struct topics *topics_new(const struct config *config) {
    struct topics *topics = calloc(1, sizeof *topics + config->topic_count * sizeof *topics->items);
    if (topics == NULL)
        return NULL;
    topics->count = config->topic_count;
    for (size_t i = 0; i < topics->count; i++) {
        const struct config_topic *topic = &config->topics[i];
        topics->items[i] = (struct topic){topic->role, topic->name, strlen(topic->name)};
    }
    return topics;
}

bool topics_find(const struct topics *topics, const char *name, uint32_t *index) {
    for (*index = 0; *index < topics->count; (*index)++) {
        if (strcmp(topics->items[*index].name, name) == 0)
            return true;
    }
    return false;
}

bool topics_find_role(const struct topics *topics, const char *role, uint32_t *index) {
    for (*index = 0; *index < topics->count; (*index)++) {
        if (strcmp(topics->items[*index].role, role) == 0)
            return true;
    }
    return false;
}
