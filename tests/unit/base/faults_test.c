#include "base/faults.h"

#include <criterion/criterion.h>

static const char *const names[] = {"lanes", "strategy_dir", "state_dir", "stats_interval",
                                    "port",  "on",           NULL};

Test(faults, place_stands_before_the_text) {
    struct faults faults = FAULTS_INIT;
    faults_add(&faults, (struct place){"take5.ini", 12}, "bad %s", "value");
    faults_add(&faults, (struct place){"take5.ini", 0}, "as a whole");
    faults_add(&faults, (struct place){NULL, 0}, "environment");
    cr_assert_eq(faults.count, 3);
    cr_assert_str_eq(faults.items[0].text, "take5.ini:12: bad value");
    cr_assert_str_eq(faults.items[1].text, "take5.ini: as a whole");
    cr_assert_str_eq(faults.items[2].text, "environment");
    faults_release(&faults);
}

Test(faults, warnings_are_no_errors) {
    struct faults faults = FAULTS_INIT;
    faults_warn(&faults, (struct place){NULL, 0}, "careful");
    cr_assert_eq(faults.error_count, 0);
    cr_assert(faults.items[0].is_warning);
    faults_add(&faults, (struct place){NULL, 0}, "wrong");
    cr_assert_eq(faults.error_count, 1);
    cr_assert_not(faults.items[1].is_warning);
    faults_release(&faults);
}

Test(faults, many_are_kept_in_order) {
    struct faults faults = FAULTS_INIT;
    for (int i = 0; i < 1000; i++)
        faults_add(&faults, (struct place){"f", i + 1}, "n");
    cr_assert_eq(faults.count, 1000);
    cr_assert_str_eq(faults.items[0].text, "f:1: n");
    cr_assert_str_eq(faults.items[999].text, "f:1000: n");
    faults_release(&faults);
    cr_assert_eq(faults.count, 0);
    faults_add(&faults, (struct place){NULL, 0}, "usable after release");
    cr_assert_eq(faults.count, 1);
    faults_release(&faults);
}

Test(faults, near_miss_finds_slips_of_fingers) {
    cr_assert_str_eq(faults_near_miss("lane", names), "lanes");   /* missing dead letter */
    cr_assert_str_eq(faults_near_miss("laness", names), "lanes"); /* doubled */
    cr_assert_str_eq(faults_near_miss("lenas", names) ?: "", ""); /* two edits of five */
    cr_assert_str_eq(faults_near_miss("lanse", names), "lanes");  /* swapped: one edit */
    cr_assert_str_eq(faults_near_miss("strategy_dirs", names), "strategy_dir");
    cr_assert_str_eq(faults_near_miss("strategie_dir", names), "strategy_dir");
    cr_assert_str_eq(faults_near_miss("stat_dir", names), "state_dir");
    cr_assert_str_eq(faults_near_miss("LANES", names), "lanes"); /* case */
}

Test(faults, near_miss_gives_nothing_when_nothing_is_near) {
    cr_assert_null(faults_near_miss("bootstrap", names));
    cr_assert_null(faults_near_miss("", names));
    cr_assert_null(faults_near_miss("xy", names)); /* a third of two dead letters is no edit */
    const char *const none[] = {NULL};
    cr_assert_null(faults_near_miss("lanes", none));
}

Test(faults, near_miss_prefers_the_nearest) {
    const char *const close[] = {"state_dirx", "state_dir", "stated_dir", NULL};
    cr_assert_str_eq(faults_near_miss("state_dr", close), "state_dir");
}

Test(faults, near_miss_takes_words_of_any_length) {
    char longer[300];
    for (size_t i = 0; i < sizeof longer - 1; i++)
        longer[i] = 'a';
    longer[sizeof longer - 1] = '\0';
    const char *const long_names[] = {longer, "lanes", NULL};
    cr_assert_null(faults_near_miss(longer, names));
    cr_assert_str_eq(faults_near_miss("lane", long_names), "lanes");
    longer[63] = '\0'; /* the longest that gets a hint */
    char slip[64];
    for (size_t i = 0; i < 63; i++)
        slip[i] = 'a';
    slip[63] = '\0';
    slip[10] = 'b';
    cr_assert_str_eq(faults_near_miss(slip, long_names), longer);
}
