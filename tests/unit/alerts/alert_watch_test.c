/*
 * What becomes an alert, and that it is told once.
 */
#include "alerts/alert_watch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct alert_watch watch = {.after_ns = 10};
static struct alert_item *item;

static enum alert_word see(int64_t now, enum alert_condition condition) {
    return alert_watch_see(&watch, now, "lag", "host", condition, "behind", &item);
}

Test(alert_watch, tells_what_is_wrong_for_long_enough_once) {
    cr_assert_eq(see(100, ALERT_WRONG), ALERT_QUIET);
    cr_assert_eq(see(109, ALERT_WRONG), ALERT_QUIET);
    cr_assert_eq(see(110, ALERT_WRONG), ALERT_BEGINS);
    cr_assert_str_eq(item->alert, "lag");
    cr_assert_str_eq(item->subject, "host");
    cr_assert_str_eq(item->text, "behind");
    for (int64_t now = 111; now < 200; now++)
        cr_assert_eq(see(now, ALERT_WRONG), ALERT_QUIET);
}

Test(alert_watch, tells_once_that_it_is_over) {
    see(100, ALERT_WRONG);
    cr_assert_eq(see(110, ALERT_WRONG), ALERT_BEGINS);
    cr_assert_eq(see(111, ALERT_RIGHT), ALERT_QUIET);
    cr_assert_eq(see(120, ALERT_RIGHT), ALERT_QUIET);
    cr_assert_eq(see(121, ALERT_RIGHT), ALERT_ENDS);
    cr_assert_str_eq(item->text, "behind");
    cr_assert_eq(see(200, ALERT_RIGHT), ALERT_QUIET);
    cr_assert_eq(watch.count, 0u);
}

Test(alert_watch, what_flutters_is_not_told) {
    for (int64_t now = 100; now < 300; now += 6)
        cr_assert_eq(see(now, now % 12 == 4 ? ALERT_WRONG : ALERT_RIGHT), ALERT_QUIET);
    see(400, ALERT_WRONG);
    cr_assert_eq(see(410, ALERT_WRONG), ALERT_BEGINS);
    for (int64_t now = 412; now < 600; now += 6)
        cr_assert_eq(see(now, now % 12 == 4 ? ALERT_WRONG : ALERT_RIGHT), ALERT_QUIET);
}

Test(alert_watch, between_the_limits_it_stays_what_it_was) {
    cr_assert_eq(see(100, ALERT_BETWEEN), ALERT_QUIET);
    cr_assert_eq(watch.count, 0u);
    see(101, ALERT_WRONG);
    cr_assert_eq(see(105, ALERT_BETWEEN), ALERT_QUIET); /* it begins anew */
    cr_assert_eq(see(112, ALERT_WRONG), ALERT_QUIET);
    cr_assert_eq(see(122, ALERT_WRONG), ALERT_BEGINS);
    for (int64_t now = 123; now < 200; now++)
        cr_assert_eq(see(now, ALERT_BETWEEN), ALERT_QUIET);
    cr_assert_eq(see(200, ALERT_RIGHT), ALERT_QUIET);
    cr_assert_eq(see(205, ALERT_BETWEEN), ALERT_QUIET); /* not over */
    cr_assert_eq(see(211, ALERT_RIGHT), ALERT_QUIET);
    cr_assert_eq(see(221, ALERT_RIGHT), ALERT_ENDS);
}

Test(alert_watch, without_a_time_it_is_told_at_once) {
    watch.after_ns = 0;
    cr_assert_eq(see(100, ALERT_WRONG), ALERT_BEGINS);
    cr_assert_eq(see(101, ALERT_RIGHT), ALERT_ENDS);
}

Test(alert_watch, what_is_no_more_is_over) {
    see(100, ALERT_WRONG);
    alert_watch_see(&watch, 100, "lag", "other", ALERT_WRONG, "x", &item);
    alert_watch_see(&watch, 100, "lag", "brief", ALERT_WRONG, "x", &item);
    cr_assert_eq(alert_watch_rest(&watch, 100, &item), ALERT_QUIET);
    see(110, ALERT_WRONG);
    alert_watch_see(&watch, 110, "lag", "other", ALERT_WRONG, "x", &item);
    cr_assert_eq(alert_watch_rest(&watch, 110, &item), ALERT_QUIET);
    cr_assert_eq(watch.count, 2u, "what was no alert is forgotten");
    cr_assert_eq(alert_watch_rest(&watch, 120, &item), ALERT_QUIET); /* both are unseen */
    cr_assert_eq(alert_watch_rest(&watch, 130, &item), ALERT_ENDS);
    cr_assert_eq(alert_watch_rest(&watch, 130, &item), ALERT_ENDS);
    cr_assert_eq(alert_watch_rest(&watch, 130, &item), ALERT_QUIET);
    cr_assert_eq(watch.count, 0u);
}

Test(alert_watch, has_a_bound) {
    watch.after_ns = 0;
    for (int i = 0; i < 2 * ALERT_WATCH_MOST; i++) {
        char subject[16];
        snprintf(subject, sizeof subject, "s%d", i);
        const enum alert_word word =
            alert_watch_see(&watch, 100, "lag", subject, ALERT_WRONG, "x", &item);
        cr_assert_eq(word, i < ALERT_WATCH_MOST ? ALERT_BEGINS : ALERT_QUIET);
    }
    cr_assert_eq(watch.count, (size_t)ALERT_WATCH_MOST);
}
