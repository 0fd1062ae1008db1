/*
 * checkpoint/kafka/changes.h - which records of a checkpoint differ from those that the topic has
 * of this term, which are known by hashes. For this room only; the store's thread.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_CHANGES_H
#define TAKE5_CHECKPOINT_KAFKA_CHANGES_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/kafka/batch.h"
#include "checkpoint/kafka/state_table.h"

struct changes {
    struct state_table known; /* by the rest of the keys (stored.h) */
    uint64_t turn;
    uint64_t count, sum; /* of what was collected last, for the header */
};

void changes_init(struct changes *changes);
void changes_release(struct changes *changes);
/* The topic has nothing: the next checkpoint is written whole. */
void changes_reset(struct changes *changes);

/* Appends what to write so that the topic has the checkpoint's states: records that are new or
 * differ, and tombstones for those that are gone. Parts that are `same_as` another count as
 * unchanged since they were last collected. Keys begin with `prefix`. False: out of memory, and the
 * batch must not be written. To be followed by one of the next two. */
bool changes_collect(struct changes *changes, const struct checkpoint *checkpoint, t5_str prefix,
                     struct batch *batch);
/* It was written; */
void changes_keep(struct changes *changes);
/* or it was not. */
void changes_discard(struct changes *changes);

#endif
