#include "engine/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *outcome_name(enum outcome outcome) {
    static const char *const names[OUTCOMES] = {
        [OUTCOME_KEPT] = "kept",         [OUTCOME_LOADED] = "loaded",
        [OUTCOME_REPLACED] = "replaced", [OUTCOME_REMOVED] = "removed",
        [OUTCOME_REJECTED] = "rejected",
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
    struct report_line *grown = realloc(report->lines, (report->count + 1) * sizeof *report->lines);
    if (grown == NULL)
        return;
    report->lines = grown;
    struct text detail;
    text_init(&detail);
    va_list args;
    va_start(args, format);
    text_vprintf(&detail, format, args);
    va_end(args);
    const struct report_line line = {
        .deployment = strdup(deployment), .outcome = outcome, .detail = text_take(&detail)};
    if (line.deployment == NULL || line.detail == NULL) {
        free(line.deployment);
        free(line.detail);
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

bool report_is_good(const struct report *report) {
    return !report->was_given_up && report->faults.error_count == 0 &&
           report_outcomes(report, OUTCOME_REJECTED) == 0;
}

void report_json(const struct report *report, struct text *text) {
    text_printf(text, "{\"ok\":%s,\"changed\":%s,\"given_up\":%s,\"pause_ms\":",
                report_is_good(report) ? "true" : "false", report->did_change ? "true" : "false",
                report->was_given_up ? "true" : "false");
    text_json_number(text, (double)report->pause_ns / 1e6);
    text_puts(text, ",\"save_ms\":");
    text_json_number(text, (double)report->save_ns / 1e6);
    text_puts(text, ",\"took_ms\":");
    text_json_number(text, (double)report->took_ns / 1e6);
    text_puts(text, ",\"deployments\":[");
    for (size_t i = 0; i < report->count; i++) {
        const struct report_line *line = &report->lines[i];
        text_puts(text, i > 0 ? ",{\"name\":" : "{\"name\":");
        text_json_string(text, line->deployment, strlen(line->deployment));
        text_printf(text, ",\"outcome\":\"%s\",\"detail\":", outcome_name(line->outcome));
        text_json_string(text, line->detail, strlen(line->detail));
        text_putc(text, '}');
    }
    text_puts(text, "],\"faults\":[");
    for (size_t i = 0; i < report->faults.count; i++) {
        if (i > 0)
            text_putc(text, ',');
        text_json_string(text, report->faults.items[i].text, strlen(report->faults.items[i].text));
    }
    text_puts(text, "]}");
}
