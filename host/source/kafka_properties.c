/*
 * What librdkafka is configured with: defaults that suit a host of strategies, what [kafka] says
 * over them, and what the acknowledgement depends on over that.
 */
#include "source/kafka_private.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct property {
    const char *name;
    const char *value;
};

static const struct property DEFAULTS[] = {
    {"client.id", "take5"},
    {"auto.offset.reset", "earliest"},
    {"auto.commit.interval.ms", "1000"},
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"statistics.interval.ms", "1000"},
};

/* Set last: what would break at-least-once delivery if it were otherwise. */
static const struct property FIXED[] = {
    {"enable.auto.commit", "true"},
    {"enable.auto.offset.store", "false"},
};

static const char *const SECRETS[] = {
    "sasl.password",
    "ssl.key.password",
    "ssl.keystore.password",
    "ssl.key.pem",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    NULL,
};

static bool is_secret(const char *name) {
    for (size_t i = 0; SECRETS[i]; i++)
        if (strcmp(SECRETS[i], name) == 0)
            return true;
    return false;
}

/* What librdkafka says of the value, unless that would show a secret. */
static const char *complaint(const char *name, const char *text) {
    return is_secret(name) ? "librdkafka refuses the value (not shown)" : text;
}

static bool property_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                         struct place place, struct error *error) {
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return true;
    error_set(error, ERROR_INVALID, "[kafka] %s: %s", name, complaint(name, text));
    if (place.file)
        error_prefix(error, "%s:%d: ", place.file, place.line);
    return false;
}

static bool properties_set(rd_kafka_conf_t *conf, const struct property *properties, size_t count,
                           struct error *error) {
    for (size_t i = 0; i < count; i++)
        if (!property_set(conf, properties[i].name, properties[i].value, (struct place){NULL, 0},
                          error))
            return false;
    return true;
}

/* Properties that the user may not change, or not to that value. */
static bool is_overruled(const struct config_item *item, struct log *log) {
    for (size_t i = 0; i < sizeof FIXED / sizeof FIXED[0]; i++) {
        if (strcmp(item->name, FIXED[i].name) != 0)
            continue;
        if (strcasecmp(item->text, FIXED[i].value) != 0)
            log_warning(log, KAFKA_ROOM,
                        "[kafka] %s = %s is not followed: it stays %s, so that no "
                        "message is skipped",
                        item->name, item->text, FIXED[i].value);
        return true;
    }
    int64_t number;
    if (strcmp(item->name, "statistics.interval.ms") == 0 && parse_integer(item->text, &number) &&
        number == 0) {
        log_warning(log, KAFKA_ROOM,
                    "[kafka] statistics.interval.ms = 0 is not followed: lag and connection are "
                    "seen in the statistics");
        return true;
    }
    return false;
}

rd_kafka_conf_t *kafka_properties_make(const struct config *config, struct log *log,
                                       struct error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!properties_set(conf, DEFAULTS, sizeof DEFAULTS / sizeof DEFAULTS[0], error))
        goto failed;
    for (size_t i = 0; i < config->kafka.count; i++) {
        const struct config_item *item = &config->kafka.items[i];
        if (!is_overruled(item, log) &&
            !property_set(conf, item->name, item->text, item->place, error))
            goto failed;
    }
    const struct property effective[] = {
        {"bootstrap.servers", config->bootstrap_servers},
        {"group.id", config->group_id},
        {"partition.assignment.strategy", config->assignor ? config->assignor : "range"},
    };
    size_t skipped = config->bootstrap_servers ? 0 : 1; /* a mock cluster needs none */
    if (!properties_set(conf, effective + skipped, sizeof effective / sizeof effective[0] - skipped,
                        error) ||
        !properties_set(conf, FIXED, sizeof FIXED / sizeof FIXED[0], error))
        goto failed;
    return conf;

failed:
    rd_kafka_conf_destroy(conf);
    return NULL;
}
