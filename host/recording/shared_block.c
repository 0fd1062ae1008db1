#include "recording/shared_block.h"

#include "base/sync/locks.h"
#include "recording/line.h"
#include "json/lenient_bytes.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

LOCK_CLASS(recording_pool_lock);
struct recording_pool {
    pthread_mutex_t mutex;
    struct recording_block *free GUARDED_BY(recording_pool_lock); /* of the usual capacity */
    size_t held GUARDED_BY(recording_pool_lock); /* bytes in blocks that are referred to */
};

struct recording_pool *recording_pool_new(void) {
    struct recording_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL || pthread_mutex_init(&pool->mutex, NULL) != 0) {
        free(pool);
        return NULL;
    }
    return pool;
}

void recording_pool_free(struct recording_pool *pool) {
    if (pool == NULL)
        return;
    lock_alone(recording_pool_lock);
    while (pool->free != NULL) {
        struct recording_block *block = pool->free;
        pool->free = block->next;
        free(block);
    }
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

size_t recording_pool_held(struct recording_pool *pool) {
    lock_acquire(&pool->mutex, recording_pool_lock);
    size_t held = pool->held;
    lock_release(&pool->mutex, recording_pool_lock);
    return held;
}

static struct recording_block *block_alloc(struct recording_pool *pool, size_t capacity) {
    size_t scratch_capacity = 2 * recording_line_scratch(capacity);
    struct recording_block *block =
        malloc(sizeof *block + capacity + LENIENT_SLACK + scratch_capacity);
    if (block == NULL)
        return NULL;
    block->pool = pool;
    block->next = NULL;
    block->capacity = capacity;
    block->input = (char *)(block + 1);
    block->scratch = block->input + capacity + LENIENT_SLACK;
    return block;
}

struct recording_block *recording_block_new(struct recording_pool *pool, size_t capacity) {
    struct recording_block *block = NULL;
    lock_acquire(&pool->mutex, recording_pool_lock);
    if (capacity == RECORDING_BLOCK_SIZE && pool->free != NULL) {
        block = pool->free;
        pool->free = block->next;
    }
    pool->held += capacity;
    lock_release(&pool->mutex, recording_pool_lock);
    if (block == NULL)
        block = block_alloc(pool, capacity);
    if (block == NULL) {
        lock_acquire(&pool->mutex, recording_pool_lock);
        pool->held -= capacity;
        lock_release(&pool->mutex, recording_pool_lock);
        return NULL;
    }
    atomic_init(&block->references, 1);
    return block;
}

void recording_block_retain(struct recording_block *block) {
    atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
}

void recording_block_release(struct recording_block *block) {
    if (atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) != 1)
        return;
    struct recording_pool *pool = block->pool;
    bool is_usual = block->capacity == RECORDING_BLOCK_SIZE;
    lock_acquire(&pool->mutex, recording_pool_lock);
    pool->held -= block->capacity;
    if (is_usual) {
        block->next = pool->free;
        pool->free = block;
    }
    lock_release(&pool->mutex, recording_pool_lock);
    if (!is_usual)
        free(block);
}
