/*
 * What `trend` says about a series of closes: the formulas alone, without the host.
 */
#ifndef TREND_ANALYSIS_H
#define TREND_ANALYSIS_H

#include "course.h"

#include <stddef.h>

/* The constants; each is a parameter of the strategy. */
struct rules {
    double flat_share;      /* FLAT below this share of the first price */
    double flat_strength;   /* strength of FLAT */
    double strength_scale;  /* strength is the share of the first price times this */
    double volatile_ratio;  /* VOLATILE when the way is longer than the distance times this */
    double volatile_factor; /* and confidence is multiplied by this */
};

enum direction { DIRECTION_FLAT = 1, DIRECTION_UP, DIRECTION_DOWN, DIRECTION_VOLATILE };

struct analysis {
    enum direction direction;
    double strength;
    double confidence;
    double total_change; /* last price - first price */
    double mean_step;
};

/*
 * Analyses a course of at least 2 finite prices in the order of time. 0: the numbers are so large
 * that a difference is beyond a double, and nothing can be said.
 */
int analyse(const struct course *course, const struct rules *rules, struct analysis *result);

const char *direction_name(enum direction direction);

#endif
