#include "tearsheet/tearsheet.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static struct tearsheet *tearsheet;
static struct evaluation *evaluation;
static struct text text;

static void begin(size_t cards, const char *const *symbols, size_t symbol_count) {
    const struct evaluation_options options = {
        .horizons_ns = {60 * SECOND}, .horizon_count = 1, .period_ns = 60 * SECOND};
    const struct tearsheet_options shown = {cards, symbols, symbol_count};
    evaluation = evaluation_new(&options);
    tearsheet = tearsheet_new(&shown);
    text_init(&text);
    cr_assert(evaluation != NULL && tearsheet != NULL);
}

static void teardown(void) {
    tearsheet_free(tearsheet);
    evaluation_free(evaluation);
    text_release(&text);
}

TestSuite(tearsheet, .fini = teardown);

static struct signal signal_of(const char *symbol, uint32_t frame, int64_t second, double value) {
    return (struct signal){.name = t5_text("s"),
                           .symbol = t5_text(symbol),
                           .deployment = t5_text("d"),
                           .event_time_ns = second * SECOND,
                           .value = value,
                           .confidence = 0.5,
                           .time_frame_s = frame};
}

static void say(const char *symbol, uint32_t frame, int64_t second, double value) {
    const struct signal signal = signal_of(symbol, frame, second, value);
    cr_assert(evaluation_add_signal(evaluation, &signal));
    cr_assert(tearsheet_add_signal(tearsheet, &signal));
}

static void publish(const char *symbol, uint32_t frame, int64_t second, double value) {
    const struct signal point = signal_of(symbol, frame, second, value);
    cr_assert(tearsheet_add_point(tearsheet, &point));
}

static void price(const char *symbol, uint32_t frame, int64_t second, double value) {
    cr_assert(evaluation_add_price(evaluation, t5_text(symbol), frame, second * SECOND, value, 0));
}

static struct tearsheet_shown put(void) {
    struct tearsheet_shown shown;
    struct json_writer json = json_writer_of(&text);
    json_begin_object(&json, NULL);
    evaluation_follow_equity(evaluation, tearsheet_add_equity, tearsheet);
    cr_assert(evaluation_finish(evaluation));
    cr_assert(tearsheet_put(tearsheet, evaluation, &json, &shown));
    json_end_object(&json);
    return shown;
}

static void expect(const char *part) {
    cr_expect_not_null(strstr(text.data, part), "%s is not in %s", part, text.data);
}

Test(tearsheet, what_has_most_signals_comes_first) {
    begin(2, NULL, 0);
    price("A", 60, 0, 1);
    price("A", 300, 0, 1);
    price("B", 60, 0, 1);
    price("C", 60, 0, 1);
    say("B", 60, 0, 1);
    say("C", 60, 0, 1);
    say("C", 60, 1, 1);
    const struct tearsheet_shown shown = put();
    cr_expect_eq(shown.cards, 2u);
    cr_expect_eq(shown.all_cards, 4u);
    cr_expect_lt(strstr(text.data, "\"symbol\":\"C\""), strstr(text.data, "\"symbol\":\"B\""));
    cr_expect_null(strstr(text.data, "\"symbol\":\"A\""));
}

Test(tearsheet, what_was_asked_for_is_shown_in_that_order) {
    begin(9, (const char *const[]){"B", "A", "none"}, 3);
    for (int64_t i = 0; i < 3; i++) {
        say("A", 60, i, 1);
        say("C", 60, i, 1);
        publish("C", 60, i, 1);
    }
    price("A", 60, 0, 1);
    price("B", 60, 0, 1);
    price("C", 60, 0, 1);
    const struct tearsheet_shown shown = put();
    cr_expect_eq(shown.all_cards, 2u);
    cr_expect_lt(strstr(text.data, "\"symbol\":\"B\""), strstr(text.data, "\"symbol\":\"A\""));
    cr_expect_null(strstr(text.data, "\"symbol\":\"C\""));
}

Test(tearsheet, without_a_time_frame_it_belongs_to_the_lowest) {
    begin(9, NULL, 0);
    price("A", 300, 0, 7);
    price("A", 60, 0, 5);
    say("A", 0, 1, -1);
    publish("A", 0, 0, 3);
    const struct tearsheet_shown shown = put();
    cr_expect_eq(shown.all_cards, 2u);
    expect("\"time_frame_s\":60,\"prices\":{\"total\":1,\"thinned\":false,\"points\":[[0,5]]},"
           "\"signals\":[[1000,5,0,-1,null,-1,0.5]],\"signals_total\":1,\"published\":[{");
}

Test(tearsheet, there_is_a_place_for_what_has_no_price) {
    begin(9, NULL, 0);
    say("A", 60, 1, 1);
    publish("", 0, 1, 2);
    const struct tearsheet_shown shown = put();
    cr_expect_eq(shown.all_cards, 2u);
    expect("{\"symbol\":\"A\",\"time_frame_s\":60,\"signals\":[[1000,null,");
    expect(
        "{\"symbol\":\"\",\"time_frame_s\":0,\"signals\":[],\"signals_total\":0,\"published\":[{");
}

Test(tearsheet, many_signals_are_chosen_evenly) {
    begin(9, NULL, 0);
    price("A", 60, 0, 1);
    for (int64_t i = 0; i < 4 * TEARSHEET_MARKS; i++)
        say("A", 60, i, 1);
    const struct tearsheet_shown shown = put();
    cr_expect(shown.is_thinned);
    expect("\"signals\":[[0,1,0,1,null,1,0.5],[4000,1,0,1,null,1,0.5],[8000,");
    expect("\"signals_total\":1600");
}

Test(tearsheet, of_many_published_series_the_first_are_drawn) {
    begin(9, NULL, 0);
    price("A", 60, 0, 1);
    for (int i = 0; i < TEARSHEET_PUBLISHED + 3; i++) {
        char name[] = {'s', (char)('a' + i), '\0'};
        struct signal point = signal_of("A", 60, 0, 1);
        point.name = t5_text(name);
        cr_assert(tearsheet_add_point(tearsheet, &point));
    }
    cr_expect_eq(put().published_left, 3u);
    expect("\"published_left\":3");
    cr_expect_null(strstr(text.data, "\"series\":\"si\""));
}

Test(tearsheet, equity_ends_with_the_profit) {
    begin(9, NULL, 0);
    cr_assert(evaluation_set_side(evaluation, "d", T5_SIDE_VALUE));
    price("A", 60, 0, 100);
    price("A", 60, 60, 150);
    say("A", 60, 0, 1);
    put();
    expect("\"equity\":[{\"deployment\":\"d\",\"total\":");
    expect("[60000,1.5]]}]");
}

Test(tearsheet, data_cannot_end_its_element) {
    struct text page;
    size_t count = 0;
    begin(9, NULL, 0);
    price("</script><script>", 60, 0, 1);
    put();
    text_init(&page);
    cr_assert(tearsheet_write_page(&page, &text));
    const char *data = strstr(page.data, "id=\"data\">");
    cr_assert_not_null(data);
    cr_expect_not_null(strstr(data, "\\u003c/script>\\u003cscript>"));
    for (const char *p = page.data; (p = strstr(p, "</script>")) != NULL; p++)
        count++;
    cr_expect_eq(count, 3u);
    cr_expect_null(strstr(page.data, "sourceMappingURL"));
    text_release(&page);
}
