/*
 * A fixture for the Kafka source: a mock cluster, and hosts made of a control thread, lanes, and a
 * listener that remembers.
 */
#ifndef TAKE5_TESTS_SOURCE_KAFKA_FIXTURE_H
#define TAKE5_TESTS_SOURCE_KAFKA_FIXTURE_H

#include "source/kafka/consumer.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>

#define FIXTURE_TOPICS      3
#define FIXTURE_PARTITIONS  4
#define FIXTURE_MAX_LANES   4
#define FIXTURE_MAX_RECORDS 20000
#define FIXTURE_HANG_MS     60000
#define FIXTURE_BROKER      1

extern const char *const fixture_topics[FIXTURE_TOPICS];

struct fixture {
    rd_kafka_t *owner; /* of the cluster, and the producer */
    rd_kafka_mock_cluster_t *cluster;
    char servers[128];
};

void fixture_init(struct fixture *fixture);
void fixture_create_topics(struct fixture *fixture);
void fixture_release(struct fixture *fixture);
/* `count` records to each partition of each topic, evenly numbered from what is there: value and
 * key "TOPIC/PARTITION/NUMBER", one header "n", time 1718658930000 + number. */
void fixture_produce(struct fixture *fixture, int from, int to);
/* The next requests of that kind are answered with that code. */
void fixture_lay_errors(struct fixture *fixture, int16_t request, size_t count,
                        rd_kafka_resp_err_t code);
size_t fixture_errors_left(struct fixture *fixture, int16_t request);

struct fixture_seen {
    uint32_t lane, topic;
    int32_t partition;
    int64_t offset;
};

/* One process, as it were. */
struct host {
    struct source *source;
    struct log *log;
    char log_path[64];
    uint32_t lane_count;
    atomic_bool is_storing; /* lanes store what they saw */
    bool is_closed;

    pthread_t control;
    pthread_t lanes[FIXTURE_MAX_LANES];
    struct host_lane {
        struct host *host;
        uint32_t index;
    } lane_of[FIXTURE_MAX_LANES];
    atomic_bool is_control_ending, is_lane_ending;
    pthread_rwlock_t gate; /* lanes hold it to read; the listener to write */

    /* Told by the listener, guarded by the gate. */
    bool is_owned[FIXTURE_TOPICS][64];
    int64_t assigned_offset[FIXTURE_TOPICS][64];
    bool is_new[FIXTURE_TOPICS][64];
    int64_t start_offset; /* given back to each assignment; SOURCE_NO_OFFSET: left alone */
    atomic_int assignments, revocations, lost;
    atomic_int owned_count;

    pthread_mutex_t mutex;
    struct fixture_seen *seen;
    size_t seen_count;
    atomic_size_t strangers; /* records of a partition that is not owned, or on a wrong lane */
    atomic_size_t damaged;   /* records whose content is not theirs */
    atomic_bool did_end;     /* poll said that it is over */
    struct error error;
};

struct host_options {
    uint32_t lanes; /* 0: 1 */
    const char *assignor;
    const char *group;
    const char *property, *value; /* one more */
    bool is_not_storing;
    int64_t start_offset; /* 0: left alone */
};

/* Makes and starts everything. */
void host_start(struct host *host, struct fixture *fixture, const struct host_options *options);
/* Only makes the source and its log; for tests that want no threads. NULL with the error. */
struct source *host_make(struct host *host, struct fixture *fixture,
                         const struct host_options *options, struct error *error);
/* Stops the lanes, then control, then closes the source; gives what close said. */
bool host_stop(struct host *host, int timeout_ms);
/* Closes and frees the source alone. */
bool host_close(struct host *host, int timeout_ms);
void host_release(struct host *host);

size_t host_seen(struct host *host);
/* Waits until so many were seen; fails the test when they do not come. */
void host_await_seen(struct host *host, size_t count);
/* Waits for the condition; fails the test, naming it, when it does not come. */
#define HOST_AWAIT(condition)                                                                      \
    do {                                                                                           \
        int waited_ = 0;                                                                           \
        while (!(condition) && waited_++ < FIXTURE_HANG_MS / 10)                                   \
            fixture_nap();                                                                         \
        cr_assert(condition, "never came: " #condition);                                           \
    } while (0)
void fixture_nap(void);

/* Whether all partitions of the host's are committed at that offset. */
bool host_has_committed(struct host *host, int64_t offset);

struct source_status host_status(struct host *host);
/* How often the log has the words. */
int host_said(struct host *host, const char *words);
/* How often each offset below `count` of each partition was seen over the hosts: the least and the
 * most. Also fails the test when a host saw a partition's records out of order between two
 * assignments. */
void hosts_count(struct host *const *hosts, size_t host_count, int count, int *least, int *most);

#endif
