/*
 * evaluation/evaluation_private.h - what an evaluation gathers.
 *
 *   evaluation.c  signals, and the returns that followed them
 *   parts.c       a span of time of it
 *   equity.c      signals as positions: equity, drawdown, Sharpe ratio, turnover
 *   evaluation_json.c  what came out, as JSON
 */
#ifndef TAKE5_EVALUATION_EVALUATION_PRIVATE_H
#define TAKE5_EVALUATION_EVALUATION_PRIVATE_H

#include "evaluation/evaluation.h"
#include "evaluation/prices.h"
#include "message/symbols.h"

#define GROUP_KEY_SIZE 512 /* a deployment's name and a signal's */

struct entry {
    int64_t time_ns;
    double price; /* to begin with; NaN: none */
    double confidence;
    const struct price_series *series; /* NULL: there is none */
    uint32_t symbol, time_frame_s, group;
    int8_t by_value, by_name; /* -1, 0, 1, EVALUATION_NO_SIDE */
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
    bool has_lost_prices; /* memory ran out */
    /* Who adds signals. */
    struct symbols *symbols;
    struct entry *entries;
    size_t entry_count, entry_capacity;
    struct symbols *group_names, *deployment_names; /* ids are places in the arrays */
    struct group *groups;
    size_t group_count, group_capacity;
    struct deployment *deployments;
    size_t deployment_count, deployment_capacity;
    bool has_lost_signals;
    evaluation_follow *follow; /* NULL: nobody */
    void *follow_context;
};

/* How its deployment's signals are read, of this one. */
int8_t evaluation_side_of(const struct evaluation *evaluation, const struct entry *entry);
/* Fills in what the deployments' results say of positions. False when memory runs out. */
bool evaluation_hold_positions(struct evaluation *evaluation);

#endif
