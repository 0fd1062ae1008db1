/*
 * ops/metrics/metrics_text.h - Prometheus's text form. Inside ops.
 *
 * A family is its help, its type, and then its samples, all in one place:
 *     metrics_family(text, "take5_x_total", "counter", "What x is.");
 *     metrics_count(text, "take5_x_total", 5, "reason", "not-json", NULL);
 * Labels are pairs of name and value; NULL ends them.
 */
#ifndef TAKE5_OPS_METRICS_METRICS_TEXT_H
#define TAKE5_OPS_METRICS_METRICS_TEXT_H

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

void metrics_family(struct text *text, const char *name, const char *type, const char *help);
void metrics_count(struct text *text, const char *name, uint64_t value, ...)
    __attribute__((sentinel));
void metrics_gauge(struct text *text, const char *name, double value, ...)
    __attribute__((sentinel));

/* The samples of one histogram: `counts[i]` lie at or below `bounds_s[i]`, and not at or below the
 * bound before it; the last bound is infinity. `label` may be NULL. */
void metrics_histogram(struct text *text, const char *name, const char *label, const char *value,
                       const double *bounds_s, const uint64_t *counts, size_t count, double sum_s);

#endif
