/*
 * source/kafka/range_reader.h - reads what topics carry, from one point of time to another: for
 * recording, and for the rehearsals of a start.
 *
 * Joins no group and commits nothing: each partition is read by its offsets. All are merged by the
 * records' time, so that a backlog comes in the order in which it came about; within a partition
 * the order is that of the offsets, whatever the times. While it follows, a partition that is at
 * its end is not waited for.
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
    int64_t from_ms;    /* the first record of that time or later; NO_TIME: what there is */
    int64_t until_ms;   /* up to the first record of that time or later; NO_TIME: no bound */
    int64_t last;       /* about so many of the last ones, evenly of all partitions; 0: all */
    bool does_follow;   /* goes on behind what is there now */
    int32_t timeout_ms; /* for the first questions to the brokers; 0: 10 s */
    /* Where to go on in a partition, over from_ms; -1: nothing is known of it. May be NULL. */
    int64_t (*resume)(void *context, const char *topic, int32_t partition);
    void *context;
};

struct kafka_reader;

/* Asks the brokers for partitions and offsets; waits for them up to the timeout. NULL with an
 * error: not reachable, no such topic, or a place to go on that the topic does not have. Records
 * that are gone already, between the place to go on and what the broker still has, are logged. */
struct kafka_reader *kafka_reader_new(const struct kafka_reader_options *options,
                                      const struct config *config, struct log *log,
                                      struct error *error);
/* NULL is allowed. */
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
