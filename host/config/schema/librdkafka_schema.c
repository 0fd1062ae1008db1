#include "config/schema/librdkafka_schema.h"

#include "base/secret.h"
#include "base/text.h"
#include "base/units.h"
#include "config/schema/items.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct kafka_properties {
    rd_kafka_conf_t *scratch; /* what values are tried on */
    char *table;              /* librdkafka's own list; the names point into it */
    const char **names;       /* NULL-terminated */
    char *sides;              /* 'C', 'P' or '*', as the list has it */
    bool *is_integer, *is_float;
    size_t count;
};

/* Those that the promises rest on: nobody else sets them. */
static const struct {
    const char *name;
    enum kafka_side side; /* 0: both */
    const char *reason;
} owned[] = {
    {"enable.auto.offset.store", 0,
     "an offset is stored when every strategy has processed the message and every sink has "
     "acknowledged its signals"},
    {"enable.auto.commit", 0,
     "stored offsets are always committed; auto.commit.interval.ms sets how often"},
    {"auto.commit.enable", 0,
     "stored offsets are always committed; auto.commit.interval.ms sets how often"},
    {"enable.partition.eof", 0, "a stream has no use for the end of a partition"},
    {"plugin.library.paths", 0, "code is loaded as a strategy, where it is checked"},
    {"log.queue", 0, "the host forwards librdkafka's log to its own"},
    {"enable.idempotence", KAFKA_PRODUCER, "signals are always produced idempotently"},
    {"acks", KAFKA_PRODUCER, "a signal is safe when all replicas have it: always all"},
    {"request.required.acks", KAFKA_PRODUCER,
     "a signal is safe when all replicas have it: always all"},
    {"max.in.flight.requests.per.connection", KAFKA_PRODUCER,
     "one request at a time: librdkafka may count a request that failed as written when one behind "
     "it succeeds"},
    {"max.in.flight", KAFKA_PRODUCER,
     "one request at a time: librdkafka may count a request that failed as written when one behind "
     "it succeeds"},
    {"transactional.id", KAFKA_PRODUCER,
     "[signals] delivery = exactly_once sets it, of group.id, host_id and lane"},
    {"delivery.report.only.error", KAFKA_PRODUCER,
     "offsets advance only when a delivery is reported"},
};
#define OWNED_COUNT (sizeof owned / sizeof owned[0])

static char *print_table(void) {
    char *table = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&table, &size);
    if (stream == NULL)
        return NULL;
    rd_kafka_conf_properties_show(stream);
    bool is_complete = ferror(stream) == 0;
    if (fclose(stream) != 0 || !is_complete) {
        free(table);
        return NULL;
    }
    return table;
}

/* Takes the names out of rows like "client.id   |  *  | ...", in place. */
static void read_table(struct kafka_properties *properties) {
    char *rest = properties->table;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        char *bar = strchr(line, '|');
        if (bar == NULL || strncmp(line, "Property ", 9) == 0 || line[0] == '-')
            continue;
        size_t name_size = strcspn(line, " |");
        const char *side = bar + 1 + strspn(bar + 1, " ");
        if (name_size == 0 || *side == '\0' || strchr("CP*", *side) == NULL)
            continue;
        properties->sides[properties->count] = *side;
        properties->is_integer[properties->count] = strstr(side, "*Type: integer*") != NULL;
        properties->is_float[properties->count] = strstr(side, "*Type: float*") != NULL;
        line[name_size] = '\0';
        properties->names[properties->count++] = line;
    }
}

struct kafka_properties *kafka_properties_new(struct error *error) {
    struct kafka_properties *properties = calloc(1, sizeof *properties);
    if (properties == NULL)
        goto failed;
    properties->scratch = rd_kafka_conf_new();
    properties->table = print_table();
    if (properties->scratch == NULL || properties->table == NULL)
        goto failed;
    size_t lines = 1;
    for (const char *c = properties->table; *c != '\0'; c++)
        lines += *c == '\n' ? 1 : 0;
    properties->names = calloc(lines + 1, sizeof *properties->names);
    properties->sides = calloc(lines, 1);
    properties->is_integer = calloc(lines, sizeof *properties->is_integer);
    properties->is_float = calloc(lines, sizeof *properties->is_float);
    if (properties->names == NULL || properties->sides == NULL || properties->is_integer == NULL ||
        properties->is_float == NULL)
        goto failed;
    read_table(properties);
    return properties;

failed:
    error_set_memory(error, "librdkafka's properties");
    kafka_properties_free(properties);
    return NULL;
}

void kafka_properties_free(struct kafka_properties *properties) {
    if (properties == NULL)
        return;
    if (properties->scratch != NULL)
        rd_kafka_conf_destroy(properties->scratch);
    free(properties->table);
    free(properties->names);
    free(properties->sides);
    free(properties->is_integer);
    free(properties->is_float);
    free(properties);
}

const char *kafka_property_name(const char *name) {
    return strcmp(name, "metadata.broker.list") == 0 ? "bootstrap.servers" : name;
}

