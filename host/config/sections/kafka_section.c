/*
 * [kafka] and [sink:kafka]: the properties that go through to librdkafka.
 */
#include "base/string_list.h"
#include "base/text.h"
#include "base/units.h"
#include "config/schema/items.h"
#include "config/sections/build.h"
#include "config/sections/property_source.h"
#include "config/value/value_list.h"

#include <stdlib.h>
#include <string.h>

#define INSTANCE "group.instance.id"

static struct config_items *items_of(struct build *build, enum kafka_side side) {
    return side == KAFKA_CONSUMER ? &build->config->kafka : &build->config->producer;
}

/* Librdkafka takes a line break for a part of a host's name: between two items there is a comma. */
static bool join_lines(struct build *build, const struct assignment *a, char **value) {
    struct text joined;
    struct error error;
    char **items = value_list_split(a->key, *value, &error);
    if (items == NULL) {
        faults_add(build->faults, a->place, "[%s] %s", a->section, error.text);
        return false;
    }
    text_init(&joined);
    for (size_t i = 0; items[i] != NULL; i++)
        text_printf(&joined, "%s%s", i > 0 ? "," : "", items[i]);
    string_list_free(items);
    free(*value);
    *value = text_take(&joined);
    if (*value == NULL)
        build_out_of_memory(build);
    return *value != NULL;
}

/* Of several lines only PEM texts are; those of a list are items. A value is not shown. */
static bool check_lines(struct build *build, const struct assignment *a, const char *name,
                        char **value) {
    const enum ini_value kind = kafka_property_value(name);
    if (strpbrk(*value, "\n\r") == NULL || kind == INI_VALUE_PEM)
        return true;
    if (kind != INI_VALUE_LINE)
        return join_lines(build, a, value);
    faults_add(build->faults, a->place,
               "[%s] %s has more than one line: an indented line continues the value "
               "above it; a file path is one line",
               a->section, a->key);
    return false;
}

void kafka_assign(struct build *build, enum kafka_side side, const struct assignment *a) {
    char *given, *value;
    if (!property_resolve(build, a, &given, &value))
        return;
    const char *name = kafka_property_name(given);
    struct config_items *items = items_of(build, side);
    if (check_lines(build, a, name, &value) &&
        kafka_property_check(build->kafka, side, name, value, a->place, build->faults) &&
        property_check_once(build, items, name, a) &&
        !config_items_set(items, name, value, a->place))
        build_out_of_memory(build);
    free(given);
    free(value);
}

static bool has_default(const struct build *build, enum kafka_side side,
                        const struct schema_property *property) {
    if (property->value == NULL)
        return false;
    if (property->is_optional && !kafka_property_is_known(build->kafka, side, property->name))
        return false;
    return property->instead == NULL ||
           !kafka_property_is_known(build->kafka, side, property->instead);
}

bool kafka_set_defaults(struct build *build) {
    size_t count;
    const struct schema_property *properties = schema_properties(&count);
    for (size_t i = 0; i < count; i++) {
        const struct schema_property *property = &properties[i];
        enum kafka_side side =
            strcmp(property->section, "kafka") == 0 ? KAFKA_CONSUMER : KAFKA_PRODUCER;
        if (!has_default(build, side, property))
            continue;
        if (!config_items_set(items_of(build, side), property->name, property->value,
                              (struct place){0})) {
            build_out_of_memory(build);
            return false;
        }
    }
    return true;
}

static bool is_shared_default(const char *name) {
    size_t count;
    const struct schema_property *properties = schema_properties(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(properties[i].section, "kafka") == 0 && strcmp(properties[i].name, name) == 0)
            return properties[i].is_shared;
    return false;
}

/* [kafka] goes to the producer too, as far as it knows the properties, unless [sink:kafka] says
 * otherwise. The host's own defaults go only where they make sense. */
static void share_with_producer(struct build *build) {
    struct config *config = build->config;
    for (size_t i = 0; i < config->kafka.count; i++) {
        const struct config_item *item = &config->kafka.items[i];
        if (!kafka_property_is_known(build->kafka, KAFKA_PRODUCER, item->name))
            continue;
        if (item->place.file == NULL && !is_shared_default(item->name))
            continue;
        const struct config_item *own = config_items_find(&config->producer, item->name);
        bool is_own = own != NULL && (own->place.file != NULL || item->place.file == NULL);
        if (!is_own && !config_items_set(&config->producer, item->name, item->text, item->place))
            build_out_of_memory(build);
    }
}

