/* Partitions that come and go: what their instances go on with, and what is stored. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <string.h>

Test(rebalance, partition_that_comes_back_untouched_keeps_its_state) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_revoke(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 2);
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(fixture_signal_value(fixture, 2), 3, "the count goes on");
    cr_expect_not_null(fixture_said(fixture, "partition.resumed"));
    fixture_free(fixture);
}

Test(rebalance, where_a_new_partition_begins_is_stored_though_nothing_comes) {
    struct fixture *fixture = fixture_good();
    fixture_refuse_stores(fixture, 2); /* the lane is sooner than the client's assignment */
    fixture_assign_new(fixture, BAR, 0, 17);
    fixture_wait_stored(fixture, BAR, 0, 17);
    fixture_send(fixture, BAR, 0, 17, "A");
    fixture_wait_stored(fixture, BAR, 0, 18);
    /* The next commit did not come through, and there is none yet: this host knows where it was. */
    fixture_lose(fixture, 0);
    fixture_set_committed(fixture, 17);
    fixture_assign_new(fixture, BAR, 0, 17);
    fixture_send(fixture, BAR, 0, 17, "A");
    fixture_wait_stored(fixture, BAR, 0, 18);
    cr_assert_eq(fixture_deliveries(fixture), 1, "offset 17 was seen");
    fixture_free(fixture);
}

Test(rebalance, offset_that_is_not_known_is_said_in_words) {
    struct fixture *fixture = fixture_good();
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_revoke_topic(fixture, BAR, 0);
    fixture_assign_topic(fixture, BAR, 0, SOURCE_NO_OFFSET);
    cr_expect_not_null(fixture_said(fixture, "state.discarded"));
    cr_expect_null(strstr(fixture_log(fixture), "-9223372036854775808"), "%s",
                   fixture_log(fixture));
    fixture_free(fixture);
}

Test(rebalance, deployment_refused_at_the_start_is_told_what_it_misses) {
    struct fixture *fixture = fixture_new(
        (const char *const[]){"strategy:good.every=1", "strategy:bad.plugin=bad", NULL});
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, "other_major", "bad");
    fixture_start(fixture);
    cr_expect(fixture_is_attended(fixture));
    fixture_assign_topic(fixture, BAR, 2, 4711);
    const char *said = fixture_said(fixture, "strategy.misses_messages");
    cr_assert_not_null(said, "%s", fixture_log(fixture));
    cr_expect_not_null(strstr(said, "bar_trends 2 from 4711"), "%s", said);
    fixture_free(fixture);
}

Test(rebalance, partition_that_was_worked_on_elsewhere_starts_fresh_and_says_so) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_revoke(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 50);
    fixture_send(fixture, BAR, 0, 50, "A");
    fixture_wait_stored(fixture, BAR, 0, 51);
    cr_assert_eq(fixture_deliveries(fixture), 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 1, "the count begins anew");
    cr_expect_not_null(fixture_said(fixture, "state.discarded"));
    cr_expect_not_null(strstr(fixture_log(fixture), "50"));
    fixture_free(fixture);
}

Test(rebalance, lost_partition_that_nobody_worked_on_meanwhile_keeps_its_state) {
    struct fixture *fixture = fixture_good();
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_set_committed(fixture, 1); /* the last commit did not come through */
    fixture_lose(fixture, 0);
    fixture_refuse_stores(fixture, 2); /* the lane is sooner than the client's assignment */
    fixture_assign_topic(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2); /* what was done then is stored anew, for a commit */
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 3, "offset 1 was seen");
    cr_expect_eq(fixture_signal_value(fixture, 2), 3);
    fixture_free(fixture);
}