/* 'C', 'P', '*' for both, 0 for none. A name may stand twice, for client and topic. */
static char side_of(const struct kafka_properties *properties, const char *name) {
    char found = 0;
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->names[i], name) != 0)
            continue;
        char side = properties->sides[i];
        found = found == 0 || found == side ? side : '*';
    }
    return found;
}

bool kafka_property_is_known(const struct kafka_properties *properties, enum kafka_side side,
                             const char *name) {
    char known = side_of(properties, name);
    return known == '*' || known == (side == KAFKA_CONSUMER ? 'C' : 'P');
}

static bool has_suffix(const char *text, const char *suffix) {
    size_t size = strlen(text), suffix_size = strlen(suffix);
    return size >= suffix_size && strcmp(text + size - suffix_size, suffix) == 0;
}

bool kafka_property_has_name(const struct kafka_properties *properties, const char *name,
                             size_t size) {
    for (size_t i = 0; i < properties->count; i++)
        if (strlen(properties->names[i]) == size &&
            strncasecmp(properties->names[i], name, size) == 0)
            return true;
    return false;
}

enum ini_value kafka_property_value(const char *name) {
    static const char *const lists[] = {"debug", "partition.assignment.strategy",
                                        "topic.blacklist"};
    if (has_suffix(name, ".pem"))
        return INI_VALUE_PEM;
    if (strcmp(kafka_property_name(name), "bootstrap.servers") == 0)
        return INI_VALUE_HOSTS;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(name, lists[i]) == 0)
            return INI_VALUE_LIST;
    return INI_VALUE_LINE;
}

static const char *section_of(enum kafka_side side) {
    return side == KAFKA_CONSUMER ? "kafka" : "sink:kafka";
}

/* Librdkafka takes "45s" for the number 45, so that its unit is lost without a word. */
static bool check_number(const struct kafka_properties *properties, enum kafka_side side,
                         const char *name, const char *value, struct place place,
                         struct faults *faults) {
    int64_t whole;
    double number;
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->names[i], name) != 0)
            continue;
        bool is_wrong = (properties->is_integer[i] && !parse_integer(value, &whole)) ||
                        (properties->is_float[i] && !parse_number(value, &number));
        if (!is_wrong)
            continue;
        faults_add(faults, place, "[%s] %s = %s is not a %snumber", section_of(side), name, value,
                   properties->is_integer[i] ? "whole " : "");
        return false;
    }
    return true;
}

/* Why a property cannot be set by a user, or NULL. */
static const char *reason_against(enum kafka_side side, const char *name) {
    for (size_t i = 0; i < OWNED_COUNT; i++)
        if (strcmp(owned[i].name, name) == 0 && (owned[i].side == 0 || owned[i].side == side))
            return owned[i].reason;
    bool is_pointer = has_suffix(name, "_cb") || strcmp(name, "opaque") == 0 ||
                      strcmp(name, "ssl_engine_callback_data") == 0 ||
                      strcmp(name, "ssl_key") == 0 || strcmp(name, "ssl_certificate") == 0 ||
                      strcmp(name, "ssl_ca") == 0 || strcmp(name, "default_topic_conf") == 0;
    return is_pointer ? "only a program can set it" : NULL;
}

static void refuse_unknown(const struct kafka_properties *properties, enum kafka_side side,
                           const char *name, struct place place, struct faults *faults) {
    const char *near = faults_near_miss(name, properties->names);
    if (near != NULL)
        faults_add(faults, place, "[%s] librdkafka %s has no property %s; did you mean %s?",
                   section_of(side), rd_kafka_version_str(), name, near);
    else
        faults_add(faults, place, "[%s] librdkafka %s has no property %s", section_of(side),
                   rd_kafka_version_str(), name);
}

bool kafka_property_check(struct kafka_properties *properties, enum kafka_side side,
                          const char *name, const char *value, struct place place,
                          struct faults *faults) {
    const char *reason = reason_against(side, name);
    if (reason != NULL) {
        faults_add(faults, place, "[%s] %s cannot be set: %s", section_of(side), name, reason);
        return false;
    }
    if (side_of(properties, name) == 0) {
        refuse_unknown(properties, side, name, place, faults);
        return false;
    }
    if (!kafka_property_is_known(properties, side, name)) {
        faults_add(faults, place, "[%s] %s is a property of %s: it belongs in [%s]",
                   section_of(side), name, side == KAFKA_CONSUMER ? "producers" : "consumers",
                   section_of(side == KAFKA_CONSUMER ? KAFKA_PRODUCER : KAFKA_CONSUMER));
        return false;
    }
    if (!check_number(properties, side, name, value, place, faults))
        return false;
    char problem[512];
    rd_kafka_conf_res_t result =
        rd_kafka_conf_set(properties->scratch, name, value, problem, sizeof problem);
    if (result == RD_KAFKA_CONF_OK)
        return true;
    /* Its problem may quote the value. */
    if (config_is_secret(name)) {
        secret_hide(problem, sizeof problem, value);
        faults_add(faults, place, "[%s] %s: librdkafka rejects the value (not shown): %s",
                   section_of(side), name, problem);
    } else {
        faults_add(faults, place, "[%s] %s = %s: %s", section_of(side), name, value, problem);
    }
    return false;
}
