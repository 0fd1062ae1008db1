/*
 * source/kafka/client_properties.h - the configuration of librdkafka clients, from the host's.
 */
#ifndef TAKE5_SOURCE_KAFKA_CLIENT_PROPERTIES_H
#define TAKE5_SOURCE_KAFKA_CLIENT_PROPERTIES_H

#include "config/config.h"
#include "log/log.h"

#include <librdkafka/rdkafka.h>

/* The consumer of the group. NULL with an error that has the property's place. */
rd_kafka_conf_t *kafka_properties_make(const struct config *config, struct log *log,
                                       struct error *error);

/*
 * A consumer that joins no group and commits nothing: partitions are read by their offsets. It is
 * notified where they end (RD_KAFKA_RESP_ERR__PARTITION_EOF), and an offset that no longer exists
 * is an error, not a reason to begin elsewhere. From [kafka] it has what does not concern a group
 * or how the host reads. NULL with an error.
 */
rd_kafka_conf_t *kafka_properties_make_reader(const struct config *config, const char *client_id,
                                              struct error *error);
/* A producer for the brokers of the input; likewise, and as client_conf_set_safe_producer() has it.
 */
rd_kafka_conf_t *kafka_properties_make_producer(const struct config *config, const char *client_id,
                                                struct error *error);

#endif
