/*
 * supervisor/relay.h - what a worker writes to stderr, into the log: line by line and whole,
 * others that write. The worker's own lines say whose they are; what its strategies print is
 * passed on as it is.
 */
#ifndef TAKE5_SUPERVISOR_RELAY_H
#define TAKE5_SUPERVISOR_RELAY_H

#include "base/text.h"
#include "log/log.h"

#include <stdbool.h>

/* A longer line is broken. */
#define RELAY_LINE_MAX ((size_t)64 << 10)

/* What came of a line that has not ended. */
struct relay {
    struct text rest;
};

void relay_init(struct relay *relay);
void relay_release(struct relay *relay);

/* Passes on what is there, a part of it when that is much. False: the other side has closed, and a
 * line without its end was ended. `fd` does not block. */
bool relay_read(struct relay *relay, int fd, struct log *log);

#endif
