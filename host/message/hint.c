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
        hints->all[i].parent = UINT32_MAX; /* nobody's: fits nothing */
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

/* Where an unwanted name goes. Two that meet take turns. */
static uint32_t unwanted_place(const struct hints *hints, uint32_t parent, const char *text,
                               size_t size) {
    const struct trie_name name = trie_name(text, size);
    const uint64_t hash = (trie_hash(name, (uint32_t)size) + parent) * UINT64_C(0x9E3779B97F4A7C15);
    return hints->node_count + (uint32_t)(hash >> 32) % HINT_UNWANTED;
}

struct hint **hints_learn(struct hints *hints, struct hint **link, uint32_t parent, uint32_t child,
                          const char *text, size_t size) {
    const size_t text_size = size + 2;
    if (text_size > HINT_TEXT)
        return hints_lose(hints);
    const uint32_t place = child != TRIE_NONE ? child : unwanted_place(hints, parent, text, size);
    struct hint *hint = &hints->all[place];
    *link = hint;
    const bool is_known = hint->parent == parent && hint->size == text_size &&
                          memcmp(hint->text, text, text_size) == 0;
    if (!is_known) {
        memset(hint->text, 0, sizeof hint->text);
        memcpy(hint->text, text, text_size);
        hint->mask = UINT32_MAX >> (HINT_TEXT - text_size);
        hint->size = (uint32_t)text_size;
        hint->parent = parent;
        hint->child = child;
        hint->next = hints->all;
    }
    return &hint->next;
}
