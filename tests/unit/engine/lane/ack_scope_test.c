#include "engine/lane/ack_scope.h"

#include <criterion/criterion.h>

/* A partition of one topic, and a scope over it. */
struct setting {
    struct offset_tracker tracker;
    struct partition partition;
    _Atomic uint64_t unconfirmed;
    struct ack_scope scope;
};

static void setting_init(struct setting *setting) {
    *setting = (struct setting){.partition = {.topic_count = 1, .topics = &setting->tracker}};
    offset_tracker_init(&setting->tracker);
    setting->scope.unconfirmed = &setting->unconfirmed;
}

static struct in_flight *hold(struct setting *setting) {
    struct in_flight *in_flight = NULL;
    cr_assert(ack_scope_hold(&setting->scope, &in_flight));
    return in_flight;
}

Test(ack_scope, what_emits_nothing_is_done_at_its_end) {
    struct setting setting;
    setting_init(&setting);
    ack_scope_begin(&setting.scope, &setting.partition, 0, 10, 0);
    setting.tracker.next = 11;
    ack_scope_end(&setting.scope);
    cr_expect_eq(offset_tracker_done(&setting.tracker), 11);
    cr_expect_eq(setting.unconfirmed, 0);
}

Test(ack_scope, its_offset_is_held_until_the_last_delivery_is_confirmed_though_the_next_moves) {
    struct setting setting;
    setting_init(&setting);
    ack_scope_begin(&setting.scope, &setting.partition, 0, 10, 0);
    struct in_flight *in_flight = hold(&setting);
    in_flight_add_hold(in_flight); /* a sink's */
    cr_expect_eq(hold(&setting), in_flight, "deliveries of one scope share their record");
    setting.tracker.next = 11;
    cr_expect_eq(setting.unconfirmed, 1);
    cr_expect_eq(setting.partition.in_flight_count, 1);
    ack_scope_end(&setting.scope);
    offset_tracker_collect(&setting.tracker);
    cr_expect_eq(offset_tracker_done(&setting.tracker), 10);
    in_flight_release(in_flight);
    offset_tracker_collect(&setting.tracker);
    cr_expect_eq(offset_tracker_done(&setting.tracker), 11);
}

Test(ack_scope, it_holds_by_itself_while_it_is_open) {
    struct setting setting;
    setting_init(&setting);
    ack_scope_begin(&setting.scope, &setting.partition, 0, 10, 0);
    (void)hold(&setting); /* confirmed before the scope ends */
    cr_expect_eq(offset_tracker_collect(&setting.tracker), 0);
    ack_scope_end(&setting.scope);
    cr_expect_eq(offset_tracker_collect(&setting.tracker), 1);
}

Test(ack_scope, nothing_is_held_outside_of_one) {
    struct setting setting;
    setting_init(&setting);
    cr_expect_null(hold(&setting));
    ack_scope_begin(&setting.scope, &setting.partition, 0, 10, 0);
    ack_scope_end(&setting.scope);
    cr_expect_null(hold(&setting));
    cr_expect_eq(setting.unconfirmed, 0);
}

Test(ack_scope, a_record_in_flight_of_the_callers_holds_no_offset) {
    struct setting setting;
    struct offset_tracker others;
    setting_init(&setting);
    offset_tracker_init(&others);
    struct in_flight *given = offset_tracker_hold(&others, 3);
    setting.tracker.next = 11;
    ack_scope_begin_with(&setting.scope, given);
    cr_expect_eq(hold(&setting), given);
    cr_expect_eq(offset_tracker_done(&setting.tracker), 11);
    cr_expect_eq(setting.unconfirmed, 0);
    ack_scope_end(&setting.scope);
    cr_expect_eq(given->holds, 1, "the caller's own is left");
    offset_tracker_release(&others);
}
