/*
 * commands/research/evaluate_print.h - an evaluation on stdout.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_EVALUATE_PRINT_H
#define TAKE5_COMMANDS_RESEARCH_EVALUATE_PRINT_H

#include "evaluation/evaluation.h"

/* Tables for people. */
void evaluate_print(const struct evaluation *evaluation, const struct evaluation_options *options);
/* One JSON object in a line; what there is no number for is null. */
void evaluate_print_json(const struct evaluation *evaluation,
                         const struct evaluation_options *options);

#endif
