/*
 * source/kafka/range_reader_private.h - what the reader's own sources share.
 *
 *   range_reader.c         the client, the merge, life
 *   range_reader_bounds.c  which partitions there are, and what is to be read of each
 */
#ifndef TAKE5_SOURCE_KAFKA_RANGE_READER_PRIVATE_H
#define TAKE5_SOURCE_KAFKA_RANGE_READER_PRIVATE_H

#include "source/kafka/range_reader.h"

#include <librdkafka/rdkafka.h>

#define ROOM  "kafka"
#define BATCH 256

struct part {
    const char *topic; /* the options' */
    rd_kafka_topic_t *handle;
    int32_t partition;
    int64_t begin, next;
    int64_t end; /* the first one that is not wanted; INT64_MAX: not known */
    bool is_started, is_done;
    bool is_at_end; /* had nothing more when last asked */
    rd_kafka_message_t *batch[BATCH];
    size_t at, count;
};

struct kafka_reader {
    rd_kafka_t *client;
    struct log *log;
    rd_kafka_topic_t **handles; /* by topic */
    char **names;
    size_t topic_count;
    bool does_follow;
    int64_t until_ms;
    int timeout_ms;
    struct part *parts;
    size_t part_count;
    struct part *given; /* whose head the caller has */
    int64_t asked_ns;
};

/* Adds a part for each partition of the topic. */
bool kafka_reader_find_parts(struct kafka_reader *self, size_t topic, struct error *error);
/* Where each part begins and ends. */
bool kafka_reader_find_bounds(struct kafka_reader *self, const struct kafka_reader_options *options,
                              struct error *error);

#endif
