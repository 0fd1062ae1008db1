#include "recording/csv.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error error;
static struct text json;

static void setup(void) {
    text_init(&json);
}

static void teardown(void) {
    text_release(&json);
}

TestSuite(recording_csv, .init = setup, .fini = teardown);

static struct recording_csv *open_csv(const char *header, const char *const *mappings,
                                      size_t count) {
    return recording_csv_new(header, strlen(header), mappings, count, &error);
}

/* What becomes of the row; "! ..." of one that is bad. */
static const char *row(struct recording_csv *csv, const char *text) {
    text_reset(&json);
    char *copy = malloc(strlen(text) + 1); /* a sanitizer sees what is read beyond */
    memcpy(copy, text, strlen(text));
    const char *problem = recording_csv_row(csv, copy, strlen(text), &json);
    free(copy);
    if (problem != NULL) {
        text_reset(&json);
        text_printf(&json, "! %s", problem);
    }
    return json.data;
}

Test(recording_csv, columns_keep_their_names_or_go_where_they_are_mapped) {
    static const char *const mappings[] = {"symbol:QQQ", "barData.close=Close", "barData.open=Open",
                                           "publishTime.take5Time=Time", "barData.barTimeFrame:60"};
    struct recording_csv *csv = open_csv("Time,Open,Close,Adj. Close,symbol", mappings, 5);
    cr_assert_not_null(csv, "%s", error.text);
    cr_assert_str_eq(row(csv, "1718658930000,1,2,3,x"),
                     "{\"symbol\":\"QQQ\",\"barData\":{\"close\":2,\"open\":1,\"barTimeFrame\":60},"
                     "\"publishTime\":{\"take5Time\":1718658930000},\"Adj. Close\":3}");
    recording_csv_free(csv);
}

Test(recording_csv, a_column_is_found_without_regard_to_case_when_none_is_as_written) {
    static const char *const mappings[] = {"symbol=TICKER", "timestamp=t"};
    struct recording_csv *csv = open_csv("Ticker,T,t", mappings, 2);
    cr_assert_not_null(csv, "%s", error.text);
    cr_assert_str_eq(row(csv, "A,1,2"), "{\"symbol\":\"A\",\"timestamp\":2,\"T\":1}");
    recording_csv_free(csv);
}

Test(recording_csv, cells_become_numbers_texts_and_nulls) {
    struct recording_csv *csv = open_csv("symbol,timestamp,a", NULL, 0);
    cr_assert_not_null(csv, "%s", error.text);
    static const char *const cells[][2] = {
        {"1", "1"},
        {"-0.5e+3", "-0.5e+3"},
        {"007", "\"007\""},
        {"+1", "\"+1\""},
        {"1.", "\"1.\""},
        {".5", "\".5\""},
        {"", "null"},
        {"NaN", "\"NaN\""},
        {"1e", "\"1e\""},
        {"-", "\"-\""},
        {"true", "\"true\""},
        {" 2 ", "2"},
        {"\"1,5\"", "\"1,5\""},
        {"\"a\"\"b\"", "\"a\\\"b\""},
        {"\"\"", "null"},
        {"\"3\" ", "3"},
        {"1e5", "1e5"},
        {"0", "0"},
        {"-0", "-0"},
        {"0.0", "0.0"},
    };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char line[100], expected[100];
        snprintf(line, sizeof line, "600519,2024-06-17 13:30:00Z,%s", cells[i][0]);
        snprintf(expected, sizeof expected,
                 "{\"symbol\":\"600519\",\"timestamp\":\"2024-06-17 13:30:00Z\",\"a\":%s}",
                 cells[i][1]);
        cr_assert_str_eq(row(csv, line), expected);
    }
    recording_csv_free(csv);
}

Test(recording_csv, rows_that_do_not_fit_say_why) {
    struct recording_csv *csv = open_csv("symbol\ttimestamp", NULL, 0);
    cr_assert_not_null(csv, "%s", error.text);
    cr_assert_str_eq(row(csv, "A"), "! has another number of cells than the header");
    cr_assert_str_eq(row(csv, "A\t1\t"), "! has another number of cells than the header");
    cr_assert_str_eq(row(csv, "\"A\t1"),
                     "! has a quote that is not closed: a cell cannot go over several lines");
    cr_assert_str_eq(row(csv, "\"A\"x\t1"),
                     "! has a quote that is not closed: a cell cannot go over several lines");
    cr_assert_str_eq(row(csv, "A,B\t1"), "{\"symbol\":\"A,B\",\"timestamp\":1}");
    recording_csv_free(csv);
}

static void expect_refused(const char *header, const char *mapping, const char *text) {
    struct recording_csv *csv = open_csv(header, &mapping, mapping != NULL);
    cr_assert_null(csv, "%s", header);
    cr_assert_not_null(strstr(error.text, text), "%s", error.text);
}

Test(recording_csv, headers_and_mappings_that_cannot_work_are_refused) {
    expect_refused("timestamp,close", NULL, "no column of the CSV is \"symbol\"");
    expect_refused("symbol,close", NULL, "no column of the CSV is \"timestamp\"");
    expect_refused("symbol,timestamp", "price=close",
                   "no column \"close\"; it has: symbol, timestamp");
    expect_refused("\"symbol,timestamp", NULL, "the header has a quote that is not closed");
    static const char *const twice[] = {"a=c", "a.b=d"};
    cr_assert_null(open_csv("symbol,timestamp,c,d", twice, 2));
    cr_assert_not_null(strstr(error.text, "\"a\" beside \"a.b\""), "%s", error.text);
    for (const char *const *bad =
             (const char *const[]){"", "a", "=c", "a=", ":x", "a..b=c", ".a=c", "a.=c", NULL};
         *bad != NULL; bad++)
        cr_assert_not(recording_csv_check(*bad, &error), "%s", *bad);
}
