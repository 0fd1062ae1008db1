/* The engine as a whole, over a source and sinks of the test's. */
#include "stage.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const every_message[] = {"strategy:good.every=1", NULL};

static struct stage *good_stage(void) {
    struct stage *stage = stage_new(every_message);
    stage_drop(stage, "good_v1", "good");
    stage_start(stage);
    return stage;
}

static const struct report_line *line_of(struct stage *stage, const char *deployment) {
    const struct report *report = stage_report(stage);
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->lines[i].deployment, deployment) == 0)
            return &report->lines[i];
    }
    cr_assert_fail("no line of %s", deployment);
    return NULL;
}

/* ---- acknowledgement ---- */

Test(engine, message_without_a_signal_is_done_at_once) {
    struct stage *stage = stage_new(NULL);
    stage_drop(stage, "good_v1", "good");
    stage_start(stage);
    stage_assign(stage, 0, 5);
    stage_send(stage, BAR, 0, 5, "A");
    stage_send(stage, BAR, 0, 6, "A");
    stage_wait_stored(stage, BAR, 0, 7);
    cr_expect_eq(stage_parcels(stage), 0);
    stage_free(stage);
}

Test(engine, offset_stays_at_the_lowest_signal_that_is_not_confirmed) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_hold(stage);
    for (int64_t offset = 0; offset < 3; offset++)
        stage_send(stage, BAR, 0, offset, "A");
    stage_wait_idle(stage);
    cr_assert_eq(stage_parcels(stage), 3);
    stage_confirm(stage, 1);
    stage_confirm(stage, 2);
    stage_send(stage, HISTORIC, 0, 0, "A"); /* another topic: a mark that the lane turned */
    stage_wait_idle(stage);
    cr_expect_eq(stage_stored(stage, BAR, 0), -1, "nothing may be stored past offset 0");
    stage_confirm(stage, 0);
    stage_wait_stored(stage, BAR, 0, 3);
    stage_confirm_all(stage);
    stage_wait_stored(stage, HISTORIC, 0, 1);
    stage_free(stage);
}

Test(engine, signal_names_its_cause) {
    struct stage *stage = good_stage();
    stage_assign(stage, 2, 41);
    stage_send(stage, ASSET, 2, 41, "A");
    stage_wait_stored(stage, ASSET, 2, 42);
    cr_assert_eq(stage_parcels(stage), 1);
    cr_expect_not_null(strstr(stage_parcel(stage, 0), "\"id\":\"good/asset_trends/2/41/0\""));
    stage_free(stage);
}

Test(engine, bad_message_moves_only_when_its_letter_is_safe) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_hold(stage);
    stage_send_payload(stage, BAR, 0, 0, "{\"symbol\":");
    stage_send_payload(stage, BAR, 0, 1, "{\"price\":1}");
    stage_wait_idle(stage);
    cr_assert_eq(stage_parcels(stage), 2);
    cr_expect_str_eq(stage_parcel(stage, 0), "letter not-json");
    cr_expect_str_eq(stage_parcel(stage, 1), "letter no-symbol");
    cr_expect_eq(stage_stored(stage, BAR, 0), -1);
    stage_confirm_all(stage);
    stage_wait_stored(stage, BAR, 0, 2);
    stage_free(stage);
}

Test(engine, rejected_message_becomes_a_letter) {
    struct stage *stage = stage_new(NULL);
    stage_drop(stage, "reject_message", "reject_message");
    stage_start(stage);
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_assert_eq(stage_parcels(stage), 1);
    cr_expect_str_eq(stage_parcel(stage, 0), "letter rejected");
    stage_free(stage);
}

Test(engine, what_lies_below_the_next_offset_is_dropped) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 10);
    stage_send(stage, BAR, 0, 9, "A");
    stage_send(stage, BAR, 0, 10, "A");
    stage_send(stage, BAR, 0, 10, "A");
    stage_send(stage, BAR, 0, 11, "A");
    stage_wait_stored(stage, BAR, 0, 12);
    cr_expect_eq(stage_parcels(stage), 2);
    stage_free(stage);
}

