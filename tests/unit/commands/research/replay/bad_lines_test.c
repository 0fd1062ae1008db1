#include "commands/research/replay/bad_lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/take5-bad-lines-XXXXXX";

static void setup(void) {
    const int file = mkstemp(path);
    cr_assert_geq(file, 0);
    close(file);
    cr_assert_not_null(freopen(path, "w", stderr));
}

static void teardown(void) {
    unlink(path);
}

TestSuite(bad_lines, .init = setup, .fini = teardown);

static void expect_said(const char *text) {
    char said[4096] = "";
    fflush(stderr);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    fclose(file);
    cr_assert_str_eq(said, text);
}

Test(bad_lines, so_many_are_said_and_the_rest_is_counted) {
    struct bad_lines lines;
    bad_lines_init(&lines, 2);
    for (uint64_t i = 1; i <= 5; i++)
        bad_lines_report(&lines, "f", i, "is bad");
    bad_lines_end(&lines);
    bad_lines_release(&lines);
    expect_said("take5: f:1: is bad\ntake5: f:2: is bad\n"
                "take5: 3 more bad lines (-v lists them)\n");
}

Test(bad_lines, of_those_that_end_it_the_lowest_is_said) {
    struct bad_lines lines;
    bad_lines_init(&lines, 2);
    cr_assert_not(bad_lines_has_first_below(&lines, UINT64_MAX));
    cr_assert(bad_lines_note_first(&lines, 40, "f", 41, "is bad"));
    cr_assert_not(bad_lines_note_first(&lines, 50, "f", 51, "is worse"));
    cr_assert_not(bad_lines_has_first_below(&lines, 40));
    cr_assert(bad_lines_has_first_below(&lines, 41));
    cr_assert(bad_lines_note_first(&lines, 7, "f", 8, "is the first"));
    bad_lines_end(&lines);
    bad_lines_release(&lines);
    expect_said("take5: f:8: is the first\n");
}
