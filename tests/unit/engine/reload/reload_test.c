/* New files, parameters and deployments while the stream runs, and at a start. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(reload, a_reload_whose_configuration_cannot_be_read_is_a_failed_one) {
    struct view_totals totals;
    struct report report;
    struct fixture *fixture = fixture_good();
    cr_expect(view_is_last_reload_good(fixture_engine(fixture)));
    report_init(&report);
    faults_add(&report.faults, (struct place){.file = "take5.ini", .line = 3}, "unknown key");
    engine_reload_unread(fixture_engine(fixture), &report);
    view_totals(fixture_engine(fixture), &totals);
    cr_expect_eq(totals.failed_reloads, 1);
    cr_expect_not(view_is_last_reload_good(fixture_engine(fixture)));
    report_release(&report);
    fixture_free(fixture);
}

Test(reload, reload_hands_the_state_over_on_every_partition) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.lanes=2", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    for (int32_t partition = 0; partition < 4; partition++) {
        fixture_assign(fixture, partition, 0);
        fixture_send(fixture, BAR, partition, 0, "A");
        fixture_wait_stored(fixture, BAR, partition, 1);
    }
    fixture_revoke(fixture, 3); /* a parked one is handed over too */
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_str_eq(fixture_line(fixture, "good")->detail, "1.0.0 → 2.0.0 (state kept)");
    fixture_assign_topic(fixture, BAR, 3, 1);
    for (int32_t partition = 0; partition < 4; partition++) {
        const size_t before = fixture_deliveries(fixture);
        fixture_send(fixture, BAR, partition, 1, "A");
        fixture_wait_stored(fixture, BAR, partition, 2);
        cr_assert_eq(fixture_deliveries(fixture), before + 1);
        cr_expect_eq(fixture_signal_value(fixture, before), 2);
        cr_expect_not_null(strstr(fixture_delivery(fixture, before), "\"version\":\"2.0.0\""));
    }
    fixture_free(fixture);
}

Test(reload, load_that_refuses_leaves_the_old_version_at_work_everywhere) {
    struct fixture *fixture = fixture_good();
    for (int32_t partition = 0; partition < 3; partition++) {
        fixture_assign(fixture, partition, 0);
        fixture_send(fixture, BAR, partition, 0, "A");
        fixture_wait_stored(fixture, BAR, partition, 1);
    }
    static const char *const refuse[] = {"strategy:good.partition=1", NULL};
    fixture_drop(fixture, "as_good/refuse_load", "good");
    fixture_reload(fixture, refuse);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(fixture_line(fixture, "good")->detail, "load failed"));
    cr_expect_not_null(strstr(fixture_line(fixture, "good")->detail, "partition 1"));
    for (int32_t partition = 0; partition < 3; partition++) {
        const size_t before = fixture_deliveries(fixture);
        fixture_send(fixture, BAR, partition, 1, "A");
        fixture_wait_stored(fixture, BAR, partition, 2);
        cr_assert_eq(fixture_deliveries(fixture), before + 1);
        cr_expect_eq(fixture_signal_value(fixture, before), 2);
        cr_expect_not_null(strstr(fixture_delivery(fixture, before), "\"version\":\"1.0.0\""));
    }
    fixture_free(fixture);
}

Test(reload, unchanged_file_and_parameters_run_on_untouched) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_reload(fixture, NULL);
    cr_expect_eq(fixture_line(fixture, "good")->outcome, OUTCOME_KEPT);
    cr_expect_not(fixture_report(fixture)->did_change);
    fixture_free(fixture);
}

Test(reload, changed_parameter_replaces_and_keeps_the_state) {
    static const char *const second[] = {"strategy:good.every=2", NULL};
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_reload(fixture, second);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_str_eq(fixture_line(fixture, "good")->detail,
                     "1.0.0 → 1.0.0 (parameters changed, state kept)");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 2);
    fixture_free(fixture);
}

Test(reload, changed_filter_keeps_the_state_and_routes_anew) {
    static const char *const filtered[] = {"strategy:good.every=1", "strategy:good.symbols=B",
                                           NULL};
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "B");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_reload(fixture, filtered);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_KEPT);
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_send(fixture, BAR, 0, 3, "B");
    fixture_wait_stored(fixture, BAR, 0, 4);
    cr_assert_eq(fixture_deliveries(fixture), 3, "A is filtered out");
    cr_expect_eq(fixture_signal_value(fixture, 2), 2, "B counts on");
    fixture_free(fixture);
}

Test(reload, strategy_without_save_loses_its_state_and_says_so) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "as_good/no_save", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, FIXTURE_EVERY_MESSAGE);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_not_null(
        strstr(fixture_line(fixture, "good")->detail, "(state lost: no save function)"));
    fixture_free(fixture);
}