Test(engine, topic_that_was_made_anew_is_read_from_its_beginning_and_said) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 100);
    stage_set_range(stage, 0, 2);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    cr_expect_eq(stage_parcels(stage), 2);
    cr_expect_not_null(strstr(stage_log(stage), "offset 100 was next"));
    cr_expect_not_null(strstr(stage_log(stage), "the topic was made anew"));
    stage_free(stage);
}

Test(engine, messages_deleted_before_they_were_read_are_said) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 100);
    stage_set_range(stage, 200, 300);
    stage_send(stage, BAR, 0, 200, "A");
    stage_wait_stored(stage, BAR, 0, 201);
    cr_expect_not_null(strstr(stage_log(stage), "messages were deleted before they were read"));
    stage_free(stage);
}

Test(engine, hole_in_the_offsets_is_no_gap) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 100);
    stage_set_range(stage, 0, 300);
    stage_send(stage, BAR, 0, 105, "A");
    stage_wait_stored(stage, BAR, 0, 106);
    cr_expect_null(strstr(stage_log(stage), "was next"));
    stage_free(stage);
}

Test(engine, lane_stops_draining_above_the_bound_of_unconfirmed_work) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.max_unconfirmed=10",
                                           NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "good_v1", "good");
    stage_start(stage);
    stage_assign(stage, 0, 0);
    stage_hold(stage);
    for (int64_t offset = 0; offset < 20; offset++) {
        stage_send(stage, BAR, 0, offset, "A");
        if (offset < 10)
            stage_wait_idle(stage); /* one batch each, so that the bound is met exactly */
    }
    struct view_totals totals;
    do
        view_totals(stage_engine(stage), &totals);
    while (totals.throttled == 0);
    cr_expect_eq(stage_parcels(stage), 10);
    cr_expect_eq(stage_read(stage), 10);
    stage_confirm_all(stage);
    stage_wait_idle(stage);
    stage_confirm_all(stage);
    stage_wait_stored(stage, BAR, 0, 20);
    stage_free(stage);
}

/* ---- ownership ---- */

Test(engine, partition_that_comes_back_untouched_keeps_its_state) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    stage_revoke(stage, 0);
    stage_assign_topic(stage, BAR, 0, 2);
    stage_send(stage, BAR, 0, 2, "A");
    stage_wait_stored(stage, BAR, 0, 3);
    cr_assert_eq(stage_parcels(stage), 3);
    cr_expect_eq(stage_signal_value(stage, 2), 3, "the count goes on");
    cr_expect_not_null(strstr(stage_log(stage), "partition 0: resumed with its state"));
    stage_free(stage);
}

Test(engine, partition_that_was_worked_on_elsewhere_starts_fresh_and_says_so) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    stage_revoke(stage, 0);
    stage_assign_topic(stage, BAR, 0, 50);
    stage_send(stage, BAR, 0, 50, "A");
    stage_wait_stored(stage, BAR, 0, 51);
    cr_assert_eq(stage_parcels(stage), 2);
    cr_expect_eq(stage_signal_value(stage, 1), 1, "the count begins anew");
    cr_expect_not_null(strstr(stage_log(stage), "starts fresh"));
    cr_expect_not_null(strstr(stage_log(stage), "50"));
    stage_free(stage);
}

Test(engine, lost_partition_that_nobody_worked_on_meanwhile_keeps_its_state) {
    struct stage *stage = good_stage();
    stage_assign_topic(stage, BAR, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    stage_set_committed(stage, 1); /* the last commit did not come through */
    stage_lose(stage, 0);
    stage_refuse_stores(stage, 2); /* the lane is sooner than the client's assignment */
    stage_assign_topic(stage, BAR, 0, 1);
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2); /* what was done then is stored anew, for a commit */
    stage_send(stage, BAR, 0, 2, "A");
    stage_wait_stored(stage, BAR, 0, 3);
    cr_assert_eq(stage_parcels(stage), 3, "offset 1 was seen");
    cr_expect_eq(stage_signal_value(stage, 2), 3);
    stage_free(stage);
}

