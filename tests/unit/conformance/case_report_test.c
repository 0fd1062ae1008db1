#include "conformance/case_report.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <string.h>

static const struct place nowhere = {NULL, 0};

static void tell(struct conformance_report *report, const char *name,
                 enum conformance_verdict verdict, const char *fault, const char *note) {
    struct conformance_result result = {.name = name, .verdict = verdict, .took_ns = 1500000};
    if (fault != NULL)
        faults_add(&result.faults, nowhere, "%s", fault);
    if (note != NULL)
        faults_warn(&result.faults, nowhere, "%s", note);
    conformance_report_case(report, &result);
    faults_release(&result.faults);
}

static const char *string_at(const cJSON *object, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static const cJSON *array_at(const cJSON *object, const char *name, int count) {
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, name);
    cr_assert_eq(cJSON_GetArraySize(array), count, "%s", name);
    return array;
}

Test(conformance_report, json_has_every_case_of_every_file) {
    const struct strategy_file file = {.name = "x", .version = "1.2"};
    const struct conformance_counts counts = {.ok = 1, .failed = 1};
    struct conformance_report report;
    conformance_report_init(&report, true, 9);
    conformance_report_refused(&report, "no.so", "not \"ELF\"");
    conformance_report_begin(&report, "x.so", &file);
    tell(&report, "life", CONFORMANCE_OK, NULL, NULL);
    tell(&report, "events", CONFORMANCE_FAILED, "crashed \"so\"", "remarkable");
    conformance_report_end(&report, "x.so", &file, &counts, false);

    char *whole = NULL;
    cr_assert_gt(asprintf(&whole, "%s]}", report.text.data), 0);
    cJSON *root = cJSON_Parse(whole);
    cr_assert_not_null(root, "%s", whole);
    cr_assert_eq(cJSON_GetObjectItem(root, "seed")->valuedouble, 9);
    const cJSON *files = array_at(root, "files", 2);
    const cJSON *refused = cJSON_GetArrayItem(files, 0), *tried = cJSON_GetArrayItem(files, 1);
    cr_assert(cJSON_IsFalse(cJSON_GetObjectItem(refused, "fit")));
    cr_assert_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(array_at(refused, "faults", 1), 0)),
                     "not \"ELF\"");
    array_at(refused, "cases", 0);
    cr_assert_str_eq(string_at(tried, "name"), "x");
    const cJSON *cases = array_at(tried, "cases", 2);
    cr_assert_str_eq(string_at(cJSON_GetArrayItem(cases, 0), "outcome"), "ok");
    array_at(cJSON_GetArrayItem(cases, 0), "faults", 0);
    const cJSON *failed = cJSON_GetArrayItem(cases, 1);
    cr_assert_str_eq(string_at(failed, "name"), "events");
    cr_assert_str_eq(string_at(failed, "outcome"), "failed");
    cr_assert_eq(cJSON_GetObjectItem(failed, "ms")->valuedouble, 1.5);
    cr_assert_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(array_at(failed, "faults", 1), 0)),
                     "crashed \"so\"");
    array_at(failed, "notes", 1);
    cJSON_Delete(root);
    free(whole);
    text_release(&report.text);
}
