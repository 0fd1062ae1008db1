/*
 * The configuration of librdkafka: defaults that suit a host of strategies, overridden by [kafka],
 * overridden by what acknowledgement depends on.
 */
#include "source/kafka/client_properties.h"

#include "base/units.h"
#include "config/schema/client_conf.h"
#include "config/schema/items.h"
#include "source/kafka/consumer_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How much a reader's client reads ahead per partition: enough to keep it from pausing for long. */
#define READER_AHEAD_KB "8192"

static const struct client_property DEFAULTS[] = {
    {"client.id", "take5"},
    {"auto.offset.reset", "earliest"},
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"statistics.interval.ms", "1000"},
};

/* Set last: what delivery depends on. The host commits (offset_commit.c), or transactions do. */
static const struct client_property FIXED[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
};

/* Properties that the user may not change, or not to that value. */
static bool is_overruled(const struct config_item *item, struct log *log) {
    for (size_t i = 0; i < sizeof FIXED / sizeof FIXED[0]; i++) {
        if (strcmp(item->name, FIXED[i].name) != 0)
            continue;
        if (strcasecmp(item->text, FIXED[i].value) != 0)
            log_warning(log, KAFKA_ROOM,
                        "[kafka] %s = %s ignored: fixed to %s, so that no "
                        "message is skipped",
                        item->name, item->text, FIXED[i].value);
        return true;
    }
    int64_t number;
    if (strcmp(item->name, "statistics.interval.ms") == 0 && parse_integer(item->text, &number) &&
        number == 0) {
        log_warning(log, KAFKA_ROOM,
                    "[kafka] statistics.interval.ms = 0 ignored: consumer lag and connection state "
                    "come from the statistics");
        return true;
    }
    return false;
}

rd_kafka_conf_t *kafka_properties_make(const struct config *config, struct log *log,
                                       struct error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!client_conf_set_all(conf, CLIENT_PROPERTIES(DEFAULTS), error))
        goto failed;
    for (size_t i = 0; i < config->kafka.count; i++) {
        const struct config_item *item = &config->kafka.items[i];
        if (!is_overruled(item, log) && !client_conf_set_item(conf, item, error))
            goto failed;
    }
    /* The host finds out where reading begins (begin.c). The client only decides where to continue
     * if an offset no longer exists: `latest` would skip all that is there. */
    const struct config_item *reset = config_items_find(&config->kafka, "auto.offset.reset");
    if (reset != NULL && kafka_begin_policy(reset->text) == RD_KAFKA_OFFSET_END &&
        !client_conf_set(conf, "auto.offset.reset", "earliest", error))
        goto failed;
    const struct client_property effective[] = {
        {"bootstrap.servers", config->bootstrap_servers},
        {"group.id", config->group_id},
        {"partition.assignment.strategy", config->assignor ? config->assignor : "range"},
    };
    size_t skipped = config->bootstrap_servers ? 0 : 1; /* a mock cluster needs none */
    if (!client_conf_set_all(conf, effective + skipped,
                             sizeof effective / sizeof effective[0] - skipped, error) ||
        !client_conf_set_all(conf, CLIENT_PROPERTIES(FIXED), error))
        goto failed;
    return conf;

failed:
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* Whether it concerns a group, or how a host reads. */
static bool is_foreign(const char *name) {
    static const char *const foreign[] = {"group.",
                                          "session.timeout.ms",
                                          "heartbeat.interval.ms",
                                          "partition.assignment.strategy",
                                          "enable.auto.",
                                          "auto.",
                                          "statistics.interval.ms",
                                          "queued."};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
            return true;
    }
    return false;
}

/* The properties of [kafka] that do not concern a group, over `defaults`, and `fixed` over them. */
static rd_kafka_conf_t *make_apart(const struct config *config,
                                   const struct client_property *defaults, size_t default_count,
                                   const struct client_property *fixed, size_t fixed_count,
                                   struct error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool did = client_conf_set_all(conf, defaults, default_count, error);
    for (size_t i = 0; did && i < config->kafka.count; i++) {
        const struct config_item *item = &config->kafka.items[i];
        did = is_foreign(item->name) || client_conf_set_item(conf, item, error);
    }
    if (did && client_conf_set_all(conf, fixed, fixed_count, error))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_conf_t *kafka_properties_make_reader(const struct config *config, const char *client_id,
                                              struct error *error) {
    const struct client_property defaults[] = {
        {"client.id", client_id},
        {"socket.nagle.disable", "true"},
        {"socket.keepalive.enable", "true"},
        /* Other requests to a broker wait for a fetch that waits at the end of a log. */
        {"fetch.wait.max.ms", "100"},
    };
    /* Without a group.id the client has no group to join or commit to. */
    const struct client_property fixed[] = {
        {"bootstrap.servers", config->bootstrap_servers},
        {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},
        {"queued.max.messages.kbytes", READER_AHEAD_KB},
        {"auto.offset.reset", "error"},
    };
    return make_apart(config, CLIENT_PROPERTIES(defaults), CLIENT_PROPERTIES(fixed), error);
}

rd_kafka_conf_t *kafka_properties_make_producer(const struct config *config, const char *client_id,
                                                struct error *error) {
    const struct client_property defaults[] = {
        {"client.id", client_id},
        {"socket.nagle.disable", "true"},
        {"socket.keepalive.enable", "true"},
    };
    const struct client_property fixed[] = {
        {"bootstrap.servers", config->bootstrap_servers},
    };
    rd_kafka_conf_t *conf =
        make_apart(config, CLIENT_PROPERTIES(defaults), CLIENT_PROPERTIES(fixed), error);
    if (conf == NULL || client_conf_set_safe_producer(conf, error))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}
