/*
 * A mock cluster of librdkafka's, and what lies in its topics.
 */
#ifndef TAKE5_TESTS_SINK_MOCK_H
#define TAKE5_TESTS_SINK_MOCK_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define MOCK_TOPIC "algo_signals"

struct mock {
    rd_kafka_t *owner;
    rd_kafka_mock_cluster_t *cluster;
    char servers[128];
};

/* One broker, MOCK_TOPIC with one partition. */
void mock_init(struct mock *mock);
void mock_release(struct mock *mock);

/* A record as it lies there. */
struct mock_record {
    rd_kafka_message_t *message;
    rd_kafka_headers_t *headers; /* NULL: none; the message's */
    int64_t time_ms;
};

/* Reads `count` records from the beginning and looks that there is no more; fails the test when
 * they do not come. Free with mock_free(). */
struct mock_record *mock_read(struct mock *mock, size_t count);
void mock_free(struct mock_record *records, size_t count);

#endif
