/*
 * sink/transaction/transactor_private.h - the inside of a transactor, for its own files only.
 *
 *   transactor.c  life, queue, waiting, status
 *   client.c      the producer: made and replaced, what it says; calls and what their errors mean
 *   commit.c      one epoch, until it is decided
 *   trouble.c     whether transactions go through; waiting while they do not
 */
#ifndef TAKE5_SINK_TRANSACTION_TRANSACTOR_PRIVATE_H
#define TAKE5_SINK_TRANSACTION_TRANSACTOR_PRIVATE_H

#include "base/sync/locks.h"
#include "sink/producer.h"
#include "sink/transaction/transactor.h"

#include <pthread.h>

/* How long one call into librdkafka may take before it is repeated. */
#define TRANSACTOR_CALL_MS 2000

LOCK_CLASS(transactor_lock);
struct transactor {
    char *id, *signal_topic, *dead_letter_topic;
    struct producer_setup setup;
    struct transactor_group group;
    struct transactor_user user; /* set before the first epoch */
    struct sink *const *beside;
    size_t beside_count;
    struct log *log;
    char run[17]; /* random: distinguishes its epochs from all others */
    pthread_t thread;

    _Atomic uint64_t undecided; /* epochs */
    _Atomic(const char *) step; /* what librdkafka is doing; NULL: nothing */
    _Atomic int64_t step_ns;    /* since when */
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    struct epoch *first GUARDED_BY(transactor_lock);
    struct epoch *last GUARDED_BY(transactor_lock);
    bool is_stopping GUARDED_BY(transactor_lock);
    int64_t stop_ns GUARDED_BY(transactor_lock); /* monotonic: nothing is begun after it */
    bool is_ended GUARDED_BY(transactor_lock);   /* the thread is about to return */
    /* It was left behind: the thread touches only its own members, and frees them. */
    bool is_abandoned GUARDED_BY(transactor_lock);
    bool is_ok GUARDED_BY(transactor_lock);
    char detail[256] GUARDED_BY(transactor_lock);
    struct transactor_status counts GUARDED_BY(transactor_lock); /* only its counters */

    /* The thread's. */
    rd_kafka_t *client; /* NULL: none now */
    rd_kafka_topic_t *signals, *dead_letters;
    bool is_ready;            /* init_transactions has succeeded */
    bool is_broken;           /* it has failed permanently and must be replaced */
    bool is_late;             /* what has to be on the disk is waited for before anything is
                               * begun */
    size_t on_their_way;      /* records without a delivery report */
    bool has_refused;         /* a record was refused since the transaction was begun */
    bool has_reduced;         /* and it will be sent in another form */
    rd_kafka_resp_err_t code; /* of the last failure */
    char trouble[256];        /* the same as text */
    uint64_t next_number;
    int64_t pause_ns;
};

enum answer {
    ANSWER_DONE,
    ANSWER_ABORT, /* the transaction is to be aborted */
    ANSWER_FATAL, /* the producer is unusable */
    ANSWER_STOP   /* the time to stop came first */
};

/* client.c */
/* Makes the producer if there is none, and waits until it may begin. False: not now. */
bool transactor_open(struct transactor *self);
void transactor_close_client(struct transactor *self);
enum answer transactor_begin(struct transactor *self);
enum answer transactor_abort(struct transactor *self);
/* Repeats the call as long as it is only not done yet. */
enum answer transactor_commit(struct transactor *self);
enum answer transactor_send_offsets(struct transactor *self,
                                    const rd_kafka_topic_partition_list_t *list,
                                    const rd_kafka_consumer_group_metadata_t *metadata);
enum answer transactor_produce(struct transactor *self, struct epoch *epoch);
/* Waits for the delivery reports of all that is on its way. */
enum answer transactor_await_reports(struct transactor *self);
/* Whether the last failure was the group's: this member's generation is outdated. */
bool transactor_is_outdated(const struct transactor *self);

/* commit.c */
/* Until it is decided. False: the time to stop came first. */
bool transactor_decide(struct transactor *self, struct epoch *epoch);

/* trouble.c */
bool transactor_must_stop(struct transactor *self);
/* Sleeps, until the time to stop at most. */
void transactor_rest(struct transactor *self, int64_t for_ns);
void transactor_set_trouble(struct transactor *self, rd_kafka_resp_err_t code, const char *text);
/* Shows the problem, and logs it once. */
void transactor_failing(struct transactor *self);
void transactor_recovered(struct transactor *self);
/* A counter of `counts`. */
#define transactor_count(SELF, MEMBER, N)                                                          \
    do {                                                                                           \
        lock_acquire(&(SELF)->mutex, transactor_lock);                                             \
        (SELF)->counts.MEMBER += (N);                                                              \
        lock_release(&(SELF)->mutex, transactor_lock);                                             \
    } while (0)

#endif
