#include "base/format/csv_writer.h"

#include <criterion/criterion.h>
#include <math.h>

static struct text text;
static struct csv_writer csv;

static void begin(void) {
    text_init(&text);
    csv = csv_writer_of(&text);
}

static void end(void) {
    text_release(&text);
}

TestSuite(csv_writer, .init = begin, .fini = end);

Test(csv_writer, commas_stand_between_cells_alone) {
    static const char *const header[] = {"a", "b", "c", NULL};
    csv_row(&csv, header);
    csv_integer(&csv, -1);
    csv_unsigned(&csv, UINT64_MAX);
    csv_text(&csv, "x");
    csv_end_row(&csv);
    cr_assert_str_eq(text.data, "a,b,c\n-1,18446744073709551615,x\n");
}

Test(csv_writer, what_would_end_a_cell_stands_in_quotes) {
    static const char *const cells[] = {"a,b", "say \"x\"", "two\nlines", "cr\r",
                                        "",    "plain",     NULL};
    csv_row(&csv, cells);
    cr_assert_str_eq(text.data, "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"cr\r\",,plain\n");
}

Test(csv_writer, a_number_that_is_none_is_an_empty_cell) {
    csv_number(&csv, (double)NAN);
    csv_number(&csv, 0.1);
    csv_number(&csv, -(double)INFINITY);
    csv_end_row(&csv);
    cr_assert_str_eq(text.data, ",0.1,\n");
}
