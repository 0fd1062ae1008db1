/* What a start goes on with after a clean stop: the states of its last checkpoint, or none. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

Test(recovery, state_survives_a_clean_stop) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 2);
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 3);
    fixture_free(fixture);
}

/* It says `chmod`, and the stop would write over what was to be looked at. */
Test(recovery, state_that_a_start_refuses_is_not_overwritten) {
    char path[256], refused[288];
    struct stat before, after;
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert(fixture_stop(fixture));
    fixture_state_path(fixture, 0, path);
    snprintf(refused, sizeof refused, "%s.refused", path);
    cr_assert_eq(chmod(path, 0666), 0);
    cr_assert_eq(stat(path, &before), 0);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1);
    cr_expect_not_null(fixture_said(fixture, "state.discarded"));
    cr_assert(fixture_stop(fixture));
    cr_assert_eq(stat(refused, &after), 0);
    cr_expect_eq(after.st_ino, before.st_ino);
    fixture_state_path(fixture, 0, path);
    cr_expect_neq(strstr(path, ".checkpoint"), NULL, "the stop kept its own");
    fixture_start(fixture);
    fixture_free(fixture);
}

Test(recovery, state_of_a_global_deployment_survives_a_clean_stop) {
    static const char *const settings[] = {"strategy:good.every=1", NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_global", "good");
    fixture_start(fixture);
    fixture_assign_many(fixture, 2, (const int64_t[]){0, 0});
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_send(fixture, BAR, 1, 0, "A");
    fixture_wait_stored(fixture, BAR, 1, 1);
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_many(fixture, 2, (const int64_t[]){1, 1});
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 1);
    cr_expect_eq(fixture_signal_value(fixture, 0), 3, "it saw both partitions before the stop");
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_many(fixture, 2, (const int64_t[]){2, 9});
    fixture_send(fixture, BAR, 0, 2, "A");
    fixture_wait_stored(fixture, BAR, 0, 3);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1, "partition 1 was worked on elsewhere");
    cr_expect_not_null(strstr(fixture_log(fixture),
                              "the GLOBAL deployments and partition 1: starting without state"),
                       "%s", fixture_log(fixture));
    fixture_free(fixture);
}

Test(recovery, state_of_other_offsets_is_not_taken_up) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert(fixture_stop(fixture));
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 7);
    fixture_send(fixture, BAR, 0, 7, "A");
    fixture_wait_stored(fixture, BAR, 0, 8);
    cr_expect_eq(fixture_signal_value(fixture, 0), 1);
    cr_expect_not_null(fixture_said(fixture, "state.discarded"));
    cr_expect_not_null(strstr(fixture_log(fixture), "(the offsets of the last checkpoint"));
    fixture_free(fixture);
}

Test(recovery, state_with_unconfirmed_signals_is_not_taken_up) {
    struct fixture *fixture = fixture_good();
    fixture_assign(fixture, 0, 0);
    fixture_hold(fixture);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_idle(fixture);
    fixture_stop(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_assert_eq(fixture_deliveries(fixture), 1, "the signal comes again");
    cr_expect_eq(fixture_signal_value(fixture, 0), 1);
    fixture_free(fixture);
}
