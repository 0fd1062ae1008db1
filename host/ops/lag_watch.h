/*
 * ops/lag_watch.h - notices that the host falls behind, and that it has caught up.
 *
 * Looked at every LAG_WATCH_NS. A lag that only grew for LAG_WATCH_RISES looks, by more than what
 * batches and commits make it swing, is reported; again when it has doubled; and once when it is
 * back. A lag that is large and falls, as after a start, is none of its business: it is in the
 * statistics.
 *
 * One thread.
 */
#ifndef TAKE5_OPS_LAG_WATCH_H
#define TAKE5_OPS_LAG_WATCH_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAG_WATCH_NS         (10 * NS_PER_S)
#define LAG_WATCH_RISES      3
#define LAG_WATCH_STRATEGIES 64 /* whose time is looked at */

struct lag_watch_strategy {
    char name[128];
    int64_t busy_ns; /* in its callbacks, since the start */
};

struct lag_sample {
    int64_t now_ns;
    int64_t lag; /* -1: not known */
    uint64_t messages;
    size_t lanes;
    struct lag_watch_strategy strategies[LAG_WATCH_STRATEGIES];
    size_t strategy_count;
};

struct lag_watch {
    struct lag_sample last;    /* now_ns 0: none */
    int64_t anchor, anchor_ns; /* where the rise began */
    int rises;
    int64_t reported; /* the lag of the last report; 0: none, or that it is back */
};

enum lag_word { LAG_QUIET, LAG_GROWS, LAG_IS_BACK };

/* A zeroed watch is ready. `text` gets what to log, when there is something. */
enum lag_word lag_watch(struct lag_watch *watch, const struct lag_sample *sample, char *text,
                        size_t size);

#endif
