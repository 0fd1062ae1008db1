/*
 * source/kafka/range_reader.h - reads topics from one time to another: for recording, and for the
 * rehearsals of a start.
 *
 * Joins no group and commits nothing: each partition is read by its offsets. All are merged by the
 * records' time, so that a backlog comes in its original order; within a partition the order is
 * that of the offsets, whatever the times. While it follows, a partition that is at its end is not
 * waited for.
 *
 * One thread.
 */
#ifndef TAKE5_SOURCE_KAFKA_RANGE_READER_H
#define TAKE5_SOURCE_KAFKA_RANGE_READER_H

#include "base/error.h"
#include "config/config.h"
#include "log/log.h"
#include "message/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KAFKA_READER_NO_TIME INT64_MIN

struct kafka_reader_options {
    const char *const *topics; /* Kafka's names */
    size_t topic_count;
    int64_t from_ms;    /* the first record of that time or later; NO_TIME: from the beginning */
    int64_t until_ms;   /* up to the first record of that time or later; NO_TIME: no bound */
    int64_t last;       /* about this many of the last ones, evenly from all partitions; 0: all */
    bool does_follow;   /* continues beyond the present end */
    int32_t timeout_ms; /* for the first requests to the brokers; 0: 10 s */
    /* Where to continue in a partition, instead of from_ms; -1: unknown. May be NULL. */
    int64_t (*resume)(void *context, const char *topic, int32_t partition);
    void *context;
};

struct kafka_reader;

/* Asks the brokers for partitions and offsets; waits for them up to the timeout. NULL with an
 * error: brokers unreachable, no such topic, or a position that the topic does not have. Deleted
 * records between that position and what the broker still has are logged. */
struct kafka_reader *kafka_reader_new(const struct kafka_reader_options *options,
                                      const struct config *config, struct log *log,
                                      struct error *error);
/* Takes NULL. */
void kafka_reader_free(struct kafka_reader *reader);

enum kafka_reader_result {
    KAFKA_READER_RECORD = 1,
    KAFKA_READER_WAIT, /* nothing came within the time */
    KAFKA_READER_END,
    KAFKA_READER_FAILED
};

/* The next record; it and `topic` are valid until the next call. */
enum kafka_reader_result kafka_reader_next(struct kafka_reader *reader, int timeout_ms,
                                           struct record *record, const char **topic,
                                           struct error *error);

/* Offsets passed, and to pass in all; -1 while it follows. */
void kafka_reader_progress(const struct kafka_reader *reader, int64_t *passed, int64_t *total);

#endif
