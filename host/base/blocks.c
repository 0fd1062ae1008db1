#include "base/blocks.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SMALLEST ((size_t)256)
#define SIZES    4 /* each twice the one before, up to the largest */
#define LINE     64

struct block {
    alignas(max_align_t) struct shelf *shelf; /* NULL: it is malloc's */
    struct block *next;
    max_align_t memory[];
};

/* The blocks of one size. */
struct shelf {
    size_t size;
    struct block *mine; /* the owner's: to be taken */
    uint64_t made;      /* the owner's: all that there were */
    alignas(LINE) struct block *_Atomic given_back;
    _Atomic size_t waiting; /* about how many these are */
    /* How many the others freed, below 0; once the owner is gone, what they still have is added.
     * Who brings it to 0 then frees the shelf. */
    _Atomic int64_t balance;
};

struct blocks {
    struct shelf *shelves[SIZES];
};

/* What stands in `given_back` when the owner is gone. */
static struct block gone;

struct blocks *blocks_new(void) {
    struct blocks *blocks = calloc(1, sizeof *blocks);
    for (size_t i = 0; blocks != NULL && i < SIZES; i++) {
        struct shelf *shelf = aligned_alloc(LINE, sizeof *shelf);
        blocks->shelves[i] = shelf;
        if (shelf == NULL) {
            blocks_free(blocks);
            return NULL;
        }
        *shelf = (struct shelf){.size = SMALLEST << i};
    }
    return blocks;
}

static int64_t free_all(struct block *block) {
    int64_t count = 0;
    while (block != NULL) {
        struct block *next = block->next;
        free(block);
        block = next;
        count++;
    }
    return count;
}

static void shelf_leave(struct shelf *shelf) {
    if (shelf == NULL)
        return;
    int64_t left = (int64_t)shelf->made - free_all(shelf->mine);
    left -= free_all(atomic_exchange_explicit(&shelf->given_back, &gone, memory_order_acq_rel));
    if (atomic_fetch_add_explicit(&shelf->balance, left, memory_order_acq_rel) + left == 0)
        free(shelf);
}

void blocks_free(struct blocks *blocks) {
    if (blocks == NULL)
        return;
    for (size_t i = 0; i < SIZES; i++)
        shelf_leave(blocks->shelves[i]);
    free(blocks);
}

static void *make(struct shelf *shelf, size_t size) {
    struct block *block = malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->shelf = shelf;
    if (shelf != NULL)
        shelf->made++;
    return block->memory;
}

static struct shelf *shelf_of(const struct blocks *blocks, size_t size) {
    if (blocks == NULL || size > BLOCKS_LARGEST)
        return NULL;
    size_t i = 0;
    while (size > SMALLEST << i)
        i++;
    return blocks->shelves[i];
}

/* All lines of the block that is taken next, which are another core's. */
static void fetch(const struct block *block, size_t size) {
    for (size_t at = 0; block != NULL && at < size; at += LINE)
        __builtin_prefetch((const char *)block + at, 1);
}

void *block_take(struct blocks *blocks, size_t size) {
    struct shelf *shelf = shelf_of(blocks, size);
    if (shelf == NULL)
        return make(NULL, size);
    if (shelf->mine == NULL &&
        atomic_load_explicit(&shelf->given_back, memory_order_relaxed) != NULL) {
        atomic_store_explicit(&shelf->waiting, 0, memory_order_relaxed);
        shelf->mine = atomic_exchange_explicit(&shelf->given_back, NULL, memory_order_acquire);
    }
    struct block *block = shelf->mine;
    if (block == NULL)
        return make(shelf, shelf->size);
    shelf->mine = block->next;
    fetch(shelf->mine, size);
    return block->memory;
}

/* Nobody but the owner may have it any more: freed here, and so is its shelf after the last. */
static void free_block(struct shelf *shelf, struct block *block) {
    free(block);
    if (atomic_fetch_sub_explicit(&shelf->balance, 1, memory_order_acq_rel) == 1)
        free(shelf);
}

static bool has_room(struct shelf *shelf) {
#if defined(__SANITIZE_ADDRESS__)
    (void)shelf;
    return false;
#else
    return atomic_fetch_add_explicit(&shelf->waiting, 1, memory_order_relaxed) < BLOCKS_KEPT;
#endif
}

void block_give_back(void *memory) {
    if (memory == NULL)
        return;
    struct block *block = (struct block *)((char *)memory - offsetof(struct block, memory));
    struct shelf *shelf = block->shelf;
    if (shelf == NULL) {
        free(block);
        return;
    }
    if (!has_room(shelf)) {
        free_block(shelf, block);
        return;
    }
    struct block *newest = atomic_load_explicit(&shelf->given_back, memory_order_relaxed);
    do {
        if (newest == &gone) {
            free_block(shelf, block);
            return;
        }
        block->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&shelf->given_back, &newest, block,
                                                    memory_order_release, memory_order_relaxed));
}
