/* What `trend` keeps up, against a walk over the same points: the very same bits, after whatever
 * came before. */
#include "naive.h"

#include "course.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#define POINTS 20000

/* The prices of a series, by how nasty they are. */
struct market {
    const char *name;
    double start, noise;
    double gaps;  /* share of points without a price */
    double jumps; /* share of prices that are one of `nasty` instead */
};

static const struct market markets[] = {
    {"quiet", 480, 0.05, 0.05, 0},
    {"still", 12.5, 0, 0, 0},
    {"across a power of two", 511.9, 0.2, 0.1, 0},
    {"below zero", -480, 0.05, 0.05, 0},
    {"about zero", 0, 0.5, 0.05, 0},
    {"small", 3e-310, 1e-312, 0, 0},
    {"mostly absent", 480, 0.05, 0.97, 0},
    {"wild", 480, 300, 0.05, 0},
    {"with jumps", 480, 0.05, 0.05, 0.002},
    {"of jumps", 480, 0.05, 0.05, 0.9},
};

static const double nasty[] = {1e15,     -1e15, 1e-300, 5e-324, 0.0,    -0.0, 1e308,
                               -1.5e308, 480.5, 1e16,   3,      0x1p53, 0.1,  -480.05};

static void fill(double *points, const struct market *market, uint64_t *seed) {
    double price = market->start;
    for (size_t i = 0; i < POINTS; i++) {
        price += (random_unit(seed) - 0.5) * 2 * market->noise;
        points[i] = price;
        if (random_unit(seed) < market->jumps)
            points[i] = nasty[random_below(seed, sizeof nasty / sizeof *nasty)];
        if (random_unit(seed) < market->gaps)
            points[i] = (double)NAN;
    }
}

/* The bits: 0 is not -0, and two that are not numbers are equal. */
static int is_same(const struct course *a, const struct course *b) {
    return a->prices == b->prices && (a->prices == 0 || memcmp(a, b, sizeof *a) == 0);
}

Test(course, what_is_kept_up_has_the_bits_of_a_walk) {
    static double points[POINTS];
    uint64_t seed = 17;
    size_t exact = 0;
    for (size_t m = 0; m < sizeof markets / sizeof *markets; m++) {
        struct running running = {.begin = 0};
        uint64_t base = 0, begin = 0, end = 0;
        fill(points, &markets[m], &seed);
        while (end < POINTS) {
            const uint64_t come = end + 1 + random_below(&seed, random_below(&seed, 20) ? 5 : 400);
            end = come < POINTS ? come : POINTS;
            const uint64_t longest = random_below(&seed, 100) ? 300 : 1 + random_below(&seed, 600);
            if (end > begin + longest)
                begin = end - longest;
            if (random_below(&seed, 4) == 0) /* what lies before is there for a while */
                base = random_below(&seed, 50) ? begin - begin / 3 % 100 : begin;
            base = base < begin ? base : begin;
            const struct course kept = running_course(&running, points + base, base, begin, end);
            const struct course walked = course_of(points + begin, (size_t)(end - begin));
            cr_assert(is_same(&kept, &walked), "%s: the points %zu to %zu", markets[m].name,
                      (size_t)begin, (size_t)end);
            exact += kept.prices > 0 && course_is_exact(&kept);
            if (random_below(&seed, 200) == 0)
                running_reset(&running);
        }
        running_release(&running);
    }
    cr_assert_gt(exact, 1000); /* or it was only walked */
}

/* The steps by themselves, in the other order, in numbers with more digits. */
Test(course, sums_that_are_said_to_be_exact_are) {
    static double points[POINTS];
    uint64_t seed = 18;
    for (size_t m = 0; m < sizeof markets / sizeof *markets; m++) {
        fill(points, &markets[m], &seed);
        for (size_t begin = 0; begin + 200 < POINTS; begin += 37) {
            const struct course course = course_of(points + begin, 200);
            if (course.prices == 0 || !course_is_exact(&course))
                continue;
            long double sum = 0, way = 0, next = (long double)course.last;
            for (size_t i = begin + 200; i-- > begin;) {
                if (isnan(points[i]))
                    continue;
                sum += next - (long double)points[i];
                way += fabsl(next - (long double)points[i]);
                next = (long double)points[i];
            }
            cr_assert(sum == (long double)course.sum && way == (long double)course.way, "%s",
                      markets[m].name);
            cr_assert(course.sum == course.last - course.first);
        }
    }
}

/* Just above the bound something is rounded: the bound is not a matter of taste. */
Test(course, a_way_longer_than_the_smallest_price_may_be_rounded) {
    const double points[] = {0x1.0000000000001p0, 4, 0x1.0000000000001p0};
    const struct course course = course_of(points, 3);
    cr_assert(!course_is_exact(&course));
    cr_assert((long double)course.way != 2 * (4 - (long double)points[0]));
    const double mixed[] = {-1, 1e-20};
    const struct course across = course_of(mixed, 2);
    cr_assert(!course_is_exact(&across));
    const double zeros[] = {0.0, -0.0};
    const struct course none = course_of(zeros, 2);
    cr_assert(!course_is_exact(&none)); /* of no sign */
}

Test(course, points_without_a_price_are_passed_over) {
    const double none = (double)NAN, points[] = {none, 5, none, none, 4, 6, none};
    const struct course course = course_of(points, 7);
    cr_assert_eq(course.prices, 3);
    cr_assert(course.first == 5 && course.last == 6 && course.min == 4 && course.max == 6);
    cr_assert(course.sum == 1 && course.way == 3);
    cr_assert(course.positive_steps == 1 && course.negative_steps == 1);
    cr_assert_eq(course_of(points, 1).prices, 0);
    cr_assert_eq(course_of(points, 0).prices, 0);
}
