/* The edges of `cross`, one by one; tests/integration/expectations has the whole. */
#include <take5/bytes.h>
#include <take5/testkit.h>

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>

#define SLOPE     "trendData.wSma_slope"
#define INTERCEPT "trendData.wSma_intercept"
#define ERROR     "trendData.wSma_slope_std_err"

static t5_kit *started(const char *name, const char *value) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/cross.so"), T5_OK, "%s",
                 t5_kit_problem(kit));
    t5_kit_set(kit, "report_none", "yes");
    if (name != NULL)
        t5_kit_set(kit, name, value);
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    return kit;
}

/* A message of one time frame; the numbers that are NaN are left out. */
static void line(t5_kit *kit, uint32_t frame, int64_t time_ns, double slope, double intercept,
                 double error) {
    t5_kit_field fields[3];
    t5_kit_message message = t5_kit_message_init("asset_trends", "QQQ", time_ns);
    message.time_frame_s = frame;
    message.fields = fields;
    if (!isnan(slope))
        fields[message.field_count++] = t5_kit_number(SLOPE, slope);
    if (!isnan(intercept))
        fields[message.field_count++] = t5_kit_number(INTERCEPT, intercept);
    if (!isnan(error))
        fields[message.field_count++] = t5_kit_number(ERROR, error);
    cr_assert_eq(t5_kit_send(kit, &message), T5_OK, "%s", t5_kit_problem(kit));
}

/* Lines for 60 and 300 s, with one between that says nothing. */
static void pair(t5_kit *kit, double slope_a, double intercept_a, double slope_b,
                 double intercept_b) {
    line(kit, 60, 1, slope_a, intercept_a, fabs(slope_a) / 4);
    line(kit, 180, 1, (double)NAN, 1, 1);
    line(kit, 300, 1, slope_b, intercept_b, fabs(slope_b) / 4);
}

static int says(const t5_kit *kit, const char *text) {
    const t5_kit_signal *signal = t5_kit_signal_last(kit, "cross");
    return signal != NULL && strstr(signal->data, text) != NULL;
}

Test(cross, two_lines_that_meet_ahead_are_said_with_all_numbers) {
    t5_kit *kit = started(NULL, NULL);
    pair(kit, 0.5, 400, 0.25, 425.375);
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    const t5_kit_signal *signal = t5_kit_signal_at(kit, 0);
    cr_assert(signal->value == 1);
    cr_assert(fabs(signal->confidence - 0.8) < 1e-15);
    cr_assert(says(kit, "\"type\":\"golden\",\"timeFrameA\":60,\"timeFrameB\":300"));
    cr_assert(says(kit, "\"predictedCrossTime\":101"));
    cr_assert(says(kit, "\"x\":101.5,"));
    t5_kit_free(kit);
}

Test(cross, the_first_pairs_with_the_third_and_the_second_with_the_fourth) {
    t5_kit *kit = started(NULL, NULL);
    line(kit, 300, 1, 0.5, 400, 0.1);
    line(kit, 60, 1, 0.5, 400, 0.1);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    line(kit, 420, 1, 0.5, 400, 0.1); /* 60 300 420 */
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    cr_assert(says(kit, "\"timeFrameA\":60,\"timeFrameB\":420"));
    line(kit, 180, 1, 0.5, 400, 0.1); /* 60 180 300 420 */
    cr_assert_eq(t5_kit_signal_count(kit), 3);
    cr_assert_not_null(
        strstr(t5_kit_signal_at(kit, 1)->data, "\"timeFrameA\":60,\"timeFrameB\":300"));
    cr_assert_not_null(
        strstr(t5_kit_signal_at(kit, 2)->data, "\"timeFrameA\":180,\"timeFrameB\":420"));
    t5_kit_free(kit);
}

