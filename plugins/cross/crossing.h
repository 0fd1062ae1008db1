/*
 * What `cross` says about two lines: the formulas alone, without the host.
 */
#ifndef CROSS_CROSSING_H
#define CROSS_CROSSING_H

#include <stdint.h>

/* The constants; each is a parameter of the strategy. */
struct rules {
    double min_t;            /* a slope counts from this |slope / standard error| on */
    double parallel;         /* slopes that differ by less never cross */
    double max_ahead_s;      /* a crossing further ahead is none */
    double min_angle;        /* radians */
    double confidence_scale; /* confidence is the sum of both t divided by this */
};

/* One fitted line, as a message tells of it. */
struct line {
    double slope, intercept; /* price per second; price */
    double std_err;          /* of the slope; NaN: absent */
    double t;                /* |slope / standard error|; 0 without one, or with 0 */
};

struct line line_init(double slope, double intercept, double std_err);

enum outcome {
    OUTCOME_GOLDEN = 1,
    OUTCOME_DEATH,
    /* none, because: */
    OUTCOME_NOT_SAME_TIME, /* only with require_same_time */
    OUTCOME_NOT_SIGNIFICANT,
    OUTCOME_PARALLEL,
    OUTCOME_PAST,
    OUTCOME_TOO_FAR,
    OUTCOME_SHALLOW,
    OUTCOME_OVERFLOW /* the crossing is beyond a double */
};

struct crossing {
    enum outcome outcome;
    double t_a, t_b;
    double x_s;         /* seconds ahead; NaN when it was not reached */
    double angle;       /* radians; NaN when it was not reached */
    double predicted_s; /* x in whole seconds, for GOLDEN and DEATH; else 0 */
    double confidence;  /* for GOLDEN and DEATH; else 0 */
};

/* Slopes and intercepts are finite. */
struct crossing crossing_of(const struct line *a, const struct line *b, const struct rules *rules);

/* 1 for GOLDEN, -1 for DEATH, else 0. */
double outcome_value(enum outcome outcome);
/* "golden", "death", "none". */
const char *outcome_type(enum outcome outcome);
/* "not_significant" and so on; NULL for GOLDEN and DEATH. */
const char *outcome_reason(enum outcome outcome);

#endif
