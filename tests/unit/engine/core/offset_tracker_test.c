#include "engine/core/offset_tracker.h"

#include "base/clock.h"
#include "base/sync/event.h"
#include "source/source.h"

#include <criterion/criterion.h>

Test(tracker, nothing_seen_is_no_offset) {
    struct offset_tracker tracker;
    offset_tracker_init(&tracker);
    cr_expect_eq(offset_tracker_done(&tracker), SOURCE_NO_OFFSET);
}

Test(tracker, lowest_pending_is_what_is_not_done) {
    struct offset_tracker tracker;
    offset_tracker_init(&tracker);
    struct in_flight *first = offset_tracker_hold(&tracker, 10);
    struct in_flight *second = offset_tracker_hold(&tracker, 12);
    tracker.next = 13;
    in_flight_release(second);
    cr_expect_eq(offset_tracker_collect(&tracker), 0, "the first still holds");
    cr_expect_eq(offset_tracker_done(&tracker), 10);
    in_flight_release(first);
    cr_expect_eq(offset_tracker_collect(&tracker), 2);
    cr_expect_eq(offset_tracker_done(&tracker), 13);
    cr_expect_eq(tracker.in_flight_count, 0);
    offset_tracker_release(&tracker);
}

#if defined(__SANITIZE_ADDRESS__)
#define SPARE 0
#else
#define SPARE OFFSET_TRACKER_SPARE
#endif

Test(tracker, what_is_done_with_is_taken_again_as_new) {
    enum { HELD = OFFSET_TRACKER_SPARE + 5 };
    struct offset_tracker tracker;
    struct in_flight *held[HELD];
    offset_tracker_init(&tracker);
    for (size_t i = 0; i < HELD; i++) {
        held[i] = offset_tracker_hold(&tracker, (int64_t)i);
        offset_tracker_add_bytes(&tracker, held[i], 7);
    }
    for (size_t i = 0; i < HELD; i++)
        in_flight_release(held[i]);
    cr_expect_eq(offset_tracker_collect(&tracker), HELD);
    cr_expect_eq(tracker.in_flight_bytes, 0);
    cr_expect_eq(tracker.spare_count, SPARE);

    struct in_flight *again = offset_tracker_hold(&tracker, 2000);
    cr_expect_eq(tracker.spare_count, SPARE > 0 ? SPARE - 1 : 0);
    cr_expect_eq(again->offset, 2000);
    cr_expect_eq(again->bytes, 0);
    cr_expect_eq(atomic_load(&again->holds), 1);
    cr_expect_eq(offset_tracker_done(&tracker), 2000);
    tracker.next = 2001;
    in_flight_release(again);
    cr_expect_eq(offset_tracker_collect(&tracker), 1);
    cr_expect_eq(offset_tracker_done(&tracker), 2001);
    offset_tracker_release(&tracker);
}

Test(tracker, every_hold_must_be_dropped) {
    struct offset_tracker tracker;
    offset_tracker_init(&tracker);
    struct in_flight *in_flight = offset_tracker_hold(&tracker, 0);
    tracker.next = 1;
    in_flight_add_hold(in_flight);
    in_flight_release(in_flight);
    cr_expect_eq(offset_tracker_collect(&tracker), 0);
    in_flight_release(in_flight);
    cr_expect_eq(offset_tracker_collect(&tracker), 1);
    offset_tracker_release(&tracker);
}

Test(tracker, who_waits_for_one_is_told_of_each_hold_that_is_dropped) {
    struct offset_tracker tracker;
    struct event event;
    offset_tracker_init(&tracker);
    event_init(&event);
    struct in_flight *awaited = offset_tracker_hold_awaited(&tracker, 5, &event);
    struct in_flight *other = offset_tracker_hold(&tracker, 7);
    in_flight_add_hold(awaited);
    const uint64_t seen = event_seen(&event);
    in_flight_release(other);
    cr_expect_not(event_wait(&event, seen, clock_monotonic_ns()));
    in_flight_release(awaited);
    cr_expect(event_wait(&event, seen, clock_monotonic_ns()));
    in_flight_release(awaited);
    cr_expect_eq(event_seen(&event), seen + 2);
    cr_expect_eq(offset_tracker_collect(&tracker), 2);
    offset_tracker_release(&tracker);
    event_release(&event);
}
