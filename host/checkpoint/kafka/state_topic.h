/*
 * checkpoint/kafka/state_topic.h - checkpoints and journals in a compacted topic, so that the state
 * of a partition number is there for whoever the group gives it to. Its records: stored.h.
 *
 * Partition P of the topic has what is kept of partition number P; GLOBAL is in partition 0. All of
 * a checkpoint is one transaction. A reader reads the partition from its beginning, as far as it is
 * stable, so that a transaction that was cut off is as if it had never been.
 *
 * The topic is made when it is missing, with as many partitions as the inputs have. One that is not
 * compacted, or has another number of partitions, is refused, with the command that repairs it.
 * What is younger than STATE_TOPIC_LAG_MS is never compacted: so not only the newest checkpoint is
 * there, but all of that time, for when the newest lies above the committed offsets.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_STATE_TOPIC_H
#define TAKE5_CHECKPOINT_KAFKA_STATE_TOPIC_H

#include "base/error.h"
#include "checkpoint/backend.h"
#include "config/config.h"
#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* min.compaction.lag.ms of a topic that is made here. */
#define STATE_TOPIC_LAG_MS 600000

struct state_topic_options {
    const struct config *config; /* [kafka], and the topic's name; until new has returned */
    /* What no other process has at the same time, and this one has again after a restart: its
     * transactions are told by it. */
    const char *host_id;
    struct log *log;
};

/* What `struct store_backend` says, in the topic. NULL with an error. */
struct store_backend *state_topic_backend_new(const struct state_topic_options *options,
                                              struct error *error);

/* ---- offline, for `take5 checkpoint` and `capsule` ---- */

/* A number's newest whole checkpoint, whatever is committed. */
struct state_topic_entry {
    int32_t partition;
    struct checkpoint checkpoint;
    uint64_t records, bytes; /* of all its records in the topic */
    uint64_t journal_bytes;  /* behind it */
    struct order order;      /* what was handed over behind it, as far as the topic has that, by the
                              * configuration's topics; broken where something is missing */
    struct error damaged;    /* ERROR_NONE: all is whole; else what is wrong with a newer one */
};

/* Reads all of the group's. Free with state_topic_entries_free(). False with an error. */
bool state_topic_read(const struct config *config, struct log *log,
                      struct state_topic_entry **entries, size_t *count, struct error *error);
void state_topic_entries_free(struct state_topic_entry *entries, size_t count);

#endif
