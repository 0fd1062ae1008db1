/*
 * checkpoint/kafka/state_topic_private.h - what the state topic's own files share.
 *
 *   state_topic.c    life
 *   state_place.c    partition numbers, the topic's settings
 *   state_load.c     what is there: control
 *   write.c          transactions: the store's thread
 *   state_offline.c  for `take5 checkpoint`
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_STATE_TOPIC_PRIVATE_H
#define TAKE5_CHECKPOINT_KAFKA_STATE_TOPIC_PRIVATE_H

#include "base/sync/locks.h"
#include "checkpoint/kafka/changes.h"
#include "checkpoint/kafka/replica.h"
#include "checkpoint/kafka/state_topic.h"
#include "checkpoint/kafka/topic.h"
#include "checkpoint/kafka/transaction.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>

LOCK_CLASS(state_topic_lock);

/* Keys whose records have to be removed. */
struct removals {
    struct text bytes;
    size_t *ends;
    size_t count, capacity;
};

/* What control passes to the store's thread when a number is assigned. */
struct claim {
    struct stored_term term;
    uint64_t next_sequence;
    struct removals removals; /* of earlier terms */
};

/* A partition number. Lives as long as the backend. */
struct state_place {
    struct state_place *next;
    int32_t partition;

    struct claim *claim GUARDED_BY(state_topic_lock); /* not begun; NULL: none */
    struct stored_term term GUARDED_BY(state_topic_lock);
    bool is_claimed GUARDED_BY(state_topic_lock); /* it was read: `term` or `claim` is valid */
    uint64_t highest GUARDED_BY(state_topic_lock);
    uint64_t written GUARDED_BY(state_topic_lock); /* in this term; 0: none */

    /* The store's thread's. */
    struct stored_term own; /* as `term` */
    struct text prefix;     /* of its keys */
    struct changes changes;
    struct removals removals;
    uint64_t tried; /* the highest number that was */
    uint64_t next_sequence;
    uint64_t journal_number, journal_begin; /* and the sequence number of its first frames */
    uint32_t journal_index, journal_most;   /* the next one, and one above the highest used */
    bool is_pending;                        /* it has records in the journal's batch */

    /* Control's. */
    struct replica *read; /* until its journal was requested; NULL: none */
};

struct state_topic {
    struct store_backend backend;
    char *topic, *servers, *medium_name;
    struct store_backend_ops ops; /* including the topic's name */
    struct backend_owner owner;
    struct log *log;
    rd_kafka_conf_t *reader_conf; /* NULL: the client has it */
    rd_kafka_t *reader;
    pthread_mutex_t lock;

    struct state_place *places GUARDED_BY(state_topic_lock);
    int32_t partitions GUARDED_BY(state_topic_lock); /* 0: the topic has to be checked */

    /* The store's thread's. */
    struct transactions transactions;
    struct batch batch;    /* a checkpoint's */
    struct batch journals; /* frames that await sync */
    int64_t retry_ns;      /* no attempts before */
    int64_t pause_ns;      /* 0: the last attempt worked */
    struct error trouble;  /* why not */
};

/* state_place.c */
void claim_free(struct claim *claim);
void state_place_free(struct state_place *place);
/* Found or made; NULL: out of memory. */
struct state_place *state_place(struct state_topic *self, int32_t partition);
/* Of the topic. */
static inline int32_t state_partition(int32_t partition) {
    return partition >= 0 ? partition : 0;
}
/* Checks that the topic can be used, asking the brokers if that is not known. */
enum topic_answer state_topic_look(struct state_topic *self, int64_t until_ns, struct error *error);
/* It may have changed. */
void state_topic_doubt(struct state_topic *self);
/* How many partitions it has; 0: not known. */
int32_t state_topic_partitions(struct state_topic *self);

void removals_release(struct removals *removals);
bool removals_add(struct removals *removals, t5_str key);

/* state_load.c */
bool state_topic_find(struct store_backend *backend, int32_t partition,
                      const struct positions *committed, struct checkpoint *checkpoint,
                      struct text *why, struct backend_found *found, struct error *error);
bool state_topic_find_before(struct store_backend *backend, int32_t partition, uint64_t number,
                             const struct positions *committed, struct checkpoint *checkpoint,
                             struct error *error);
bool state_topic_look_at(struct store_backend *backend, int32_t partition,
                         struct backend_look *looks, size_t count, struct error *error);
bool state_topic_resume(struct store_backend *backend, int32_t partition,
                        struct backend_found *found, struct error *error);
void state_topic_read_order(struct store_backend *backend, int32_t partition, uint64_t number,
                            struct order *order);
/* Adds the replica's frames to the order, which begins with its best checkpoint. False with an
 * error: the order lacks something. */
bool state_order_add(const char *topic, const struct replica *replica,
                     const struct replica_frames *frames, const char *const *topics,
                     size_t topic_count, struct order *order, struct error *error);
bool state_topic_highest(struct store_backend *backend, int32_t partition, uint64_t *number,
                         struct error *error);

/* write.c */
bool state_topic_write(struct store_backend *backend, struct checkpoint *checkpoint, uint64_t *size,
                       struct error *error);
void state_topic_prune(struct store_backend *backend, struct checkpoint *checkpoint,
                       struct backend_pruning *pruning);
bool state_topic_append(struct store_backend *backend, int32_t partition, uint64_t number,
                        const struct text *frames, bool has_holes, struct error *error);
void state_topic_sync(struct store_backend *backend,
                      void (*report)(void *context, int32_t partition, uint64_t size,
                                     const struct error *error),
                      void *context);
void state_topic_remove_journals(struct store_backend *backend, int32_t partition);

#endif
