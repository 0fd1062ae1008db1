#include "config/sections/build.h"

#include "base/array.h"
#include "base/text.h"
#include "config/value/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const default_roles[] = {"bar_trends", "historic_stats", "asset_trends"};
#define DEFAULT_COUNT (sizeof default_roles / sizeof default_roles[0])

#define KAFKA_NAME_MAX 249
#define NAME_LETTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static struct config_topic *find_role(struct config *config, const char *role) {
    for (size_t i = 0; i < config->topic_count; i++)
        if (strcmp(config->topics[i].role, role) == 0)
            return &config->topics[i];
    return NULL;
}

static struct config_topic *add_role(struct build *build, const char *role, const char *name,
                                     struct place place) {
    struct config *config = build->config;
    char *role_copy = strdup(role);
    char *name_copy = strdup(name);
    if (role_copy == NULL || name_copy == NULL ||
        !ARRAY_RESIZE(config->topics, config->topic_count + 1)) {
        free(role_copy);
        free(name_copy);
        build_out_of_memory(build);
        return NULL;
    }
    struct config_topic *topic = &config->topics[config->topic_count++];
    *topic = (struct config_topic){.role = role_copy, .name = name_copy, .place = place};
    return topic;
}

bool topics_set_defaults(struct build *build) {
    for (size_t i = 0; i < DEFAULT_COUNT; i++)
        if (add_role(build, default_roles[i], default_roles[i], (struct place){0}) == NULL)
            return false;
    return true;
}

struct config_topic *build_topic(struct build *build, const char *role, struct place place) {
    struct config_topic *known = find_role(build->config, role);
    if (known != NULL)
        return known;
    if (role[0] == '\0' || role[strspn(role, NAME_LETTERS "_.-")] != '\0') {
        faults_add(build->faults, place,
                   "[topic:%s]: a role has letters, digits, '_', '-' and '.', as in "
                   "[topic:bar_trends]",
                   role);
        return NULL;
    }
    if (strcmp(role, "signals") == 0) {
        faults_add(build->faults, place,
                   "[topic:signals]: the role signals is reserved; where signals go is set in "
                   "[signals] and [sink:kafka]");
        return NULL;
    }
    /* Until its key is read it has no name of its own. */
    return add_role(build, role, role, place);
}

static bool is_kafka_name(const char *name) {
    size_t size = strlen(name);
    return size > 0 && size <= KAFKA_NAME_MAX && strspn(name, NAME_LETTERS "._-") == size &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void check_kafka_name(struct build *build, const char *section, const char *name,
                             struct place place) {
    if (!is_kafka_name(name))
        faults_add(build->faults, place,
                   "[%s] topic = %s is not a valid Kafka topic name: 1 to %d letters, digits, '.', "
                   "'_' and '-'",
                   section, name, KAFKA_NAME_MAX);
}

/* A role whose topic is empty is not consumed. */
static void drop_empty(struct config *config) {
    size_t kept = 0;
    for (size_t i = 0; i < config->topic_count; i++) {
        struct config_topic *topic = &config->topics[i];
        if (topic->name[0] != '\0') {
            config->topics[kept++] = *topic;
            continue;
        }
        free(topic->role);
        free(topic->name);
    }
    config->topic_count = kept;
}

static void check_unique(struct build *build, size_t index) {
    const struct config *config = build->config;
    const struct config_topic *topic = &config->topics[index];
    for (size_t i = 0; i < index; i++) {
        const struct config_topic *other = &config->topics[i];
        if (strcmp(topic->name, other->name) != 0)
            continue;
        struct place place = topic->place.file != NULL ? topic->place : other->place;
        faults_add(build->faults, place, "topic %s has two roles, %s and %s: keep one", topic->name,
                   other->role, topic->role);
    }
}

/* What is written must not come in again. */
static void check_no_loop(struct build *build, const char *section, const char *name) {
    const struct config *config = build->config;
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    struct place place = config->origins[schema_find(section, "topic") - keys];
    check_kafka_name(build, section, name, place);
    for (size_t i = 0; i < config->topic_count; i++)
        if (strcmp(config->topics[i].name, name) == 0)
            faults_add(build->faults, place.file != NULL ? place : config->topics[i].place,
                       "[%s] topic = %s is consumed as %s: the host would read its own output",
                       section, name, config->topics[i].role);
}

void topics_finish(struct build *build) {
    struct config *config = build->config;
    drop_empty(config);
    if (config->topic_count == 0)
        faults_add(build->faults, (struct place){0},
                   "no topic to consume: every [topic:ROLE] is empty");
    for (size_t i = 0; i < config->topic_count; i++) {
        char section[128];
        snprintf(section, sizeof section, "topic:%s", config->topics[i].role);
        check_kafka_name(build, section, config->topics[i].name, config->topics[i].place);
        check_unique(build, i);
    }
    if (config->sink_kafka)
        check_no_loop(build, "sink:kafka", config->signal_topic);
    if (config->series == SERIES_KAFKA)
        check_no_loop(build, "series", config->series_topic);
    if (config->dead_letters == DEAD_LETTERS_KAFKA)
        check_no_loop(build, "dead_letters", config->dead_letters_topic);
}