Test(engine, lost_partition_that_others_committed_starts_fresh) {
    struct stage *stage = good_stage();
    stage_assign_topic(stage, BAR, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    stage_set_committed(stage, 0);
    stage_lose(stage, 0);
    stage_assign_topic(stage, BAR, 0, 1);
    stage_send(stage, BAR, 0, 1, "A");
    stage_send(stage, BAR, 0, 2, "A");
    stage_wait_stored(stage, BAR, 0, 3);
    cr_assert_eq(stage_parcels(stage), 4);
    cr_expect_eq(stage_signal_value(stage, 2), 1);
    stage_free(stage);
}

Test(engine, messages_of_a_revoked_partition_are_not_seen) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_assign(stage, 1, 0);
    stage_revoke(stage, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 1, 0, "B");
    stage_wait_stored(stage, BAR, 1, 1);
    cr_expect_eq(stage_parcels(stage), 1);
    cr_expect_eq(stage_stored(stage, BAR, 0), -1);
    stage_free(stage);
}

Test(engine, repeat_that_was_seen_waits_for_the_confirmation_that_is_still_pending) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_hold(stage);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_idle(stage);
    stage_revoke(stage, 0);
    cr_assert_leq(stage_stored(stage, BAR, 0), 0, "not past what is not confirmed");
    stage_assign_topic(stage, BAR, 0, 0);
    stage_send(stage, BAR, 0, 0, "A"); /* comes again: seen */
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_idle(stage);
    cr_assert_eq(stage_parcels(stage), 2);
    cr_expect_eq(stage_signal_value(stage, 1), 2, "seen once alone");
    stage_confirm(stage, 1);
    stage_send(stage, BAR, 0, 2, "A");
    stage_wait_idle(stage);
    cr_expect_leq(stage_stored(stage, BAR, 0), 0);
    stage_confirm_all(stage);
    stage_wait_stored(stage, BAR, 0, 3);
    stage_free(stage);
}

/* ---- reload ---- */

Test(engine, reload_hands_the_state_over_on_every_partition) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.lanes=2", NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "good_v1", "good");
    stage_start(stage);
    for (int32_t partition = 0; partition < 4; partition++) {
        stage_assign(stage, partition, 0);
        stage_send(stage, BAR, partition, 0, "A");
        stage_wait_stored(stage, BAR, partition, 1);
    }
    stage_revoke(stage, 3); /* a parked one is handed over too */
    stage_drop(stage, "good_v2", "good");
    stage_reload(stage, NULL);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_str_eq(line_of(stage, "good")->detail, "1.0.0 → 2.0.0 (state kept)");
    stage_assign_topic(stage, BAR, 3, 1);
    for (int32_t partition = 0; partition < 4; partition++) {
        const size_t before = stage_parcels(stage);
        stage_send(stage, BAR, partition, 1, "A");
        stage_wait_stored(stage, BAR, partition, 2);
        cr_assert_eq(stage_parcels(stage), before + 1);
        cr_expect_eq(stage_signal_value(stage, before), 2);
        cr_expect_not_null(strstr(stage_parcel(stage, before), "\"version\":\"2.0.0\""));
    }
    stage_free(stage);
}

Test(engine, load_that_refuses_leaves_the_old_version_at_work_everywhere) {
    struct stage *stage = good_stage();
    for (int32_t partition = 0; partition < 3; partition++) {
        stage_assign(stage, partition, 0);
        stage_send(stage, BAR, partition, 0, "A");
        stage_wait_stored(stage, BAR, partition, 1);
    }
    static const char *const refuse[] = {"strategy:good.partition=1", NULL};
    stage_drop(stage, "as_good/refuse_load", "good");
    stage_reload(stage, refuse);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(line_of(stage, "good")->detail, "load refused"));
    cr_expect_not_null(strstr(line_of(stage, "good")->detail, "partition 1"));
    for (int32_t partition = 0; partition < 3; partition++) {
        const size_t before = stage_parcels(stage);
        stage_send(stage, BAR, partition, 1, "A");
        stage_wait_stored(stage, BAR, partition, 2);
        cr_assert_eq(stage_parcels(stage), before + 1);
        cr_expect_eq(stage_signal_value(stage, before), 2);
        cr_expect_not_null(strstr(stage_parcel(stage, before), "\"version\":\"1.0.0\""));
    }
    stage_free(stage);
}

