/*
 * recording/shared_block.h - blocks of input and the pool that they come from.
 *
 * A block has an area for input, followed by LENIENT_SLACK bytes, and one, `scratch`, for texts
 * whose escapes were resolved. No text grows by that, and each line resolves at most two of its own
 * size (a payload, and the symbol in it), so that twice the room of one line as large as the block
 * is enough for all lines of a block.
 */
#ifndef TAKE5_RECORDING_SHARED_BLOCK_H
#define TAKE5_RECORDING_SHARED_BLOCK_H

#include <stdatomic.h>
#include <stddef.h>

struct recording_pool;
struct recording_block;

/* NULL when memory runs out. */
struct recording_pool *recording_pool_new(void);
/* All blocks must have been dropped. NULL is allowed. */
void recording_pool_free(struct recording_pool *pool);
/* Bytes of all blocks that somebody has a reference to. Any thread. */
size_t recording_pool_held(struct recording_pool *pool);

/* One reference more, or less. Any thread that has one. */
void recording_block_retain(struct recording_block *block);
void recording_block_release(struct recording_block *block);

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
