/*
 * commands/research/evaluate_options.h - what commands that evaluate a replay share: options, and
 * what an evaluation takes of the replay.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_EVALUATE_OPTIONS_H
#define TAKE5_COMMANDS_RESEARCH_EVALUATE_OPTIONS_H

#include "cli/options.h"
#include "evaluation/evaluation.h"

#include <take5/strategy.h>

struct replay_summary;

struct evaluate_options {
    struct csv_arg horizons;
    double cost;
    int64_t period_ns;
};

#define EVALUATE_HORIZONS "1m,5m,30m"
#define EVALUATE_OPTIONS_INIT                                                                      \
    { .period_ns = 3600 * INT64_C(1000000000) }

/* Rows of a table; `member` is its struct evaluate_options. */
#define OPTIONS_EVALUATE(command, member)                                                          \
    {0, "horizons", "D,D", OPTION_LIST(command, member.horizons),                                  \
     "returns after these times (default: " EVALUATE_HORIZONS ")"},                                \
        {0, "cost", "SHARE", OPTION_SHARE(command, member.cost),                                   \
         "what trading one unit costs, of its value: 0.0005 or 0.05% (default: 0)"},               \
    {                                                                                              \
        0, "period", "D", OPTION_DURATION(command, member.period_ns, 1000000000, 0),               \
            "the Sharpe ratio is of returns over this time (default: 1h)"                          \
    }

/* False with a message on stderr. */
bool evaluate_options_take(struct evaluate_options *options, struct evaluation_options *taken);
void evaluate_options_release(struct evaluate_options *options);

/* The price of a message, if it has one. Memory that runs out is told by evaluation_finish(). */
void evaluate_take_message(struct evaluation *evaluation, const t5_message *message,
                           uint64_t place);
/* How the signals of each deployment are read. False: no memory. */
bool evaluate_take_sides(struct evaluation *evaluation, const struct replay_summary *summary);

#endif
