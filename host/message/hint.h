/*
 * message/hint.h - which name probably comes next. For this room only.
 *
 * Producers write the members of an object in one order, message after message. So each name
 * remembers the name that followed it, as its bytes in the text with the quote and the colon after
 * it: if these bytes follow again, one comparison settles the end of the name, the colon, and what
 * it leads to; nothing has to be searched. A wrong guess costs that comparison.
 *
 * Hints belong to the decoder and change as it decodes. A hint is never wrong about meaning: only
 * accepted names are entered, and their bytes together with the object that they are in mean the
 * same wherever they are found.
 */
#ifndef TAKE5_MESSAGE_HINT_H
#define TAKE5_MESSAGE_HINT_H

#include "message/trie.h"
#include "json/simd_block.h"

#include <stdbool.h>
#include <stdint.h>

#define HINT_TEXT     32
#define HINT_UNWANTED 256 /* a power of two */

struct hint {
    char text[HINT_TEXT]; /* NAME": followed by zeros */
    uint32_t mask;        /* a bit for each byte of the text */
    uint32_t size;        /* of the text */
    uint32_t parent;      /* node of the object that the name stands in */
    uint32_t child;       /* node that the name leads to, or TRIE_NONE */
    struct hint *next;    /* the name that followed it last time */
    struct hint *first;   /* the first name in the object that it leads to */
};

/* Those of the trie's nodes, by number; after them those of unwanted names, by hash. The document
 * has no name, so its hint never matches: it is used where nothing is known. */
struct hints {
    struct hint *all;
    uint32_t node_count;
    struct hint *nowhere; /* what a name without a hint links to the next */
};

bool hints_init(struct hints *hints, uint32_t node_count);
void hints_release(struct hints *hints);

/*
 * A name of `size` bytes (its first are `name`) without escapes, with a quote and a colon behind
 * it, stands at `text` in an object of node `parent` and leads to `child`. Enters it as what comes
 * at `*link`; returns the link of what comes next.
 */
struct hint **hints_learn(struct hints *hints, struct hint **link, uint32_t parent, uint32_t child,
                          struct trie_name name, const char *text, size_t size);

/* The link after a name that no hint can hold. */
static inline struct hint **hints_lose(struct hints *hints) {
    hints->nowhere = hints->all;
    return &hints->nowhere;
}

/* Whether the hint's text is at p, in an object of node `parent`. */
static inline bool hint_fits(const struct hint *hint, const char *p, const char *end,
                             uint32_t parent) {
    if (hint->parent != parent)
        return false;
#ifdef BLOCK_SIMD
    if (end - p >= HINT_TEXT)
        return (~block_equal_32(p, hint->text) & hint->mask) == 0;
#endif
    return (size_t)(end - p) >= hint->size && memcmp(p, hint->text, hint->size) == 0;
}

#endif
