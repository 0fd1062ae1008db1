/* The lanes' part of a reload. */
#include "engine/core/core.h"
#include "engine/lane/lane.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <semaphore.h>

static void linger(void *owner, void *argument) {
    (void)owner;
    sem_wait(argument);
}

Test(apply, reload_that_a_lane_does_not_come_to_in_time_changes_nothing) {
    static const char *const settings[] = {"take5.lanes=2", "take5.reload_timeout=20ms", NULL};
    struct fixture *fixture = fixture_new(settings);
    sem_t may_go_on;
    struct mailbox_call call = {.run = linger, .argument = &may_go_on};
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    struct lane *busy = fixture_engine(fixture)->lanes[1];
    sem_init(&may_go_on, 0, 0);
    mailbox_post(&busy->mailbox, &call);
    fixture_drop(fixture, "good_v2", "good");
    fixture_reload(fixture, NULL);
    cr_expect(fixture_report(fixture)->was_given_up);
    cr_expect_eq(report_outcomes(fixture_report(fixture), OUTCOME_REPLACED), 0);
    fixture_send(fixture, BAR, 0, 0, "A"); /* the other lane has gone on */
    fixture_wait_stored(fixture, BAR, 0, 1);
    sem_post(&may_go_on);
    cr_assert(mailbox_await(&busy->mailbox, &call, MAILBOX_NO_LIMIT));
    fixture_send(fixture, BAR, 1, 0, "A"); /* and so has this one */
    fixture_wait_stored(fixture, BAR, 1, 1);
    fixture_free(fixture);
}
