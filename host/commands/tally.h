/*
 * commands/tally.h - what each deployment did in a replay, and the summary at its end.
 */
#ifndef TAKE5_COMMANDS_TALLY_H
#define TAKE5_COMMANDS_TALLY_H

#include "engine/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct tally_entry {
    char name[128], strategy[64], version[32];
    uint64_t messages, signals, errors, rejects, timers;
    int64_t busy_ns;
};

/* Zero is a good beginning. */
struct tally {
    struct tally_entry *entries; /* in the order in which they were met: that of their names */
    size_t count;
    bool is_short; /* memory ran out: some are missing */
};

/* Adds what all instances have counted so far: at the end, and before they are replaced. */
void tally_add(struct tally *tally, struct engine *engine);
void tally_release(struct tally *tally);

struct replay_summary {
    uint64_t lines, messages, bad, filtered, signals;
    uint64_t reloads; /* between messages, for tests */
    int64_t wall_ns;
    const struct tally *tally;
};

/* For people, or one JSON object in a line. */
void summary_print(const struct replay_summary *summary, FILE *file);
void summary_print_json(const struct replay_summary *summary, FILE *file);

#endif
