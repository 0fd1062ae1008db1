/*
 * commands/proof/live.h - the signals that a live host gave, by their ids.
 */
#ifndef TAKE5_COMMANDS_PROOF_LIVE_H
#define TAKE5_COMMANDS_PROOF_LIVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A signal's line, and what it names. */
struct signal_line {
    char *id, *deployment, *topic;
    char *text; /* without its line break */
    int32_t partition;
    int64_t offset;
    size_t order;    /* in which they were given */
    bool is_met;     /* a rerun gave it */
    bool is_changed; /* with other content: `text` is of the first time */
};

struct live {
    struct signal_line *items; /* by id, once each, after live_sort() */
    size_t count, capacity;
    uint64_t repeated; /* lines that were there again */
};

/* False: that is no signal; `line` is left empty. `is_oom`: for lack of memory. */
bool signal_line_parse(struct signal_line *line, const char *text, size_t size, bool *is_oom);
void signal_line_release(struct signal_line *line);

/* Takes the line over. False: out of memory. */
bool live_add(struct live *live, struct signal_line *line);
void live_sort(struct live *live);
/* NULL: it was not given. */
struct signal_line *live_find(const struct live *live, const char *id);
void live_release(struct live *live);

#endif
