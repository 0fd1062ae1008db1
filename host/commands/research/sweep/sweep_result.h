/*
 * commands/research/sweep/sweep_result.h - what each point of a sweep came to: of the whole
 * recording, or of each part of its time.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_SWEEP_SWEEP_RESULT_H
#define TAKE5_COMMANDS_RESEARCH_SWEEP_SWEEP_RESULT_H

#include "base/error.h"
#include "commands/research/sweep/sweep_grid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By which points are compared. SHARPE and the two behind it are of positions. */
enum sweep_figure {
    SWEEP_SHARPE = 1,
    SWEEP_PROFIT,
    SWEEP_DRAWDOWN, /* the lower the better */
    SWEEP_MEAN,     /* forward return at the first horizon, over all signals */
    SWEEP_HIT_RATE  /* likewise */
};
/* "sharpe", "profit", "drawdown", "mean", "hit_rate", NULL: in the order of the figures. */
extern const char *const sweep_figure_names[];

/* NaN where there is nothing to say it of. */
struct sweep_figures {
    uint64_t signals, trades;
    double sharpe, profit, drawdown, turnover, mean, hit_rate;
};

struct sweep_part {
    int64_t from_ns, to_ns; /* the last one's end is behind the last price */
};

struct sweep_results {
    size_t point_count, part_count; /* at least one part: the whole */
    struct sweep_part *parts;
    struct sweep_figures *figures; /* point by point, of each all parts */
};

bool sweep_results_init(struct sweep_results *results, size_t point_count, size_t part_count,
                        struct error *error);
void sweep_results_release(struct sweep_results *results);

/* Takes the JSON of `take5 evaluate`, whose deployments are called PREFIX and the point's number.
 * False: it is not what that writes, or points from `first` to before `end` are missing. */
bool sweep_results_parse(struct sweep_results *results, const char *json, const char *prefix,
                         size_t first, size_t end, struct error *error);

static inline const struct sweep_figures *sweep_figures(const struct sweep_results *results,
                                                        size_t point, size_t part) {
    return &results->figures[point * results->part_count + part];
}
double sweep_figure(const struct sweep_figures *figures, enum sweep_figure figure);
/* Whether `a` is better; a number is better than none. */
bool sweep_is_better(enum sweep_figure figure, double a, double b);
/* The numbers of all points, the best of the part first; of equal ones the first. Free it. NULL
 * when memory runs out. */
size_t *sweep_order(const struct sweep_results *results, enum sweep_figure figure, size_t part);
/* Sharpe where there are positions, else the mean return. */
enum sweep_figure sweep_figure_default(const struct sweep_results *results);

#endif
