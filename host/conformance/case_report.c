#include "conformance/case_report.h"

#include "cli/cli.h"

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
    text_init(&report->text);
    report->json = json_writer_of(&report->text);
    json_begin_object(&report->json, NULL);
    json_unsigned(&report->json, "seed", seed);
    json_begin_array(&report->json, "files");
}

bool conformance_report_finish(struct conformance_report *report) {
    json_end_array(&report->json);
    json_end_object(&report->json);
    text_putc(&report->text, '\n');
    bool is_good = !text_is_oom(&report->text);
    if (report->is_json && is_good)
        is_good = fputs(report->text.data, stdout) >= 0 && fflush(stdout) == 0;
    text_release(&report->text);
    return is_good;
}

static void put_texts(struct json_writer *json, const char *name, const struct faults *faults,
                      bool are_warnings) {
    json_begin_array(json, name);
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->items[i].is_warning == are_warnings)
            json_text(json, NULL, faults->items[i].text);
    }
    json_end_array(json);
}

/* ---- a file ---- */

void conformance_report_refused(struct conformance_report *report, const char *path,
                                const char *why) {
    json_begin_object(&report->json, NULL);
    json_text(&report->json, "path", path);
    json_bool(&report->json, "fit", false);
    json_begin_array(&report->json, "faults");
    json_text(&report->json, NULL, why);
    json_end_array(&report->json);
    json_begin_array(&report->json, "cases");
    json_end_array(&report->json);
    json_end_object(&report->json);
    if (!report->is_json) {
        complain("%s", why);
        say("%s: NOT fit to run\n", path);
    }
}

void conformance_report_begin(struct conformance_report *report, const char *path,
                              const struct strategy_file *file) {
    json_begin_object(&report->json, NULL);
    json_text(&report->json, "path", path);
    json_text(&report->json, "name", file->name);
    json_text(&report->json, "version", file->version);
    json_begin_array(&report->json, "cases");
    if (!report->is_json)
        say("%s (%s %s), seed %" PRIu64 "\n", path, file->name, file->version, report->seed);
}

static void print_case(const struct conformance_result *result) {
    say("  %-*s %s", NAME_WIDTH, result->name,
        result->verdict == CONFORMANCE_FAILED ? "FAILED" : verdict_name(result->verdict));
    /* A single remark stands beside the outcome, faults and more of them below. */
    const bool is_single = result->faults.count == 1 && result->faults.items[0].is_warning;
    if (is_single)
        say("%*s %s", result->verdict == CONFORMANCE_OK ? 5 : 0, "", result->faults.items[0].text);
    say("\n");
    for (size_t i = 0; i < result->faults.count && !is_single; i++)
        say("    %s%s\n", result->faults.items[i].is_warning ? "note: " : "",
            result->faults.items[i].text);
    (void)fflush(stdout);
}

void conformance_report_case(void *context, const struct conformance_result *result) {
    struct conformance_report *report = context;
    struct json_writer *json = &report->json;
    if (!report->is_json)
        print_case(result);
    json_begin_object(json, NULL);
    json_text(json, "name", result->name);
    json_text(json, "outcome", verdict_name(result->verdict));
    json_fixed(json, "ms", (double)result->took_ns / 1e6, 1);
    put_texts(json, "faults", &result->faults, false);
    put_texts(json, "notes", &result->faults, true);
    json_end_object(json);
}

void conformance_report_end(struct conformance_report *report, const char *path,
                            const struct strategy_file *file,
                            const struct conformance_counts *counts, bool is_fit) {
    json_end_array(&report->json);
    json_unsigned(&report->json, "ok", counts->ok);
    json_unsigned(&report->json, "failed", counts->failed);
    json_unsigned(&report->json, "skipped", counts->skipped);
    json_bool(&report->json, "fit", is_fit);
    json_end_object(&report->json);
    if (!report->is_json)
        say("%s: %s (%s %s): %zu ok, %zu failed, %zu skipped\n", path,
            is_fit ? "fit to run" : "NOT fit to run", file->name, file->version, counts->ok,
            counts->failed, counts->skipped);
}
