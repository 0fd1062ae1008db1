#include "message/trie.h"

#include "base/array.h"

#include <stdlib.h>

/* A node while the tree grows: children are a list, newest last. */
struct draft {
    char *name;
    size_t size;
    uint32_t first_child, last_child, next;
    uint32_t child_count;
    uint32_t cell;
};

struct trie_builder {
    struct draft *drafts;
    uint32_t count, capacity;
    size_t name_bytes;
};

/* A new draft, or TRIE_NONE when memory runs out (draft 0 is made by trie_builder_new alone). */
static uint32_t draft_new(struct trie_builder *builder, const struct trie_step *step) {
    if (!ARRAY_GROW(builder->drafts, builder->count, builder->capacity))
        return TRIE_NONE;
    char *name = malloc(step->size + 1);
    if (name == NULL)
        return TRIE_NONE;
    memcpy(name, step->text, step->size);
    builder->drafts[builder->count] =
        (struct draft){.name = name, .size = step->size, .cell = TRIE_NO_CELL};
    builder->name_bytes += step->size;
    return builder->count++;
}

struct trie_builder *trie_builder_new(void) {
    struct trie_builder *builder = calloc(1, sizeof *builder);
    if (builder == NULL)
        return NULL;
    const struct trie_step nothing = {"", 0};
    (void)draft_new(builder, &nothing);
    if (builder->count == 0) {
        trie_builder_free(builder);
        return NULL;
    }
    return builder;
}

void trie_builder_free(struct trie_builder *builder) {
    if (builder == NULL)
        return;
    for (uint32_t i = 0; i < builder->count; i++)
        free(builder->drafts[i].name);
    free(builder->drafts);
    free(builder);
}

static uint32_t draft_child(struct trie_builder *builder, uint32_t parent,
                            const struct trie_step *step) {
    const struct draft *drafts = builder->drafts;
    for (uint32_t i = drafts[parent].first_child; i != TRIE_NONE; i = drafts[i].next)
        if (drafts[i].size == step->size && memcmp(drafts[i].name, step->text, step->size) == 0)
            return i;
    const uint32_t child = draft_new(builder, step);
    if (child == TRIE_NONE)
        return TRIE_NONE;
    struct draft *above = &builder->drafts[parent];
    if (above->last_child == TRIE_NONE)
        above->first_child = child;
    else
        builder->drafts[above->last_child].next = child;
    above->last_child = child;
    above->child_count++;
    return child;
}

uint32_t trie_builder_add(struct trie_builder *builder, const struct trie_step *steps,
                          uint32_t count, uint32_t cell) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        at = draft_child(builder, at, &steps[i]);
        if (at == TRIE_NONE)
            return TRIE_NO_CELL;
    }
    struct draft *draft = &builder->drafts[at];
    if (draft->cell == TRIE_NO_CELL)
        draft->cell = cell;
    return draft->cell;
}

bool trie_index(const char *text, size_t size, uint32_t *index) {
    if (size == 0 || size > 9 || (text[0] == '0' && size > 1))
        return false;
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *index = value;
    return true;
}

static bool is_index(const struct draft *draft, uint32_t *index) {
    return trie_index(draft->name, draft->size, index);
}

/* Where the next node, key, element and name go. */
struct layout {
    struct trie *trie;
    const struct trie_builder *builder;
    uint32_t keys, elements;
    char *names;
};

/* Twice as many entries as names, a power of two, at least 2. */
static uint32_t table_bits(uint32_t names) {
    uint32_t bits = 1;
    while (1u << bits < 2 * names)
        bits++;
    return bits;
}

/* Enters a key; returns how many entries it had to pass. */
static uint32_t enter(struct trie_key *table, uint32_t mask, uint32_t i,
                      const struct trie_key *key) {
    uint32_t passed = 0;
    for (; table[i].node != TRIE_NONE; passed++)
        i = (i + 1) & mask;
    table[i] = *key;
    return passed;
}

/* Fills the table with one multiplier; returns how many entries all its keys had to pass. */
static uint32_t fill(struct trie_key *table, const struct trie_node *node,
                     const struct trie_key *keys, uint32_t count) {
    memset(table, 0, (node->key_mask + (size_t)1) * sizeof *table);
    uint32_t passed = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct trie_name name = {keys[i].low, keys[i].high};
        const uint64_t hash = trie_hash(name, keys[i].size) * node->multiplier;
        passed += enter(table, node->key_mask, (uint32_t)(hash >> node->key_shift), &keys[i]);
    }
    return passed;
}

