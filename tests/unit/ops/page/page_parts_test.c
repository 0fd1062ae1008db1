#include "ops/page/page_private.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct text text;
static struct json_writer json;

static void begin_text(void) {
    text_init(&text);
    json = json_writer_of(&text);
    json_begin_array(&json, NULL);
}

static void end_text(const char *expected) {
    json_end_array(&json);
    cr_expect_str_eq(text.data, expected);
    text_release(&text);
}

/* ---- prices ---- */

static struct page_series *series;

static void enter_quotes(const char *quotes, uint64_t tick) {
    cJSON *list = cJSON_Parse(quotes);
    cr_assert_not_null(list, "%s", quotes);
    page_series_enter(series, list, tick);
    cJSON_Delete(list);
}

static void expect_points(const char *symbol, uint64_t tick, const char *expected) {
    begin_text();
    page_series_write(series, symbol, strlen(symbol), tick, &json);
    end_text(expected);
}

static void begin_series(void) {
    series = calloc(1, sizeof *series);
}

static void end_series(void) {
    page_series_release(series);
    free(series);
}

Test(page_series, a_point_is_told_once, .init = begin_series, .fini = end_series) {
    enter_quotes("[[\"A\",60,1000,1.5],[\"A\",300,1000,1.5],[\"B\",60,900,7]]", 1);
    enter_quotes("[[\"A\",60,1000,1.5],[\"A\",300,1300,67123.45],[\"B\",60,900,7]]", 2);
    expect_points("A", 0, "[[60,1000,1.5],[300,1000,1.5],[300,1300,67123.45]]");
    expect_points("A", 1, "[[300,1300,67123.45]]");
    expect_points("A", 2, "[]");
    expect_points("a", 0, "[]");
}

Test(page_series, a_series_without_a_price_is_listed, .init = begin_series, .fini = end_series) {
    enter_quotes("[[\"A\",60,1000,null],[\"A\",300,1000,1],[\"\",60,1,1],[5,60,1,1],[\"B\"]]", 3);
    expect_points("A", 0, "[[300,1000,1]]");
    begin_text();
    page_series_list(series, &json);
    end_text("[[\"A\",[60,300]]]");
    cr_expect_eq(series->changed_tick, 3);
}

Test(page_series, the_ring_keeps_the_newest, .init = begin_series, .fini = end_series) {
    char quote[64];
    for (int i = 0; i < PAGE_POINTS + 10; i++) {
        snprintf(quote, sizeof quote, "[[\"A\",60,%d,1]]", i + 1);
        enter_quotes(quote, (uint64_t)i + 1);
    }
    cr_expect_eq(series->items[0].count, PAGE_POINTS);
    expect_points("A", PAGE_POINTS + 8, "[[60,1033,1],[60,1034,1]]");
}

Test(page_series, who_was_not_told_of_for_long_makes_room, .init = begin_series,
     .fini = end_series) {
    char quote[64];
    for (int i = 0; i < PAGE_SERIES; i++) {
        snprintf(quote, sizeof quote, "[[\"S%d\",60,1,1]]", i);
        enter_quotes(quote, i == 7 ? 1 : 2);
    }
    enter_quotes("[[\"NEW\",60,1,1]]", 3);
    cr_expect_not(page_series_has(series, "NEW", 3), "all are at work");
    enter_quotes("[[\"NEW\",60,1,1]]", 2 + PAGE_RESUME_TICKS);
    cr_expect(page_series_has(series, "NEW", 3));
    cr_expect_not(page_series_has(series, "S7", 2));
    cr_expect_eq(series->count, PAGE_SERIES);
}

/* ---- signals ---- */

static void enter_signals(struct page_signals *signals, const char *list, uint64_t tick) {
    cJSON *parsed = cJSON_Parse(list);
    page_signals_enter(signals, parsed, tick);
    cJSON_Delete(parsed);
}

Test(page_signals, are_told_by_symbol_tick_and_number) {
    struct page_signals *signals = calloc(1, sizeof *signals);
    enter_signals(signals, "[{\"symbol\":\"A\",\"n\":1},{\"symbol\":\"B\",\"n\":2}]", 1);
    enter_signals(signals, "[{\"symbol\":\"A\",\"n\":3},{\"n\":4}]", 2);
    begin_text();
    page_signals_write(signals, "A", 1, 0, 10, &json);
    end_text("[{\"symbol\":\"A\",\"n\":1},{\"symbol\":\"A\",\"n\":3}]");
    begin_text();
    page_signals_write(signals, NULL, 0, 1, 10, &json);
    end_text("[{\"symbol\":\"A\",\"n\":3},{\"n\":4}]");
    begin_text();
    page_signals_write(signals, NULL, 0, 0, 1, &json);
    end_text("[{\"n\":4}]");
    page_signals_release(signals);
    free(signals);
}

