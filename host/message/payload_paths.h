/*
 * message/payload_paths.h - which paths a JSON document has, for hints: what was there instead of a
 * path that was not. Off the message path.
 */
#ifndef TAKE5_MESSAGE_PAYLOAD_PATHS_H
#define TAKE5_MESSAGE_PAYLOAD_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#define PATHS_MOST 2000

/* Paths of members in the form of a field's, NULL behind the last. Zeroed it is empty. */
struct paths {
    char **items;
    size_t count;
};
void paths_release(struct paths *paths);

/* Adds those of the document that are not in it yet, up to PATHS_MOST; below arrays there are none.
 * False: out of memory. What is no JSON adds nothing. */
bool paths_add(struct paths *paths, const char *json, size_t size);

/* The path that is most like `path` (one of its alternatives, "a.b|c.d"): by a slip in the whole or
 * in its last step, or the same last step elsewhere. NULL: there is none. */
const char *paths_nearest(const struct paths *paths, const char *path);

#endif
