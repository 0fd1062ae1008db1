/*
 * recording/kind.h - what a file is that is not a recording, by its first bytes.
 */
#ifndef TAKE5_RECORDING_KIND_H
#define TAKE5_RECORDING_KIND_H

#include <stdbool.h>
#include <stddef.h>

/* So many bytes of the beginning are enough. */
#define RECORDING_KIND_SIZE 4096

struct recording_kind {
    const char *what;   /* "gzip data": goes on after "is" or "looks like" */
    const char *advice; /* what to do */
    bool is_certain;    /* no line of such a file can be JSON: reading on is of no use */
};

/* NULL: JSON lines, or nothing that is known. */
const struct recording_kind *recording_kind_of(const char *bytes, size_t size);

#endif