Test(page_signals, are_bounded_in_number_and_size) {
    struct page_signals *signals = calloc(1, sizeof *signals);
    char *large = malloc(100000);
    memset(large, 'x', 100000);
    memcpy(large, "[{\"symbol\":\"A\",\"data\":\"", 23);
    memcpy(large + 90000, "\"}]", 4);
    for (int i = 0; i < PAGE_SIGNALS + 5; i++)
        enter_signals(signals, i % 2 == 0 ? large : "[{\"symbol\":\"A\",\"n\":1}]", 1);
    cr_expect_eq(signals->count, PAGE_SIGNALS);
    cr_expect_lt(signals->bytes, 100000, "what is too large comes without its data");
    free(large);
    page_signals_release(signals);
    cr_expect_eq(signals->bytes, 0);
    free(signals);
}

/* ---- history ---- */

static void add_moment(struct page_history *history, int second, double messages, double lag,
                       double fast, double slow) {
    const struct page_histogram latency = {
        .count = 3, .bounds_us = {1000, 2000, 9e12}, .counts = {fast, slow, 0}};
    page_history_add(history, (uint64_t)second, (1 + second) * NS_PER_S, messages, lag, &latency);
}

Test(page_history, has_rates_and_quantiles_of_what_came_between) {
    struct page_history *history = calloc(1, sizeof *history);
    cr_expect_null(page_history_last(history));
    add_moment(history, 1, 1000, 5, 100, 100);
    cr_expect(isnan(page_history_last(history)->rate), "nothing to compare with");
    add_moment(history, 2, 1300, -1, 200, 100);
    const struct page_moment *last = page_history_last(history);
    cr_expect_float_eq(last->rate, 300, 1e-9);
    cr_expect(isnan(last->lag));
    cr_expect_float_eq(last->p50_ms, 0.5, 1e-9);
    cr_expect_float_eq(last->p99_ms, 0.99, 1e-9);
    add_moment(history, 3, 0, 5, 0, 0); /* it began anew */
    last = page_history_last(history);
    cr_expect(isnan(last->rate) && isnan(last->p50_ms));
    begin_text();
    page_history_write(history, 3, &json);
    end_text("[]");
    free(history);
}

Test(page_history, keeps_fifteen_minutes) {
    struct page_history *history = calloc(1, sizeof *history);
    for (int i = 0; i < PAGE_HISTORY + 50; i++)
        add_moment(history, i + 1, i, 0, i, 0);
    cr_expect_eq(history->count, PAGE_HISTORY);
    begin_text();
    page_history_write(history, PAGE_HISTORY + 49, &json);
    json_end_array(&json);
    cr_expect_not_null(strstr(text.data, ",1,0,0.5,0.99]"), "%s", text.data);
    text_release(&text);
    free(history);
}

/* ---- the document ---- */

static cJSON *parse(const char *source) {
    cJSON *value = cJSON_Parse(source);
    cr_assert_not_null(value, "%s", source);
    return value;
}

Test(page_html, whatever_comes_from_outside_is_text) {
    cJSON *state = parse("{\"stats\":{\"service\":\"<b>&'\\\"\",\"strategies\":[{\"name\":\"<i>\","
                         "\"state\":\"</td>\"}],\"totals\":{\"bad_by_reason\":{\"<u>\":1}},"
                         "\"lag\":[{\"topic\":\"<s>\",\"partition\":0,\"lag\":1234567}]},"
                         "\"ready\":{\"status\":\"not ready\",\"checks\":[{\"status\":\"fail\","
                         "\"name\":\"<em>\",\"detail\":\"<p>\"}]}}");
    cJSON *signals = parse("[{\"symbol\":\"<img src=x onerror=alert(1)>\",\"name\":\"<a>\"}]");
    cJSON *setup =
        parse("[{\"name\":\"<q>\",\"parameters\":[{\"name\":\"<h1>\",\"value\":null}]}]");
    static const char *const marks[] = {"<b>&", "<i>",  "</td></span>", "<u>",   "<s>",
                                        "<em>", "<img", "<q>",          "<h1>&", "<a>"};
    struct text html;
    text_init(&html);
    page_html_write(&html, state, setup, signals, "1.2.3");
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        cr_expect_null(strstr(html.data, marks[i]), "%s", marks[i]);
    cr_expect_not_null(strstr(html.data, "&lt;img src=x onerror=alert(1)&gt;"));
    cr_expect_not_null(strstr(html.data, "&lt;b&gt;&amp;&#39;&quot;"));
    cr_expect_not_null(strstr(html.data, "1\u202f234\u202f567"));
    cr_expect_not_null(strstr(html.data, "not ready: &lt;em&gt;"));
    cr_expect_null(strchr(html.data, '@'), "each place was filled");
    text_release(&html);
    cJSON_Delete(state);
    cJSON_Delete(signals);
    cJSON_Delete(setup);
}

Test(page_html, nothing_known_is_a_page_as_well) {
    struct text html;
    text_init(&html);
    page_html_write(&html, NULL, NULL, NULL, "1.2.3");
    cr_expect_not_null(strstr(html.data, "starting"));
    cr_expect_not_null(strstr(html.data, "</html>"));
    text_release(&html);
}

Test(page_assets, have_a_hash_in_their_names) {
    cr_expect_eq(strncmp(page_asset_path("app.js"), "assets/app.", 11), 0);
    cr_expect_eq(strlen(page_asset_path("app.js")), strlen("assets/app.0123456789ab.js"));
    cr_expect_str_eq(page_asset_path("none.js"), "");
}