Test(engine, unchanged_file_and_parameters_run_on_untouched) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_reload(stage, NULL);
    cr_expect_eq(line_of(stage, "good")->outcome, OUTCOME_KEPT);
    cr_expect_not(stage_report(stage)->did_change);
    stage_free(stage);
}

Test(engine, changed_parameter_replaces_and_keeps_the_state) {
    static const char *const second[] = {"strategy:good.every=2", NULL};
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    stage_reload(stage, second);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_str_eq(line_of(stage, "good")->detail,
                     "1.0.0 → 1.0.0 (parameters changed, state kept)");
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    cr_assert_eq(stage_parcels(stage), 2);
    cr_expect_eq(stage_signal_value(stage, 1), 2);
    stage_free(stage);
}

Test(engine, changed_filter_keeps_the_state_and_routes_anew) {
    static const char *const filtered[] = {"strategy:good.every=1", "strategy:good.symbols=B",
                                           NULL};
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 0, 1, "B");
    stage_wait_stored(stage, BAR, 0, 2);
    stage_reload(stage, filtered);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_KEPT);
    stage_send(stage, BAR, 0, 2, "A");
    stage_send(stage, BAR, 0, 3, "B");
    stage_wait_stored(stage, BAR, 0, 4);
    cr_assert_eq(stage_parcels(stage), 3, "A is filtered out");
    cr_expect_eq(stage_signal_value(stage, 2), 2, "B counts on");
    stage_free(stage);
}

Test(engine, strategy_without_save_loses_its_state_and_says_so) {
    struct stage *stage = stage_new(NULL);
    stage_drop(stage, "as_good/no_save", "good");
    stage_start(stage);
    stage_assign(stage, 0, 0);
    stage_drop(stage, "good_v2", "good");
    stage_reload(stage, every_message);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_REPLACED);
    cr_expect_not_null(strstr(line_of(stage, "good")->detail, "(state lost: no save)"));
    stage_free(stage);
}

Test(engine, file_that_is_gone_with_its_section_there_is_rejected_and_the_old_goes_on) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_withdraw(stage, "good");
    stage_reload(stage, NULL);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_REJECTED);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_expect_eq(stage_parcels(stage), 1);
    stage_free(stage);
}

Test(engine, file_and_section_gone_is_removed_and_can_come_again) {
    static const char *const none[] = {NULL};
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_withdraw(stage, "good");
    stage_reload(stage, none);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_REMOVED);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_expect_eq(stage_parcels(stage), 0);
    stage_drop(stage, "good_v1", "good");
    stage_reload(stage, every_message);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_LOADED);
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    cr_expect_eq(stage_parcels(stage), 1);
    stage_free(stage);
}

Test(engine, two_deployments_of_one_strategy_have_states_of_their_own) {
    static const char *const two[] = {"strategy:a.plugin=good", "strategy:a.every=1",
                                      "strategy:b.plugin=good", "strategy:b.every=1",
                                      "strategy:b.symbols=X",   NULL};
    struct stage *stage = stage_new(two);
    stage_drop(stage, "good_v1", "good");
    stage_start(stage);
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 0, 1, "X");
    stage_wait_stored(stage, BAR, 0, 2);
    cr_assert_eq(stage_parcels(stage), 3);
    cr_expect_not_null(strstr(stage_parcel(stage, 1), "\"id\":\"a/bar_trends/0/1/0\""));
    cr_expect_not_null(strstr(stage_parcel(stage, 2), "\"id\":\"b/bar_trends/0/1/0\""));
    stage_free(stage);
}

