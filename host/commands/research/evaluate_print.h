/*
 * commands/research/evaluate_print.h - an evaluation on stdout.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_EVALUATE_PRINT_H
#define TAKE5_COMMANDS_RESEARCH_EVALUATE_PRINT_H

#include "evaluation/evaluation.h"

/* Tables for people. */
void evaluate_print(const struct evaluation *evaluation, const struct evaluation_options *options);
/* A span of time of it: evaluation_part(), finished. */
struct evaluate_part {
    int64_t from_ns, to_ns;
    struct evaluation *evaluation;
};
/* One JSON object in a line; what there is no number for is null. */
void evaluate_print_json(const struct evaluation *evaluation, const struct evaluate_part *parts,
                         size_t part_count);

#endif
