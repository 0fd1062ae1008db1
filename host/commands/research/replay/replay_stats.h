/*
 * commands/research/replay/replay_stats.h - what each deployment did in a replay, and the summary
 * at its end.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_REPLAY_REPLAY_STATS_H
#define TAKE5_COMMANDS_RESEARCH_REPLAY_REPLAY_STATS_H

#include "engine/findings.h"
#include "engine/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct replay_stats_entry {
    char name[128], strategy[64], version[32];
    enum t5_side side;
    uint64_t messages, signals, errors, rejects, timers;
    int64_t busy_ns;
    size_t symbols, symbols_met; /* as in struct view_strategy */
    char symbols_unmet[128];
};

/* Zero is a good beginning. */
struct replay_stats {
    struct replay_stats_entry
        *entries; /* in the order in which they were met: that of their names */
    size_t count;
    bool is_oom; /* memory ran out: some are missing */
};

/* Adds what all instances have counted so far: at the end, and before they are replaced. */
void replay_stats_add(struct replay_stats *stats, struct engine *engine);
void replay_stats_release(struct replay_stats *stats);

/* Says which symbol filters nothing has passed. */
void replay_stats_print_unmet(const struct replay_stats *stats);

struct replay_summary {
    uint64_t lines, messages, bad, filtered, signals;
    uint64_t warm_up;                       /* messages before --from, for the windows */
    uint64_t unreadable_time, suspect_time; /* messages whose event time is not to be trusted */
    uint64_t reloads;                       /* between messages, for tests */
    int64_t wall_ns;
    const struct replay_stats *stats;
    const struct findings *findings; /* why there are no signals; NULL: nobody asked */
};

/* For people, or one JSON object in a line. */
void summary_print(const struct replay_summary *summary, FILE *file);
void summary_print_json(const struct replay_summary *summary, FILE *file);

#endif
