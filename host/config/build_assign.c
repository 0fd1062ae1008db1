/*
 * One assignment: which table it belongs to, whether it is right, and where it is stored.
 */
#include "config/assign.h"
#include "config/schema/items.h"
#include "config/sections/receivers.h"
#include "config/text/quotes.h"
#include "config/value/value.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 128

static const char *quoted_near(const char *near, char *buffer, size_t size, const char *format) {
    if (near == NULL)
        return "";
    snprintf(buffer, size, format, near);
    return buffer;
}

/* The section's name as the tables have it, when a slip of fingers is all that is between. */
static const char *near_section(const char *section) {
    static const char *const kinds[] = {"topic", "strategy", "worker", "sink", NULL};
    const char *names[NAMES_MAX + 1] = {NULL};
    size_t count;
    const struct schema_section *sections = schema_sections(&count);
    for (size_t i = 0; i < count && i < NAMES_MAX; i++)
        names[i] = sections[i].name;
    const char *near = faults_near_miss(section, names);
    if (near != NULL)
        return near;

    char kind[32];
    size_t size = strcspn(section, ": ");
    if (size >= sizeof kind)
        return NULL;
    memcpy(kind, section, size);
    kind[size] = '\0';
    const char *near_kind = faults_near_miss(kind, kinds);
    for (size_t i = 0; near_kind != NULL && i < count; i++)
        if (strncmp(sections[i].name, near_kind, strlen(near_kind)) == 0)
            return sections[i].name;
    return NULL;
}

bool build_section(struct build *build, const char *section, struct place place) {
    const char *name;
    const struct schema_section *known = schema_section_of(section, &name);
    if (known == NULL) {
        char hint[96];
        faults_add(build->faults, place, "unknown section [%s]%s", section,
                   quoted_near(near_section(section), hint, sizeof hint, "; did you mean [%s]?"));
        return false;
    }
    if (name == NULL)
        return true;
    if (strcmp(known->name, "topic:ROLE") == 0)
        return build_topic(build, name, place) != NULL;
    if (strcmp(known->name, "worker:NAME") == 0)
        return build_worker(build, name, place) != NULL;
    return build_deployment(build, name, place) != NULL;
}

static void refuse_key(struct build *build, const char *table, const struct assignment *a) {
    const char *names[NAMES_MAX + 1] = {NULL};
    const char *elsewhere = NULL;
    size_t count, filled = 0;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, table) == 0 && filled < NAMES_MAX)
            names[filled++] = keys[i].key;
        else if (strcmp(keys[i].key, a->key) == 0)
            elsewhere = keys[i].section;
    }
    char hint[96];
    const char *near = faults_near_miss(a->key, names);
    if (near == NULL && elsewhere != NULL)
        faults_add(build->faults, a->place, "unknown key %s in [%s]; it belongs in [%s]", a->key,
                   a->section, elsewhere);
    else
        faults_add(build->faults, a->place, "unknown key %s in [%s]%s", a->key, a->section,
                   quoted_near(near, hint, sizeof hint, "; did you mean %s?"));
}

/* "level.ROOM" of [log]. */
static void assign_room_level(struct build *build, const struct assignment *a) {
    static const char *const rooms[] = {LOG_ROOMS, NULL};
    const char *room = a->key + strlen("level.");
    bool is_known = false;
    for (size_t i = 0; rooms[i] != NULL; i++)
        is_known = is_known || strcmp(rooms[i], room) == 0;
    enum log_level level;
    char hint[96];
    if (!is_known)
        faults_add(
            build->faults, a->place,
            "[log] %s: unknown room %s%s (config, strategy, source, sink, engine, ops, "
            "kafka)",
            a->key, room,
            quoted_near(faults_near_miss(room, rooms), hint, sizeof hint, "; did you mean %s?"));
    else if (!log_parse_level(a->value, &level))
        faults_add(build->faults, a->place,
                   "[log] %s = %s is invalid: expected DEBUG, INFO, WARNING, ERROR or CRITICAL",
                   a->key, a->value);
    else if (!config_items_set(&build->config->log_levels, a->key, log_level_name(level), a->place))
        build_out_of_memory(build);
}

