#include "checkpoint/kafka/batch.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

void batch_init(struct batch *batch) {
    memset(batch, 0, sizeof *batch);
    text_init(&batch->bytes);
}

void batch_release(struct batch *batch) {
    text_release(&batch->bytes);
    free(batch->records);
    batch_init(batch);
}

void batch_reset(struct batch *batch) {
    text_reset(&batch->bytes);
    batch->bytes.is_oom = false;
    batch->count = 0;
}

static struct batch_record *last(struct batch *batch) {
    return &batch->records[batch->count - 1];
}

bool batch_begin(struct batch *batch, int32_t partition) {
    if (!ARRAY_GROW(batch->records, batch->count, batch->capacity)) {
        batch->bytes.is_oom = true;
        return false;
    }
    batch->records[batch->count++] =
        (struct batch_record){.partition = partition, .key_at = batch->bytes.size};
    return true;
}

void batch_end_key(struct batch *batch) {
    last(batch)->key_size = batch->bytes.size - last(batch)->key_at;
    last(batch)->value_at = batch->bytes.size;
}

void batch_end(struct batch *batch) {
    last(batch)->value_size = batch->bytes.size - last(batch)->value_at;
}

void batch_end_tombstone(struct batch *batch) {
    batch_end_key(batch);
    last(batch)->is_tombstone = true;
}

void batch_drop_last(struct batch *batch) {
    batch->bytes.size = last(batch)->key_at;
    batch->bytes.data[batch->bytes.size] = '\0';
    batch->count--;
}

size_t batch_size(const struct batch *batch) {
    return text_is_oom(&batch->bytes) ? SIZE_MAX : batch->bytes.size;
}
