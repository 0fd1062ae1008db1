/*
 * What a run of prices comes to: its ends, extremes, steps, and how long the way is. Points without
 * a price are NaN and are passed over.
 *
 * course_of() walks the points, and defines every result. `struct running` keeps the course of the
 * newest points of a series up from one analysis to the next: what has left is taken off, what has
 * come is added, and the points between are not looked at. It does so only as long as that gives
 * the very bits of a walk; course_is_exact() says when, and otherwise it walks.
 */
#ifndef TREND_COURSE_H
#define TREND_COURSE_H

#include <stddef.h>
#include <stdint.h>

struct course {
    size_t prices; /* 0: nothing else is set */
    double first, last;
    double min, max;
    double sum; /* of the steps from each price to the next */
    double way; /* of their sizes */
    size_t positive_steps, negative_steps;
};

struct course course_of(const double *points, size_t count);

/*
 * Whether every sum was exact, whatever the order in which it was made.
 *
 * Prices of one sign are multiples of the unit in the last place of the smallest, u, and so are
 * their steps and the sums of these. When the way is not longer than the smallest price, none of
 * them is above 2^53 u, so each is a double, and nothing was ever rounded. A way that was rounded
 * is seen: sums that only grow come to at least 2^53 u then, and that is above the smallest price.
 * One market's prices of some hours are like that; a sign that changes, or a jump to the double,
 * is not.
 */
int course_is_exact(const struct course *course);

/*
 * Numbers of points, rising: the newest extreme at the back, and before each the one that comes
 * next when it has left. A ring.
 */
struct ladder {
    uint64_t *rungs;
    size_t first, count;
    size_t capacity; /* 0 or a power of two */
};

/*
 * Points are numbered from the first of the series on, whether the window still has them or not.
 * Between two calls the course is exact. All bytes zero: empty.
 */
struct running {
    uint64_t begin, end; /* the points that the course is of; equal: it is of none */
    uint64_t at;         /* number of the first price */
    struct course course;
    struct ladder lows, highs;
};

/* Empties it, and keeps the memory. */
void running_reset(struct running *running);
void running_release(struct running *running);

/*
 * The course of the points number `begin` to `end` - 1. points[0] is number `base`, the oldest that
 * there is. Points do not change and none is put between those of the call before, or it must be
 * reset. Amortised O(1) for each point that has come or left; O(end - begin) after a reset, when
 * points of the call before are there no longer, and while sums are not exact. Never fails: without
 * memory it walks.
 */
struct course running_course(struct running *running, const double *points, uint64_t base,
                             uint64_t begin, uint64_t end);

#endif
