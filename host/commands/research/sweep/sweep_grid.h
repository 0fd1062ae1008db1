/*
 * commands/research/sweep/sweep_grid.h - the points of a sweep: values of parameters of one
 * deployment.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_SWEEP_SWEEP_GRID_H
#define TAKE5_COMMANDS_RESEARCH_SWEEP_SWEEP_GRID_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SWEEP_MAX_POINTS 100000

/* One parameter: a list of values, or a range of which values are drawn. */
struct sweep_axis {
    char *name;
    char **values; /* as they stand in the configuration */
    size_t count;
    bool is_drawn; /* a range without a step */
    bool is_whole; /* of whole numbers */
    double from, to;
    char unit[16]; /* behind the numbers: "m", "%"; empty: none */
};

/* Zeroed it is empty. */
struct sweep_grid {
    char *deployment; /* of all axes */
    struct sweep_axis *axes;
    size_t axis_count;
    char **texts; /* point_count rows of axis_count values, owned */
    size_t point_count;
};

/* "DEPLOYMENT.PARAMETER=VALUES", where VALUES is "10,20,50", "FROM:TO:STEP" (TO is among them when
 * the steps meet it), or, for --random, "FROM:TO". */
bool sweep_grid_add(struct sweep_grid *grid, const char *text, struct error *error);
/* All combinations, the last parameter changing first. */
bool sweep_grid_fill(struct sweep_grid *grid, struct error *error);
/* So many, drawn from all; the same seed gives the same. */
bool sweep_grid_draw(struct sweep_grid *grid, size_t count, uint64_t seed, struct error *error);
void sweep_grid_release(struct sweep_grid *grid);

/* The value of a point. */
static inline const char *sweep_grid_value(const struct sweep_grid *grid, size_t point,
                                           size_t axis) {
    return grid->texts[point * grid->axis_count + axis];
}

#endif
