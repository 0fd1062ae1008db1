/*
 * config/schema/client_conf.h - properties of a librdkafka client. An error says which one is
 * refused and why, with the place of a user's one, and shows no secret.
 */
#ifndef TAKE5_CONFIG_SCHEMA_CLIENT_CONF_H
#define TAKE5_CONFIG_SCHEMA_CLIENT_CONF_H

#include "base/error.h"
#include "config/schema/settings.h"

#include <librdkafka/rdkafka.h>

struct client_property {
    const char *name;
    const char *value;
};

/* The length of an array of them. */
#define CLIENT_PROPERTIES(array) (array), sizeof(array) / sizeof *(array)

bool client_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                     struct error *error);
/* In their order, up to the first one that is refused. */
bool client_conf_set_all(rd_kafka_conf_t *conf, const struct client_property *properties,
                         size_t count, struct error *error);
/* What makes a producer's word hold: a delivery that it reports as done lies in the log, once and
 * in order. One request at a time, since librdkafka takes a request that failed for now as written
 * when one behind it succeeds (rd_kafka_dr_implicit_ack()); a broker that knows nothing of the
 * producer yet, such as that of a topic just made, refuses the one and takes the other. */
bool client_conf_set_safe_producer(rd_kafka_conf_t *conf, struct error *error);
bool client_conf_set_item(rd_kafka_conf_t *conf, const struct config_item *item,
                          struct error *error);

#endif
