/*
 * comparison/comparison.h - whether two runs of the same messages gave the same signals: the one
 * comparison of `take5 diff` (recordings) and of shadow deployments (live).
 *
 * It is made place by place: a place is all that both gave for one cause. Two signals of a place
 * are the same signal when name, symbol, event time and time frame are the same (deployments, where
 * several were given the message), and the same of them came before. Then value, confidence, and
 * the rest (price and data) are compared; id, strategy, version and origin are not.
 *
 * Any thread; nothing is kept.
 */
#ifndef TAKE5_COMPARISON_COMPARISON_H
#define TAKE5_COMPARISON_COMPARISON_H

#include "sink/signal.h"

#include <stdbool.h>
#include <stddef.h>

/* What differs between two that are the same signal: a set. */
enum comparison_change {
    COMPARISON_VALUE = 1 << 0,
    COMPARISON_CONFIDENCE = 1 << 1,
    COMPARISON_DATA = 1 << 2 /* or the price */
};

#define COMPARISON_NONE ((size_t)-1)

struct comparison {
    double eps; /* numbers are the same when they differ by no more than eps * max(1, |a|, |b|) */
    bool has_deployments; /* signals of different deployments are never the same signal */
};

/* Signals of one run at one place, in the order in which they were emitted. */
struct comparison_side {
    const struct signal *const *signals;
    size_t count;
};

/* What became of one signal: it has a pair, and the changes (0: none) are given; or it is alone,
 * and the other index is COMPARISON_NONE. False: stop. */
typedef bool comparison_visit(void *context, size_t older, size_t newer, unsigned changes);

/* Calls `visit` for each of the older ones in order, then for each newer one that has no pair.
 * `paired` has room for one of each of the newer ones. False: memory ran out, or `visit` returned
 * false.
 */
bool comparison_place(const struct comparison *comparison, struct comparison_side older,
                      struct comparison_side newer, bool *paired, comparison_visit *visit,
                      void *context);

#endif
