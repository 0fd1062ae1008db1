/*
 * synth/to_kafka.h - a synthetic market into a Kafka cluster: for trying, for load, for the
 * demo.
 *
 * A separate librdkafka producer; the three topics by role; key = symbol; partitions as the Java
 * producers choose them (murmur2). Works with a real broker and with the mock cluster (give its
 * bootstraps). Runs in the thread that calls feed_kafka_run(), or in one of its own between
 * feed_kafka_start() and feed_kafka_join().
 */
#ifndef TAKE5_SYNTH_TO_KAFKA_H
#define TAKE5_SYNTH_TO_KAFKA_H

#include "base/error.h"
#include "config/schema/client_conf.h"
#include "log/log.h"
#include "synth/feeder.h"
#include "synth/market.h"

#include <stdbool.h>
#include <stdint.h>

struct feed_kafka_options {
    const char *brokers;
    const char *topics[MARKET_ROLES];         /* by role; NULL: named as the role */
    const struct client_property *properties; /* librdkafka's, over the defaults; may be NULL */
    size_t property_count;
    struct market_options market;
    struct feeder_pace pace;
    /* Records bear the market's time as their timestamp, so that no event time lies ahead of it
     * when the market runs faster than the clock. False: the time of sending. */
    bool has_market_time;
    int64_t flush_timeout_ns; /* how long the end waits for deliveries; 10 s when 0 */
};

struct feed_kafka_stats {
    uint64_t sent;      /* handed to the client */
    uint64_t delivered; /* confirmed by the broker */
    uint64_t failed;    /* given up by the client */
    uint64_t bytes;     /* of values sent */
    int64_t elapsed_ns; /* since the run began; stands still when it has ended */
    bool is_running;
};

struct feed_kafka;

/* NULL with an error: an option that the market or librdkafka refuses. Connects to nothing yet.
 * Copies the options; `log` must outlive it. */
struct feed_kafka *feed_kafka_new(const struct feed_kafka_options *options, struct log *log,
                                  struct error *error);
/* Stops and joins if needed. NULL is allowed. */
void feed_kafka_free(struct feed_kafka *feed);

/* Feeds until the limit or the stop, then waits for the deliveries. False when the client met a
 * fatal error, or when messages were not delivered: the text says how many and why. */
bool feed_kafka_run(struct feed_kafka *feed, struct error *error);

/* The same in a thread. */
bool feed_kafka_start(struct feed_kafka *feed, struct error *error);
/* Waits for its end; what feed_kafka_run() would have given. */
bool feed_kafka_join(struct feed_kafka *feed, struct error *error);

/* Any thread, also a signal handler: ends the run soon. */
void feed_kafka_stop(struct feed_kafka *feed);
/* Any thread. */
void feed_kafka_stats(const struct feed_kafka *feed, struct feed_kafka_stats *stats);

#endif
