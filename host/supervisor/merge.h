/*
 * supervisor/merge.h - what several workers answer, as one answer. Pure: texts in, texts out.
 *
 * Any thread.
 */
#ifndef TAKE5_SUPERVISOR_MERGE_H
#define TAKE5_SUPERVISOR_MERGE_H

#include "base/text.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* What one worker answered. */
struct merge_part {
    const char *worker;
    const char *data; /* NUL-terminated; NULL: nothing came, */
    const char *why;  /* since */
    bool is_idle;     /* it has nothing to do: of its readiness nothing counts */
};

/*
 * A host's status: numbers are added up, lists are put behind one another with the "worker" of each
 * item, and a word of a problem counts for all. cJSON_Delete() it. NULL: no memory.
 */
cJSON *merge_status(const struct merge_part *parts, size_t count);

/* Reports of a reload, likewise. A part that did not come is a fault. */
cJSON *merge_reports(const struct merge_part *parts, size_t count);

/* Checks of /health/ready, the worker's name with each. `is_ready` becomes false when one of them
 * fails; a part that did not come fails. Gives an array. NULL: no memory. */
cJSON *merge_checks(const struct merge_part *parts, size_t count, bool *is_ready);

/* Prometheus's text form: each sample gets the label `worker`, and the samples of a family stand
 * together. */
void merge_metrics(const struct merge_part *parts, size_t count, struct text *out);

#endif
