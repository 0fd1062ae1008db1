/*
 * checkpoint/kafka/state_topic.h - checkpoints and journals in a compacted topic, so that any host
 * that the group assigns a partition number to finds its state. The records: stored.h.
 *
 * Partition P of the topic is for partition number P; GLOBAL is in partition 0. A checkpoint is one
 * transaction. A reader reads the partition from its beginning, as far as it is stable, so that an
 * incomplete transaction is invisible.
 *
 * The topic is created if it is missing, with as many partitions as the inputs have. One that is
 * not compacted, or has another number of partitions, is refused, with the command that repairs it.
 * What is younger than STATE_TOPIC_LAG_MS is never compacted: so it has all checkpoints of that
 * time, in case the newest is above the committed offsets.
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

/* min.compaction.lag.ms of a topic that is created here. */
#define STATE_TOPIC_LAG_MS 600000

struct state_topic_options {
    const struct config *config; /* [kafka], and the topic's name; until new has returned */
    /* Unique among running processes, and the same after a restart: identifies its transactions. */
    const char *host_id;
    struct log *log;
};

/* Implements `struct store_backend` on the topic. NULL with an error. */
struct store_backend *state_topic_backend_new(const struct state_topic_options *options,
                                              struct error *error);

/* ---- offline, for `take5 checkpoint` and `capsule` ---- */

/* A number's newest complete checkpoint, whatever is committed. */
struct state_topic_entry {
    int32_t partition;
    struct checkpoint checkpoint;
    uint64_t records, bytes; /* of all its records in the topic */
    uint64_t journal_bytes;  /* of the journal after it */
    struct order order;      /* what was handed over after it, as far as the topic has that, by
                              * the configuration's topics; broken where something is missing */
    struct error damaged;    /* ERROR_NONE: everything is complete; otherwise what is wrong with
                              * a newer one */
};

/* Reads everything of the group. Free with state_topic_entries_free(). False with an error. */
bool state_topic_read(const struct config *config, struct log *log,
                      struct state_topic_entry **entries, size_t *count, struct error *error);
void state_topic_entries_free(struct state_topic_entry *entries, size_t count);

#endif
