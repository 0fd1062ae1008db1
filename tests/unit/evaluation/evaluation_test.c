#include "evaluation/evaluation.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static struct evaluation *evaluation;

static void begin(double cost) {
    const struct evaluation_options options = {
        .horizons_ns = {60 * SECOND}, .horizon_count = 1, .cost = cost, .period_ns = 60 * SECOND};
    evaluation = evaluation_new(&options);
    cr_assert_not_null(evaluation);
}

static void teardown(void) {
    evaluation_free(evaluation);
}

TestSuite(evaluation, .fini = teardown);

static void price_at(const char *symbol, int64_t second, double value, uint64_t place) {
    cr_assert(evaluation_add_price(evaluation, t5_text(symbol), 60, second * SECOND, value, place));
}

static void price(uint32_t frame, int64_t second, double value) {
    cr_assert(evaluation_add_price(evaluation, t5_text("A"), frame, second * SECOND, value, 0));
}

/* Price 0: the signal has none. */
static void signal_at(uint32_t frame, int64_t second, double value, double with_price,
                      double confidence) {
    const struct signal signal = {.name = t5_text("s"),
                                  .symbol = t5_text("A"),
                                  .deployment = t5_text("d"),
                                  .event_time_ns = second * SECOND,
                                  .value = value,
                                  .confidence = confidence,
                                  .price = with_price,
                                  .time_frame_s = frame};
    cr_assert(evaluation_add_signal(evaluation, &signal));
}

static const struct evaluation_returns *finish(enum t5_side side) {
    cr_assert(evaluation_set_side(evaluation, "d", side));
    cr_assert(evaluation_finish(evaluation));
    cr_assert_eq(evaluation_group_count(evaluation), 1u);
    return &evaluation_group(evaluation, 0)->returns[0];
}

static void expect(double found, double expected) {
    cr_assert(isnan(expected) ? isnan(found) : fabs(found - expected) < 1e-12, "%.17g, not %.17g",
              found, expected);
}

static void note_symbol(void *context, const char *symbol, size_t symbol_size,
                        const struct price_series *series) {
    (void)symbol_size;
    cr_assert_eq(series->id, strlen(context));
    strncat(context, symbol, 1);
}

/* As lanes may have them: of several topics and partition numbers. */
Test(evaluation, prices_have_the_order_of_the_recording_whatever_that_of_their_coming) {
    char symbols[8] = "";
    begin(0);
    price_at("C", 60, 7, 5);
    price_at("A", 60, 130, 4);
    price_at("A", 60, 110, 2);
    price_at("A", 60, 120, 3);
    price_at("B", 60, 7, 1);
    price_at("A", 0, 100, 6); /* the time comes before the place */
    signal_at(60, 0, 1, 0, 1);
    signal_at(60, 60, 1, 0, 1); /* the last price of its time; nothing comes behind it */
    const struct evaluation_returns *returns = finish(T5_SIDE_VALUE);
    cr_assert_eq(returns->count, 1u);
    expect(returns->mean, 0.1); /* 100 to the first of its time */
    evaluation_visit_prices(evaluation, note_symbol, symbols);
    cr_assert_str_eq(symbols, "BAC");
    const struct price_series *series = evaluation_find_prices(evaluation, t5_text("A"), 60);
    cr_assert_eq(series->points[1].place, 2);
    cr_assert_eq(price_series_at(series, 60 * SECOND)->price, 130);
}

Test(evaluation, a_return_is_to_the_first_price_at_or_after_the_horizon) {
    begin(0);
    price(60, 0, 100);
    price(60, 59, 500);
    price(60, 60, 110);
    price(60, 61, 900);
    price(60, 200, 55);
    signal_at(60, 0, 1, 100, 1);    /* +10 % */
    signal_at(60, 100, -1, 110, 0); /* 110 to 55, short: +50 % */
    signal_at(60, 141, 1, 55, 0.5); /* the recording ends before */
    const struct evaluation_returns *returns = finish(T5_SIDE_VALUE);
    cr_assert_eq(returns->count, 2u);
    expect(returns->mean, 0.3);
    expect(returns->median, 0.3);
    expect(returns->worst, 0.1);
    expect(returns->hit_rate, 1);
    cr_assert_eq(returns->bins[9].count, 1u);
    cr_assert_eq(returns->bins[0].count, 1u);
    cr_assert_eq(returns->bins[5].count, 0u);
    expect(returns->bins[5].hit_rate, (double)NAN);
}

Test(evaluation, a_signal_without_a_price_has_the_last_one_before_it) {
    begin(0);
    price(300, 0, 1); /* a longer time frame: not meant */
    price(60, 0, 50);
    price(60, 10, 100);
    price(60, 80, 120);
    signal_at(0, 15, 1, 0, 1);
    signal_at(0, -1, 1, 0, 1); /* nothing before it */
    signal_at(7, 15, 1, 0, 1); /* no prices of that time frame */
    const struct evaluation_returns *returns = finish(T5_SIDE_NONE);
    cr_assert_eq(returns->count, 1u);
    expect(returns->mean, 0.2);
    cr_assert_eq(evaluation_group(evaluation, 0)->unpriced, 2u);
    cr_assert_eq(evaluation_group(evaluation, 0)->longs, 0u);
}

Test(evaluation, points_that_come_late_take_their_place) {
    begin(0);
    for (int64_t i = 200; i >= 0; i--)
        price(60, 2 * i, (double)(1000 + i));
    price(60, 60, 5000); /* of the time of another one: behind it */
    signal_at(60, 0, 1, 1000, 1);
    expect(finish(T5_SIDE_VALUE)->mean, 0.03);
}

Test(evaluation, positions_are_held_until_another_side_is_said) {
    begin(0.01);
    price(60, 0, 100);
    price(60, 60, 110);
    price(60, 120, 99);
    price(60, 180, 99);
    price(60, 240, 198);
    signal_at(60, 0, 5, 100, 1);   /* long: cost 1 % */
    signal_at(60, 60, 1, 110, 1);  /* still */
    signal_at(60, 60, -1, 110, 1); /* turned: cost 2 % */
    signal_at(60, 180, 0, 99, 1);  /* out: cost 1 % */
    finish(T5_SIDE_VALUE);
    const struct evaluation_deployment *result = evaluation_deployment(evaluation, 0);
    cr_assert(result->trades == 3 && result->series == 1);
    expect(result->turnover, 4);
    expect(result->turnover_per_day, 4 * 86400.0 / 240);
    expect(result->profit, -0.01 + 0.1 - 0.02 + 0.1 - 0.01);
    expect(result->drawdown, 0.01 / 1.17 > 0.01 ? 0.01 / 1.17 : 0.01);
    /* By minutes: -0.01, 0.08, 0.1, -0.01, 0. */
    const double mean = 0.16 / 5, squares = 2 * 0.0001 + 0.0064 + 0.01;
    expect(result->sharpe,
           mean / sqrt((squares - 5 * mean * mean) / 4) * sqrt(365.25 * 86400 / 60));
}

Test(evaluation, nothing_is_made_of_nothing) {
    begin(0);
    cr_assert(evaluation_set_side(evaluation, "d", T5_SIDE_VALUE));
    cr_assert(evaluation_finish(evaluation));
    cr_assert_eq(evaluation_group_count(evaluation), 0u);
    const struct evaluation_deployment *result = evaluation_deployment(evaluation, 0);
    expect(result->profit, 0);
    expect(result->sharpe, (double)NAN);
    expect(result->turnover_per_day, (double)NAN);
}
