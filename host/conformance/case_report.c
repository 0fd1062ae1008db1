#include "conformance/case_report.h"

#include "base/array.h"
#include "base/format/faults_json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "conformance/cases/cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH    38
#define SYMBOLS_SHOWN 12

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
}

/* ---- what is fed ---- */

/* The i-th symbol; NULL: there is none. */
static const char *feed_symbol(const struct conformance_feed *feed, uint32_t i) {
    if (feed->path == NULL)
        return feed->symbols != NULL ? feed->symbols[i] : NULL;
    return symbols_text(feed->names, i, NULL);
}

static void put_feed(struct json_writer *json, const struct conformance_feed *feed) {
    const char *symbol;
    json_begin_object(json, "feed");
    if (feed->path != NULL) {
        json_text(json, "input", feed->path);
        json_unsigned(json, "messages", feed->messages);
        json_bool(json, "whole", !feed->is_cut);
        json_unsigned(json, "bad_lines", feed->bad_lines);
    }
    json_begin_array(json, "symbols");
    for (uint32_t i = 0; (symbol = feed_symbol(feed, i)) != NULL; i++)
        json_text(json, NULL, symbol);
    json_end_array(json);
    json_end_object(json);
}

static void print_symbols(const struct conformance_feed *feed) {
    const char *symbol;
    for (uint32_t i = 0; (symbol = feed_symbol(feed, i)) != NULL; i++) {
        if (i == SYMBOLS_SHOWN && feed->path != NULL) {
            print_out(", and %" PRIu32 " others", symbols_count(feed->names) - i);
            return;
        }
        print_out("%s%s", i > 0 ? ", " : "", symbol);
    }
}

static void print_feed(const struct conformance_feed *feed) {
    if (feed->path == NULL)
        print_out("feeds synthetic messages of ");
    else
        print_out("feeds %s%zu messages of %s, of ", feed->is_cut ? "the first " : "",
                  feed->messages, feed->path);
    print_symbols(feed);
    if (feed->bad_lines > 0)
        print_out("; %" PRIu64 " lines could not be used", feed->bad_lines);
    print_out("\n");
}

/* Before the first file. */
static void begin(struct conformance_report *report) {
    if (report->has_begun)
        return;
    report->has_begun = true;
    put_feed(&report->json, &report->feed);
    json_begin_array(&report->json, "files");
    if (!report->is_json)
        print_feed(&report->feed);
}

bool conformance_report_finish(struct conformance_report *report) {
    begin(report);
    json_end_array(&report->json);
    json_end_object(&report->json);
    text_putc(&report->text, '\n');
    bool is_good = !text_is_oom(&report->text);
    if (report->is_json && is_good)
        is_good = fputs(report->text.data, stdout) >= 0 && fflush(stdout) == 0;
    text_release(&report->text);
    return is_good;
}

/* ---- a file ---- */

void conformance_report_refused(struct conformance_report *report, const char *path,
                                const char *why) {
    begin(report);
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
        print_err("%s", why);
        print_out("%s: NOT fit to run\n", path);
    }
}

void conformance_report_begin(struct conformance_report *report, const char *path,
                              const struct strategy_file *file) {
    begin(report);
    json_begin_object(&report->json, NULL);
    json_text(&report->json, "path", path);
    json_text(&report->json, "name", file->name);
    json_text(&report->json, "version", file->version);
    json_begin_array(&report->json, "cases");
    if (!report->is_json)
        print_out("%s (%s %s), seed %" PRIu64 "\n", path, file->name, file->version, report->seed);
}

/* ---- what was reported before ---- */

struct reported_fault {
    char *text, *where; /* in which case */
};

static void forget_reported(struct conformance_report *report) {
    for (size_t i = 0; i < report->reported_count; i++) {
        free(report->reported[i].text);
        free(report->reported[i].where);
    }
    free(report->reported);
    report->reported = NULL;
    report->reported_count = report->reported_capacity = 0;
}

/* The case that reported it before; NULL: none, and it is remembered for `name`, if memory is
 * there. */
static const char *reported_in(struct conformance_report *report, const char *text,
                               const char *name) {
    for (size_t i = 0; i < report->reported_count; i++)
        if (strcmp(report->reported[i].text, text) == 0)
            return report->reported[i].where;
    if (!ARRAY_GROW(report->reported, report->reported_count, report->reported_capacity))
        return NULL;
    struct reported_fault *item = &report->reported[report->reported_count];
    item->text = text_dup(text, strlen(text));
    item->where = text_dup(name, strlen(name));
    if (item->text != NULL && item->where != NULL) {
        report->reported_count++;
    } else {
        free(item->text);
        free(item->where);
    }
    return NULL;
}

/* What the first case notes is of the file, and comes with each. */
static bool is_news(const char *where) {
    return where == NULL || strcmp(where, CASE_DESCRIPTOR) != 0;
}

/* A single note stands beside the outcome, faults and more of them below. */
static void print_case(struct conformance_report *report, const struct conformance_result *result) {
    const struct faults *faults = &result->faults;
    const bool is_single = faults->count == 1 && faults->items[0].is_warning;
    print_out("  %-*s %s", NAME_WIDTH, result->name,
              result->verdict == CONFORMANCE_FAILED ? "FAILED" : verdict_name(result->verdict));
    if (is_single && is_news(reported_in(report, faults->items[0].text, result->name)))
        print_out("%*s %s", result->verdict == CONFORMANCE_OK ? 5 : 0, "", faults->items[0].text);
    print_out("\n");
    for (size_t i = 0; i < faults->count && !is_single; i++) {
        const struct fault *fault = &faults->items[i];
        const char *where = reported_in(report, fault->text, result->name);
        if (where == NULL || (fault->is_warning && is_news(where)))
            print_out("    %s%s\n", fault->is_warning ? "note: " : "", fault->text);
        else if (!fault->is_warning)
            print_out("    as in %s\n", where);
    }
    (void)fflush(stdout);
}

void conformance_report_case(void *context, const struct conformance_result *result) {
    struct conformance_report *report = context;
    struct json_writer *json = &report->json;
    if (!report->is_json)
        print_case(report, result);
    json_begin_object(json, NULL);
    json_text(json, "name", result->name);
    json_text(json, "outcome", verdict_name(result->verdict));
    json_fixed(json, "ms", (double)result->took_ns / 1e6, 1);
    faults_json_list(&result->faults, false, "faults", json);
    faults_json_list(&result->faults, true, "notes", json);
    json_end_object(json);
}

void conformance_report_end(struct conformance_report *report, const char *path,
                            const struct strategy_file *file,
                            const struct conformance_counts *counts, bool is_fit) {
    forget_reported(report);
    json_end_array(&report->json);
    json_unsigned(&report->json, "ok", counts->ok);
    json_unsigned(&report->json, "failed", counts->failed);
    json_unsigned(&report->json, "skipped", counts->skipped);
    json_bool(&report->json, "fit", is_fit);
    json_end_object(&report->json);
    if (!report->is_json)
        print_out("%s: %s (%s %s): %zu ok, %zu failed, %zu skipped\n", path,
                  is_fit ? "fit to run" : "NOT fit to run", file->name, file->version, counts->ok,
                  counts->failed, counts->skipped);
}
