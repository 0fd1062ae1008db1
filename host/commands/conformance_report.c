#include "commands/conformance_report.h"

#include "commands/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 38

static const char *verdict_name(enum conformance_verdict verdict) {
    switch (verdict) {
    case CONFORMANCE_OK:
        return "ok";
    case CONFORMANCE_FAILED:
        return "failed";
    case CONFORMANCE_SKIPPED:
        return "skipped";
    }
    return "unknown";
}

void conformance_report_init(struct conformance_report *report, bool is_json, uint64_t seed) {
    memset(report, 0, sizeof *report);
    report->is_json = is_json;
    report->seed = seed;
    text_init(&report->json);
    text_printf(&report->json, "{\"seed\":%" PRIu64 ",\"files\":[", seed);
}

bool conformance_report_finish(struct conformance_report *report) {
    text_puts(&report->json, "]}\n");
    bool is_good = !text_is_short(&report->json);
    if (report->is_json && is_good)
        is_good = fputs(report->json.data, stdout) >= 0 && fflush(stdout) == 0;
    text_release(&report->json);
    return is_good;
}

/* ---- JSON ---- */

static void put_string(struct text *text, const char *name, const char *value) {
    text_printf(text, "\"%s\":", name);
    text_json_string(text, value, strlen(value));
}

static void put_texts(struct text *text, const char *name, const struct faults *faults,
                      bool are_warnings) {
    bool is_first = true;
    text_printf(text, "\"%s\":[", name);
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->items[i];
        if (fault->is_warning != are_warnings)
            continue;
        if (!is_first)
            text_putc(text, ',');
        text_json_string(text, fault->text, strlen(fault->text));
        is_first = false;
    }
    text_putc(text, ']');
}

static void begin_file(struct conformance_report *report, const char *path) {
    if (report->file_count++ > 0)
        text_putc(&report->json, ',');
    text_putc(&report->json, '{');
    put_string(&report->json, "path", path);
    report->case_count = 0;
}

/* ---- a file ---- */

void conformance_report_refused(struct conformance_report *report, const char *path,
                                const char *why) {
    begin_file(report, path);
    text_puts(&report->json, ",\"fit\":false,\"faults\":[");
    text_json_string(&report->json, why, strlen(why));
    text_puts(&report->json, "],\"cases\":[]}");
    if (!report->is_json) {
        complain("%s", why);
        printf("%s: NOT fit to run\n", path);
    }
}

void conformance_report_begin(struct conformance_report *report, const char *path,
                              const struct strategy_file *file) {
    begin_file(report, path);
    text_putc(&report->json, ',');
    put_string(&report->json, "name", file->name);
    text_putc(&report->json, ',');
    put_string(&report->json, "version", file->version);
    text_puts(&report->json, ",\"cases\":[");
    if (!report->is_json)
        printf("%s (%s %s), seed %" PRIu64 "\n", path, file->name, file->version, report->seed);
}

static void print_case(const struct conformance_result *result) {
    printf("  %-*s %s", NAME_WIDTH, result->name,
           result->verdict == CONFORMANCE_FAILED ? "FAILED" : verdict_name(result->verdict));
    /* A single remark stands beside the outcome, faults and more of them below. */
    const bool is_single = result->faults.count == 1 && result->faults.items[0].is_warning;
    if (is_single)
        printf("%*s %s", result->verdict == CONFORMANCE_OK ? 5 : 0, "",
               result->faults.items[0].text);
    putchar('\n');
    for (size_t i = 0; i < result->faults.count && !is_single; i++)
        printf("    %s%s\n", result->faults.items[i].is_warning ? "note: " : "",
               result->faults.items[i].text);
    (void)fflush(stdout);
}

void conformance_report_case(void *context, const struct conformance_result *result) {
    struct conformance_report *report = context;
    struct text *json = &report->json;
    if (!report->is_json)
        print_case(result);
    if (report->case_count++ > 0)
        text_putc(json, ',');
    text_putc(json, '{');
    put_string(json, "name", result->name);
    text_putc(json, ',');
    put_string(json, "outcome", verdict_name(result->verdict));
    text_printf(json, ",\"ms\":%.1f,", (double)result->took_ns / 1e6);
    put_texts(json, "faults", &result->faults, false);
    text_putc(json, ',');
    put_texts(json, "notes", &result->faults, true);
    text_putc(json, '}');
}

void conformance_report_end(struct conformance_report *report, const char *path,
                            const struct strategy_file *file,
                            const struct conformance_counts *counts, bool is_fit) {
    text_printf(&report->json, "],\"ok\":%zu,\"failed\":%zu,\"skipped\":%zu,\"fit\":%s}",
                counts->ok, counts->failed, counts->skipped, is_fit ? "true" : "false");
    if (!report->is_json)
        printf("%s: %s (%s %s): %zu ok, %zu failed, %zu skipped\n", path,
               is_fit ? "fit to run" : "NOT fit to run", file->name, file->version, counts->ok,
               counts->failed, counts->skipped);
}
