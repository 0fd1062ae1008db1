/*
 * os/output_child.h - this program once more, as a child whose standard output is read as a stream.
 * Its stderr is ours. It ends by itself: with its work, or when nobody reads any more (EPIPE).
 */
#ifndef TAKE5_OS_OUTPUT_CHILD_H
#define TAKE5_OS_OUTPUT_CHILD_H

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct output_child {
    pid_t pid;
    FILE *output; /* NULL: it was not begun */
};

#define OUTPUT_CHILD_INIT                                                                          \
    { .pid = -1 }

/* `arguments`: with the name first, NULL at the end. Its standard input is empty. */
bool output_child_begin(struct output_child *child, char *const *arguments, struct error *error);
/* Closes the stream, waits for its end, and gives its exit code, or 128 and the signal that ended
 * it. 0 for one that was not begun. */
int output_child_end(struct output_child *child);

#endif
