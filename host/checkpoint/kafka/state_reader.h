/*
 * checkpoint/kafka/state_reader.h - reads a partition of the state topic from its beginning to its
 * end, as far as it is stable (isolation.level = read_committed). For this room only. One thread.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_STATE_READER_H
#define TAKE5_CHECKPOINT_KAFKA_STATE_READER_H

#include "base/error.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct reader_options {
    rd_kafka_t *client;
    const char *topic;
    int32_t partition;
    const _Atomic int64_t *hurry_ns; /* ends the wait; NULL: none */
    int64_t patience_ns;             /* without anything new */
};

enum reader_end {
    READER_AT_END,
    READER_NOTHING, /* there is no such topic or partition: `error` says which */
    READER_FAILED,  /* ERROR_TIMEOUT: not in time; ERROR_MEMORY */
};

/* Calls `add` for each record, with its key. The end is where the client reports it (a topic may
 * end with markers that are never returned). While a transaction is open after it, it is not the
 * end: the producer has died, or is slow, and what was written since is not visible either. */
enum reader_end reader_read(const struct reader_options *options,
                            bool (*add)(void *context, const rd_kafka_message_t *message),
                            void *context, struct error *error);

#endif
