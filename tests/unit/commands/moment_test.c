#include "commands/moment.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* What is complained about goes nowhere. */
static void be_quiet(void) {
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
}

TestSuite(moment, .init = be_quiet);

Test(moment, a_time_is_iso_or_epoch_milliseconds) {
    int64_t time_ns = 0;
    cr_assert(parse_moment("--from", "2024-06-17T21:15:30.5Z", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930500000000));
    cr_assert(parse_moment("--from", "2024-06-17 23:15:30+02:00", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930000000000));
    cr_assert(parse_moment("--from", "1718658930000", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930000000000));
    cr_assert(parse_moment("--from", "-1", &time_ns));
    cr_assert_eq(time_ns, -1000000);
}

Test(moment, anything_else_is_refused) {
    static const char *const cases[] = {"",   "yesterday",           "2024-06-17T21:15:30",
                                        "1x", "9223372036854775807", "-9223372036854775808"};
    int64_t time_ns;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_not(parse_moment("--from", cases[i], &time_ns), "\"%s\"", cases[i]);
}

Test(moment, words_stand_between_commas_and_add_up) {
    struct words words = {0};
    cr_assert(words_add(&words, "--symbols", "QQQ,SPY"));
    cr_assert(words_add(&words, "--symbols", "BRK.B"));
    cr_assert_eq(words.count, 3);
    cr_assert_str_eq(words.items[0], "QQQ");
    cr_assert_str_eq(words.items[1], "SPY");
    cr_assert_str_eq(words.items[2], "BRK.B");
    words_release(&words);
    cr_assert_eq(words.count, 0);
}

Test(moment, an_empty_word_is_refused) {
    static const char *const cases[] = {"", ",", "A,", ",A", "A,,B"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct words words = {0};
        cr_assert_not(words_add(&words, "--symbols", cases[i]), "\"%s\"", cases[i]);
        words_release(&words);
    }
}
