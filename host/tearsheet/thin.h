/*
 * tearsheet/thin.h - a curve of bounded size out of any number of points: each run of so many
 * points keeps its lowest and its highest one, so that no peak is lost. Runs become longer while
 * points come, and as long as there are few points, all of them are kept. One thread at a time.
 */
#ifndef TAKE5_TEARSHEET_THIN_H
#define TAKE5_TEARSHEET_THIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thin_point {
    int64_t time_ns;
    double value; /* not finite: a gap */
};

struct thin_run {
    struct thin_point first, second; /* the lowest and the highest, as they came; one may be both */
    bool has_value;
    bool has_gap; /* a gap among them, behind which the curve goes on */
    int64_t gap_ns;
};

struct thin {
    struct thin_run *runs;
    size_t count, capacity, most; /* runs */
    uint64_t run_points;          /* in one run; the last one may have fewer */
    uint64_t total;               /* points that came */
    struct thin_point last;
};

/* At most 2 * `most_runs` + 1 points, and as many gaps as runs; `most_runs` is even. */
struct thin thin_of(size_t most_runs);
void thin_release(struct thin *thin);

/* False: no memory, and the curve is as it was. */
bool thin_add(struct thin *thin, int64_t time_ns, double value);
/* Whether points were left out. */
bool thin_is_thinned(const struct thin *thin);
/* Calls `visit` for what is kept, in its order. */
void thin_visit(const struct thin *thin,
                void (*visit)(void *context, const struct thin_point *point), void *context);

#endif
