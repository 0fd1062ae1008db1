/*
 * conformance/case_report.h - the outcome of conformance checks, for people and for CI.
 *
 * For people a line a case as it ends, what was found below it. As JSON one object at the end:
 *
 *   {"seed":1,"files":[{"path":...,"name":...,"version":...,"fit":true,"ok":21,"failed":0,
 *    "skipped":2,"cases":[{"name":"state/empty","outcome":"ok","ms":3.2,"faults":[],"notes":[]}]}]}
 *
 * A file that is no strategy has no name and no cases, and its "faults" say why.
 */
#ifndef TAKE5_CONFORMANCE_CASE_REPORT_H
#define TAKE5_CONFORMANCE_CASE_REPORT_H

#include "base/json_writer.h"
#include "conformance/conformance.h"
#include "strategy/plugin/strategy_file.h"

#include <stdbool.h>
#include <stdint.h>

struct conformance_report {
    bool is_json;
    uint64_t seed;
    struct text text;
    struct json_writer json;
};

void conformance_report_init(struct conformance_report *report, bool is_json, uint64_t seed);
/* Prints the JSON, if that is wanted. False when it could not be written. */
bool conformance_report_finish(struct conformance_report *report);

/* A file that is refused before any case could run. */
void conformance_report_refused(struct conformance_report *report, const char *path,
                                const char *why);
void conformance_report_begin(struct conformance_report *report, const char *path,
                              const struct strategy_file *file);
/* As `told` of struct conformance; the context is the report. */
void conformance_report_case(void *context, const struct conformance_result *result);
void conformance_report_end(struct conformance_report *report, const char *path,
                            const struct strategy_file *file,
                            const struct conformance_counts *counts, bool is_fit);

#endif