/* So many that the lane looks ahead by the keys, which may be missing or another text. */
Test(engine, many_symbols_are_told_apart_whatever_the_keys_are) {
    enum { SYMBOLS = 1500 };
    static const char *const every_third[] = {"strategy:good.every=3", NULL};
    struct stage *stage = stage_new(every_third);
    stage_drop(stage, "good_v1", "good");
    stage_start(stage);
    stage_assign_topic(stage, BAR, 0, 0);
    int64_t offset = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SYMBOLS; i++) {
            char symbol[16], other[16];
            snprintf(symbol, sizeof symbol, "S%d", i);
            snprintf(other, sizeof other, "S%d", (i + 7) % (2 * SYMBOLS));
            const char *keys[] = {symbol, other, NULL, "", symbol};
            stage_send_keyed(stage, BAR, 0, offset++, keys[(i + round) % 5], symbol);
        }
    }
    stage_wait_stored(stage, BAR, 0, offset);
    cr_assert_eq(stage_parcels(stage), SYMBOLS, "each was counted to three");
    for (size_t i = 0; i < SYMBOLS; i++)
        cr_expect_eq(stage_signal_value(stage, i), 3);
    stage_free(stage);
}

static size_t generations(struct stage *stage) {
    struct view_totals totals;
    view_totals(stage_engine(stage), &totals);
    return totals.generations;
}

Test(engine, deployments_of_one_file_share_its_code) {
    static const char *const two[] = {"strategy:a.plugin=good", "strategy:b.plugin=good", NULL};
    static const char *const three[] = {"strategy:a.plugin=good", "strategy:b.plugin=good",
                                        "strategy:c.plugin=good", NULL};
    struct stage *stage = stage_new(two);
    stage_drop(stage, "good_v1", "good");
    stage_start(stage);
    cr_expect_eq(generations(stage), 1);
    stage_reload(stage, three);
    cr_assert_eq(line_of(stage, "a")->outcome, OUTCOME_KEPT);
    cr_assert_eq(line_of(stage, "c")->outcome, OUTCOME_LOADED);
    cr_expect_eq(generations(stage), 1);
    stage_drop(stage, "good_v2", "good");
    stage_reload(stage, three);
    cr_assert_eq(line_of(stage, "b")->outcome, OUTCOME_REPLACED);
    cr_expect_eq(generations(stage), 2);
    stage_drop(stage, "good_v1", "good");
    stage_reload(stage, three);
    cr_expect_eq(generations(stage), 3, "an older file is mapped afresh");
    stage_free(stage);
}

Test(engine, deployment_that_comes_back_to_an_older_file_does_not_share_what_ran_it_before) {
    static const char *const settings[] = {"strategy:a.plugin=good", "strategy:b.plugin=good",
                                           "strategy:a.every=1", NULL};
    static const char *const a_is_gone[] = {"strategy:a.plugin=gone", "strategy:b.plugin=good",
                                            NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "good_v1", "good");
    stage_start(stage);
    cr_assert_eq(generations(stage), 1);
    stage_drop(stage, "good_v2", "good");
    stage_reload(stage, a_is_gone);
    cr_assert_eq(line_of(stage, "a")->outcome, OUTCOME_REJECTED, "stays on the first generation");
    cr_assert_eq(line_of(stage, "b")->outcome, OUTCOME_REPLACED);
    cr_assert_eq(generations(stage), 2);
    stage_drop(stage, "good_v1", "good");
    stage_reload(stage, settings);
    cr_assert_eq(line_of(stage, "a")->outcome, OUTCOME_KEPT);
    cr_assert_eq(line_of(stage, "b")->outcome, OUTCOME_REPLACED);
    cr_expect_eq(generations(stage), 3, "b is mapped afresh");
    stage_free(stage);
}

Test(engine, topic_change_is_refused_and_named) {
    static const char *const renamed[] = {"strategy:good.every=1", "topic:bar_trends.topic=other",
                                          NULL};
    struct stage *stage = good_stage();
    stage_reload(stage, renamed);
    const struct report *report = stage_report(stage);
    cr_assert_gt(report->faults.error_count, 0);
    cr_expect_not_null(strstr(report->faults.items[0].text, "other"));
    cr_expect_not(report->did_change);
    stage_free(stage);
}

/* ---- scope ---- */

