/*
 * conformance/case_report.h - the outcome of conformance checks, for people and for CI.
 *
 * For people a line a case as it ends, what was found below it; what an earlier case of the file
 * found in the same words is not reported again. As JSON one object at the end:
 *
 *   {"seed":1,"feed":{"input":"day.jsonl","messages":20000,"whole":false,"bad_lines":0,
 *    "symbols":["QQQ"]},"files":[{"path":...,"name":...,"version":...,"fit":true,"ok":21,"failed":0,
 *    "skipped":2,"cases":[{"name":"state/empty","outcome":"ok","ms":3.2,"faults":[],"notes":[]}]}]}
 *
 * Without a recording "feed" has "symbols" alone. A file that is no strategy has no name and no
 * cases, and its "faults" say why.
 */
#ifndef TAKE5_CONFORMANCE_CASE_REPORT_H
#define TAKE5_CONFORMANCE_CASE_REPORT_H

#include "base/format/json_writer.h"
#include "conformance/conformance.h"
#include "message/symbols.h"
#include "strategy/plugin/strategy_file.h"

#include <stdbool.h>
#include <stdint.h>

struct reported_fault;

/* What the cases are fed. */
struct conformance_feed {
    const char *path; /* the recording; NULL: synthetic messages */
    size_t messages;  /* of the recording */
    bool is_cut;      /* it has more */
    uint64_t bad_lines;
    const struct symbols *names; /* of the recording */
    const char *const *symbols;  /* of synthetic messages, NULL-terminated */
};

struct conformance_report {
    bool is_json;
    uint64_t seed;
    struct conformance_feed feed; /* to be set before the first file */
    bool has_begun;
    struct reported_fault *reported; /* of this file, to people */
    size_t reported_count, reported_capacity;
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
/* As `on_result` of struct conformance; the context is the report. */
void conformance_report_case(void *context, const struct conformance_result *result);
void conformance_report_end(struct conformance_report *report, const char *path,
                            const struct strategy_file *file,
                            const struct conformance_counts *counts, bool is_fit);

#endif
