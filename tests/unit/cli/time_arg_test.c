#include "cli/time_arg.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* What is complained about goes nowhere. */
static void be_quiet(void) {
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
}

TestSuite(moment, .init = be_quiet);

Test(moment, a_time_is_iso_or_an_epoch_number) {
    int64_t time_ns = 0;
    cr_assert(parse_time_arg("--from", "2024-06-17T21:15:30.5Z", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930500000000));
    cr_assert(parse_time_arg("--from", "2024-06-17 23:15:30+02:00", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930000000000));
    cr_assert(parse_time_arg("--from", "1718658930000", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930000000000));
    cr_assert(parse_time_arg("--from", "1718658930", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930000000000));
    cr_assert(parse_time_arg("--from", "1718658930123456", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930123456000));
    cr_assert(parse_time_arg("--from", "1718658930123456789", &time_ns));
    cr_assert_eq(time_ns, INT64_C(1718658930123456789));
    cr_assert(parse_time_arg("--from", "631152000", &time_ns));
    cr_assert_eq(time_ns, INT64_C(631152000000000000));
    cr_assert(parse_time_arg("--from", "1728061799", &time_ns), "no date: there is no month 80");
    /* What is written out is meant. */
    cr_assert(parse_time_arg("--from", "1970-01-01T00:00:00Z", &time_ns));
    cr_assert_eq(time_ns, 0);
}

Test(moment, anything_else_is_refused) {
    static const char *const cases[] = {"",
                                        "yesterday",
                                        "2024-06-17T21:15:30",
                                        "2024-06-17 21:15:30",
                                        "2024-06-17",
                                        "20240617",
                                        "2024-02-30T00:00:00Z",
                                        "1x",
                                        "0",
                                        "-1",
                                        "99999999",
                                        "99999999999",
                                        "100000000",
                                        "631151999999",
                                        "-1718658930",
                                        "-1718658930000",
                                        "202406172115",
                                        "2024061721",
                                        "20240617211530",
                                        "199912312359",
                                        "9223372036854775808",
                                        "-9223372036854775808"};
    int64_t time_ns;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_not(parse_time_arg("--from", cases[i], &time_ns), "\"%s\"", cases[i]);
}

Test(moment, nothing_lies_between_moments_in_the_wrong_order) {
    cr_assert(check_span(1, 2));
    cr_assert_not(check_span(2, 2));
    cr_assert_not(check_span(3, 2));
}

Test(moment, words_stand_between_commas_and_add_up) {
    struct csv_arg words = {0};
    cr_assert(csv_arg_add(&words, "--symbols", "QQQ,SPY"));
    cr_assert(csv_arg_add(&words, "--symbols", "BRK.B"));
    cr_assert_eq(words.count, 3);
    cr_assert_str_eq(words.items[0], "QQQ");
    cr_assert_str_eq(words.items[1], "SPY");
    cr_assert_str_eq(words.items[2], "BRK.B");
    csv_arg_release(&words);
    cr_assert_eq(words.count, 0);
}

Test(moment, an_empty_word_is_refused) {
    static const char *const cases[] = {"", ",", "A,", ",A", "A,,B"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct csv_arg words = {0};
        cr_assert_not(csv_arg_add(&words, "--symbols", cases[i]), "\"%s\"", cases[i]);
        csv_arg_release(&words);
    }
}

Test(moment, quotes_are_refused) {
    static const char *const cases[] = {"\"QQQ\"",        "'QQQ'", "QQQ,'SPY'",
                                        "\"QQQ,SPY\"",    "`QQQ`", "\u201CQQQ\u201D",
                                        "\"QQQ\",\"SPY\""};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct csv_arg words = {0};
        cr_assert_not(csv_arg_add(&words, "--symbols", cases[i]), "%s", cases[i]);
        cr_assert_eq(words.count, 0);
    }
    cr_assert(check_quotes("--reason", "it's", false));
    cr_assert(check_quotes("--brokers", "a:1,b:2", true));
    cr_assert_not(check_quotes("--brokers", "a:1,\"b:2\"", true));
}
