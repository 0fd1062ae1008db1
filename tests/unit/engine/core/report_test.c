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
