/*
 * message/payload_paths.h - which paths a JSON document has, for advice: what is there instead of a
 * missing path. Off the message path.
 */
#ifndef TAKE5_MESSAGE_PAYLOAD_PATHS_H
#define TAKE5_MESSAGE_PAYLOAD_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#define PATHS_MOST 2000

/* Paths of members in the form of a field's, ended by NULL. All zeros: empty. */
struct paths {
    char **items;
    size_t count;
};
void paths_release(struct paths *paths);

/* Adds the document's new paths, up to PATHS_MOST; none below arrays. False: out of memory. Invalid
 * JSON adds nothing. */
bool paths_add(struct paths *paths, const char *json, size_t size);

/* The path that is most similar to `path` (to one of its alternatives, "a.b|c.d"): with a typo in
 * the whole or in the last step, or with the same last step elsewhere. NULL: there is none. */
const char *paths_nearest(const struct paths *paths, const char *path);

#endif
