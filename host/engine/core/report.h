/*
 * engine/core/report.h - the outcome for each deployment at the start or at a reload.
 */
#ifndef TAKE5_ENGINE_CORE_REPORT_H
#define TAKE5_ENGINE_CORE_REPORT_H

#include "base/faults.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
    OUTCOME_KEPT = 1, /* continues, unchanged */
    OUTCOME_LOADED,   /* is new */
    OUTCOME_REPLACED, /* new code or parameters took over */
    OUTCOME_REMOVED,
    OUTCOME_REJECTED,    /* what ran continues, if anything did */
    OUTCOME_QUARANTINED, /* not loaded, since its code ended an earlier process */
    OUTCOMES
};
const char *outcome_name(enum outcome outcome);

struct report_line {
    char *deployment;
    enum outcome outcome;
    char *detail; /* "1.2 -> 1.3 (state kept)", or why; may be empty */
};

struct report {
    struct report_line *lines; /* in order of the deployments' names */
    size_t count;
    struct faults faults; /* of the configuration: with errors nothing was changed */
    int64_t pause_ns;     /* how long the lanes stood still together */
    int64_t save_ns;      /* how long lanes stood still before that, one by one, for the
                           * rehearsals */
    int64_t took_ns;
    bool did_change;
    bool needs_process; /* replacing it needs a new process */
    bool was_given_up;  /* past its deadline, or overtaken by a stop */
};

void report_init(struct report *report);
void report_release(struct report *report);
void report_add(struct report *report, const char *deployment, enum outcome outcome,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Whether nothing was rejected and the configuration had no error. */
bool report_is_good(const struct report *report);
size_t report_outcomes(const struct report *report, enum outcome outcome);
/* Whether the line has the outcome and reason of an earlier one, apart from the place in a file:
 * one cause, which needs to be read only once. */
bool report_repeats(const struct report *report, size_t line);
/* " (and 99 others: a, b, c, ...)" for later lines that repeat it; nothing if there are none. */
void report_repeated(const struct report *report, size_t line, struct text *text);
/* {"ok":..,"changed":..,"new_process":..,"given_up":..,"pause_ms":..,"save_ms":..,"took_ms":..,
 * "deployments":[{"name","outcome","detail"}],"faults":[..],"warnings":[..]} */
void report_json(const struct report *report, struct text *text);

#endif
