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
    expect_points("NEW", 0, "[]"); /* all are at work */
    enter_quotes("[[\"NEW\",60,1,1]]", 2 + PAGE_RESUME_TICKS);
    expect_points("NEW", 0, "[[60,1,1]]");
    expect_points("S7", 0, "[]");
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

/* ---- published series ---- */

static struct page_published *published;

static void begin_published(void) {
    published = calloc(1, sizeof *published);
}

static void end_published(void) {
    page_published_release(published);
    free(published);
}

static void enter_published(const char *symbol, const char *answers, uint64_t tick) {
    cJSON *list = cJSON_Parse(answers);
    cr_assert_not_null(list, "%s", answers);
    page_published_enter(published, symbol, strlen(symbol), list, tick);
    cJSON_Delete(list);
}

static void expect_published(const char *symbol, uint64_t tick, const char *expected) {
    text_init(&text);
    json = json_writer_of(&text);
    json_begin_object(&json, NULL);
    page_published_write(published, symbol, strlen(symbol), tick, &json);
    json_end_object(&json);
    cr_expect_str_eq(text.data, expected);
    text_release(&text);
}

#define EMA(points) "[{\"more\":0,\"published\":[[\"d\",\"ema\",60," points "]]}]"
#define FRAME(whole, more, series)                                                                 \
    "{\"published\":{\"whole\":" whole ",\"more\":" more ",\"series\":[" series "]}}"

Test(page_published, a_point_is_told_once, .init = begin_published, .fini = end_published) {
    enter_published("A", EMA("[[1000,1.5],[2000,null]]"), 5);
    expect_published("A", 4, FRAME("true", "0", "[\"d\",\"ema\",60,[[1000,1.5],[2000,null]]]"));
    expect_published("A", 5, "{}");
    enter_published("A", EMA("[[1000,1.5],[2000,null],[3000,0.1]]"), 9);
    expect_published("A", 5, FRAME("false", "0", "[\"d\",\"ema\",60,[[3000,0.1]]]"));
    expect_published("A", 0,
                     FRAME("true", "0", "[\"d\",\"ema\",60,[[1000,1.5],[2000,null],[3000,0.1]]]"));
    expect_published("B", 0, "{}");
}

Test(page_published, of_one_time_the_last_value_stands, .init = begin_published,
     .fini = end_published) {
    enter_published("A", EMA("[[1000,1],[2000,2],[2000,3]]"), 1);
    expect_published("A", 0, FRAME("true", "0", "[\"d\",\"ema\",60,[[1000,1],[2000,3]]]"));
    enter_published("A", EMA("[[1000,1],[2000,2],[2000,3],[2000,4],[1500,9]]"), 2);
    expect_published("A", 1, FRAME("false", "0", "[\"d\",\"ema\",60,[[1500,9],[2000,4]]]"));
}

Test(page_published, the_oldest_go_without_a_word, .init = begin_published, .fini = end_published) {
    enter_published("A", EMA("[[1000,1],[2000,2],[3000,3]]"), 1);
    enter_published("A", EMA("[[2000,2],[3000,3],[4000,4]]"), 2);
    expect_published("A", 1, FRAME("false", "0", "[\"d\",\"ema\",60,[[4000,4]]]"));
}

Test(page_published, who_began_anew_is_told_whole, .init = begin_published, .fini = end_published) {
    enter_published("A", EMA("[[1000,1],[2000,2],[3000,3]]"), 1);
    enter_published("A", EMA("[[1000,1]]"), 2);
    expect_published("A", 1, FRAME("true", "0", "[\"d\",\"ema\",60,[[1000,1]]]"));
    enter_published("A", EMA("[[500,1],[1500,1]]"), 3);
    expect_published("A", 2, FRAME("true", "0", "[\"d\",\"ema\",60,[[500,1],[1500,1]]]"));
}

Test(page_published, lanes_and_processes_make_one_series, .init = begin_published,
     .fini = end_published) {
    enter_published("A",
                    "[{\"more\":2,\"published\":[[\"d\",\"ema\",60,[[1000,1],[3000,3]]],"
                    "[\"d\",\"ema\",300,[[1000,7]]],[\"d\",\"ema\",60,[[2000,2]]]]},"
                    "{\"more\":3,\"published\":[[\"d\",\"ema\",60,[[4000,4]]],"
                    "[\"e\",\"ema\",60,[[1000,5]]],[5],[\"d\",\"ema\",\"60\",[]]]}]",
                    1);
    expect_published("A", 0,
                     FRAME("true", "5",
                           "[\"d\",\"ema\",60,[[1000,1],[2000,2],[3000,3],[4000,4]]],"
                           "[\"d\",\"ema\",300,[[1000,7]]],[\"e\",\"ema\",60,[[1000,5]]]"));
}

Test(page_published, one_that_is_told_of_no_more_goes_after_a_while, .init = begin_published,
     .fini = end_published) {
    enter_published("A", EMA("[[1000,1]]"), 1);
    enter_published("A", "[]", 5);
    expect_published("A", 1, "{}");
    enter_published("A", "[]", 40);
    expect_published("A", 5, FRAME("true", "0", ""));
}

Test(page_published, a_symbol_that_nobody_shows_is_forgotten, .init = begin_published,
     .fini = end_published) {
    char name[8];
    for (int i = 0; i < PAGE_STREAMS + 1; i++) {
        snprintf(name, sizeof name, "S%d", i);
        enter_published(name, EMA("[[1000,1]]"), 1);
    }
    expect_published(name, 0, "{}");
    enter_published("S0", EMA("[[1000,1]]"), 2);
    page_published_forget(published, 2);
    expect_published("S0", 1, "{}");
    expect_published("S1", 0, "{}");
    enter_published("S1", EMA("[[1000,1]]"), 3);
    expect_published("S1", 2, FRAME("true", "0", "[\"d\",\"ema\",60,[[1000,1]]]"));
}

Test(page_published, is_bounded_in_series_and_points, .init = begin_published,
     .fini = end_published) {
    text_init(&text);
    json = json_writer_of(&text);
    json_begin_array(&json, NULL);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "published");
    for (unsigned i = 0; i < PAGE_PUBLISHED_SERIES + 3; i++) {
        json_begin_array(&json, NULL);
        json_text(&json, NULL, "d");
        json_text(&json, NULL, "ema");
        json_unsigned(&json, NULL, i);
        json_begin_array(&json, NULL);
        for (int k = 0; k < PAGE_PUBLISHED_POINTS + 5; k++)
            text_printf(json_value(&json, NULL), "[%d,1]", k);
        json_end_array(&json);
        json_end_array(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    json_end_array(&json);
    char *answers = strdup(text.data);
    text_release(&text);
    enter_published("A", answers, 1);
    free(answers);
    const struct page_published_symbol *symbol = &published->symbols[0];
    cr_expect_eq(symbol->count, PAGE_PUBLISHED_SERIES);
    cr_expect_eq(symbol->more, 3);
    cr_expect_eq(symbol->items[0]->count, PAGE_PUBLISHED_POINTS);
    cr_expect_eq(symbol->items[0]->points[0].time_ms, 5);
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
    cJSON *setup = parse("[{\"name\":\"<q>\",\"parameters\":[{\"name\":\"<h1>\",\"value\":null}],"
                         "\"series\":[\"<tt>\"]}]");
    static const char *const marks[] = {"<b>&", "<i>", "</td></span>", "<u>", "<s>", "<em>",
                                        "<img", "<q>", "<h1>&",        "<a>", "<tt>"};
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