Test(reload, file_that_is_gone_with_its_section_there_is_rejected_and_the_old_goes_on) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_withdraw(fixture, "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_REJECTED);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

Test(reload, file_and_section_gone_is_removed_and_can_come_again) {
    static const char *const none[] = {NULL};
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_withdraw(fixture, "good");
    fixture_reload(fixture, none);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_REMOVED);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, FIXTURE_EVERY_MESSAGE);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_LOADED);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

static size_t generations(struct fixture *fixture) {
    struct view_totals totals;
    view_totals(fixture_engine(fixture), &totals);
    return totals.generations;
}

Test(reload, deployments_of_one_file_share_its_code) {
    static const char *const two[] = {"strategy:a.plugin=good", "strategy:b.plugin=good", NULL};
    static const char *const three[] = {"strategy:a.plugin=good", "strategy:b.plugin=good",
                                        "strategy:c.plugin=good", NULL};
    struct fixture *fixture = fixture_new(two);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    cr_expect_eq(generations(fixture), 1);
    fixture_reload(fixture, three);
    cr_assert_eq(fixture_line(fixture, "a")->outcome, OUTCOME_KEPT);
    cr_assert_eq(fixture_line(fixture, "c")->outcome, OUTCOME_LOADED);
    cr_expect_eq(generations(fixture), 1);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, three);
    cr_assert_eq(fixture_line(fixture, "b")->outcome, OUTCOME_REPLACED);
    cr_expect_eq(generations(fixture), 2);
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, three);
    cr_expect_eq(generations(fixture), 3, "an older file is mapped afresh");
    fixture_free(fixture);
}

Test(reload, deployment_that_comes_back_to_an_older_file_does_not_share_what_ran_it_before) {
    static const char *const settings[] = {"strategy:a.plugin=good", "strategy:b.plugin=good",
                                           "strategy:a.every=1", NULL};
    static const char *const a_is_gone[] = {"strategy:a.plugin=gone", "strategy:b.plugin=good",
                                            NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    cr_assert_eq(generations(fixture), 1);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, a_is_gone);
    cr_assert_eq(fixture_line(fixture, "a")->outcome, OUTCOME_REJECTED,
                 "stays on the first generation");
    cr_assert_eq(fixture_line(fixture, "b")->outcome, OUTCOME_REPLACED);
    cr_assert_eq(generations(fixture), 2);
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, settings);
    cr_assert_eq(fixture_line(fixture, "a")->outcome, OUTCOME_KEPT);
    cr_assert_eq(fixture_line(fixture, "b")->outcome, OUTCOME_REPLACED);
    cr_expect_eq(generations(fixture), 3, "b is mapped afresh");
    fixture_free(fixture);
}

Test(reload, topic_change_is_refused_and_named) {
    static const char *const renamed[] = {"strategy:good.every=1", "topic:bar_trends.topic=other",
                                          NULL};
    struct fixture *fixture = fixture_good();
    fixture_reload(fixture, renamed);
    const struct report *report = fixture_report(fixture);
    cr_assert_gt(report->faults.error_count, 0);
    cr_expect_not_null(strstr(report->faults.items[0].text, "other"));
    cr_expect_not(report->did_change);
    fixture_free(fixture);
}

Test(reload, global_deployment_that_refuses_at_the_start_is_rejected) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "refuse_global", "refuse_global");
    fixture_start(fixture);
    cr_assert_eq(fixture_line(fixture, "refuse_global")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(fixture_line(fixture, "refuse_global")->detail, "no model for"));
    cr_expect_not(fixture_is_attended(fixture));
    fixture_drop(fixture, "global_scope", "global_scope");
    fixture_reload(fixture, NULL);
    cr_expect_eq(fixture_line(fixture, "global_scope")->outcome, OUTCOME_LOADED);
    cr_expect(fixture_is_attended(fixture));
    fixture_free(fixture);
}

Test(reload, global_deployment_is_rejected_with_two_lanes) {
    static const char *const lanes[] = {"take5.lanes=2", NULL};
    struct fixture *fixture = fixture_new(lanes);
    fixture_drop(fixture, "global_scope", "global_scope");
    fixture_start(fixture);
    cr_assert_eq(fixture_line(fixture, "global_scope")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(fixture_line(fixture, "global_scope")->detail, "lanes = 1"));
    fixture_free(fixture);
}

