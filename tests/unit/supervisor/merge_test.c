#include "supervisor/merge.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char *print(cJSON *json) {
    cr_assert_not_null(json);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static void expect_status(const struct merge_part *parts, size_t count, const char *expected) {
    char *text = print(merge_status(parts, count));
    cr_expect_not_null(strstr(text, expected), "%s is not in %s", expected, text);
    free(text);
}

Test(merge, numbers_are_added_and_items_bear_their_worker) {
    const struct merge_part parts[] = {
        {.worker = "main",
         .data = "{\"live\":true,\"attended\":true,\"totals\":{\"messages\":3,\"bad_by_reason\":{"
                 "\"a\":1},\"lag\":2},\"strategies\":[{\"name\":\"x\"}]}"},
        {.worker = "b",
         .data = "{\"live\":true,\"attended\":true,\"totals\":{\"messages\":4,\"bad_by_reason\":{"
                 "\"a\":2,\"b\":5},\"lag\":5},\"strategies\":[{\"name\":\"y\"}]}"},
    };
    expect_status(parts, 2,
                  "\"totals\":{\"messages\":7,\"bad_by_reason\":{\"a\":3,\"b\":5},\"lag\":7}");
    expect_status(parts, 2,
                  "\"strategies\":[{\"name\":\"x\",\"worker\":\"main\"},{\"name\":\"y\",\"worker\":"
                  "\"b\"}]");
}

Test(merge, findings_of_all_workers_stand_together_each_with_its_own) {
    const struct merge_part parts[] = {
        {.worker = "main",
         .data = "{\"findings\":[{\"deployment\":\"x\",\"kind\":\"silent\",\"text\":\"t\"}]}"},
        {.worker = "a", .why = "down"},
        {.worker = "b",
         .data = "{\"findings\":[{\"deployment\":\"y\",\"kind\":\"silent\",\"text\":\"t\"}]}"},
        {.worker = "c", .data = "{\"findings\":[]}"},
    };
    expect_status(parts, COUNT(parts),
                  "\"findings\":[{\"deployment\":\"x\",\"kind\":\"silent\",\"text\":\"t\","
                  "\"worker\":\"main\"},"
                  "{\"deployment\":\"y\",\"kind\":\"silent\",\"text\":\"t\",\"worker\":\"b\"}]");
    expect_status(&parts[1], 1, "\"findings\":[]");
}

Test(merge, what_is_not_well_in_one_is_not_well_in_all) {
    const struct merge_part parts[] = {
        {.worker = "main", .data = "{\"live\":true,\"stuck\":\"\",\"totals\":{\"lag\":1}}"},
        {.worker = "b", .data = "{\"live\":false,\"stuck\":\"x hangs\",\"totals\":{\"lag\":-1}}"},
        {.worker = "c", .why = "down"},
    };
    expect_status(parts, COUNT(parts), "\"live\":false");
    expect_status(parts, COUNT(parts), "\"stuck\":\"x hangs\"");
    expect_status(parts, COUNT(parts), "\"lag\":-1");
}

Test(merge, a_worker_that_reads_nothing_does_not_make_the_source_bad) {
    const char *idle = "{\"attended\":false,\"source\":{\"connected\":true,\"assigned\":false},"
                       "\"totals\":{\"lag\":-1}}";
    const struct merge_part parts[] = {
        {.worker = "main", .data = idle},
        {.worker = "b",
         .data = "{\"attended\":true,\"source\":{\"connected\":true,\"assigned\":true},"
                 "\"totals\":{\"lag\":7}}"},
    };
    expect_status(parts, 2, "\"assigned\":true");
    expect_status(parts, 2, "\"lag\":7");
    expect_status(parts, 1, "\"assigned\":false");
    expect_status(parts, 1, "\"lag\":-1");
}

Test(merge, without_an_answer_all_members_are_there_all_the_same) {
    const struct merge_part parts[] = {{.worker = "main", .why = "starting"}};
    static const char *const members[] = {"live",        "draining", "source",     "totals",
                                          "lanes",       "lag",      "assignment", "checkpoints",
                                          "last_reload", "sinks",    "strategies"};
    cJSON *status = merge_status(parts, 1);
    for (size_t i = 0; i < COUNT(members); i++)
        cr_expect_not_null(cJSON_GetObjectItemCaseSensitive(status, members[i]), "%s", members[i]);
    cJSON_Delete(status);
}