Test(engine, global_deployment_sees_all_partitions_in_one_instance) {
    struct stage *stage = stage_new(NULL);
    stage_drop(stage, "global_scope", "global_scope");
    stage_start(stage);
    cr_assert_eq(line_of(stage, "global_scope")->outcome, OUTCOME_LOADED);
    stage_assign(stage, 0, 0);
    stage_assign(stage, 1, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 1, 0, "B");
    stage_wait_stored(stage, BAR, 0, 1);
    stage_wait_stored(stage, BAR, 1, 1);
    struct text text;
    text_init(&text);
    view_status(stage_engine(stage), &text);
    cr_expect_not_null(strstr(text.data, "\"instances\":1"));
    cr_expect_not_null(strstr(text.data, "\"scope\":\"global\""));
    text_release(&text);
    stage_free(stage);
}

Test(engine, global_deployment_is_rejected_with_two_lanes) {
    static const char *const lanes[] = {"take5.lanes=2", NULL};
    struct stage *stage = stage_new(lanes);
    stage_drop(stage, "global_scope", "global_scope");
    stage_start(stage);
    cr_assert_eq(line_of(stage, "global_scope")->outcome, OUTCOME_REJECTED);
    cr_expect_not_null(strstr(line_of(stage, "global_scope")->detail, "lanes = 1"));
    stage_free(stage);
}

Test(engine, global_deployment_is_suspended_while_a_partition_is_elsewhere) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "good_global", "good");
    stage_start(stage);
    stage_set_partitions(stage, 2);
    stage_assign_topic(stage, BAR, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_expect_eq(stage_parcels(stage), 0, "it does not see everything");
    cr_expect_not_null(strstr(stage_log(stage), "suspended (partitions elsewhere)"));
    stage_assign_topic(stage, BAR, 1, 0);
    stage_send(stage, BAR, 1, 0, "A");
    stage_wait_stored(stage, BAR, 1, 1);
    cr_expect_eq(stage_parcels(stage), 1);
    stage_free(stage);
}

/* ---- a clean stop and the next start ---- */

Test(engine, state_survives_a_clean_stop) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    cr_assert(stage_stop(stage));
    stage_start(stage);
    stage_assign_topic(stage, BAR, 0, 2);
    stage_send(stage, BAR, 0, 2, "A");
    stage_wait_stored(stage, BAR, 0, 3);
    cr_assert_eq(stage_parcels(stage), 1);
    cr_expect_eq(stage_signal_value(stage, 0), 3);
    stage_free(stage);
}

Test(engine, state_of_a_global_deployment_survives_a_clean_stop) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "good_global", "good");
    stage_start(stage);
    stage_assign_many(stage, 2, (const int64_t[]){0, 0});
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    stage_send(stage, BAR, 1, 0, "A");
    stage_wait_stored(stage, BAR, 1, 1);
    cr_assert(stage_stop(stage));
    stage_start(stage);
    stage_assign_many(stage, 2, (const int64_t[]){1, 1});
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    cr_assert_eq(stage_parcels(stage), 1);
    cr_expect_eq(stage_signal_value(stage, 0), 3, "it saw both partitions before the stop");
    cr_assert(stage_stop(stage));
    stage_start(stage);
    stage_assign_many(stage, 2, (const int64_t[]){2, 9});
    stage_send(stage, BAR, 0, 2, "A");
    stage_wait_stored(stage, BAR, 0, 3);
    cr_expect_eq(stage_signal_value(stage, 0), 1, "partition 1 was worked on elsewhere");
    cr_expect_not_null(strstr(stage_log(stage), "good (GLOBAL): starts fresh"));
    stage_free(stage);
}

Test(engine, state_of_other_offsets_is_not_taken_up) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_assert(stage_stop(stage));
    stage_start(stage);
    stage_assign_topic(stage, BAR, 0, 7);
    stage_send(stage, BAR, 0, 7, "A");
    stage_wait_stored(stage, BAR, 0, 8);
    cr_expect_eq(stage_signal_value(stage, 0), 1);
    cr_expect_not_null(
        strstr(stage_log(stage), "starts fresh: the saved state is of other offsets"));
    stage_free(stage);
}

