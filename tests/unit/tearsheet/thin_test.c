#include "tearsheet/thin.h"

#include <criterion/criterion.h>
#include <math.h>

#define RUNS 8

struct kept {
    struct thin_point points[8 * RUNS];
    size_t count;
};

static struct thin thin;

static void setup(void) {
    thin = thin_of(RUNS);
}

static void teardown(void) {
    thin_release(&thin);
}

TestSuite(thin, .init = setup, .fini = teardown);

static void keep(void *context, const struct thin_point *point) {
    struct kept *kept = context;
    cr_assert_lt(kept->count, sizeof kept->points / sizeof *kept->points);
    kept->points[kept->count++] = *point;
}

static struct kept look(void) {
    struct kept kept = {.count = 0};
    thin_visit(&thin, keep, &kept);
    return kept;
}

Test(thin, few_points_are_all_there_as_they_came) {
    for (int i = 0; i < RUNS; i++)
        cr_assert(thin_add(&thin, i, i % 3));
    const struct kept kept = look();
    cr_expect_not(thin_is_thinned(&thin));
    cr_assert_eq(kept.count, RUNS);
    for (int i = 0; i < RUNS; i++) {
        cr_expect_eq(kept.points[i].time_ns, i);
        cr_expect_float_eq(kept.points[i].value, i % 3, 0);
    }
}

Test(thin, peaks_and_ends_stay_however_many_points_there_are) {
    const int count = 100000;
    for (int i = 0; i < count; i++)
        cr_assert(thin_add(&thin, i, i == 31234 ? 99 : i == 31235 ? -99 : i % 7));
    const struct kept kept = look();
    bool has_high = false, has_low = false;
    cr_expect(thin_is_thinned(&thin));
    cr_expect_eq(thin.total, (uint64_t)count);
    cr_expect_leq(kept.count, 2 * RUNS + 1);
    for (size_t i = 0; i < kept.count; i++) {
        cr_expect(i == 0 || kept.points[i].time_ns > kept.points[i - 1].time_ns);
        has_high |= kept.points[i].value == 99 && kept.points[i].time_ns == 31234;
        has_low |= kept.points[i].value == -99 && kept.points[i].time_ns == 31235;
    }
    cr_expect(has_high && has_low);
    cr_expect_eq(kept.points[kept.count - 1].time_ns, count - 1);
}

Test(thin, the_lowest_and_the_highest_stand_as_they_came) {
    for (int i = 0; i < 4 * RUNS; i++) /* runs of four */
        cr_assert(thin_add(&thin, i, (const double[]){5, 9, 1, 6}[i % 4]));
    const struct kept kept = look();
    cr_expect_eq(thin.run_points, 4u);
    cr_assert_eq(kept.count, 2 * RUNS + 1);
    cr_expect_float_eq(kept.points[0].value, 9, 0);
    cr_expect_float_eq(kept.points[1].value, 1, 0);
}

Test(thin, gaps_stay) {
    for (int i = 0; i < 64 * RUNS; i++)
        cr_assert(thin_add(&thin, i, i < 3 * RUNS ? (double)NAN : 1));
    const struct kept kept = look();
    cr_assert_gt(kept.count, 1u);
    cr_expect(isnan(kept.points[0].value) || isnan(kept.points[1].value));
    cr_expect_float_eq(kept.points[kept.count - 1].value, 1, 0);
}

Test(thin, nothing_but_gaps_is_nothing_but_gaps) {
    for (int i = 0; i < 100; i++)
        cr_assert(thin_add(&thin, i, (double)NAN));
    const struct kept kept = look();
    cr_expect_leq(kept.count, RUNS);
    for (size_t i = 0; i < kept.count; i++)
        cr_expect(isnan(kept.points[i].value));
}
