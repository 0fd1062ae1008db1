/*
 * Signals as positions. Each symbol and time frame of a deployment is held by itself: one unit long
 * or short, or nothing, from a signal to the next one with another side. The equity is 1 and the
 * mean of what the series have brought.
 */
#include "evaluation/evaluation_private.h"

#include "base/array.h"
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

#define YEAR_NS (365.25 * 86400e9)
#define DAY_NS  86400e9

/* A signal that says a side, in the order in which positions are worked out. */
struct turn {
    uint32_t deployment;
    int8_t side;
    size_t series, number;
    const struct entry *entry;
};

/* What the equity changes by, before it is divided among the series. */
struct change {
    int64_t time_ns;
    double amount;
};

struct changes {
    struct change *items;
    size_t count, capacity;
};

int8_t evaluation_side_of(const struct evaluation *evaluation, const struct entry *entry) {
    const enum t5_side side =
        evaluation->deployments[evaluation->groups[entry->group].deployment].result.side;
    return side == T5_SIDE_VALUE   ? entry->by_value
           : side == T5_SIDE_NAMED ? entry->by_name
                                   : EVALUATION_NO_SIDE;
}

static int compare_turns(const void *a, const void *b) {
    const struct turn *left = a, *right = b;
    if (left->deployment != right->deployment)
        return left->deployment < right->deployment ? -1 : 1;
    if (left->series != right->series)
        return left->series < right->series ? -1 : 1;
    if (left->entry->time_ns != right->entry->time_ns)
        return left->entry->time_ns < right->entry->time_ns ? -1 : 1;
    return left->number < right->number ? -1 : 1;
}

static int compare_changes(const void *a, const void *b) {
    const struct change *left = a, *right = b;
    return (left->time_ns > right->time_ns) - (left->time_ns < right->time_ns);
}

static bool add_change(struct changes *changes, int64_t time_ns, double amount) {
    if (!ARRAY_GROW(changes->items, changes->count, changes->capacity))
        return false;
    changes->items[changes->count++] = (struct change){time_ns, amount};
    return true;
}

/* A position, from one mark to the next. */
struct position {
    int8_t side;
    double marked; /* the price that it was valued at last */
};

static bool mark(struct position *position, struct changes *changes, int64_t time_ns,
                 double price) {
    const double amount = position->side * (price / position->marked - 1);
    position->marked = price;
    return position->side == 0 || add_change(changes, time_ns, amount);
}

/* The turns of one series of one deployment; gives how many trades there were, or -1. */
static int64_t hold_series(const struct evaluation *evaluation, const struct turn *turns,
                           size_t count, struct changes *changes, double *turnover) {
    const struct price_series *series = turns[0].entry->series;
    struct position position = {0, 1};
    size_t point = 0;
    int64_t trades = 0;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = turns[i].entry;
        for (; point < series->count && series->points[point].time_ns <= entry->time_ns; point++)
            if (!mark(&position, changes, series->points[point].time_ns,
                      series->points[point].price))
                return -1;
        if (turns[i].side == position.side)
            continue;
        const double traded = fabs((double)turns[i].side - position.side);
        if (!mark(&position, changes, entry->time_ns, entry->price) ||
            !add_change(changes, entry->time_ns, -evaluation->options.cost * traded))
            return -1;
        position.side = turns[i].side;
        *turnover += traded;
        trades++;
    }
    for (; point < series->count; point++)
        if (!mark(&position, changes, series->points[point].time_ns, series->points[point].price))
            return -1;
    return trades;
}

static int64_t period_of(const struct evaluation *evaluation, int64_t time_ns) {
    const int64_t period_ns = evaluation->options.period_ns;
    return time_ns / period_ns - (time_ns % period_ns < 0);
}

