/*
 * checkpoint/kafka/batch.h - records that are written together, in order. For this room only.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_BATCH_H
#define TAKE5_CHECKPOINT_KAFKA_BATCH_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch_record {
    int32_t partition; /* of the state topic */
    size_t key_at, key_size, value_at, value_size;
    bool is_tombstone;
};

struct batch {
    struct text bytes; /* keys and values */
    struct batch_record *records;
    size_t count, capacity;
};

void batch_init(struct batch *batch);
void batch_release(struct batch *batch);
void batch_reset(struct batch *batch);
/* A record whose key is appended to `bytes` next, then, after batch_end_key(), its value. False:
 * out of memory. */
bool batch_begin(struct batch *batch, int32_t partition);
void batch_end_key(struct batch *batch);
/* Ends the value. */
void batch_end(struct batch *batch);
/* Ends the key of a record without value. */
void batch_end_tombstone(struct batch *batch);
/* Removes the last one, which is ended. */
void batch_drop_last(struct batch *batch);
/* Bytes of all keys and values; SIZE_MAX: memory ran out, and some are missing. */
size_t batch_size(const struct batch *batch);

#endif
