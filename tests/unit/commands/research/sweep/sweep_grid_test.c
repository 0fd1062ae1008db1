#include "commands/research/sweep/sweep_grid.h"

#include <criterion/criterion.h>
#include <string.h>

static struct sweep_grid grid;
static struct error error;

static void teardown(void) {
    sweep_grid_release(&grid);
}

TestSuite(sweep_grid, .fini = teardown);

static void add(const char *text) {
    cr_assert(sweep_grid_add(&grid, text, &error), "%s", error.text);
}

/* All points, as "1a 1b 2a 2b". */
static const char *points(void) {
    static char text[1024];
    text[0] = '\0';
    for (size_t point = 0; point < grid.point_count; point++) {
        strcat(text, point > 0 ? " " : "");
        for (size_t axis = 0; axis < grid.axis_count; axis++)
            strcat(text, sweep_grid_value(&grid, point, axis));
    }
    return text;
}

static const char *filled(void) {
    cr_assert(sweep_grid_fill(&grid, &error), "%s", error.text);
    return points();
}

static void expect_refused(const char *text, const char *why) {
    cr_assert_not(sweep_grid_add(&grid, text, &error), "%s", text);
    cr_assert_not_null(strstr(error.text, why), "%s: %s", text, error.text);
}

Test(sweep_grid, every_combination_is_a_point_and_the_last_parameter_changes_first) {
    add("alpha.n=1,2");
    add("alpha.side=a,b");
    cr_assert_str_eq(filled(), "1a 1b 2a 2b");
    cr_assert_str_eq(grid.deployment, "alpha");
    cr_assert_str_eq(grid.axes[1].name, "side");
}

Test(sweep_grid, range_has_its_end_where_the_steps_meet_it) {
    add("alpha.k=0.1:0.3:0.1");
    cr_assert_str_eq(filled(), "0.1 0.2 0.3");
}

Test(sweep_grid, range_stops_below_an_end_that_the_steps_pass) {
    add("alpha.window=5m:12m:5m");
    cr_assert_str_eq(filled(), "5m 10m");
}

Test(sweep_grid, list_may_have_colons) {
    add("alpha.from=9:30,15:45");
    cr_assert_str_eq(filled(), "9:30 15:45");
}

Test(sweep_grid, values_that_are_no_grid_are_refused) {
    expect_refused("alpha", "DEPLOYMENT.PARAMETER=VALUES");
    expect_refused("alpha.=1", "DEPLOYMENT.PARAMETER=VALUES");
    expect_refused("alpha.n=1,,2", "a value is empty");
    expect_refused("alpha.n=1m:2h:1m", "different units");
    expect_refused("alpha.n=1:2:0", "a step above 0");
    expect_refused("alpha.n=2:1:1", "a step above 0");
    expect_refused("alpha.n=1:x:1", "is not a number");
    expect_refused("alpha.n=2:1", "ends before it begins");
    expect_refused("beta.n=1", "one deployment");
}

Test(sweep_grid, too_many_points_are_refused) {
    add("alpha.a=1:1000:1");
    add("alpha.b=1:101:1");
    cr_assert_not(sweep_grid_fill(&grid, &error));
    cr_assert_not_null(strstr(error.text, "--random"), "%s", error.text);
}

Test(sweep_grid, range_without_a_step_is_only_drawn_from) {
    add("alpha.n=1:3");
    cr_assert_not(sweep_grid_fill(&grid, &error));
    cr_assert_not_null(strstr(error.text, "--random"), "%s", error.text);
}

Test(sweep_grid, one_seed_draws_the_same_points_and_another_one_others) {
    char first[1024];
    add("alpha.n=1:1000000");
    cr_assert(sweep_grid_draw(&grid, 8, 1, &error));
    strcpy(first, points());
    teardown();
    add("alpha.n=1:1000000");
    cr_assert(sweep_grid_draw(&grid, 8, 1, &error));
    cr_expect_str_eq(points(), first);
    teardown();
    add("alpha.n=1:1000000");
    cr_assert(sweep_grid_draw(&grid, 8, 2, &error));
    cr_expect_str_neq(points(), first);
}

Test(sweep_grid, whole_numbers_are_drawn_whole_from_end_to_end) {
    bool has_drawn[3] = {false};
    add("alpha.n=1:3");
    cr_assert(sweep_grid_draw(&grid, 200, 7, &error));
    for (size_t i = 0; i < grid.point_count; i++) {
        const char *text = sweep_grid_value(&grid, i, 0);
        cr_assert(strlen(text) == 1 && text[0] >= '1' && text[0] <= '3', "%s", text);
        has_drawn[text[0] - '1'] = true;
    }
    cr_assert(has_drawn[0] && has_drawn[1] && has_drawn[2]);
}
