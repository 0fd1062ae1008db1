#include "engine/core/report.h"

#include "base/array.h"
#include "base/format/faults_json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *outcome_name(enum outcome outcome) {
    static const char *const names[OUTCOMES] = {
        [OUTCOME_KEPT] = "kept",         [OUTCOME_LOADED] = "loaded",
        [OUTCOME_REPLACED] = "replaced", [OUTCOME_REMOVED] = "removed",
        [OUTCOME_REJECTED] = "rejected", [OUTCOME_QUARANTINED] = "quarantined",
    };
    return outcome > 0 && outcome < OUTCOMES ? names[outcome] : "unknown";
}

void report_init(struct report *report) {
    memset(report, 0, sizeof *report);
}

void report_release(struct report *report) {
    for (size_t i = 0; i < report->count; i++) {
        free(report->lines[i].deployment);
        free(report->lines[i].detail);
    }
    free(report->lines);
    faults_release(&report->faults);
    memset(report, 0, sizeof *report);
}

void report_add(struct report *report, const char *deployment, enum outcome outcome,
                const char *format, ...) {
    if (!ARRAY_RESIZE(report->lines, report->count + 1)) {
        faults_add_memory(&report->faults, (struct place){0}, deployment);
        return;
    }
    va_list args;
    va_start(args, format);
    const struct report_line line = {
        .deployment = strdup(deployment), .outcome = outcome, .detail = text_vformat(format, args)};
    va_end(args);
    if (line.deployment == NULL || line.detail == NULL) {
        free(line.deployment);
        free(line.detail);
        faults_add_memory(&report->faults, (struct place){0}, deployment);
        return;
    }
    size_t at = report->count;
    while (at > 0 && strcmp(report->lines[at - 1].deployment, deployment) > 0) {
        report->lines[at] = report->lines[at - 1];
        at--;
    }
    report->lines[at] = line;
    report->count++;
}

size_t report_outcomes(const struct report *report, enum outcome outcome) {
    size_t count = 0;
    for (size_t i = 0; i < report->count; i++)
        count += report->lines[i].outcome == outcome;
    return count;
}

/* ---- one cause of several ---- */

#define NAMES_SHOWN 3

/* Without "FILE:LINE: " before it. */
static const char *reason_of(const struct report_line *line) {
    const char *end = strstr(line->detail, ": ");
    const char *digits = end;
    while (digits != NULL && digits > line->detail && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    const bool is_place =
        digits != NULL && digits < end && digits > line->detail && digits[-1] == ':';
    return is_place ? end + 2 : line->detail;
}

static bool is_like(const struct report_line *a, const struct report_line *b) {
    return a->outcome == b->outcome && strcmp(reason_of(a), reason_of(b)) == 0;
}

bool report_repeats(const struct report *report, size_t line) {
    for (size_t i = 0; i < line; i++)
        if (is_like(&report->lines[i], &report->lines[line]))
            return true;
    return false;
}

void report_repeated(const struct report *report, size_t line, struct text *text) {
    struct text names;
    size_t count = 0;
    text_init(&names);
    for (size_t i = line + 1; i < report->count; i++) {
        if (!is_like(&report->lines[i], &report->lines[line]))
            continue;
        if (count < NAMES_SHOWN)
            text_printf(&names, "%s%s", count > 0 ? ", " : "", report->lines[i].deployment);
        count++;
    }
    if (count > 0)
        text_printf(text, " (and %zu other%s: %s%s)", count, text_plural(count), names.data,
                    count > NAMES_SHOWN ? ", ..." : "");
    text_release(&names);
}

bool report_is_good(const struct report *report) {
    return !report->was_given_up && report->faults.error_count == 0 &&
           report_outcomes(report, OUTCOME_REJECTED) == 0;
}

void report_json(const struct report *report, struct text *text) {
    struct json_writer json = json_writer_of(text);
    json_begin_object(&json, NULL);
    json_bool(&json, "ok", report_is_good(report));
    json_bool(&json, "changed", report->did_change);
    json_bool(&json, "new_process", report->needs_process);
    json_bool(&json, "given_up", report->was_given_up);
    json_number(&json, "pause_ms", (double)report->pause_ns / 1e6);
    json_number(&json, "save_ms", (double)report->save_ns / 1e6);
    json_number(&json, "took_ms", (double)report->took_ns / 1e6);
    json_begin_array(&json, "deployments");
    for (size_t i = 0; i < report->count; i++) {
        const struct report_line *line = &report->lines[i];
        json_begin_object(&json, NULL);
        json_text(&json, "name", line->deployment);
        json_text(&json, "outcome", outcome_name(line->outcome));
        json_text(&json, "detail", line->detail);
        json_end_object(&json);
    }
    json_end_array(&json);
    faults_json(&report->faults, &json);
    json_end_object(&json);
}
