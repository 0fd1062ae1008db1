#include "cli/progress_line.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

Test(progress, counts_have_gaps) {
    static const struct {
        uint64_t count;
        const char *text;
    } cases[] = {{0, "0"},
                 {999, "999"},
                 {1000, "1 000"},
                 {1234567, "1 234 567"},
                 {UINT64_MAX, "18 446 744 073 709 551 615"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[40];
        format_count(cases[i].count, text, sizeof text);
        cr_assert_str_eq(text, cases[i].text);
    }
}

Test(progress, a_buffer_that_is_too_small_is_not_overrun) {
    char text[5] = "abcd";
    format_count(1234567, text, 4);
    cr_assert_lt(strlen(text), 4u);
    cr_assert_eq(text[4], '\0');
}

Test(progress, without_a_terminal_nothing_is_shown) {
    struct progress_line line;
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    progress_line_init(&line);
    cr_assert_not(line.is_on);
    line.shown_ns = 0;
    cr_assert_not(progress_line_is_due(&line));
}
