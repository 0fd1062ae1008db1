#include "ops/lag_watch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct lag_watch watch;
static struct lag_sample sample;
static char text[256];

/* Ten seconds later, at 100 messages a second. */
static enum lag_word look(int64_t lag) {
    sample.now_ns += LAG_WATCH_NS;
    sample.messages += 1000;
    sample.lag = lag;
    sample.lanes = 1;
    text[0] = '\0';
    return lag_watch(&watch, &sample, text, sizeof text);
}

/* Every look but the last is quiet. */
static enum lag_word look_at(const int64_t *lags, size_t count) {
    for (size_t i = 0; i + 1 < count; i++)
        cr_assert_eq(look(lags[i]), LAG_QUIET, "look %zu: %s", i, text);
    return look(lags[count - 1]);
}

#define LOOK(...)                                                                                  \
    look_at((const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

Test(lag_watch, a_lag_that_grows_look_after_look_is_told_with_its_numbers) {
    cr_assert_eq(LOOK(50, 250, 450, 650), LAG_GROWS);
    cr_expect_str_eq(text,
                     "consumer lag is growing: 650 messages behind, 600 more than 30 s ago, at 100 "
                     "messages/s; strategies use 0% of the lanes' time");
}

Test(lag_watch, it_is_told_again_only_when_it_has_doubled) {
    cr_assert_eq(LOOK(50, 250, 450, 650), LAG_GROWS);
    cr_assert_eq(LOOK(850, 1050, 1250, 1450), LAG_GROWS);
    cr_assert_eq(LOOK(1650, 2000, 2500), LAG_QUIET);
}

Test(lag_watch, it_is_told_once_that_it_is_back) {
    cr_assert_eq(LOOK(50, 2000, 4000, 6000), LAG_GROWS);
    cr_assert_eq(LOOK(5000, 3000, 700, 300), LAG_IS_BACK);
    cr_expect_str_eq(text, "consumer lag is back to 300");
    cr_assert_eq(LOOK(20, 30, 20), LAG_QUIET);
    cr_assert_eq(LOOK(20, 2000, 4000, 6000), LAG_GROWS);
}

Test(lag_watch, a_backlog_that_falls_is_not_told) {
    cr_assert_eq(LOOK(1000000, 900000, 500000, 100000, 0), LAG_QUIET);
}

Test(lag_watch, swings_are_not_told) {
    cr_assert_eq(LOOK(50, 70, 90, 120, 140, 60, 300, 50, 310, 40, 10000, 50), LAG_QUIET);
}

Test(lag_watch, a_slow_rise_is_told_in_the_end) {
    enum lag_word word = look(0);
    for (int64_t lag = 10; word == LAG_QUIET && lag < 1000; lag += 10)
        word = look(lag);
    cr_assert_eq(word, LAG_GROWS);
    cr_expect_eq(sample.lag, 300); /* three seconds of messages */
}

Test(lag_watch, what_is_not_known_is_no_lag) {
    cr_assert_eq(LOOK(-1, -1, 500, 800, -1, 1100, 1500, 1900), LAG_QUIET);
    cr_assert_eq(look(2300), LAG_GROWS);
}

Test(lag_watch, the_strategy_that_takes_most_is_named) {
    strcpy(sample.strategies[0].name, "quick");
    strcpy(sample.strategies[1].name, "slow");
    sample.strategies[0].busy_ns = 3600 * NS_PER_S; /* long ago */
    sample.strategy_count = 2;
    for (int i = 0; i < 4; i++) {
        sample.strategies[0].busy_ns += NS_PER_S / 10;
        sample.strategies[1].busy_ns += 9 * NS_PER_S;
        look(50 + 1000 * i);
    }
    cr_expect_not_null(strstr(text, "strategies use 91% of the lanes' time, most of it slow"), "%s",
                       text);
}
