/*
 * message/projection.h - which values of a document are wanted.
 *
 * A projection is a set of paths, each with a slot number. It is built on the control thread,
 * sealed, and then read by any number of decoders at once. The same path always gives the same
 * slot, so the union of all strategies' fields is decoded once.
 *
 * Paths: steps divided by dots. `a.b|c.d` takes the first alternative that is present (not MISSING;
 * null counts as present). A backslash makes the byte after it literal ("a\.b" is one step). A step
 * of digits is an index in an array and a name in an object; with a leading zero ("01") it is a
 * name only. Duplicate keys: the later value replaces the earlier one whole, whatever lies below
 * it.
 */
#ifndef TAKE5_MESSAGE_PROJECTION_H
#define TAKE5_MESSAGE_PROJECTION_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROJECTION_MAX_SLOTS 4096
#define PROJECTION_MAX_STEPS 32   /* of one alternative */
#define PROJECTION_MAX_PATH  1024 /* bytes */

struct projection;

/* Has the envelope's paths already, in slots of its own. NULL: out of memory. */
struct projection *projection_new(void);
void projection_free(struct projection *projection);

/* An unsealed copy in which every path keeps its slot: how a projection grows while decoders use
 * the previous one. NULL: out of memory. */
struct projection *projection_copy(const struct projection *projection);

/* Adds a wanted path; returns its slot. After sealing only existing paths. Refuses empty paths and
 * steps, a trailing backslash, bytes that are not UTF-8, and what exceeds the limits above. */
bool projection_add(struct projection *projection, const char *path, size_t size, uint32_t *slot,
                    struct error *error);

/* Whether the path is well formed, without adding it. */
bool projection_check(const char *path, size_t size, struct error *error);

/* Builds what the scanner uses. */
bool projection_seal(struct projection *projection, struct error *error);

/* Slots of a decoded message, envelope included. */
uint32_t projection_slots(const struct projection *projection);

#endif
