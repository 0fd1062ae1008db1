/*
 * checkpoint/kafka/topic.h - the state topic itself: created if it is missing, and checked. For
 * this room only. Any thread.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_TOPIC_H
#define TAKE5_CHECKPOINT_KAFKA_TOPIC_H

#include "base/error.h"
#include "log/log.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct topic_question {
    rd_kafka_t *client; /* a consumer: requests of a producer may create topics */
    const char *topic;
    const char *servers; /* for the command that repairs it */
    const char *const *inputs;
    size_t input_count;
    struct log *log;
};

enum topic_answer {
    TOPIC_IS_GOOD,
    TOPIC_IS_NEW,     /* it was created now */
    TOPIC_IS_UNKNOWN, /* unknown for now: the brokers do not answer, or there is no input topic */
    TOPIC_IS_WRONG    /* its settings: `error` has the command that repairs them */
};

/* Creates the topic if it is missing and the inputs exist. `*partitions`: how many it has. */
enum topic_answer topic_check(const struct topic_question *question, int64_t until_ns,
                              int32_t *partitions, struct error *error);

/* How many partitions the topic has now; 0: it does not exist; -1 with an error: unknown. */
int32_t topic_count_partitions(rd_kafka_t *client, const char *topic, int64_t until_ns,
                               struct error *error);

#endif
