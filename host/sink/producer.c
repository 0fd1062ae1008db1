#include "sink/producer.h"

#include "config/schema/client_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct client_property DEFAULTS[] = {
    {"client.id", "take5"},
    {"linger.ms", "5"},
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    /* Where the Java producers of the input put the same key. */
    {"partitioner", "murmur2_random"},
    /* Whether a record is too large is the broker's decision: its limit may be above the
     * default. */
    {"message.max.bytes", "16777216"},
    {"statistics.interval.ms", "1000"},
};

/* Set last, and what client_conf_set_safe_producer() sets: what the sink promises. */
static const struct client_property FIXED[] = {
    {"message.timeout.ms", "0"},
};

bool producer_setup_init(struct producer_setup *setup, const struct config_items *properties,
                         const char *servers) {
    memset(setup, 0, sizeof *setup);
    size_t count = properties ? properties->count : 0;
    setup->servers = servers ? strdup(servers) : NULL;
    setup->properties.items = calloc(count + 1, sizeof *setup->properties.items);
    if ((servers && !setup->servers) || !setup->properties.items)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct config_item *copy = &setup->properties.items[i];
        setup->properties.count = i + 1;
        copy->name = strdup(properties->items[i].name);
        copy->text = strdup(properties->items[i].text);
        if (!copy->name || !copy->text)
            return false;
    }
    return true;
}

bool producer_setup_transactions(struct producer_setup *setup, const char *id, int timeout_ms) {
    setup->transactional_id = strdup(id);
    setup->transaction_timeout_ms = timeout_ms;
    return setup->transactional_id != NULL;
}

void producer_setup_release(struct producer_setup *setup) {
    for (size_t i = 0; i < setup->properties.count; i++) {
        free(setup->properties.items[i].name);
        free(setup->properties.items[i].text);
    }
    free(setup->properties.items);
    free(setup->servers);
    free(setup->transactional_id);
    memset(setup, 0, sizeof *setup);
}

/* A transaction right after another one waits this long (default: 100 ms) if the markers of the
 * previous one are not written yet. */
static const struct client_property TRANSACTIONAL_DEFAULTS[] = {{"retry.backoff.ms", "5"}};

/* Set last. librdkafka allows no time limit above that of the transaction. */
static bool transactions_set(rd_kafka_conf_t *conf, const struct producer_setup *setup,
                             struct error *error) {
    char limit[16];
    snprintf(limit, sizeof limit, "%d", setup->transaction_timeout_ms);
    const struct client_property properties[] = {
        {"transactional.id", setup->transactional_id},
        {"transaction.timeout.ms", limit},
        {"message.timeout.ms", limit},
        {"socket.timeout.ms", limit},
    };
    return client_conf_set_all(conf, CLIENT_PROPERTIES(properties), error);
}

rd_kafka_t *producer_new(const struct producer_setup *setup,
                         const struct producer_callbacks *callbacks, struct error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!client_conf_set_all(conf, CLIENT_PROPERTIES(DEFAULTS), error))
        goto failed;
    if (setup->transactional_id != NULL &&
        !client_conf_set_all(conf, CLIENT_PROPERTIES(TRANSACTIONAL_DEFAULTS), error))
        goto failed;
    for (size_t i = 0; i < setup->properties.count; i++) {
        if (!client_conf_set_item(conf, &setup->properties.items[i], error))
            goto failed;
    }
    if ((setup->servers && !client_conf_set(conf, "bootstrap.servers", setup->servers, error)) ||
        !client_conf_set_safe_producer(conf, error) ||
        !client_conf_set_all(conf, CLIENT_PROPERTIES(FIXED), error))
        goto failed;
    if (setup->transactional_id != NULL && !transactions_set(conf, setup, error))
        goto failed;

    rd_kafka_conf_set_opaque(conf, callbacks->opaque);
    rd_kafka_conf_set_dr_msg_cb(conf, callbacks->delivered);
    rd_kafka_conf_set_error_cb(conf, callbacks->error);
    rd_kafka_conf_set_stats_cb(conf, callbacks->statistics);
    rd_kafka_conf_set_log_cb(conf, callbacks->log);

    char text[512];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (client)
        return client;
    error_set(error, ERROR_INVALID, "librdkafka rejects the settings of the producer: %s", text);

failed:
    rd_kafka_conf_destroy(conf);
    return NULL;
}
