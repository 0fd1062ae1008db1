/*
 * commands/research/diff_compare.h - compares the signals of two replays of the same messages.
 *
 * Each comes as a stream of lines, "PLACE JSON": the place of the cause in the input, which only
 * grows, and the signal as readers get it. Holds the signals of one place. What
 * is the same signal, and what of it differs, comparison/comparison.h says.
 *
 * A list of differences has a line of JSON each, {"kind":KIND,"old":SIGNAL,"new":SIGNAL}: KIND is
 * changed, only_old or only_new, and a signal that is not there null.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_DIFF_COMPARE_H
#define TAKE5_COMMANDS_RESEARCH_DIFF_COMPARE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct diff_counts {
    uint64_t same, changed, only_old, only_new;
};

struct diff_symbol {
    const char *name;
    struct diff_counts counts;
};

struct symbols;

struct diff {
    double eps; /* numbers are the same when they differ by no more than eps * max(1, |a|, |b|) */
    struct diff_counts counts;
    uint64_t value_changes, confidence_changes,
        data_changes; /* of the changed ones: a signal may count in several */
    struct symbols *symbols;
    struct diff_symbol *by_symbol; /* by id */
    size_t symbol_count, symbol_capacity;
    char *first_old, *first_new; /* the first difference; NULL: there is none, or nothing there */
    bool has_first;
    FILE *list; /* gets each difference, in the order of the input; NULL: nothing does */
    /* Called now and then with how many signals were compared. May be NULL. */
    void (*progress)(void *context, uint64_t count);
    void *context;
};

/* False when memory runs out. */
bool diff_init(struct diff *diff, double eps);
void diff_release(struct diff *diff);

/* To the end of both. False with an error: a stream is not what it should be, or of other messages
 * than the other one, or memory runs out. */
bool diff_compare(struct diff *diff, FILE *older, FILE *newer, struct error *error);

/* Signals that were changed, or are on one side alone. */
uint64_t diff_count(const struct diff_counts *counts);

#endif
