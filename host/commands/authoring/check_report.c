#include "commands/authoring/check_report.h"

#include "base/format/json_writer.h"
#include "cli/cli.h"
#include "config/sections/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deployments, and what was refused besides. */
static void count(const struct plan *plan, const struct report *report,
                  struct check_counts *counts) {
    for (size_t i = 0; i < report->count; i++)
        counts->not_fit += report->lines[i].outcome == OUTCOME_REJECTED;
    for (size_t i = 0; i < plan->count; i++)
        counts->fit += plan->items[i].next != NULL;
}

/* ---- which process runs what ---- */

static bool is_of_worker(const struct plan_item *item, const struct config *config,
                         const char *worker) {
    return strcmp(config_worker_of_name(config, item->name), worker) == 0;
}

static int64_t lanes_of(const struct config *config, const char *worker) {
    const struct config_worker *section = config_worker_find(config, worker);
    return section != NULL && section->lanes > 0 ? section->lanes : config->lanes;
}

static void print_worker(const struct plan *plan, const struct config *config, const char *worker) {
    char *group = config_worker_group(config, worker);
    const char *comma = "";
    if (group == NULL)
        note_oom();
    print_out("worker %s (group %s, %lld lane%s): ", worker, group != NULL ? group : "?",
              (long long)lanes_of(config, worker), text_plural((uint64_t)lanes_of(config, worker)));
    for (size_t i = 0; i < plan->count; i++) {
        if (!is_of_worker(&plan->items[i], config, worker))
            continue;
        print_out("%s%s", comma, plan->items[i].name);
        comma = ", ";
    }
    print_out("%s\n", comma[0] == '\0' ? "nothing" : "");
    free(group);
}

/* The names; NULL: there is one process, or no memory. */
static const char **workers_of(const struct config *config) {
    if (!config_has_workers(config, NULL))
        return NULL;
    const char **names = config_worker_names(config);
    if (names == NULL)
        note_oom();
    return names;
}

static void print_workers(const struct plan *plan, const struct config *config) {
    const char **names = workers_of(config);
    for (size_t i = 0; names != NULL && names[i] != NULL; i++)
        print_worker(plan, config, names[i]);
    free(names);
}

static void put_workers(struct json_writer *json, const struct plan *plan,
                        const struct config *config) {
    const char **names = workers_of(config);
    if (names == NULL)
        return;
    json_begin_array(json, "workers");
    for (size_t i = 0; names[i] != NULL; i++) {
        char *group = config_worker_group(config, names[i]);
        json_begin_object(json, NULL);
        json_text(json, "name", names[i]);
        json_text(json, "group", group);
        json_integer(json, "lanes", lanes_of(config, names[i]));
        json_begin_array(json, "deployments");
        for (size_t at = 0; at < plan->count; at++)
            if (is_of_worker(&plan->items[at], config, names[i]))
                json_text(json, NULL, plan->items[at].name);
        json_end_array(json);
        json_end_object(json);
        free(group);
    }
    json_end_array(json);
    free(names);
}

/* ---- for people ---- */

/* What is wrong with several is reported once. */
static void print_line(const struct report *report, size_t number) {
    const struct report_line *line = &report->lines[number];
    struct text others;
    text_init(&others);
    report_repeated(report, number, &others);
    if (!report_repeats(report, number))
        print_notice("", "%s: %s%s", line->deployment, line->detail, others.data);
    text_release(&others);
}

void check_report_print(const struct plan *plan, const struct report *report,
                        const struct config *config, struct check_counts *counts) {
    count(plan, report, counts);
    print_faults(&report->faults);
    for (size_t i = 0; i < report->count; i++)
        print_line(report, i);
    for (size_t i = 0; i < plan->count; i++) {
        const struct deployment *deployment = plan->items[i].next;
        print_out("%s: %s", plan->items[i].name,
                  deployment != NULL ? "fit to run" : "NOT fit to run");
        if (deployment != NULL)
            print_out(" (%s %s)", deployment->description->name, deployment->description->version);
        print_out("\n");
    }
    print_workers(plan, config);
}

/* ---- JSON ---- */

static bool is_of(const struct plan *plan, const char *name) {
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->items[i].name, name) == 0)
            return true;
    return false;
}

/* What is reported of this deployment; NULL: of none. */
static void put_details(struct json_writer *json, const struct plan *plan,
                        const struct report *report, const char *name) {
    json_begin_array(json, "faults");
    for (size_t i = 0; i < report->count; i++) {
        const char *of = report->lines[i].deployment;
        if (name != NULL ? strcmp(of, name) == 0 : !is_of(plan, of))
            json_text(json, NULL, report->lines[i].detail);
    }
    for (size_t i = 0; name == NULL && i < report->faults.count; i++)
        json_text(json, NULL, report->faults.items[i].text);
    json_end_array(json);
}

static void put_item(struct json_writer *json, const struct plan *plan, const struct report *report,
                     const struct plan_item *item) {
    json_begin_object(json, NULL);
    json_text(json, "name", item->name);
    json_bool(json, "fit", item->next != NULL);
    if (item->next != NULL) {
        json_text(json, "strategy", item->next->description->name);
        json_text(json, "version", item->next->description->version);
    }
    put_details(json, plan, report, item->name);
    json_end_object(json);
}

bool check_report_print_json(const struct plan *plan, const struct report *report,
                             const struct config *config, struct check_counts *counts) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    count(plan, report, counts);
    text_init(&text);
    json_begin_object(&json, NULL);
    json_unsigned(&json, "fit", counts->fit);
    json_unsigned(&json, "not_fit", counts->not_fit);
    json_begin_array(&json, "deployments");
    for (size_t i = 0; i < plan->count; i++)
        put_item(&json, plan, report, &plan->items[i]);
    json_end_array(&json);
    put_details(&json, plan, report, NULL);
    put_workers(&json, plan, config);
    json_end_object(&json);
    text_putc(&text, '\n');
    const bool did = !text_is_oom(&text) && fputs(text.data, stdout) >= 0 && fflush(stdout) == 0;
    text_release(&text);
    return did;
}