Test(cross, reasons_come_in_their_order) {
    const struct {
        double slope_a, intercept_a, slope_b, intercept_b;
        const char *reason;
    } cases[] = {
        {0.5, 400, 0.5, 400, "parallel"},    {0.5, 400, 0.25, 400, "past"},
        {0.5, 400, 0.25, 399, "past"},       {0.5, 400, 0.25, 1301, "too_far"},
        {0.005, 400, 0.004, 401, "shallow"}, {0.5, 400, 0.25, 1300, "golden"},
        {0.25, 1300, 0.5, 400, "golden"},    {1e300, -1e308, -1e300, 1e308, "too_far"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t5_kit *kit = started(NULL, NULL);
        pair(kit, cases[i].slope_a, cases[i].intercept_a, cases[i].slope_b, cases[i].intercept_b);
        cr_assert_eq(t5_kit_signal_count(kit), 1);
        cr_assert(says(kit, cases[i].reason), "case %zu: %s", i, t5_kit_signal_at(kit, 0)->data);
        t5_kit_free(kit);
    }
}

Test(cross, a_crossing_beyond_a_double_is_said_to_be_one) {
    t5_kit *kit = started(NULL, NULL);
    pair(kit, 1.7e308, -1.7e308, -1.7e308, 1.7e308);
    cr_assert(says(kit, "\"reason\":\"overflow\""));
    t5_kit_free(kit);
    kit = started(NULL, NULL);
    line(kit, 60, 1, 1e300, 400, 1e-300); /* its t is infinite */
    line(kit, 180, 1, (double)NAN, 1, 1);
    line(kit, 300, 1, -1e300, 401, 1e-300);
    cr_assert(says(kit, "\"tA\":null"));
    t5_kit_free(kit);
}

Test(cross, a_standard_error_of_zero_or_none_is_not_significant) {
    const double errors[] = {0, (double)NAN, 0.26};
    for (size_t i = 0; i < 3; i++) {
        t5_kit *kit = started(NULL, NULL);
        line(kit, 60, 1, 0.5, 400, errors[i]);
        line(kit, 180, 1, 0.5, 400, 0.1);
        line(kit, 300, 1, 0.25, 425, 0.1);
        cr_assert(says(kit, "not_significant"));
        t5_kit_free(kit);
    }
}

Test(cross, a_pair_without_slope_or_intercept_says_nothing) {
    t5_kit *kit = started(NULL, NULL);
    line(kit, 60, 1, (double)NAN, 400, 0.1);
    line(kit, 180, 1, 0.5, 400, 0.1);
    line(kit, 300, 1, 0.25, 425, 0.1);
    line(kit, 60, 2, 0.5, (double)NAN, 0.1);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    line(kit, 60, 2, 0.5, 400, 0.1); /* of equal times the one that came last */
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    line(kit, 60, 1, (double)NAN, 400, 0.1); /* late: the newest stays, and is looked at again */
    cr_assert_eq(t5_kit_signal_count(kit), 2);
    t5_kit_free(kit);
}

Test(cross, none_is_silent_by_default) {
    t5_kit *kit = started("report_none", "no");
    pair(kit, 0.5, 400, 0.5, 400);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    pair(kit, 0.5, 400, 0.25, 425);
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    t5_kit_free(kit);
}

Test(cross, the_same_time_can_be_required) {
    t5_kit *kit = started("require_same_time", "yes");
    line(kit, 60, 1, 0.5, 400, 0.1);
    line(kit, 180, 1, 0.5, 400, 0.1);
    line(kit, 300, 2, 0.25, 425, 0.05);
    cr_assert(says(kit, "not_same_time"));
    line(kit, 60, 2, 0.5, 400, 0.1);
    cr_assert(says(kit, "golden"));
    t5_kit_free(kit);
}

Test(cross, old_and_new_names_inner_and_outer_are_taken_in_order) {
    t5_kit *kit = started(NULL, NULL);
    const char *const messages[] = {
        "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\",\"barData\":{"
        "\"barTimeFrame\":60},"
        "\"trendData\":{\"wSma_slope\":0.5,\"smaSlope\":9,\"wSma_intercept\":null,"
        "\"smaIntercept\":400,\"wSma_slope_std_err\":0.1}}",
        "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\",\"barData\":{"
        "\"barTimeFrame\":180}}",
        "{\"symbol\":\"A\",\"timestamp\":\"1970-01-01T00:00:00.001Z\",\"barData\":{"
        "\"barTimeFrame\":300},"
        "\"trendVector\":{\"trendData\":{\"smaSlope\":0.25,\"smaIntercept\":425,"
        "\"smaSlopeStdErr\":0.05}},\"trendData\":{\"wSma_slope\":\"x\"}}"};
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(t5_kit_json(kit, "asset_trends", messages[i]), T5_OK);
    cr_assert(says(kit, "\"slopeA\":0.5,\"slopeB\":0.25,\"interceptA\":400,\"interceptB\":425"));
    t5_kit_free(kit);
}

Test(cross, a_state_that_is_not_its_own_is_refused) {
    const unsigned char bytes[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        t5_kit *kit = t5_kit_new();
        t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/cross.so");
        t5_kit_add_record(kit, 1, "QQQ", bytes, size);
        cr_assert_eq(t5_kit_start(kit), T5_ERROR);
        t5_kit_free(kit);
    }
}

Test(cross, an_expired_symbol_is_forgotten) {
    t5_kit *kit = started(NULL, NULL);
    line(kit, 60, 1, 0.5, 400, 0.1);
    line(kit, 180, 1, 0.5, 400, 0.1);
    cr_assert_eq(t5_kit_expire(kit, "QQQ"), T5_OK);
    line(kit, 300, 1, 0.25, 425, 0.1);
    cr_assert_eq(t5_kit_signal_count(kit), 0);
    t5_kit_free(kit);
}

Test(cross, a_state_of_version_1_is_read) {
    t5_bytes state;
    t5_bytes_init(&state);
    t5_bytes_put_u64(&state, 2);
    for (uint32_t i = 0; i < 2; i++) {
        t5_bytes_put_u32(&state, 60 + i * 120); /* time frame */
        t5_bytes_put_i64(&state, 1);            /* event time */
        t5_bytes_put_f64(&state, 0.5);          /* slope, intercept, standard error */
        t5_bytes_put_f64(&state, 400);
        t5_bytes_put_f64(&state, 0.125);
    }
    t5_kit *kit = t5_kit_new();
    t5_kit_open(kit, TAKE5_BUILD_DIR "/strategies/cross.so");
    t5_kit_add_record(kit, 1, "QQQ", state.data, state.size);
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    line(kit, 300, 1, 0.25, 425.375, 0.0625);
    cr_assert(says(kit, "\"tA\":4,\"tB\":4,\"x\":101.5,"));
    t5_bytes_release(&state);
    t5_kit_free(kit);
}
