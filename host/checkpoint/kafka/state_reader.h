/*
 * checkpoint/kafka/state_reader.h - reads a partition of the state topic from its beginning to its
 * end, as far as it is stable (isolation.level = read_committed). For this room alone. One thread.
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
    const _Atomic int64_t *hurry_ns; /* ends the wait; NULL: nothing does */
    int64_t patience_ns;             /* without anything new */
};

enum reader_end {
    READER_AT_END,
    READER_NOTHING, /* there is no such topic or partition: `error` says which */
    READER_FAILED,  /* ERROR_TIMEOUT: not by now; ERROR_MEMORY */
};

/* Calls `add` for each record, with its key. The end is where the client says that it is (a topic
 * may end with marks that are never handed out); it is not one while a transaction is open behind
 * it: its producer has died, or is slow, and what was written since is not shown either. */
enum reader_end reader_read(const struct reader_options *options,
                            bool (*add)(void *context, const rd_kafka_message_t *message),
                            void *context, struct error *error);

#endif
