/*
 * checkpoint/kafka/topic.h - the state topic itself: made when it is missing, and looked at. For
 * this room alone. Any thread.
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
    rd_kafka_t *client; /* a consumer: a producer's questions may make topics */
    const char *topic;
    const char *servers; /* for the command that repairs it */
    const char *const *inputs;
    size_t input_count;
    struct log *log;
};

enum topic_answer {
    TOPIC_IS_GOOD,
    TOPIC_IS_NEW,     /* it was made now */
    TOPIC_IS_UNKNOWN, /* nobody says for now: the brokers do not answer, or no input is there */
    TOPIC_IS_WRONG    /* its settings: `error` has the command that repairs them */
};

/* Makes the topic when it is missing and the inputs are there. `*partitions`: how many it has. */
enum topic_answer topic_check(const struct topic_question *question, int64_t until_ns,
                              int32_t *partitions, struct error *error);

/* How many partitions the topic has now; 0: it is not there; -1 with an error: nobody says. */
int32_t topic_count_partitions(rd_kafka_t *client, const char *topic, int64_t until_ns,
                               struct error *error);

#endif
