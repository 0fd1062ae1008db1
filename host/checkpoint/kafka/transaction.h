/*
 * checkpoint/kafka/transaction.h - a transactional producer of one topic: all records of a batch or
 * none. One thread; its waits are bounded.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_TRANSACTION_H
#define TAKE5_CHECKPOINT_KAFKA_TRANSACTION_H

#include "base/error.h"
#include "checkpoint/kafka/batch.h"
#include "log/log.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/* How long the brokers wait for a producer that has died with an open transaction. */
#define TRANSACTION_TIMEOUT_MS 20000

struct transactions {
    rd_kafka_conf_t *conf; /* that of each client */
    char *topic;
    struct log *log;
    rd_kafka_t *client; /* NULL: to be made */
    bool is_ready;      /* its id is known to the brokers */
    int64_t *ends;      /* by partition: the offset after the last record that was written */
    size_t partition_count;
    bool was_recreated; /* an offset was below earlier ones: the topic was recreated */
};

/* Takes over `conf`, even on failure: a producer's, with the topic's id. */
bool transactions_init(struct transactions *self, rd_kafka_conf_t *conf, const char *topic,
                       const char *id, struct log *log, struct error *error);
void transactions_release(struct transactions *self);

/* Makes itself known to the brokers, which end what an earlier process left open. False: it is
 * retried before the next write. */
bool transactions_begin(struct transactions *self, int64_t until_ns, struct error *error);

enum transaction_outcome {
    TRANSACTION_COMMITTED,
    TRANSACTION_ABORTED, /* nothing of it is there */
    TRANSACTION_UNKNOWN  /* all of it or nothing */
};
/* Up to about `until_ns` (monotonic). `error` is filled unless it was committed. */
enum transaction_outcome transactions_write(struct transactions *self, const struct batch *batch,
                                            int64_t until_ns, struct error *error);

#endif
