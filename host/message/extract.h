/*
 * message/extract.h - one pass over a document that fills the cells of a projection's trie. For
 * this room only.
 */
#ifndef TAKE5_MESSAGE_EXTRACT_H
#define TAKE5_MESSAGE_EXTRACT_H

#include "message/hint.h"
#include "message/trie.h"
#include "json/scan.h"

#include <take5/value.h>

/* Cells are reset to MISSING in groups of this size. */
#define EXTRACT_GROUP 16

/* Topics that have hints of their own: what follows a name differs between them, and their messages
 * alternate. Further topics share. A power of two. */
#define EXTRACT_TOPICS 4

/* An open bracket with something wanted below it. */
struct extract_frame {
    const char *begin;
    struct hint **link; /* to the hint of what follows the bracket's value */
    uint32_t node;
    uint32_t index;        /* in an array: of the current element */
    uint32_t next_element; /* in an array: the first of the node's elements that is still to come */
    char closer;
};

/* Between messages all cells are MISSING, except those in dirty groups. */
struct extract {
    const struct trie *trie;
    t5_value *cells;   /* whole groups */
    uint8_t *is_dirty; /* by group */
    uint8_t *has_met;  /* by node: in this message */
    uint32_t group_count;
    struct hints hints[EXTRACT_TOPICS];
    struct extract_frame *frames; /* max_depth of them */
    char *scratch;                /* texts with resolved escapes */
    size_t scratch_used;
};

bool extract_init(struct extract *extract, const struct trie *trie, uint32_t max_depth,
                  size_t max_bytes);
void extract_release(struct extract *extract);

/* Resets all cells to MISSING. */
void extract_reset(struct extract *extract);

/* Scans a document of the topic. Its first byte, at `begin`, is '{', and its last, just before
 * scan->end, '}'. Returns the position after the document, or NULL if it is bad. */
const char *extract_run(struct extract *extract, struct scan *scan, const char *begin,
                        uint32_t topic);

#endif
