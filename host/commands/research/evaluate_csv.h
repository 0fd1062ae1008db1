/*
 * commands/research/evaluate_csv.h - a table of an evaluation as CSV on stdout.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_EVALUATE_CSV_H
#define TAKE5_COMMANDS_RESEARCH_EVALUATE_CSV_H

#include "evaluation/evaluation.h"

enum evaluate_table {
    EVALUATE_RETURNS = 1, /* a row for each deployment, name and horizon */
    EVALUATE_CALIBRATION, /* a row for each of these and bin */
    EVALUATE_POSITIONS    /* a row for each deployment that declares a side */
};

/* As --csv has them; NULL at the end. */
extern const char *const evaluate_table_names[];

/* With a header. What there is no number for is an empty cell. */
void evaluate_print_csv(const struct evaluation *evaluation,
                        const struct evaluation_options *options, enum evaluate_table table);

#endif
