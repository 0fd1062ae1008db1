/*
 * evaluation/evaluation.h - what signals were worth by the prices of the recording that they came
 * of. sdk/README.md, *Evaluate*, has the definitions; this is where they are worked out.
 *
 * Prices may be added by one thread while another one adds signals; everything else is for one
 * thread, when both are done. Holds 16 bytes for each price, 48 for each signal and 8 for each
 * return.
 */
#ifndef TAKE5_EVALUATION_EVALUATION_H
#define TAKE5_EVALUATION_EVALUATION_H

#include "base/error.h"
#include "base/format/json_writer.h"
#include "evaluation/prices.h"
#include "sink/signal.h"

#include <take5/strategy.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVALUATION_HORIZONS 8 /* at most */
#define EVALUATION_BINS     10
#define EVALUATION_NO_SIDE  2 /* of a signal that says none */

struct evaluation_options {
    int64_t horizons_ns[EVALUATION_HORIZONS];
    size_t horizon_count;
    double cost;       /* of a trade of one unit, as a share of it */
    int64_t period_ns; /* of the returns that the Sharpe ratio is of */
};

struct evaluation;

/* NULL when memory runs out. */
struct evaluation *evaluation_new(const struct evaluation_options *options);
/* NULL is allowed. */
void evaluation_free(struct evaluation *evaluation);

/* `place`: in the order in which prices of one time are taken, whatever the order of the calls. */
bool evaluation_add_price(struct evaluation *evaluation, t5_str symbol, uint32_t time_frame_s,
                          int64_t time_ns, double price, uint64_t place);
/* In the order in which they were emitted. */
bool evaluation_add_signal(struct evaluation *evaluation, const struct signal *signal);
/* What a signal says for T5_SIDE_NAMED: -1, 0, 1 or EVALUATION_NO_SIDE. */
int8_t evaluation_named_side(const struct signal *signal);
/* How a deployment's signals are read; one of which nothing is said has T5_SIDE_NONE. */
bool evaluation_set_side(struct evaluation *evaluation, const char *deployment, enum t5_side side);

/* What of it lies in that span of time (`to_ns` is not in it), as an evaluation of its own that is
 * still to be finished: its returns and positions end with the span, so that nothing is judged by
 * what came later. Before `whole` is finished. NULL when memory runs out, be it earlier. */
struct evaluation *evaluation_part(const struct evaluation *whole, int64_t from_ns, int64_t to_ns);

/* Whom evaluation_finish() tells how the equity of a deployment went: each time at which it
 * changed, in their order, with what it was then. Before any change it is 1. */
typedef void evaluation_follow(void *context, const char *deployment, int64_t time_ns,
                               double equity);
void evaluation_follow_equity(struct evaluation *evaluation, evaluation_follow *follow,
                              void *context);

/* Works it out, once. False when memory runs out, be it earlier. */
bool evaluation_finish(struct evaluation *evaluation);

/* ---- what came out; NaN where there is nothing to say it of ---- */

struct evaluation_bin {
    uint64_t count;
    double confidence; /* mean */
    double hit_rate;
};

struct evaluation_returns {
    uint64_t count;
    double hit_rate, mean, median, worst;
    struct evaluation_bin bins[EVALUATION_BINS];
};

/* The signals of one name of one deployment. */
struct evaluation_group {
    const char *deployment, *name;
    uint64_t signals, longs, shorts, flats;
    uint64_t
        unpriced; /* those that a return is of, and for which there was no price to begin with */
    struct evaluation_returns returns[EVALUATION_HORIZONS];
};

struct evaluation_deployment {
    const char *name;
    enum t5_side side;
    uint64_t signals;
    /* Of its positions; without meaning for T5_SIDE_NONE. */
    size_t series; /* symbols and time frames that it ever held a position in */
    uint64_t trades;
    double turnover, turnover_per_day; /* units traded, of all series together */
    double profit, drawdown, sharpe;
};

size_t evaluation_group_count(const struct evaluation *evaluation);
const struct evaluation_group *evaluation_group(const struct evaluation *evaluation, size_t index);
size_t evaluation_deployment_count(const struct evaluation *evaluation);
const struct evaluation_deployment *evaluation_deployment(const struct evaluation *evaluation,
                                                          size_t index);
/* Prices that there were, and their first and last time. */
size_t evaluation_prices(const struct evaluation *evaluation, int64_t *first_ns, int64_t *last_ns);
/* Once it is finished. Calls `visit` for the prices of each symbol and time frame, symbol by
 * symbol. */
void evaluation_visit_prices(const struct evaluation *evaluation, prices_visit_call *visit,
                             void *context);

/* As prices_find(). */
const struct price_series *evaluation_find_prices(const struct evaluation *evaluation,
                                                  t5_str symbol, uint32_t time_frame_s);

/* As members of an object that has begun: all of it, of which `deployments`; and these alone. What
 * there is no number for is null. */
void evaluation_put(const struct evaluation *evaluation, struct json_writer *json);
void evaluation_put_deployments(const struct evaluation *evaluation, struct json_writer *json);

#endif