static size_t lines_of(const char *path) {
    FILE *file = fopen(path, "r");
    size_t lines = 0;
    cr_assert_not_null(file);
    for (int c; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

/* One that failed after the tasks were exchanged left instances that were never activated: the
 * recorder has no file open then. Of all allocations of a reload those fail, each in one of its
 * own, whose number is `first`, and `step` more, and so on. */
static void reload_short_of_memory(long first, long step) {
    char seen[] = "/tmp/take5-seen-XXXXXX", setting[64];
    close(mkstemp(seen));
    snprintf(setting, sizeof setting, "strategy:recorder.file=%s", seen);
    const char *const settings[] = {setting, "take5.lanes=2", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "recorder", "recorder");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    int64_t round = 0;
    long nth = first;
    size_t replaced = 0;
    for (bool did_fail = true; did_fail; round++, nth += step) {
        fixture_drop(fixture, replaced % 2 == 0 ? "recorder_v2" : "recorder", "recorder");
        fixture_fail_allocation(fixture, nth, false);
        fixture_reload(fixture, NULL);
        did_fail = fixture_did_fail(fixture);
        replaced += report_outcomes(fixture_report(fixture), OUTCOME_REPLACED);
        for (int32_t partition = 0; partition < 2; partition++) {
            fixture_send(fixture, BAR, partition, round, "A");
            fixture_wait_stored(fixture, BAR, partition, round + 1);
        }
        cr_assert_eq(lines_of(seen), 2 * ((size_t)round + 1), "allocation %ld", nth);
    }
    cr_expect_gt(nth, 50);
    cr_expect_lt(replaced, (size_t)round / 2, "most are given up");
    cr_expect(report_is_good(fixture_report(fixture)));
    fixture_free(fixture);
    unlink(seen);
}

/* A long walk. AddressSanitizer, which sees what the way back leaves behind, takes every third, the
 * plain build the others; ThreadSanitizer sees that way now and then. */
#if defined(__SANITIZE_ADDRESS__)
Test(reload, reload_that_memory_was_short_for_changes_all_or_nothing) {
    reload_short_of_memory(1, 3);
}
#elif defined(__SANITIZE_THREAD__)
Test(reload, reload_that_memory_was_short_for_changes_all_or_nothing) {
    reload_short_of_memory(2, 15);
}
#else
Test(reload, reload_that_memory_was_short_for_changes_all_or_nothing) {
    reload_short_of_memory(0, 3);
}

Test(reload, reload_that_memory_was_short_for_elsewhere_changes_all_or_nothing) {
    reload_short_of_memory(2, 3);
}
#endif

/* One whose partition 0 has seen a message, and that the next start quarantined. */
static struct fixture *quarantined_fixture(void) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_accuse(fixture, "good");
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_QUARANTINED);
    fixture_assign_topic(fixture, BAR, 0, 1);
    return fixture;
}

Test(reload, resume_that_memory_is_short_for_never_costs_the_state) {
    struct error error = {0};
    struct fixture *fixture = quarantined_fixture();
    int64_t offset = 1;
    long nth = 0, refused = 0;
    for (bool did_fail = true; did_fail; nth++) {
        fixture_fail_allocation(fixture, nth, false);
        const bool did = fixture_resume(fixture, "good", &error);
        did_fail = fixture_did_fail(fixture);
        if (!did) {
            cr_assert(did_fail, "%s", error.text);
            cr_assert_not_null(strstr(error.text, "remains quarantined"), "%s", error.text);
            refused++;
            continue;
        }
        fixture_send(fixture, BAR, 0, offset, "A");
        fixture_wait_stored(fixture, BAR, 0, ++offset);
        cr_assert_eq(fixture_signal_value(fixture, 0), (double)offset, "allocation %ld", nth);
        fixture_accuse(fixture, "good"); /* after it was forgiven, though in the same second */
        cr_assert(fixture_stop(fixture));
        fixture_start(fixture);
        cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_QUARANTINED);
        fixture_assign_topic(fixture, BAR, 0, offset);
    }
    cr_expect_gt(refused, 20);
    fixture_free(fixture);
}

Test(reload, another_file_comes_out_of_quarantine_with_the_state) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_accuse(fixture, "good");
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 1);
    /* One that is refused leaves the state to the next. */
    fixture_drop(fixture, "as_good/refuse_create", "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_REJECTED);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, NULL);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_LOADED);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 2);
    /* The file that crashed is not let in again, and the one that runs goes on. */
    fixture_drop(fixture, "good_v1", "good");
    fixture_reload(fixture, NULL);
    cr_expect_eq(fixture_line(fixture, "good")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(fixture_line(fixture, "good")->detail, "quarantined"));
    fixture_free(fixture);
}

Test(reload, last_good_copy_runs_when_the_file_on_disk_is_refused_at_the_start) {
    struct fixture *fixture = fixture_good();
    cr_assert(fixture_stop(fixture));
    fixture_drop(fixture, "no_descriptor", "good");
    fixture_start(fixture);
    cr_assert_eq(fixture_line(fixture, "good")->outcome, OUTCOME_LOADED);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    struct text text;
    text_init(&text);
    view_status(fixture_engine(fixture), &text);
    cr_expect_not_null(strstr(text.data, "the file on disk was rejected"));
    text_release(&text);
    fixture_free(fixture);
}

/* Under one name there is one. */
Test(reload, a_file_without_a_section_takes_no_deployments_name) {
    static const char *const settings[] = {"strategy:joiner.plugin=good", "strategy:joiner.every=1",
                                           NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, "joiner", "joiner");
    fixture_start(fixture);
    const struct report *report = fixture_report(fixture);
    cr_expect_eq(report_outcomes(report, OUTCOME_LOADED), 1);
    cr_assert_eq(report_outcomes(report, OUTCOME_REJECTED), 1);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}
