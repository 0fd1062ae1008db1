/* Threads in place of lanes. */
#include "base/sync/meeting.h"

#include "base/clock.h"

#include <criterion/criterion.h>

#define LANES 4
#define STEPS 50

struct member {
    struct meeting *meeting;
    pthread_t thread;
    _Atomic int64_t heartbeat_ns;
    bool came, did_switch;
};

static _Atomic int at_work[STEPS], runs;
static _Atomic bool has_overlap;

/* All have ended the step before it, and nobody has begun the next. */
static void run(void *argument) {
    const int step = *(int *)argument;
    atomic_fetch_add(&runs, 1);
    if (atomic_load(&at_work[step]) != LANES ||
        (step + 1 < STEPS && atomic_load(&at_work[step + 1]) != 0))
        atomic_store(&has_overlap, true);
}

static void *take_part(void *argument) {
    struct member *member = argument;
    member->came = meeting_await(member->meeting, &member->heartbeat_ns, NULL, NULL);
    for (int step = 0; member->came && step < STEPS; step++) {
        atomic_fetch_add(&at_work[step], 1);
        cr_assert(meeting_await(member->meeting, &member->heartbeat_ns, run, &step));
    }
    meeting_leave(member->meeting);
    return NULL;
}

static void start(struct member *members, size_t count, struct meeting *meeting) {
    for (size_t i = 0; i < count; i++) {
        members[i] = (struct member){.meeting = meeting};
        cr_assert_eq(pthread_create(&members[i].thread, NULL, take_part, &members[i]), 0);
    }
}

static void join(struct member *members, size_t count) {
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(pthread_join(members[i].thread, NULL), 0);
}

Test(meeting, no_lane_begins_a_step_before_all_have_ended_the_one_before) {
    struct meeting meeting;
    struct member members[LANES];
    meeting_init(&meeting, LANES, INT64_MAX, NULL);
    start(members, LANES, &meeting);
    join(members, LANES);
    cr_expect_eq(runs, STEPS, "the last to come alone");
    cr_expect_not(has_overlap);
    cr_expect_gt(meeting_took_ns(&meeting), 0);
    meeting_release(&meeting);
}

Test(meeting, one_that_does_not_come_in_time_calls_it_off_for_all) {
    struct meeting meeting;
    struct member members[LANES];
    meeting_init(&meeting, LANES, clock_monotonic_ns() + 200 * NS_PER_MS, NULL);
    start(members, LANES - 1, &meeting);
    join(members, LANES - 1);
    start(&members[LANES - 1], 1, &meeting); /* too late */
    join(&members[LANES - 1], 1);
    for (size_t i = 0; i < LANES; i++)
        cr_expect_not(members[i].came);
    cr_expect_neq(atomic_load(&members[0].heartbeat_ns), 0);
    cr_expect_eq(runs, 0);
    meeting_release(&meeting);
}

Test(meeting, a_hurry_calls_it_off_too) {
    struct meeting meeting;
    struct member members[LANES];
    _Atomic int64_t hurry_ns = INT64_MAX;
    meeting_init(&meeting, LANES, INT64_MAX, &hurry_ns);
    start(members, LANES - 1, &meeting);
    atomic_store(&hurry_ns, clock_monotonic_ns());
    join(members, LANES - 1);
    cr_expect_not(members[0].came);
    meeting_release(&meeting);
}

Test(meeting, one_lane_waits_for_nobody) {
    struct meeting meeting;
    _Atomic int64_t heartbeat_ns = 0;
    int step = 0;
    meeting_init(&meeting, 1, 0, NULL);
    cr_expect(meeting_await(&meeting, &heartbeat_ns, NULL, NULL));
    atomic_store(&at_work[0], LANES);
    cr_expect(meeting_await(&meeting, &heartbeat_ns, run, &step));
    cr_expect_eq(runs, 1);
    meeting_leave(&meeting);
    meeting_release(&meeting);
}
