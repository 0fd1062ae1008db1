/*
 * message/hint.h - what name probably comes next. The room's own.
 *
 * Producers write the members of an object in one order, message after message. So each name that
 * was met remembers the name that followed it, as its bytes stand in the text with the quote and
 * the colon behind it: when they stand there again, one compare settles the end of the name, the
 * colon, and what it leads to; nothing has to be searched. A wrong guess costs that compare.
 *
 * Hints are the decoder's own and change as it decodes. A hint never says anything untrue: only
 * what was found good goes in, and its bytes together with the object it stands in mean the same
 * wherever they are found.
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
    char text[HINT_TEXT]; /* NAME": with zeros behind */
    uint32_t mask;        /* a bit for each byte of the text */
    uint32_t size;        /* of the text */
    uint32_t parent;      /* node of the object that the name stands in */
    uint32_t child;       /* node that the name leads to, or TRIE_NONE */
    struct hint *next;    /* the name that came behind it last time */
    struct hint *first;   /* the first name in the object that it leads to */
};

/* Of the trie's nodes, by their number; behind them those of unwanted names, by hash. The document
 * has no name, so its hint fits nothing: it stands where nothing is known. */
struct hints {
    struct hint *all;
    uint32_t node_count;
    struct hint *nowhere; /* what a name that is no hint links to the next */
};

bool hints_init(struct hints *hints, uint32_t node_count);
void hints_release(struct hints *hints);

/*
 * A name of `size` bytes (its first are `name`) without escapes, with a quote and a colon behind
 * it, stands at `text` in an object of node `parent` and leads to `child`. Enters it as what comes
 * at `*link`; gives the link of what comes next.
 */
struct hint **hints_learn(struct hints *hints, struct hint **link, uint32_t parent, uint32_t child,
                          struct trie_name name, const char *text, size_t size);

/* The link behind a name that no hint can hold. */
static inline struct hint **hints_lose(struct hints *hints) {
    hints->nowhere = hints->all;
    return &hints->nowhere;
}

/* Whether the hint's text stands at p, in an object of node `parent`. */
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