/* Tries a few multipliers, and keeps the one that scatters the names best. */
static void hash_names(struct trie_key *table, struct trie_node *node, const struct trie_key *keys,
                       uint32_t count) {
    uint64_t multiplier = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t best = multiplier;
    uint32_t least = UINT32_MAX;
    for (int i = 0; i < 64 && least > 0; i++) {
        node->multiplier = multiplier;
        const uint32_t passed = fill(table, node, keys, count);
        if (passed < least) {
            least = passed;
            best = multiplier;
        }
        multiplier = multiplier * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        multiplier |= 1;
    }
    node->multiplier = best;
    (void)fill(table, node, keys, count);
}

static int compare_elements(const void *a, const void *b) {
    const struct trie_element *x = a;
    const struct trie_element *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* Lays out the draft and all below it; false: out of memory. Recursion is bounded by the steps of a
 * path. */
static bool lay_out(struct layout *layout, uint32_t draft_index) {
    struct trie *trie = layout->trie;
    const struct draft *draft = &layout->builder->drafts[draft_index];
    struct trie_node *node = &trie->nodes[trie->node_count++];
    const uint32_t bits = table_bits(draft->child_count);
    struct trie_key *keys = calloc(draft->child_count + (size_t)1, sizeof *keys);
    if (keys == NULL)
        return false;

    *node =
        (struct trie_node){.first_key = layout->keys,
                           .key_mask = (1u << bits) - 1,
                           .key_shift = 64 - bits,
                           .first_element = layout->elements,
                           .cell = draft->cell != TRIE_NO_CELL ? draft->cell : trie->cell_count++,
                           .has_names = draft->child_count > 0};
    layout->keys += 1u << bits;
    for (uint32_t i = draft->first_child; i != TRIE_NONE; i = layout->builder->drafts[i].next) {
        uint32_t index;
        layout->elements += is_index(&layout->builder->drafts[i], &index);
    }

    uint32_t count = 0;
    bool is_good = true;
    for (uint32_t i = draft->first_child; i != TRIE_NONE && is_good;
         i = layout->builder->drafts[i].next) {
        const struct draft *child = &layout->builder->drafts[i];
        const struct trie_name name =
            trie_name(child->name, child->size, child->name + child->size);
        const uint32_t child_node = trie->node_count;
        memcpy(layout->names, child->name, child->size);
        keys[count++] = (struct trie_key){.low = name.low,
                                          .high = name.high,
                                          .text = layout->names,
                                          .size = (uint32_t)child->size,
                                          .node = child_node};
        layout->names += child->size;
        uint32_t index;
        if (is_index(child, &index))
            trie->elements[node->first_element + node->element_count++] =
                (struct trie_element){index, child_node};
        is_good = lay_out(layout, i);
    }
    node->below_end = trie->node_count;
    hash_names(trie->keys + node->first_key, node, keys, count);
    qsort(trie->elements + node->first_element, node->element_count, sizeof *trie->elements,
          compare_elements);
    free(keys);
    return is_good;
}

bool trie_build(struct trie *trie, const struct trie_builder *builder) {
    size_t entries = 0;
    for (uint32_t i = 0; i < builder->count; i++)
        entries += (size_t)1 << table_bits(builder->drafts[i].child_count);
    trie->nodes = calloc(builder->count, sizeof *trie->nodes);
    trie->keys = calloc(entries, sizeof *trie->keys);
    trie->elements = calloc(builder->count, sizeof *trie->elements);
    trie->names = malloc(builder->name_bytes + 1);
    trie->node_count = 0;
    if (trie->nodes == NULL || trie->keys == NULL || trie->elements == NULL || trie->names == NULL)
        return false;
    struct layout layout = {.trie = trie, .builder = builder, .names = trie->names};
    return lay_out(&layout, 0);
}

void trie_release(struct trie *trie) {
    free(trie->nodes);
    free(trie->keys);
    free(trie->elements);
    free(trie->choices);
    free(trie->options);
    free(trie->names);
    *trie = (struct trie){0};
}
