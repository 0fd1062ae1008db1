/* Outcomes of a plan, and what is reported of them. */
#include "engine/reload/plan.h"

#include "base/text.h"

#include <criterion/criterion.h>

static struct plan plan_of(struct plan_item *items, size_t count) {
    return (struct plan){.items = items, .count = count};
}

static void settle(struct plan_item *item, enum outcome outcome, const char *detail) {
    plan_settle(item, outcome, detail != NULL ? text_format("%s", detail) : NULL);
}

static void release(struct plan_item *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(items[i].detail);
}

Test(plan, each_outcome_is_a_line_in_order_of_names) {
    struct plan_item items[] = {{.name = "b"}, {.name = "c"}, {.name = "a"}};
    struct plan plan = plan_of(items, 3);
    struct report report;
    report_init(&report);
    settle(&items[0], OUTCOME_KEPT, "1.0");
    settle(&items[1], OUTCOME_REPLACED, "1.0 -> 2.0");
    settle(&items[2], OUTCOME_REMOVED, "3.0");
    plan_report(&plan, true, &report);
    cr_assert_eq(report.count, 3);
    cr_expect_str_eq(report.lines[0].deployment, "a");
    cr_expect_eq(report.lines[0].outcome, OUTCOME_REMOVED);
    cr_expect_str_eq(report.lines[2].detail, "1.0 -> 2.0");
    cr_expect(report.did_change);
    cr_expect(report_is_good(&report));
    report_release(&report);
    release(items, 3);
}

Test(plan, what_was_not_applied_is_neither_new_nor_gone) {
    struct plan_item items[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
    struct plan plan = plan_of(items, 4);
    struct report report;
    report_init(&report);
    settle(&items[0], OUTCOME_LOADED, "1.0");
    settle(&items[1], OUTCOME_REMOVED, "1.0");
    settle(&items[2], OUTCOME_REJECTED, "no such file");
    settle(&items[3], OUTCOME_KEPT, "1.0");
    plan_report(&plan, false, &report);
    cr_assert_eq(report.count, 2);
    cr_expect_str_eq(report.lines[0].deployment, "c");
    cr_expect_str_eq(report.lines[1].deployment, "d");
    cr_expect_not(report.did_change);
    report_release(&report);
    release(items, 4);
}

Test(plan, the_last_word_on_a_deployment_counts) {
    struct plan_item items[] = {{.name = "a"}};
    struct plan plan = plan_of(items, 1);
    struct report report;
    report_init(&report);
    settle(&items[0], OUTCOME_REPLACED, "1.0 -> 2.0");
    settle(&items[0], OUTCOME_REJECTED, NULL); /* memory was short for why */
    plan_report(&plan, true, &report);
    cr_expect_eq(plan_find(&plan, "a"), &items[0]);
    cr_expect_null(plan_find(&plan, "b"));
    cr_assert_eq(report.count, 1);
    cr_expect_eq(report.lines[0].outcome, OUTCOME_REJECTED);
    cr_expect_str_eq(report.lines[0].detail, "out of memory");
    cr_expect_not(report_is_good(&report));
    report_release(&report);
    release(items, 1);
}
