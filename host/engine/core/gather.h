/*
 * engine/core/gather.h - one log line for what happens to many partitions for the same cause.
 *
 * Control notes each partition while it works on them, and logs all of it at the end: "partitions
 * 0-11: resumed with their state". The control thread.
 */
#ifndef TAKE5_ENGINE_CORE_GATHER_H
#define TAKE5_ENGINE_CORE_GATHER_H

#include "log/log.h"

#include <stddef.h>
#include <stdint.h>

#define GATHER_CAUSES 8 /* beyond these, what was noted so far is logged first */

struct gather_cause {
    enum log_level level;
    const char *event; /* a literal */
    char text[512];
    char detail[512]; /* the first partition's; empty: none */
    int32_t *partitions;
    size_t count, capacity;
};

/* Zeroed except for the log it is ready. */
struct gather {
    struct log *log;
    struct gather_cause causes[GATHER_CAUSES];
    size_t count;
};

/* `event` as in log_event(). Partitions of one level, event and text go into one line; -1 stands
 * for the GLOBAL deployments. What differs between them, such as offsets, is the detail, of which
 * the first partition's is shown as an example; NULL: none. Without memory it is logged at once. */
void gather_add(struct gather *gather, enum log_level level, const char *event, int32_t partition,
                const char *detail, const char *text);
/* Logs what was noted, and forgets it. */
void gather_report(struct gather *gather);

#endif
