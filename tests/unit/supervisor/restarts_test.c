#include "supervisor/restarts.h"

#include <criterion/criterion.h>

#define LATER (RESTARTS_WITHIN_NS + 1)

Test(restarts, the_first_is_at_once_and_the_next_ones_wait_twice_as_long_each) {
    struct restarts restarts = {0};
    int64_t expected = 0;
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(restarts_note(&restarts, i * LATER, 0, true), expected, "death %d", i);
        expected = expected == 0 ? RESTARTS_FIRST_NS : 2 * expected;
        if (expected > RESTARTS_MAX_NS)
            expected = RESTARTS_MAX_NS;
    }
    cr_assert_eq(expected, RESTARTS_MAX_NS);
}

Test(restarts, a_quiet_while_lets_the_next_be_at_once) {
    struct restarts restarts = {0};
    for (int i = 0; i < 8; i++)
        (void)restarts_note(&restarts, i, 0, true);
    cr_assert_gt(restarts_note(&restarts, 9, RESTARTS_QUIET_NS - 1, true), RESTARTS_FIRST_NS);
    cr_assert_eq(restarts_note(&restarts, 10, RESTARTS_QUIET_NS, true), 0);
    cr_assert_eq(restarts_note(&restarts, 11, 0, true), RESTARTS_FIRST_NS);
}

Test(restarts, unexplained_deaths_in_short_time_end_it_and_it_begins_anew) {
    struct restarts restarts = {0};
    for (int i = 1; i < RESTARTS_UNEXPLAINED; i++) {
        cr_assert_geq(restarts_note(&restarts, i, 0, false), 0);
        cr_assert_geq(restarts_note(&restarts, i, 0, true), 0, "an explained one does not count");
    }
    cr_assert_eq(restarts_note(&restarts, RESTARTS_UNEXPLAINED, 0, false), RESTARTS_NEVER);
    cr_assert_eq(restarts_note(&restarts, RESTARTS_UNEXPLAINED + 1, 0, false), 0);
}

Test(restarts, unexplained_deaths_far_apart_do_not_end_it) {
    struct restarts restarts = {0};
    for (int i = 0; i < 10 * RESTARTS_UNEXPLAINED; i++)
        cr_assert_neq(restarts_note(&restarts, i * LATER / (RESTARTS_UNEXPLAINED - 1), 0, false),
                      RESTARTS_NEVER, "death %d", i);
}
