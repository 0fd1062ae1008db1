/*
 * message/trie.h - what a sealed projection looks like to the scanner. For this room only.
 *
 * Wanted paths form a tree: one node per step, in preorder, so that all nodes below a node are the
 * range up to its `below_end`. A node finds its child by name in a small hash table over the name's
 * first 16 bytes, and by index in an ascending list. Every node's value goes to a cell: the first
 * ones are the slots; after them come alternatives that are not wanted alone, and nodes that only
 * lead to others.
 */
#ifndef TAKE5_MESSAGE_TRIE_H
#define TAKE5_MESSAGE_TRIE_H

#include "json/simd_block.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TRIE_NO_CELL UINT32_MAX /* while building only */
#define TRIE_NONE    0          /* no child: the root is no node's child */

struct trie_key {
    uint64_t low;  /* bytes 0 to 7 of the name as loaded, zeros after its end */
    uint64_t high; /* bytes 8 to 15 */
    const char *text;
    uint32_t size;
    uint32_t node; /* TRIE_NONE: the entry is empty */
};

struct trie_element {
    uint32_t index;
    uint32_t node;
};

struct trie_node {
    uint64_t multiplier; /* chosen so that few names share an entry */
    uint32_t first_key;
    uint32_t key_mask; /* entries - 1 */
    uint32_t key_shift;
    uint32_t first_element;
    uint32_t element_count;
    uint32_t cell;      /* where the value itself goes */
    uint32_t below_end; /* one above the last node below */
    bool has_names;
};

/* A slot that takes the first of several cells that is not MISSING. */
struct trie_choice {
    uint32_t slot;
    uint32_t first; /* into `options` */
    uint32_t count;
};

struct trie {
    struct trie_node *nodes; /* 0 is the document */
    struct trie_key *keys;
    struct trie_element *elements;
    struct trie_choice *choices;
    uint32_t *options;
    char *names; /* the keys' texts point into it */
    uint32_t node_count;
    uint32_t cell_count;
    uint32_t slot_count;
    uint32_t choice_count;
};

/* The first 16 bytes of a name as two words, padded with zeros. */
struct trie_name {
    uint64_t low, high;
};

static inline uint64_t trie_hash(struct trie_name name, uint32_t size) {
    return name.low ^ (name.high * UINT64_C(0x9E3779B97F4A7C15)) ^ size;
}

/* Reads nothing at `end` or beyond. */
static inline struct trie_name trie_name(const char *text, size_t size, const char *end) {
    struct trie_name name = {0, 0};
    if (end - text >= 16) {
        const unsigned char *mask = block_ones + 16 - (size < 16 ? size : 16);
        name.low = block_load(text) & block_load((const char *)mask);
        name.high = block_load(text + 8) & block_load((const char *)mask + 8);
        return name;
    }
    memcpy(&name.low, text, size < 8 ? size : 8);
    if (size > 8)
        memcpy(&name.high, text + 8, size < 16 ? size - 8 : 8);
    return name;
}

/* The child of that name, or TRIE_NONE. */
static inline uint32_t trie_find(const struct trie *trie, uint32_t parent, struct trie_name name,
                                 const char *text, size_t size) {
    const struct trie_node *node = &trie->nodes[parent];
    const struct trie_key *keys = trie->keys + node->first_key;
    uint32_t i =
        (uint32_t)((trie_hash(name, (uint32_t)size) * node->multiplier) >> node->key_shift);
    for (;; i = (i + 1) & node->key_mask) {
        const struct trie_key *key = &keys[i];
        if (key->node == TRIE_NONE)
            return TRIE_NONE;
        if (key->low == name.low && key->high == name.high && key->size == size &&
            (size <= 16 || memcmp(key->text + 16, text + 16, size - 16) == 0))
            return key->node;
    }
}

/* Whether a step is an index of an array. It has no leading zeros, so that no two steps mean the
 * same element. */
bool trie_index(const char *text, size_t size, uint32_t *index);

/* One wanted value: steps, and the cell it goes to. While building only. */
struct trie_step {
    const char *text;
    size_t size;
};

struct trie_builder;

struct trie_builder *trie_builder_new(void);
void trie_builder_free(struct trie_builder *builder);
/* The cell of the value at these steps; `cell` if it has none yet. TRIE_NO_CELL: out of memory. */
uint32_t trie_builder_add(struct trie_builder *builder, const struct trie_step *steps,
                          uint32_t count, uint32_t cell);
/* Lays out nodes, keys, elements and names, and gives cells, from cell_count on, to the nodes that
 * have none. False: out of memory. */
bool trie_build(struct trie *trie, const struct trie_builder *builder);
void trie_release(struct trie *trie);

#endif
