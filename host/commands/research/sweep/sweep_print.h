/*
 * commands/research/sweep/sweep_print.h - a sweep on stdout.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_SWEEP_SWEEP_PRINT_H
#define TAKE5_COMMANDS_RESEARCH_SWEEP_SWEEP_PRINT_H

#include "commands/research/sweep/sweep_grid.h"
#include "commands/research/sweep/sweep_result.h"

/* How its parts are read. */
enum sweep_mode {
    SWEEP_WHOLE = 1,
    SWEEP_SPLIT,       /* chosen on the first part, shown on the second */
    SWEEP_WALK_FORWARD /* chosen on each part but the last, shown on the one behind it */
};

/* False: out of memory. */
bool sweep_print(const struct sweep_grid *grid, const struct sweep_results *results,
                 enum sweep_mode mode, enum sweep_figure figure);
/* A line for each point and part. */
bool sweep_print_csv(const struct sweep_grid *grid, const struct sweep_results *results);
bool sweep_print_json(const struct sweep_grid *grid, const struct sweep_results *results,
                      enum sweep_mode mode, enum sweep_figure figure);

#endif