static char *effective(struct build *build, enum kafka_side side, const char *name) {
    const struct config_item *item = config_items_find(items_of(build, side), name);
    char *copy = strdup(item != NULL ? item->text : "");
    if (copy == NULL)
        build_out_of_memory(build);
    return copy;
}

static int64_t milliseconds(const struct config *config, const char *name, struct place *place) {
    const struct config_item *item = config_items_find(&config->kafka, name);
    int64_t value;
    if (item == NULL || !parse_integer(item->text, &value))
        return -1;
    *place = item->place;
    return value;
}

/* What librdkafka refuses only when a client is made, and what would make the group throw this host
 * out while it does what it should. */
static void check_times(struct build *build) {
    const struct config *config = build->config;
    struct place heartbeat_place, session_place, poll_place;
    int64_t heartbeat = milliseconds(config, "heartbeat.interval.ms", &heartbeat_place);
    int64_t session = milliseconds(config, "session.timeout.ms", &session_place);
    int64_t poll = milliseconds(config, "max.poll.interval.ms", &poll_place);
    if (heartbeat < 0 || session < 0 || poll < 0)
        return;
    if (heartbeat >= session)
        faults_add(build->faults, heartbeat_place.file != NULL ? heartbeat_place : session_place,
                   "[kafka] heartbeat.interval.ms = %lld must be below session.timeout.ms = %lld, "
                   "usually a third of it",
                   (long long)heartbeat, (long long)session);
    if (session > poll)
        faults_add(build->faults, session_place.file != NULL ? session_place : poll_place,
                   "[kafka] session.timeout.ms = %lld must not be above max.poll.interval.ms = "
                   "%lld",
                   (long long)session, (long long)poll);

    static const char *const bounded[] = {"reload_timeout", "revoke_timeout"};
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < sizeof bounded / sizeof bounded[0]; i++) {
        const struct schema_key *key = schema_find("take5", bounded[i]);
        int64_t ns = *(const int64_t *)((const char *)config + key->offset);
        if (ns / 1000000 < poll)
            continue;
        char written[32];
        format_duration(ns, written, sizeof written);
        struct place place = config->origins[key - keys];
        faults_add(build->faults, place.file != NULL ? place : poll_place,
                   "[take5] %s = %s must be below [kafka] max.poll.interval.ms = %lld, or the "
                   "group revokes the partitions in the meantime",
                   key->key, written, (long long)poll);
    }
}

/* The name as a static member, and whether it is worth keeping. A demo's mock cluster knows none.
 */
static void set_instance(struct build *build) {
    struct config *config = build->config;
    const bool is_own = config_items_find(&config->kafka, INSTANCE) != NULL;
    config->stop_leaves = config->on_stop == ON_STOP_LEAVE ||
                          (config->on_stop == ON_STOP_AUTO && !is_own && !config->host_id_lasts);
    if (build->request->is_demo || config->host_id == NULL || is_own)
        return;
    if (!config_items_set(&config->kafka, INSTANCE, config->host_id, (struct place){0}))
        build_out_of_memory(build);
}

void kafka_finish(struct build *build) {
    struct config *config = build->config;
    if (config_items_find(&config->kafka, "bootstrap.servers") == NULL) {
        bool is_docker = strcmp(config->run_mode, "docker") == 0;
        if (!config_items_set(&config->kafka, "bootstrap.servers",
                              is_docker ? "broker_1:9092" : "127.0.0.1:29092", (struct place){0}))
            build_out_of_memory(build);
    }
    set_instance(build);
    share_with_producer(build);
    config->bootstrap_servers = effective(build, KAFKA_CONSUMER, "bootstrap.servers");
    config->group_id = effective(build, KAFKA_CONSUMER, "group.id");
    config->assignor = effective(build, KAFKA_CONSUMER, "partition.assignment.strategy");
    const bool has_own = config_items_find(&config->producer, "bootstrap.servers") != NULL;
    config->producer_servers =
        effective(build, has_own ? KAFKA_PRODUCER : KAFKA_CONSUMER, "bootstrap.servers");
    check_times(build);
}
