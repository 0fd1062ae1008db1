/*
 * source/kafka_private.h - the inside of the Kafka source, shared by the kafka*.c files only.
 *
 *   kafka.c            the table of operations, lanes' reading, making and starting
 *   kafka_properties.c what librdkafka is configured with
 *   kafka_group.c      assignment: rebalance, forwarding to lanes, commit
 *   kafka_watch.c      connection, missing topics, librdkafka's log and errors
 *   kafka_refill.c     keeping the client fetching while a lane works off what it has
 *   kafka_lag.c        librdkafka's statistics
 *   kafka_close.c      leaving within a time
 */
#ifndef TAKE5_SOURCE_KAFKA_PRIVATE_H
#define TAKE5_SOURCE_KAFKA_PRIVATE_H

#include "source/kafka.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

/* Which partitions of a topic this host owns. Written by control, read by lanes. It is only ever
 * replaced by a larger one; the older are kept until the end, since a lane may be reading them. */
struct kafka_owned {
    struct kafka_owned *older;
    int32_t count;
    _Atomic bool is_owned[];
};

struct kafka_topic {
    char *name;
    /* What this host committed last, by partition; control's alone. */
    int64_t *committed;
    int32_t committed_count;
    rd_kafka_topic_t *handle; /* held, so that its address stays that of this topic */
    _Atomic(struct kafka_owned *) owned;
    int32_t partition_count; /* as the metadata had it; 0: not seen yet */
};

/* Aligned, so that two lanes do not share a cache line. */
struct kafka_lane {
    rd_kafka_queue_t *queue;
    rd_kafka_message_t **batch;
    size_t batch_size;
    /* The topic of the message before: nearly always that of the next one too. */
    const rd_kafka_topic_t *seen;
    uint32_t seen_topic;
    _Atomic bool is_woken; /* a wake that no waiting read has seen yet */
    size_t peak;           /* the longest queue since the client was last reminded to fetch */
} __attribute__((aligned(64)));

struct kafka_source {
    struct source source;

    /* Settled before the lanes start. */
    struct log *log;
    rd_kafka_conf_t *conf; /* until the start */
    rd_kafka_t *client;
    char *servers;
    char *group;
    struct kafka_topic *topics;
    uint32_t topic_count;
    struct kafka_lane *lanes;
    uint32_t lane_count;
    struct source_listener listener;
    bool needs_refill;     /* the client sleeps at its limits, see kafka_refill.c */
    char *user, *password; /* of SASL; NULL: none */

    /* Control thread. */
    rd_kafka_topic_partition_list_t *assignment;
    bool is_subscribed;
    bool is_closed;
    int64_t close_ns;   /* when closing has to be over */
    bool was_connected; /* ever */
    bool is_down_said;
    bool is_trouble_new;     /* `trouble` was not said yet */
    int metadata_timeout_ms; /* grows while the answer takes longer */
    int64_t look_ns;         /* when to look at the metadata next */
    int64_t forward_ns;      /* when to renew the forwarding next */
    int64_t down_ns;         /* when the connection was last found lost */
    int silent_count;        /* statistics in a row without a broker that is up */
    char refused[256];       /* the refusal (TLS, authentication) that was said last */
    struct error fatal;      /* code ERROR_NONE: none */

    /* Any thread. */
    _Atomic bool is_assigned;
    _Atomic bool is_connected;
    _Atomic bool has_partitions;
    _Atomic bool is_broken; /* an invariant broke: nothing is stored any more */
    pthread_mutex_t mutex;  /* for what follows */
    char trouble[256];      /* why there is no connection; empty: not known */
    char waiting[256];      /* "waiting for topics: x, y"; empty: not waiting */
    char *statistics;       /* the newest, librdkafka's memory */
    struct source_lag *lags;
    size_t lag_count;
    size_t lag_capacity;
};

/* The room of the log. */
#define KAFKA_ROOM "kafka"

/* kafka_properties.c */
rd_kafka_conf_t *kafka_properties_make(const struct config *config, struct log *log,
                                       struct error *error);

/* kafka_group.c */
void kafka_group_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *parts, void *opaque);
/* librdkafka's offset_commit_cb: what was committed in the background. */
void kafka_group_note_commit(rd_kafka_t *client, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t *list, void *opaque);
int64_t kafka_group_committed_by_us(const struct kafka_source *self, uint32_t topic,
                                    int32_t partition);
bool kafka_group_commit(struct kafka_source *self, int timeout_ms, struct error *error);
/* The forwarding of every assigned partition, once more. */
void kafka_group_forward_all(struct kafka_source *self);
/* Index of a topic by its name; topic_count when it is none of ours. */
uint32_t kafka_group_topic(const struct kafka_source *self, const char *name);

/* kafka_watch.c */
void kafka_watch_log(const rd_kafka_t *client, int level, const char *facility, const char *text);
void kafka_watch_error(rd_kafka_t *client, int code, const char *reason, void *opaque);
/* Control thread, each poll: connection, then topics, then the subscription. */
void kafka_watch_poll(struct kafka_source *self);
/* A broker answers. */
void kafka_watch_connected(struct kafka_source *self);
/* From the statistics taken at that time: whether any broker was up. */
void kafka_watch_brokers(struct kafka_source *self, bool is_any_up, int64_t time_ns);
void kafka_watch_status(struct kafka_source *self, struct source_status *status);

/* kafka_refill.c */
/* False when memory runs out. */
bool kafka_refill_init(struct kafka_source *self, const struct config *config);
/* Lane thread, after a read that found the queue full of work. */
void kafka_refill(struct kafka_source *self, struct kafka_lane *lane);

/* kafka_lag.c */
int kafka_lag_take(rd_kafka_t *client, char *json, size_t size, void *opaque);
size_t kafka_lag_fill(struct kafka_source *self, struct source_lag *lags, size_t most);

/* kafka_close.c */
bool kafka_close(struct source *source, int timeout_ms);
/* Frees everything but the client, which is gone or never was. */
bool kafka_free(struct source *source);

#endif
