/*
 * sink/transaction/transactor.h - makes epochs visible, each with its offsets as one Kafka
 * transaction: a producer and a thread of its own for one lane, which never waits for it.
 *
 * For each epoch, in order: begin, produce, send the offsets with the group's metadata, make sure
 * that the journal is on the disk and that the other sinks have theirs, commit. The outcomes:
 *
 * - aborted (a request or a record refused, or the group's generation changed): the records
 *   are still in memory; abort, and try again.
 * - fatal: the producer is replaced by one with the same id, which ends what the old one left.
 * - in doubt (the answer to a commit is missing, or the producer failed in it): a new producer,
 *   init_transactions, and then the metadata of the group's committed offsets shows whether this
 *   epoch was committed.
 * - fenced (another producer has the id): as in doubt. The broker answers so too after a
 *   transaction that took longer than TRANSACTOR_TIMEOUT_MS.
 * - tenure over (another host continues with the partition): its records and offsets are dropped
 *   from the epoch (epoch.h). The group's generation in the metadata keeps a host that has not
 *   heard of it yet from committing.
 *
 * Lasting failures are logged; only what belongs to another host is given up.
 */
#ifndef TAKE5_SINK_TRANSACTION_TRANSACTOR_H
#define TAKE5_SINK_TRANSACTION_TRANSACTOR_H

#include "base/error.h"
#include "config/config.h"
#include "log/log.h"
#include "sink/sink.h"
#include "sink/transaction/epoch.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The brokers abort a transaction that is open for this long, and the host that continues with its
 * partitions waits for that. */
#define TRANSACTOR_TIMEOUT_MS 10000

/* The consumer that holds the partitions. The transactor's thread calls. */
struct transactor_group {
    void *context;
    /* The caller destroys it. NULL: not a member now. */
    rd_kafka_consumer_group_metadata_t *(*metadata)(void *context);
    /* Fills in the group's committed offsets, after waiting for transactions that are open. */
    rd_kafka_resp_err_t (*committed)(void *context, rd_kafka_topic_partition_list_t *list,
                                     int timeout_ms);
};

struct transactor_options {
    const char *id;                /* transactional.id */
    const char *signal_topic;      /* NULL: epochs have no signals */
    const char *dead_letter_topic; /* NULL: they have no dead letters */
    const struct config_items *properties;
    const char *bootstrap_servers;
    struct transactor_group group;
    struct sink *const *beside; /* flushed before a commit; outlive it, as the array does */
    size_t beside_count;
    struct log *log;
};

/* What the owner that closes epochs provides. */
struct transactor_user {
    void *context;
    /* Waits until what the ticket stands for is on the disk, up to the time. */
    bool (*await_durable)(void *context, uint64_t ticket, int64_t timeout_ns);
    void (*decided)(void *context); /* an epoch was: by the transactor's thread; must not block */
};

struct transactor;

/* NULL with an error if librdkafka refuses the settings. Copies everything but the group's context
 * and `beside`. */
struct transactor *transactor_new(const struct transactor_options *options, struct error *error);
/* Once, before the first epoch. */
void transactor_bind(struct transactor *transactor, const struct transactor_user *user);

/* One thread. Takes over the epoch. */
void transactor_submit(struct transactor *transactor, struct epoch *epoch);
/* Any thread: how many were submitted and are undecided. */
size_t transactor_undecided(const struct transactor *transactor);
/* Any thread: waits until all that were submitted are decided, up to the time (monotonic). */
bool transactor_await(struct transactor *transactor, int64_t until_ns);

struct transactor_status {
    const char *id;
    bool is_ok;                    /* the last attempt worked */
    char detail[256];              /* what is wrong, in words */
    uint64_t queued;               /* records that were submitted and are undecided */
    uint64_t confirmed, shortened; /* records */
    uint64_t committed, aborted;   /* transactions */
    uint64_t unknown;              /* commits whose outcome had to be found out */
    uint64_t fenced;               /* producers that were fenced */
    uint64_t dropped;              /* epochs from which another host's partitions were dropped */
    size_t undecided;              /* epochs */
    int64_t wait_ns;               /* from the closing of the last decided epoch to its decision */
    uint64_t wait_sum_us, wait_count; /* of all epochs */
};
void transactor_get_status(struct transactor *transactor, struct transactor_status *status);

/* Ends within the time and frees it; what is undecided then is left to the brokers, which abort it.
 * Takes NULL. False: librdkafka hangs, and its memory is leaked. */
bool transactor_free(struct transactor *transactor, int timeout_ms);

#endif
