/*
 * source/kafka/consumer.h - the Kafka consumer group as a source.
 *
 * One librdkafka consumer. The queue of each assigned partition is forwarded to the queue of its
 * lane (partition % lanes) before fetching begins, so no other thread touches a record between the
 * client and the lane. When a partition is revoked, nothing of it is read once the listener was
 * called: what was fetched already is dropped, and read again by its next owner.
 *
 * enable.auto.offset.store is false; stored offsets are committed by librdkafka in the background,
 * and once more, within a bound, when partitions are revoked. Lost ones commit nothing.
 *
 * It waits for topics that do not exist yet: it subscribes when the metadata has all of them, and
 * logs once which are missing. Logs connected, lost, assigned, revoked, once per change; what
 * librdkafka logs itself goes to room "kafka", connection failures only at DEBUG, since these are
 * logged as changes. Serves the eager protocol and the cooperative one (incremental assign).
 *
 * History (source/history.h) is read by a second client without a group, made at the first reading
 * and kept until free. Between start and close. A partition has one reading at a time. Its end
 * depends on isolation.level: by default it is the first open transaction. Readings that are open
 * when the source is freed are closed with it, and must not be closed again. Unreachable brokers
 * are waited for; an offset that is not in the log (any more), a damaged batch and a topic without
 * read permission end the reading. source_ops.headers serves its records too.
 */
#ifndef TAKE5_SOURCE_KAFKA_CONSUMER_H
#define TAKE5_SOURCE_KAFKA_CONSUMER_H

#include "config/config.h"
#include "log/log.h"
#include "source/source.h"

#include <librdkafka/rdkafka.h>

/* NULL with an error if librdkafka refuses the configuration. Nothing is connected yet. */
struct source *kafka_source_new(const struct config *config, struct log *log, struct error *error);

/*
 * For callers that commit offsets in transactions, [signals] delivery = exactly_once: the source
 * then only commits where partitions begin, and `store` notes what a transaction has committed.
 * Between start and free, any thread but control; they wait for librdkafka.
 */
/* With the generation of which this host is a member; the caller destroys it. NULL: none now. */
rd_kafka_consumer_group_metadata_t *kafka_source_group_metadata(struct source *source);
/* Fills in the group's committed offsets and their metadata, once no transaction is open in these
 * partitions. */
rd_kafka_resp_err_t kafka_source_committed(struct source *source,
                                           rd_kafka_topic_partition_list_t *list, int timeout_ms);

/* The newest JSON of librdkafka's statistics, for metrics; NULL: none yet. Free with free(). */
char *kafka_source_statistics(struct source *source);

#endif