Test(engine, state_with_unconfirmed_signals_is_not_kept) {
    struct stage *stage = good_stage();
    stage_assign(stage, 0, 0);
    stage_hold(stage);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_idle(stage);
    stage_stop(stage);
    cr_expect_not_null(strstr(stage_log(stage), "state not kept"));
    stage_start(stage);
    stage_assign_topic(stage, BAR, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_assert_eq(stage_parcels(stage), 1, "the signal comes again");
    cr_expect_eq(stage_signal_value(stage, 0), 1);
    stage_free(stage);
}

Test(engine, last_good_copy_runs_when_the_file_on_disk_is_refused_at_the_start) {
    struct stage *stage = good_stage();
    cr_assert(stage_stop(stage));
    stage_drop(stage, "no_descriptor", "good");
    stage_start(stage);
    cr_assert_eq(line_of(stage, "good")->outcome, OUTCOME_LOADED);
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_expect_eq(stage_parcels(stage), 1);
    struct text text;
    text_init(&text);
    view_status(stage_engine(stage), &text);
    cr_expect_not_null(strstr(text.data, "the file on disk is refused"));
    text_release(&text);
    stage_free(stage);
}

/* ---- suspension ---- */

Test(engine, errors_in_a_row_suspend_one_and_the_others_go_on) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.error_run=3",
                                           "take5.suspend=1h", "take5.suspend_max=1h", NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "good_v1", "good");
    stage_drop(stage, "error_message", "error_message");
    stage_start(stage);
    stage_assign(stage, 0, 0);
    for (int64_t offset = 0; offset < 5; offset++)
        stage_send(stage, BAR, 0, offset, "A");
    stage_wait_stored(stage, BAR, 0, 5);
    cr_expect_eq(stage_parcels(stage), 5);
    struct text text;
    text_init(&text);
    view_status(stage_engine(stage), &text);
    cr_expect_not_null(strstr(text.data, "\"state\":\"suspended\",\"why\":\"errors\""));
    cr_expect_not_null(strstr(text.data, "\"passed\":2"));
    text_release(&text);
    stage_free(stage);
}

Test(engine, one_that_is_always_slow_is_not_said_with_every_message) {
    static const char *const settings[] = {"take5.slow_callback_ms=1",
                                           "strategy:slow_message.takes=2ms", NULL};
    struct stage *stage = stage_new(settings);
    stage_drop(stage, "slow_message", "slow_message");
    stage_start(stage);
    stage_assign(stage, 0, 0);
    for (int64_t offset = 0; offset < 5; offset++)
        stage_send(stage, BAR, 0, offset, "A");
    stage_wait_stored(stage, BAR, 0, 5);
    const char *said = strstr(stage_log(stage), "slow on_message at bar_trends/0/0");
    cr_assert_not_null(said);
    cr_expect_null(strstr(said + 1, "slow on_message"));
    struct text text;
    text_init(&text);
    view_status(stage_engine(stage), &text);
    cr_expect_not_null(strstr(text.data, "\"slow\":5"), "%s", text.data);
    text_release(&text);
    stage_free(stage);
}

Test(engine, operators_suspension_reaches_instances_that_are_made_later) {
    struct stage *stage = good_stage();
    struct error error;
    cr_assert(engine_suspend(stage_engine(stage), "good", &error));
    stage_assign(stage, 0, 0);
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_expect_eq(stage_parcels(stage), 0);
    cr_assert(engine_resume(stage_engine(stage), "good", &error));
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    cr_expect_eq(stage_parcels(stage), 1);
    stage_free(stage);
}

Test(engine, operator_suspends_and_resumes) {
    struct stage *stage = good_stage();
    struct error error;
    stage_assign(stage, 0, 0);
    cr_assert(engine_suspend(stage_engine(stage), "good", &error));
    stage_send(stage, BAR, 0, 0, "A");
    stage_wait_stored(stage, BAR, 0, 1);
    cr_expect_eq(stage_parcels(stage), 0);
    cr_assert(engine_resume(stage_engine(stage), "good", &error));
    stage_send(stage, BAR, 0, 1, "A");
    stage_wait_stored(stage, BAR, 0, 2);
    cr_expect_eq(stage_parcels(stage), 1);
    cr_expect_not(engine_suspend(stage_engine(stage), "nobody", &error));
    cr_expect_not_null(strstr(error.text, "nobody"));
    stage_free(stage);
}
