/*
 * published/published.h - the newest points of the series that strategies publish, for who looks at
 * a running host: by deployment, series, symbol and time frame.
 *
 * There is one a host, or none (nobody can look), and in it a part for each lane. Bounded:
 * PUBLISHED_POINTS of one series, PUBLISHED_MAX_SERIES series in all; above that, one that has been
 * silent for long makes room, and without such a one the new one is left out and counted.
 *
 * Threads: a lane's part is written by the lane alone. It takes the part's lock only for a series
 * that is new; a point is four stores that readers see without the lane waiting for them.
 */
#ifndef TAKE5_PUBLISHED_PUBLISHED_H
#define TAKE5_PUBLISHED_PUBLISHED_H

#include "base/error.h"

#include <take5/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUBLISHED_MAX_SERIES  8192
#define PUBLISHED_POINTS      256
#define PUBLISHED_NAME_SIZE   128 /* of a deployment; a longer one is cut */
#define PUBLISHED_SERIES_SIZE 65
#define PUBLISHED_SYMBOL_SIZE 64 /* a longer symbol is not kept */

struct published;
struct published_lane;

struct published *published_new(size_t lanes, struct error *error);
/* After the lanes. NULL is allowed. */
void published_free(struct published *published);
struct published_lane *published_lane(struct published *published, size_t index);

/* The names of a series, as the lane has them. */
struct published_key {
    const char *deployment;
    t5_str series, symbol;
    uint32_t time_frame_s; /* 0: none */
};

/* The lane: one more point. Out of memory it is left out and counted. */
void published_lane_add(struct published_lane *lane, const struct published_key *key,
                        int64_t event_time_ns, double value);

/* ---- any thread ---- */

struct published_value {
    int64_t event_time_ns;
    double value; /* not finite: a gap */
};

/* One series. `total` counts all points that it ever had: who looks again needs only those of the
 * last `total` - (what it was then). A series that makes room begins again at 0. */
struct published_series {
    char deployment[PUBLISHED_NAME_SIZE], series[PUBLISHED_SERIES_SIZE];
    char symbol[PUBLISHED_SYMBOL_SIZE + 1];
    size_t symbol_size; /* it may hold NUL */
    uint32_t time_frame_s;
    uint64_t total;
    struct published_value points[PUBLISHED_POINTS]; /* as they came, the oldest first */
    size_t count;
};

/* Calls `visit` for each, in no order: all (NULL), or those of a symbol. One that is published on
 * two lanes, as by a GLOBAL strategy and after a move, is met twice. */
void published_visit(struct published *published, const t5_str *symbol,
                     void (*visit)(void *context, const struct published_series *series),
                     void *context);

/* Points that could not be kept: too many series at once, or no memory. */
uint64_t published_missed(const struct published *published);

#endif
