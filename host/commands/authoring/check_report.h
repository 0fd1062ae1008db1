/*
 * commands/authoring/check_report.h - which deployments of a configuration are fit to run, for
 * people and for CI. As JSON one object:
 *
 *   {"fit":1,"not_fit":1,"deployments":[{"name":"alpha","fit":true,"strategy":"trend",
 *    "version":"1.0.0","faults":[]}],"faults":["a.so: ..."]}
 *
 * The last "faults" are those that belong to no deployment. With workers
 * (config/sections/workers.h) there is also
 * "workers":[{"name":"main","group":"g","lanes":1,"deployments":["alpha"]}].
 */
#ifndef TAKE5_COMMANDS_AUTHORING_CHECK_REPORT_H
#define TAKE5_COMMANDS_AUTHORING_CHECK_REPORT_H

#include "engine/reload/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct check_counts {
    size_t fit, not_fit;
};

/* A line a deployment, what is wrong on stderr; adds to the counts. */
void check_report_print(const struct plan *plan, const struct report *report,
                        const struct config *config, struct check_counts *counts);
/* False: it could not be written. */
bool check_report_print_json(const struct plan *plan, const struct report *report,
                             const struct config *config, struct check_counts *counts);

#endif