static void assign_fixed(struct build *build, const struct assignment *a) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    const struct schema_key *key = schema_find(a->section, a->key);
    if (key == NULL) {
        refuse_key(build, a->section, a);
        return;
    }
    if (build_value(build, build->config, key, a))
        build->config->origins[key - keys] = a->place;
}

static void assign_topic(struct build *build, const char *role, const struct assignment *a) {
    const struct schema_key *key = schema_find("topic:ROLE", a->key);
    if (key == NULL) {
        refuse_key(build, "topic:ROLE", a);
        return;
    }
    struct config_topic *topic = build_topic(build, role, a->place);
    if (topic != NULL && build_value(build, topic, key, a))
        topic->place = a->place;
}

static void assign_worker(struct build *build, const char *name, const struct assignment *a) {
    const struct schema_key *key = schema_find("worker:NAME", a->key);
    if (key == NULL) {
        refuse_key(build, "worker:NAME", a);
        return;
    }
    struct config_worker *worker = build_worker(build, name, a->place);
    if (worker != NULL && build_value(build, worker, key, a) &&
        !config_items_set(&worker->keys, a->key, a->value, a->place))
        build_out_of_memory(build);
}

/* Whether the value is a list: by its type, or of librdkafka's, whose lists have commas too. */
static bool is_list(const struct schema_section *section, const char *key) {
    const struct schema_key *known = schema_find(section->name, key);
    if (known == NULL)
        return strcmp(section->name, "kafka") == 0 || strcmp(section->name, "sink:kafka") == 0;
    return known->type == SCHEMA_LIST || known->type == SCHEMA_SET ||
           known->type == SCHEMA_TIME_FRAMES;
}

/* Quotes around a value would be part of it. A secret is not shown. */
static bool check_quotes(struct build *build, const struct schema_section *section,
                         const struct assignment *a) {
    const bool is_secret = config_is_secret(a->key);
    if (!quotes_in(a->value, !is_secret && is_list(section, a->key)))
        return true;
    struct text meant;
    text_init(&meant);
    if (!is_secret)
        quotes_meant(a->value, &meant);
    faults_add(build->faults, a->place,
               "[%s] %s: write the value without quotes, they would be part of it%s%s%s%s",
               a->section, a->key, meant.size > 0 ? "; probably meant: " : "",
               meant.size > 0 ? a->key : "", meant.size > 0 ? " = " : "",
               meant.size > 0 ? meant.data : "");
    text_release(&meant);
    return false;
}

void build_assign(struct build *build, const struct assignment *a) {
    const char *name;
    const struct schema_section *section = schema_section_of(a->section, &name);
    if (section == NULL)
        return; /* reported once, by build_section() */
    if (!check_quotes(build, section, a))
        return;
    if (strcmp(section->name, "strategy:NAME") == 0) {
        struct config_deployment *deployment = build_deployment(build, name, a->place);
        if (deployment != NULL)
            deployment_assign(build, deployment, a);
        return;
    }
    if (strcmp(section->name, "worker:NAME") == 0) {
        assign_worker(build, name, a);
        return;
    }
    if (strcmp(section->name, "topic:ROLE") == 0) {
        assign_topic(build, name, a);
        return;
    }
    if (strcmp(a->section, "log") == 0 && strncmp(a->key, "level.", 6) == 0) {
        assign_room_level(build, a);
        return;
    }
    bool is_property = section->open != NULL && schema_find(a->section, a->key) == NULL;
    if (is_property && strcmp(a->section, "kafka") == 0)
        kafka_assign(build, KAFKA_CONSUMER, a);
    else if (is_property && strcmp(a->section, "sink:kafka") == 0)
        kafka_assign(build, KAFKA_PRODUCER, a);
    else if (is_property && receiver_items(build->config, a->section) != NULL)
        receiver_assign(build, a);
    else
        assign_fixed(build, a);
}
