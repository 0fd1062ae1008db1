/*
 * sink/producer.h - a librdkafka producer that loses nothing: idempotent, acks=all, no time limit;
 * with a transactional id, only the limit of its transactions.
 */
#ifndef TAKE5_SINK_PRODUCER_H
#define TAKE5_SINK_PRODUCER_H

#include "base/error.h"
#include "config/config.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

/* What producers are made from, repeatedly. */
struct producer_setup {
    char *servers;          /* NULL: named by the properties */
    char *transactional_id; /* NULL: it has no transactions */
    int transaction_timeout_ms;
    struct config_items properties;
};

struct producer_callbacks {
    void *opaque;
    void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *opaque);
    void (*error)(rd_kafka_t *, int code, const char *reason, void *opaque);
    int (*statistics)(rd_kafka_t *, char *json, size_t size, void *opaque);
    void (*log)(const rd_kafka_t *, int level, const char *facility, const char *text);
};

/* Copies what it keeps; false: out of memory. */
bool producer_setup_init(struct producer_setup *setup, const struct config_items *properties,
                         const char *servers);
/* Makes it a transactional one. False: out of memory. */
bool producer_setup_transactions(struct producer_setup *setup, const char *id, int timeout_ms);
void producer_setup_release(struct producer_setup *setup);

rd_kafka_t *producer_new(const struct producer_setup *setup,
                         const struct producer_callbacks *callbacks, struct error *error);

#endif