/* The returns of the periods that the prices span, of which those without a change are 0. */
static double sharpe_of(const struct evaluation *evaluation, double sum, double squares) {
    int64_t first_ns, last_ns;
    const int64_t period_ns = evaluation->options.period_ns;
    prices_span(evaluation->prices, &first_ns, &last_ns);
    const double count =
        (double)(period_of(evaluation, last_ns) - period_of(evaluation, first_ns) + 1);
    const double mean = sum / count;
    const double variance = (squares - count * mean * mean) / (count - 1);
    return count > 1 && variance > 0 ? mean / sqrt(variance) * sqrt(YEAR_NS / (double)period_ns)
                                     : (double)NAN;
}

static void follow_equity(const struct evaluation *evaluation, struct changes *changes,
                          struct evaluation_deployment *result) {
    double equity = 1, peak = 1, period_sum = 0, squares = 0;
    int64_t period = INT64_MIN;
    const double parts = result->series > 0 ? (double)result->series : 1;
    if (changes->count > 0)
        qsort(changes->items, changes->count, sizeof *changes->items, compare_changes);
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];
        const int64_t now = period_of(evaluation, change->time_ns);
        if (now != period) {
            squares += period_sum * period_sum;
            period_sum = 0;
            period = now;
        }
        equity += change->amount / parts;
        period_sum += change->amount / parts;
        const bool is_last = i + 1 == changes->count || change[1].time_ns != change->time_ns;
        if (!is_last)
            continue;
        peak = equity > peak ? equity : peak;
        if ((peak - equity) / peak > result->drawdown)
            result->drawdown = (peak - equity) / peak;
        if (evaluation->follow != NULL)
            evaluation->follow(evaluation->follow_context, result->name, change->time_ns, equity);
    }
    squares += period_sum * period_sum;
    result->profit = equity - 1;
    result->sharpe = sharpe_of(evaluation, equity - 1, squares);
}

static bool hold_deployment(const struct evaluation *evaluation, const struct turn *turns,
                            size_t count, struct changes *changes,
                            struct evaluation_deployment *result) {
    changes->count = 0;
    for (size_t begin = 0, end; begin < count; begin = end) {
        end = begin + 1;
        while (end < count && turns[end].series == turns[begin].series)
            end++;
        const int64_t trades =
            hold_series(evaluation, turns + begin, end - begin, changes, &result->turnover);
        if (trades < 0)
            return false;
        result->trades += (uint64_t)trades;
        result->series += trades > 0;
    }
    int64_t first_ns, last_ns;
    prices_span(evaluation->prices, &first_ns, &last_ns);
    result->turnover_per_day = last_ns > first_ns
                                   ? result->turnover / ((double)(last_ns - first_ns) / DAY_NS)
                                   : (double)NAN;
    follow_equity(evaluation, changes, result);
    return true;
}

/* Of all signals those that a position follows from, deployment by deployment. */
static size_t list_turns(const struct evaluation *evaluation, struct turn *turns) {
    size_t count = 0;
    for (size_t i = 0; i < evaluation->entry_count; i++) {
        const struct entry *entry = &evaluation->entries[i];
        const uint32_t deployment = evaluation->groups[entry->group].deployment;
        const int8_t side = evaluation_side_of(evaluation, entry);
        if (side != EVALUATION_NO_SIDE && entry->series != NULL && !isnan(entry->price))
            turns[count++] = (struct turn){deployment, side, entry->series->id, i, entry};
    }
    qsort(turns, count, sizeof *turns, compare_turns);
    return count;
}

bool evaluation_hold_positions(struct evaluation *evaluation) {
    struct turn *turns = calloc(evaluation->entry_count + 1, sizeof *turns);
    struct changes changes = {0};
    bool did = turns != NULL;
    size_t count = did ? list_turns(evaluation, turns) : 0;
    for (size_t i = 0, begin = 0; did && i < evaluation->deployment_count; i++) {
        size_t end = begin;
        while (end < count && turns[end].deployment == i)
            end++;
        did = hold_deployment(evaluation, turns + begin, end - begin, &changes,
                              &evaluation->deployments[i].result);
        begin = end;
    }
    free(changes.items);
    free(turns);
    return did;
}
