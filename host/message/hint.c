#include "message/hint.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct hint) == 64, "a hint is one cache line");

bool hints_init(struct hints *hints, uint32_t node_count) {
    const size_t count = node_count + (size_t)HINT_UNWANTED;
    *hints = (struct hints){.node_count = node_count};
    hints->all = aligned_alloc(sizeof(struct hint), count * sizeof(struct hint));
    if (hints->all == NULL)
        return false;
    memset(hints->all, 0, count * sizeof(struct hint));
    for (size_t i = 0; i < count; i++) {
        hints->all[i].parent = UINT32_MAX; /* no object's: never matches */
        hints->all[i].next = hints->all;
        hints->all[i].first = hints->all;
    }
    hints->nowhere = hints->all;
    return true;
}

void hints_release(struct hints *hints) {
    free(hints->all);
    *hints = (struct hints){0};
}

/* The place of an unwanted name. Two that collide take turns. */
static uint32_t unwanted_place(const struct hints *hints, uint32_t parent, struct trie_name name,
                               size_t size) {
    const uint64_t hash = (trie_hash(name, (uint32_t)size) + parent) * UINT64_C(0x9E3779B97F4A7C15);
    return hints->node_count + (uint32_t)(hash >> 32) % HINT_UNWANTED;
}

static void fill(struct hints *hints, struct hint *hint, uint32_t parent, uint32_t child,
                 const char *text, size_t size) {
    memset(hint->text, 0, sizeof hint->text);
    memcpy(hint->text, text, size);
    hint->mask = UINT32_MAX >> (HINT_TEXT - size);
    hint->size = (uint32_t)size;
    hint->parent = parent;
    hint->child = child;
    hint->next = hints->all;
}

struct hint **hints_learn(struct hints *hints, struct hint **link, uint32_t parent, uint32_t child,
                          struct trie_name name, const char *text, size_t size) {
    size += 2; /* the quote and the colon */
    if (size > HINT_TEXT)
        return hints_lose(hints);
    const bool is_wanted = child != TRIE_NONE;
    struct hint *hint = &hints->all[is_wanted ? child : unwanted_place(hints, parent, name, size)];
    *link = hint;
    /* A wanted name has its place to itself. */
    if (hint->parent != parent ||
        (!is_wanted && (hint->size != size || memcmp(hint->text, text, size) != 0)))
        fill(hints, hint, parent, child, text, size);
    return &hint->next;
}
