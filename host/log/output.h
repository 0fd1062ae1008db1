/*
 * log/output.h - writing to a file, pipe or terminal that somebody else chose, most often the
 * standard output.
 */
#ifndef TAKE5_LOG_OUTPUT_H
#define TAKE5_LOG_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Writes all of it, and waits for a slow reader as long as that takes; unless `*stop` is set (NULL:
 * never) and the reader takes nothing: then it gives up after OUTPUT_GRACE_MS. `*written` (may be
 * NULL) says how much got out, also on failure.
 *
 * Gives 0 or an errno: EPIPE when the reader is gone (with SIGPIPE ignored), ECANCELED when it gave
 * up.
 */
int output_write(int file, const void *data, size_t size, size_t *written, const atomic_bool *stop);

#define OUTPUT_GRACE_MS 200

/* Takes the last `size` bytes that were written through `file` away again, so that it does not end
 * inside a line. False, and nothing changes: it is no regular file, or others wrote behind them. */
bool output_cut_back(int file, size_t size);

#endif
