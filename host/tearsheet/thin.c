#include "tearsheet/thin.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>

struct thin thin_of(size_t most_runs) {
    return (struct thin){.most = most_runs, .run_points = 1};
}

void thin_release(struct thin *thin) {
    free(thin->runs);
    *thin = (struct thin){0};
}

static void add_value(struct thin_run *run, struct thin_point point) {
    if (!run->has_value) {
        run->first = run->second = point;
        run->has_value = true;
        return;
    }
    const bool is_rising = run->first.value <= run->second.value;
    const struct thin_point low = is_rising ? run->first : run->second;
    const struct thin_point high = is_rising ? run->second : run->first;
    if (point.value > high.value) {
        run->first = low;
        run->second = point;
    } else if (point.value < low.value) {
        run->first = high;
        run->second = point;
    }
}

static void add_gap(struct thin_run *run, int64_t time_ns) {
    run->has_gap = true;
    run->gap_ns = time_ns;
}

static struct thin_run joined(const struct thin_run *left, const struct thin_run *right) {
    struct thin_run run = *left;
    if (right->has_value) {
        add_value(&run, right->first);
        add_value(&run, right->second);
    }
    if (right->has_gap)
        add_gap(&run, right->gap_ns);
    return run;
}

/* Each two of them become one. */
static void join_runs(struct thin *thin) {
    for (size_t i = 0; i < thin->count / 2; i++)
        thin->runs[i] = joined(&thin->runs[2 * i], &thin->runs[2 * i + 1]);
    thin->count /= 2;
    thin->run_points *= 2;
}

bool thin_add(struct thin *thin, int64_t time_ns, double value) {
    if (thin->total % thin->run_points == 0) {
        if (thin->count == thin->most)
            join_runs(thin);
        if (!ARRAY_GROW(thin->runs, thin->count, thin->capacity))
            return false;
        thin->runs[thin->count++] = (struct thin_run){0};
    }
    const struct thin_point point = {time_ns, value};
    struct thin_run *run = &thin->runs[thin->count - 1];
    if (isfinite(value))
        add_value(run, point);
    else
        add_gap(run, time_ns);
    thin->last = point;
    thin->total++;
    return true;
}

bool thin_is_thinned(const struct thin *thin) {
    return thin->run_points > 1;
}

void thin_visit(const struct thin *thin,
                void (*visit)(void *context, const struct thin_point *point), void *context) {
    for (size_t i = 0; i < thin->count; i++) {
        const struct thin_run *run = &thin->runs[i];
        const struct thin_point gap = {run->gap_ns, (double)NAN};
        const bool has_two = run->has_value && (run->first.time_ns != run->second.time_ns ||
                                                run->first.value != run->second.value);
        if (run->has_value)
            visit(context, &run->first);
        if (has_two)
            visit(context, &run->second);
        if (run->has_gap)
            visit(context, &gap);
    }
    const struct thin_run *end = thin->count > 0 ? &thin->runs[thin->count - 1] : NULL;
    if (end != NULL && isfinite(thin->last.value) &&
        (end->second.time_ns != thin->last.time_ns || end->second.value != thin->last.value))
        visit(context, &thin->last);
}
