#include "engine/core/offset_tracker.h"

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
    in_flight_drop(second);
    cr_expect_eq(offset_tracker_collect(&tracker), 0, "the first still holds");
    cr_expect_eq(offset_tracker_done(&tracker), 10);
    in_flight_drop(first);
    cr_expect_eq(offset_tracker_collect(&tracker), 2);
    cr_expect_eq(offset_tracker_done(&tracker), 13);
    cr_expect_eq(tracker.in_flight_count, 0);
}

Test(tracker, every_hold_must_be_dropped) {
    struct offset_tracker tracker;
    offset_tracker_init(&tracker);
    struct in_flight *in_flight = offset_tracker_hold(&tracker, 0);
    tracker.next = 1;
    in_flight_add_hold(in_flight);
    in_flight_drop(in_flight);
    cr_expect_eq(offset_tracker_collect(&tracker), 0);
    in_flight_drop(in_flight);
    cr_expect_eq(offset_tracker_collect(&tracker), 1);
    offset_tracker_release(&tracker);
}
