/*
 * base/blocks.h - memory that one thread takes and other threads give back, as that of signals:
 * made by a lane, done with on a sink's thread.
 *
 * malloc pays for such a block with a lock and a search, on both threads, and with lines of the
 * cache that the other one has. Here what is given back waits for its owner, who takes it again,
 * and has the next one's lines fetched meanwhile. With AddressSanitizer each is malloc's, so that a
 * use of what was given back is found.
 */
#ifndef TAKE5_BASE_BLOCKS_H
#define TAKE5_BASE_BLOCKS_H

#include <stddef.h>

/* Larger ones are malloc's. */
#define BLOCKS_LARGEST ((size_t)2048)
/* Of each size, about how many wait for their owner; what is given back beyond goes to free(). */
#define BLOCKS_KEPT    4096

struct blocks;

/* NULL when memory runs out. */
struct blocks *blocks_new(void);
/* The owner's; NULL: nothing. Blocks that others have stay theirs until they give them back. */
void blocks_free(struct blocks *blocks);

/* One thread at a time: the owner's. Aligned for everything, not cleared; NULL when memory runs
 * out. `blocks` NULL: malloc's. */
void *block_take(struct blocks *blocks, size_t size);
/* Any thread. NULL: nothing. */
void block_give_back(void *memory);

#endif