/* The group's offset is gone with the topic, and the new one begins where the old one began. */
Test(rebalance, topic_that_was_made_anew_is_read_from_its_beginning_again) {
    struct fixture *fixture = fixture_good();
    fixture_assign_new(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_revoke(fixture, 0);
    fixture_assign_new(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(fixture_signal_value(fixture, 2), 1, "its state is that of the old topic");
    fixture_free(fixture);
}

Test(rebalance, lost_partition_that_others_committed_starts_fresh) {
    struct fixture *fixture = fixture_good();
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    fixture_set_committed(fixture, 0);
    fixture_lose(fixture, 0);
    fixture_assign_topic(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 4);
    cr_expect_eq(fixture_signal_value(fixture, 2), 1);
    fixture_free(fixture);
}

Test(rebalance, messages_of_a_revoked_partition_are_not_seen) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    fixture_revoke(fixture, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 1, 0, "B");
    fixture_wait_stored(fixture, BAR, 1, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_stored(fixture, BAR, 0), -1);
    fixture_free(fixture);
}

Test(rebalance, repeat_that_was_seen_waits_for_the_confirmation_that_is_still_pending) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_idle(fixture);
    fixture_revoke(fixture, 0);
    cr_assert_leq(fixture_stored(fixture, BAR, 0), 0, "not past what is not confirmed");
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A"); /* comes again: seen */
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_idle(fixture);
    cr_assert_eq(fixture_deliveries(fixture), 2);
    cr_expect_eq(fixture_signal_value(fixture, 1), 2, "seen once alone");
    fixture_confirm(fixture, 1);
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_idle(fixture);
    cr_expect_leq(fixture_stored(fixture, BAR, 0), 0);
    fixture_confirm_all(fixture);
    fixture_wait_stored(fixture, BAR, 0, 3);
    fixture_free(fixture);
}

Test(rebalance, global_deployment_is_suspended_while_a_partition_is_elsewhere) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_global", "good");
    fixture_start(fixture);
    fixture_set_partitions(fixture, 2);
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 0, "it does not see everything");
    cr_expect_not_null(fixture_said(fixture, "strategy.suspended"));
    fixture_assign_topic(fixture, BAR, 1, 0);
    fixture_send(fixture, BAR, 1, 0, "A");
    fixture_wait_stored(fixture, BAR, 1, 1);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

Test(rebalance, assignment_that_memory_was_short_for_is_worked_on_all_the_same) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.park_max_count=0", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    int64_t offset = 0;
    for (bool did_fail = true; did_fail; offset++) {
        fixture_fail_allocation(fixture, (long)offset, false);
        fixture_assign(fixture, 0, offset);
        did_fail = fixture_did_fail(fixture);
        fixture_send(fixture, BAR, 0, offset, "A");
        fixture_wait_stored(fixture, BAR, 0, offset + 1);
        cr_assert_eq(fixture_deliveries(fixture), (size_t)offset + 1, "allocation %ld",
                     (long)offset);
        fixture_revoke(fixture, 0);
    }
    cr_expect_gt(offset, 15);
    cr_expect_not_null(strstr(fixture_log(fixture), "; retrying"));
    fixture_free(fixture);
}

Test(rebalance, assignment_that_memory_stays_short_for_ends_the_engine) {
    struct error error = {0};
    struct fixture *fixture = fixture_good();
    cr_expect(engine_poll(fixture_engine(fixture), 0, &error));
    fixture_fail_allocation(fixture, 3, true);
    fixture_assign(fixture, 7, 0);
    cr_assert(fixture_did_fail(fixture));
    cr_expect_not(engine_poll(fixture_engine(fixture), 0, &error));
    cr_expect_eq(error.code, ERROR_MEMORY);
    cr_expect_not_null(strstr(error.text, "partition"));
    fixture_free(fixture);
}

/* Nothing confirms, and a revocation may wait for that for minutes. */
Test(rebalance, a_revocation_hurries_when_the_host_is_to_stop) {
    static const char *const settings[] = {"strategy:good.every=1", "take5.revoke_timeout=4m",
                                           NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    fixture_wait_in_flush(fixture, true);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_idle(fixture);
    engine_request_stop(fixture_engine(fixture), clock_monotonic_ns() + 2 * NS_PER_S);
    fixture_revoke(fixture, 0);
    fixture_wait_in_flush(fixture, false);
    cr_assert(fixture_halt(fixture));
    cr_expect_eq(fixture_left(fixture).records, 1);
    fixture_free(fixture);
}
