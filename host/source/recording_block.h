/*
 * source/recording_block.h - blocks of input and the pool that they come from.
 *
 * A block has an area for input, followed by RECORDING_SLACK bytes, and one, `scratch`, for texts
 * whose escapes were resolved. No text grows by that, and each line resolves at most two of its own
 * size (a payload, and the symbol in it), so that twice the room of one line as large as the block
 * is enough for all lines of a block.
 */
#ifndef TAKE5_SOURCE_RECORDING_BLOCK_H
#define TAKE5_SOURCE_RECORDING_BLOCK_H

#include "source/recording.h"

#include <stdatomic.h>

#define RECORDING_BLOCK_SIZE (256 * 1024)

struct recording_block {
    struct recording_pool *pool;
    struct recording_block *next; /* in the pool */
    atomic_uint references;
    size_t capacity;
    char *input;
    char *scratch;
};

/* With one reference. NULL when memory runs out. */
struct recording_block *recording_block_new(struct recording_pool *pool, size_t capacity);

#endif
