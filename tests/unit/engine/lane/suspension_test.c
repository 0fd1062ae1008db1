#include "engine/lane/suspension.h"

#include "base/clock.h"

#include <criterion/criterion.h>

static const struct config config = {
    .error_run = 3, .reject_rate = 2, .suspend_ns = 10 * NS_PER_S, .suspend_max_ns = 30 * NS_PER_S};

static int64_t errors(struct task *task, int count, int64_t now_ns) {
    int64_t until_ns = 0;
    while (count-- > 0)
        until_ns = suspension_for_error(task, &config, now_ns);
    return until_ns;
}

static int64_t rejects(struct task *task, int count, int64_t now_ns) {
    int64_t until_ns = 0;
    while (count-- > 0)
        until_ns = suspension_for_reject(task, &config, now_ns);
    return until_ns;
}

Test(suspension, comes_with_the_last_error_of_a_run) {
    struct task task = {0};
    cr_expect_eq(errors(&task, 2, NS_PER_S), 0);
    cr_expect_eq(errors(&task, 1, NS_PER_S), 11 * NS_PER_S);
}

Test(suspension, a_message_that_is_taken_ends_the_run) {
    struct task task = {0};
    cr_expect_eq(errors(&task, 2, 0), 0);
    task.errors_in_row = 0;
    cr_expect_eq(errors(&task, 2, 0), 0);
}

Test(suspension, is_twice_as_long_each_time_up_to_the_limit) {
    struct task task = {0};
    cr_expect_eq(errors(&task, 3, 0), 10 * NS_PER_S);
    cr_expect_eq(errors(&task, 1, 0), 20 * NS_PER_S, "still in a row");
    cr_expect_eq(errors(&task, 1, 0), 30 * NS_PER_S);
    cr_expect_eq(errors(&task, 1, 0), 30 * NS_PER_S);
}

Test(suspension, rejects_count_within_a_minute) {
    struct task task = {0};
    const int64_t began_ns = 1000 * NS_PER_S;
    cr_expect_eq(rejects(&task, 1, began_ns), 0);
    cr_expect_eq(rejects(&task, 1, began_ns + 61 * NS_PER_S), 0, "another minute");
    cr_expect_eq(rejects(&task, 1, began_ns + 62 * NS_PER_S), began_ns + 72 * NS_PER_S);
    cr_expect_eq(rejects(&task, 1, began_ns + 63 * NS_PER_S), 0, "counted from nothing again");
}

Test(suspension, errors_and_rejects_share_their_back_off) {
    struct task task = {0};
    cr_expect_eq(errors(&task, 3, 0), 10 * NS_PER_S);
    cr_expect_eq(rejects(&task, 2, 0), 20 * NS_PER_S);
}
