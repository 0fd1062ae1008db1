/*
 * evaluation/evaluation_private.h - what an evaluation gathers.
 *
 *   evaluation.c  signals, and the returns that followed them
 *   parts.c       a span of time of it
 *   positions.c   signals as positions: equity, drawdown, Sharpe ratio, turnover
 */
#ifndef TAKE5_EVALUATION_EVALUATION_PRIVATE_H
#define TAKE5_EVALUATION_EVALUATION_PRIVATE_H

#include "base/symbols.h"
#include "evaluation/evaluation.h"
#include "evaluation/prices.h"

#define NO_SIDE        2
#define GROUP_KEY_SIZE 512 /* a deployment's name and a signal's */

struct entry {
    int64_t time_ns;
    double price; /* to begin with; NaN: none */
    double confidence;
    const struct price_series *series; /* NULL: there is none */
    uint32_t symbol, time_frame_s, group;
    int8_t by_value, by_name; /* -1, 0, 1, NO_SIDE */
};

struct returns {
    double *items;
    size_t count, capacity;
};

struct group {
    char *name;
    uint32_t deployment;
    struct returns returns[EVALUATION_HORIZONS];
    struct evaluation_group result;
};

struct deployment {
    struct evaluation_deployment result;
};

struct evaluation {
    struct evaluation_options options;
    /* Who adds prices. */
    struct prices *prices;
    bool is_short_of_prices; /* memory ran out */
    /* Who adds signals. */
    struct symbols *symbols;
    struct entry *entries;
    size_t entry_count, entry_capacity;
    struct symbols *group_names, *deployment_names; /* ids are places in the arrays */
    struct group *groups;
    size_t group_count, group_capacity;
    struct deployment *deployments;
    size_t deployment_count, deployment_capacity;
    bool is_short_of_signals;
};

/* How its deployment's signals are read, of this one. */
int8_t evaluation_side_of(const struct evaluation *evaluation, const struct entry *entry);
/* Fills in what the deployments' results say of positions. False when memory runs out. */
bool evaluation_hold_positions(struct evaluation *evaluation);

#endif
