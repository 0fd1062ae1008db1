/*
 * message/projection_private.h - what the decoder sees of a projection. For this room only.
 */
#ifndef TAKE5_MESSAGE_PROJECTION_PRIVATE_H
#define TAKE5_MESSAGE_PROJECTION_PRIVATE_H

#include "message/projection.h"
#include "message/trie.h"

/* Slots of the envelope: every projection has them, first and in this order. */
enum envelope_slot {
    ENVELOPE_SYMBOL,
    ENVELOPE_TIME,       /* publishTime.take5Time */
    ENVELOPE_TIME_OTHER, /* PublishTime.take5Time */
    ENVELOPE_TIMESTAMP,
    ENVELOPE_TIME_FRAME,
    ENVELOPE_CLOSE,
    ENVELOPE_PRICE,
    ENVELOPE_BAR_VOLUME,
    ENVELOPE_VOLUME,
    ENVELOPE_OPEN,
    ENVELOPE_HIGH,
    ENVELOPE_LOW,
    ENVELOPE_SLOTS
};

/* NULL until it is sealed. */
const struct trie *projection_trie(const struct projection *projection);

/* A path that is being split: one step at a time, escapes resolved. */
struct path_cursor {
    const char *at;
    const char *end;
};

enum path_token {
    PATH_STEP = 1,    /* a step, and more of the same alternative follows */
    PATH_LAST,        /* the last step of an alternative, and another alternative follows */
    PATH_END,         /* the last step of the path */
    PATH_EMPTY,       /* refused: an empty step or path */
    PATH_OPEN_ESCAPE, /* refused: a backslash with nothing after it */
};

/* Writes the step's bytes to `out` (with room for the rest of the path), and their number to
 * `size`. */
enum path_token path_next(struct path_cursor *cursor, char *out, size_t *size);

#endif
