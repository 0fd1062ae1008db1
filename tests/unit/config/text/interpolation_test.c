#include "config/text/interpolation.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const environment[] = {
    "HOST=broker", "PORT=9092", "EMPTY=", "NESTED=${HOST}", "_a1=under", NULL};

static void expect(const char *value, const char *text, bool has_variables) {
    struct interpolated to;
    struct error error;
    cr_assert(interpolate(value, environment, &to, &error), "%s: %s", value, error.text);
    cr_expect_str_eq(to.text, text, "%s gives %s", value, to.text);
    cr_expect_eq(to.has_variables, has_variables, "%s", value);
    free(to.text);
}

static void refuse(const char *value, const char *what) {
    struct interpolated to;
    struct error error;
    cr_assert_not(interpolate(value, environment, &to, &error), "taken: %s", value);
    cr_expect_not_null(strstr(error.text, what), "%s: %s", value, error.text);
    cr_expect_null(to.text);
}

Test(interpolation, text_without_dollars_stays) {
    expect("", "", false);
    expect("a, b\nc } {", "a, b\nc } {", false);
}

Test(interpolation, variables_stand_for_their_values) {
    expect("${HOST}", "broker", true);
    expect("${HOST}:${PORT},${_a1}", "broker:9092,under", true);
    expect("x${HOST}y", "xbrokery", true);
}

Test(interpolation, a_default_stands_in_for_what_is_unset_or_empty) {
    expect("${HOST:-other}", "broker", true);
    expect("${NONE:-other}", "other", true);
    expect("${EMPTY:-other}", "other", true);
    expect("${NONE:-}", "", true);
    expect("${NONE:-a:-b}", "a:-b", true);
    expect("${NONE:-$$a$$$$}x", "$a$$x", true);
}

Test(interpolation, two_dollars_are_one) {
    expect("$$", "$", false);
    expect("a$$b$$$$", "a$b$$", false);
    expect("$${HOST}", "${HOST}", false);
    expect("$$${HOST}", "$broker", true);
}

Test(interpolation, what_a_variable_holds_is_not_looked_through) {
    expect("${NESTED}", "${HOST}", true);
}

Test(interpolation, faults_name_the_variable) {
    refuse("a ${NONE}", "environment variable NONE does not exist, or is empty");
    refuse("${EMPTY}", "environment variable EMPTY does not exist, or is empty");
    refuse("${}", "${} names no environment variable");
    refuse("${1X}", "${1X} names no environment variable");
    refuse("${A-B}", "${A-B} names no environment variable");
    refuse("${:-x}", "names no environment variable");
    refuse("${HOST", "without a closing brace");
    refuse("$HOST", "write $$ for a dollar");
    refuse("costs 5$", "write $$ for a dollar");
    refuse("${NONE:-${HOST}}", "default of ${NONE:-DEFAULT} has a dollar in it");
    refuse("${HOST:-${PORT}}", "default of ${HOST:-DEFAULT} has a dollar in it");
    refuse("${NONE:-$HOST}", "has a dollar in it");
    refuse("${NONE:-a$}", "has a dollar in it");
}

Test(interpolation, faults_do_not_show_the_value) {
    struct interpolated to;
    struct error error;
    cr_assert_not(interpolate("hunter2 $x", environment, &to, &error));
    cr_expect_null(strstr(error.text, "hunter2"));
}

Test(interpolation, without_an_environment_defaults_hold) {
    struct interpolated to;
    struct error error;
    cr_assert(interpolate("${HOST:-d}", NULL, &to, &error));
    cr_expect_str_eq(to.text, "d");
    free(to.text);
}