Test(merge, a_report_is_good_when_all_are_and_names_who_did_not_answer) {
    const struct merge_part parts[] = {
        {.worker = "main",
         .data = "{\"ok\":true,\"changed\":true,\"pause_ms\":1,\"deployments\":[{\"name\":\"x\","
                 "\"outcome\":\"kept\"}],\"faults\":[]}"},
        {.worker = "b",
         .data = "{\"ok\":true,\"changed\":false,\"pause_ms\":3,\"deployments\":[],\"faults\":[]}"},
        {.worker = "c", .why = "ended before it answered"},
        {.worker = "d", .data = "the host is stopping"},
    };
    char *text = print(merge_reports(parts, 2));
    cr_expect_not_null(strstr(text, "\"ok\":true"), "%s", text);
    cr_expect_not_null(strstr(text, "\"changed\":true"), "%s", text);
    cr_expect_not_null(strstr(text, "\"pause_ms\":3"), "%s", text);
    free(text);
    text = print(merge_reports(parts, COUNT(parts)));
    cr_expect_not_null(strstr(text, "\"ok\":false"), "%s", text);
    cr_expect_not_null(strstr(text, "\"worker c: ended before it answered\""), "%s", text);
    cr_expect_not_null(strstr(text, "\"worker d: the host is stopping\""), "%s", text);
    free(text);
}

Test(merge, what_all_workers_say_of_one_configuration_is_said_once) {
    const struct merge_part parts[] = {
        {.worker = "main",
         .data = "{\"ok\":true,\"faults\":[],\"warnings\":[\"mind\",\"main's\"]}"},
        {.worker = "b", .data = "{\"ok\":true,\"faults\":[],\"warnings\":[\"mind\"]}"},
    };
    char *text = print(merge_reports(parts, COUNT(parts)));
    cr_expect_not_null(strstr(text, "\"warnings\":[\"mind\",\"main's\"]"), "%s", text);
    free(text);
}

static bool are_ready(const struct merge_part *parts, size_t count, const char *expected) {
    bool is_ready = true;
    char *text = print(merge_checks(parts, count, &is_ready));
    cr_expect_not_null(strstr(text, expected), "%s is not in %s", expected, text);
    free(text);
    return is_ready;
}

Test(merge, a_worker_that_is_not_ready_or_not_there_makes_the_host_not_ready) {
    const char *good = "{\"checks\":[{\"name\":\"lanes\",\"status\":\"ok\",\"detail\":\"\"}]}";
    const char *bad = "{\"checks\":[{\"name\":\"lanes\",\"status\":\"fail\",\"detail\":\"d\"}]}";
    const struct merge_part parts[] = {{.worker = "main", .data = good},
                                       {.worker = "b", .data = bad},
                                       {.worker = "c", .why = "down: x"},
                                       {.worker = "d", .data = bad, .is_idle = true}};
    cr_expect(are_ready(
        &parts[0], 1, "\"name\":\"lanes\",\"status\":\"ok\",\"detail\":\"\",\"worker\":\"main\""));
    cr_expect_not(are_ready(&parts[0], 2, "\"status\":\"fail\",\"detail\":\"d\",\"worker\":\"b\""));
    cr_expect_not(are_ready(&parts[2], 1, "\"status\":\"fail\",\"detail\":\"down: x\""));
    cr_expect(are_ready(&parts[3], 1, "it has no deployment"));
}

static void expect_metrics(const struct merge_part *parts, size_t count, const char *expected) {
    struct text text;
    text_init(&text);
    merge_metrics(parts, count, &text);
    cr_expect_str_eq(text.data, expected);
    text_release(&text);
}

Test(merge, samples_of_a_family_stand_together_with_their_worker) {
    const struct merge_part parts[] = {
        {.worker = "main",
         .data = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n# HELP b B.\n"
                 "# TYPE b histogram\nb_bucket{le=\"1\"} 2\nb_sum 3\n"},
        {.worker = "risky",
         .data = "# HELP a_total A.\n# TYPE a_total counter\na_total{} 4\n# HELP c C.\n"
                 "# TYPE c gauge\nc{x=\"1 }\"} 5\n"},
        {.worker = "gone"},
    };
    expect_metrics(parts, COUNT(parts),
                   "# HELP a_total A.\n# TYPE a_total counter\na_total{worker=\"main\"} 1\n"
                   "a_total{worker=\"risky\"} 4\n"
                   "# HELP b B.\n# TYPE b histogram\nb_bucket{worker=\"main\",le=\"1\"} 2\n"
                   "b_sum{worker=\"main\"} 3\n"
                   "# HELP c C.\n# TYPE c gauge\nc{worker=\"risky\",x=\"1 }\"} 5\n");
}
