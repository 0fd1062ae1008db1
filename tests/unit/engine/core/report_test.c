#include "engine/core/report.h"

#include <criterion/criterion.h>
#include <string.h>

Test(report, lines_stand_in_order_of_names) {
    struct report report;
    report_init(&report);
    report_add(&report, "b", OUTCOME_KEPT, "1.0");
    report_add(&report, "a", OUTCOME_REJECTED, "%s", "why \"so\"");
    cr_assert_eq(report.count, 2);
    cr_expect_str_eq(report.lines[0].deployment, "a");
    cr_expect_not(report_is_good(&report));
    struct text text;
    text_init(&text);
    report_json(&report, &text);
    cr_expect_not_null(strstr(text.data, "\"ok\":false"));
    cr_expect_not_null(strstr(text.data, "why \\\"so\\\""));
    text_release(&text);
    report_release(&report);
}

Test(report, warnings_alone_are_good) {
    struct report report;
    report_init(&report);
    faults_warn(&report.faults, (struct place){0}, "mind");
    cr_expect(report_is_good(&report));
    struct text text;
    text_init(&text);
    report_json(&report, &text);
    cr_expect_not_null(strstr(text.data, "\"faults\":[],\"warnings\":[\"mind\"]"), "%s", text.data);
    text_release(&text);
    faults_add(&report.faults, (struct place){0}, "wrong");
    cr_expect_not(report_is_good(&report));
    report_release(&report);
}

static void text_of_repeated(const struct report *report, size_t line, struct text *text) {
    text_reset(text);
    report_repeated(report, line, text);
}

Test(report, one_cause_of_several_deployments_is_known_wherever_it_stands) {
    struct report report;
    struct text text;
    report_init(&report);
    text_init(&text);
    report_add(&report, "a", OUTCOME_REJECTED, "one.ini:3: no such thing");
    report_add(&report, "b", OUTCOME_REJECTED, "one.ini:17: no such thing");
    report_add(&report, "c", OUTCOME_REJECTED, "one.ini:17: no such other thing");
    report_add(&report, "d", OUTCOME_QUARANTINED, "no such thing");
    report_add(&report, "e", OUTCOME_REJECTED, "two.ini:1: no such thing");
    cr_assert(!report_repeats(&report, 0) && report_repeats(&report, 1) &&
              !report_repeats(&report, 2) && !report_repeats(&report, 3) &&
              report_repeats(&report, 4));
    text_of_repeated(&report, 0, &text);
    cr_assert_str_eq(text.data, " (and 2 others: b, e)");
    text_of_repeated(&report, 2, &text);
    cr_assert_str_eq(text.data, "");
    text_release(&text);
    report_release(&report);
}
