/*
 * sink/kafka_record.h - a delivery as a record of Kafka's, and what becomes of one that the broker
 * refuses: whole, then shortened, then bare.
 *
 * A broker refuses a batch as a whole. So a record that was refused for good is first *suspect*: it
 * is sent again alone, and only then made less.
 *
 * Threads: whoever has the entry.
 */
#ifndef TAKE5_SINK_KAFKA_RECORD_H
#define TAKE5_SINK_KAFKA_RECORD_H

#include "log/log.h"
#include "sink/queue.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* As far as this record is concerned. */
bool kafka_record_is_refused_for_good(rd_kafka_resp_err_t code);

/* Hands it to the client, with the entry as its opaque. The value is not copied: the entry keeps it
 * until the delivery report. __CRIT_SYS_RESOURCE: memory ran out, it is not handed over. */
rd_kafka_resp_err_t kafka_record_produce(rd_kafka_t *client, rd_kafka_topic_t *topic,
                                         struct sink_entry *entry);

/* Refused for good: what comes after it is less. False: there is nothing less, or no memory for it
 * now. */
bool kafka_record_reduce(struct sink_entry *entry, rd_kafka_resp_err_t code, const char *topic,
                         struct log *log);

#endif
