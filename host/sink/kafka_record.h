/*
 * sink/kafka_record.h - a delivery as a Kafka record, and what is sent instead if the broker
 * refuses it: whole, then shortened, then bare.
 *
 * A broker refuses a batch as a whole. So a permanently refused record is first *suspect*: it is
 * sent again alone, and only then reduced.
 *
 * Threads: the one that has the entry.
 */
#ifndef TAKE5_SINK_KAFKA_RECORD_H
#define TAKE5_SINK_KAFKA_RECORD_H

#include "log/log.h"
#include "sink/queue.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* Whether the record itself is the cause. */
bool kafka_record_is_refused_for_good(rd_kafka_resp_err_t code);

/* Hands it to the client, with the entry as its opaque. The value is not copied: the entry keeps it
 * until the delivery report. __CRIT_SYS_RESOURCE: out of memory, it was not handed over. */
rd_kafka_resp_err_t kafka_record_produce(rd_kafka_t *client, rd_kafka_topic_t *topic,
                                         struct sink_entry *entry);

/* After a permanent refusal: reduces it by one step. False: it cannot be reduced further, or not
 * for lack of memory. */
bool kafka_record_reduce(struct sink_entry *entry, rd_kafka_resp_err_t code, const char *topic,
                         struct log *log);

#endif
