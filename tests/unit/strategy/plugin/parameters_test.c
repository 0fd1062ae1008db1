#include "support.h"

#include "strategy/plugin/parameter.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct description_parameter declared[] = {
    {T5_PARAMETER_INTEGER, (char *)"count", (char *)"how many", (char *)"5", (char *)"1",
     (char *)"10"},
    {T5_PARAMETER_NUMBER, (char *)"share", (char *)"", (char *)"0.5", (char *)"0", (char *)"1"},
    {T5_PARAMETER_BOOLEAN, (char *)"loud", (char *)"", (char *)"no", NULL, NULL},
    {T5_PARAMETER_TEXT, (char *)"label", (char *)"", (char *)"none", NULL, NULL},
    {T5_PARAMETER_DURATION, (char *)"span", (char *)"", (char *)"30s", (char *)"1s", (char *)"2h"},
    {T5_PARAMETER_FILE, (char *)"model", (char *)"", (char *)"", NULL, NULL},
};
static const struct description description = {
    .name = (char *)"alpha", .parameters = declared, .parameter_count = 6};

struct desk {
    struct config_deployment deployment;
    struct config_item items[8];
    struct parameters parameters;
    char *said;
};

static void set(struct desk *desk, const char *name, const char *text) {
    const size_t at = desk->deployment.settings.count++;
    desk->deployment.place = (struct place){"/etc/x.ini", 1};
    desk->deployment.settings.items = desk->items;
    desk->items[at] = (struct config_item){
        .name = (char *)name, .text = (char *)text, .place = {"/etc/x.ini", (int)at + 2}};
}

static bool check(struct desk *desk) {
    struct faults faults = FAULTS_INIT;
    const bool is_good =
        parameters_check(&description, &desk->deployment, &desk->parameters, &faults);
    desk->said = take_faults(&faults);
    return is_good;
}

static void clear(struct desk *desk) {
    parameters_release(&desk->parameters);
    free(desk->said);
}

static void assert_refused(const char *name, const char *text, const char *said) {
    struct desk desk = {0};
    set(&desk, name, text);
    cr_assert_not(check(&desk));
    cr_assert_str_eq(desk.said, said);
    cr_assert_null(desk.parameters.items);
    clear(&desk);
}

Test(parameters, defaults_hold_without_a_section) {
    struct faults faults = FAULTS_INIT;
    struct parameters parameters;
    cr_assert(parameters_check(&description, NULL, &parameters, &faults));
    cr_assert_eq(parameters.count, 6);
    cr_assert_str_eq(parameters.items[0].name, "count");
    cr_assert_eq(parameters.items[0].value.type, T5_VALUE_INTEGER);
    cr_assert_eq(parameters.items[0].value.integer, 5);
    cr_assert_float_eq(parameters.items[0].value.number, 5.0, 0);
    cr_assert_eq(parameters.items[1].value.type, T5_VALUE_NUMBER);
    cr_assert_float_eq(parameters.items[1].value.number, 0.5, 0);
    cr_assert_eq(parameters.items[2].value.type, T5_VALUE_BOOLEAN);
    cr_assert_eq(parameters.items[2].value.integer, 0);
    cr_assert_eq(parameters.items[3].value.type, T5_VALUE_TEXT);
    cr_assert(isnan(parameters.items[3].value.number));
    cr_assert(t5_str_equal(t5_value_text(&parameters.items[3].value), t5_text("none")));
    cr_assert_eq(parameters.items[4].value.integer, 30 * SECOND);
    cr_assert_eq(parameters.items[5].value.length, 0);
    parameters_release(&parameters);
}

Test(parameters, settings_hold_over_defaults) {
    struct desk desk = {0};
    set(&desk, "span", "5m");
    set(&desk, "loud", "Yes");
    set(&desk, "count", "10");
    cr_assert(check(&desk), "%s", desk.said);
    cr_assert_eq(desk.parameters.items[0].value.integer, 10);
    cr_assert_eq(desk.parameters.items[2].value.integer, 1);
    cr_assert_eq(desk.parameters.items[4].value.integer, 300 * SECOND);
    clear(&desk);
}

Test(parameters, unknown_name_gets_a_hint_for_a_near_miss) {
    assert_refused("cuont", "5",
                   "/etc/x.ini:2: strategy alpha has no parameter cuont; did you mean count?\n");
    assert_refused("horizon", "5",
                   "/etc/x.ini:2: strategy alpha has no parameter horizon; `take5 "
                   "list` shows its parameters\n");
}

Test(parameters, value_of_another_type_is_told_what_it_must_be) {
    assert_refused("count", "5.5", "/etc/x.ini:2: count = 5.5: must be an integer\n");
    assert_refused("share", "nan", "/etc/x.ini:2: share = nan: must be a finite number\n");
    assert_refused("loud", "maybe", "/etc/x.ini:2: loud = maybe: must be yes or no\n");
    assert_refused("span", "30",
                   "/etc/x.ini:2: span = 30: must be a duration such as 250ms, 30s, "
                   "5m or 2h\n");
}

Test(parameters, quotes_are_no_part_of_a_value) {
    assert_refused(
        "label", "'x'",
        "/etc/x.ini:2: label: write the value without quotes, they would be part of it\n");
    assert_refused(
        "model", "\"/m\"",
        "/etc/x.ini:2: model: write the value without quotes, they would be part of it\n");
}

Test(parameters, value_outside_its_bounds_is_told_the_bound) {
    assert_refused("count", "0", "/etc/x.ini:2: count = 0: below the minimum, 1\n");
    assert_refused("count", "11", "/etc/x.ini:2: count = 11: above the maximum, 10\n");
    assert_refused("share", "1.0000001", "/etc/x.ini:2: share = 1.0000001: above the maximum, 1\n");
    assert_refused("span", "3h", "/etc/x.ini:2: span = 3h: above the maximum, 2h\n");
}

Test(parameters, large_integers_are_compared_exactly) {
    t5_value a, b;
    cr_assert(parameter_parse(T5_PARAMETER_INTEGER, "9007199254740993", &a));
    cr_assert(parameter_parse(T5_PARAMETER_INTEGER, "9007199254740992", &b));
    cr_assert_gt(parameter_compare(&a, &b), 0);
}

Test(parameters, all_faults_come_at_once) {
    struct desk desk = {0};
    set(&desk, "count", "x");
    set(&desk, "sparn", "1s");
    set(&desk, "share", "2");
    cr_assert_not(check(&desk));
    cr_assert_str_eq(desk.said, "/etc/x.ini:3: strategy alpha has no parameter sparn; did you mean "
                                "span?\n"
                                "/etc/x.ini:2: count = x: must be an integer\n"
                                "/etc/x.ini:4: share = 2: above the maximum, 1\n");
    clear(&desk);
}

Test(parameters, one_without_default_must_be_set) {
    struct description_parameter required = {
        T5_PARAMETER_TEXT, (char *)"broker", (char *)"where orders go", NULL, NULL, NULL};
    const struct description strict = {
        .name = (char *)"beta", .parameters = &required, .parameter_count = 1};
    struct faults faults = FAULTS_INIT;
    struct parameters parameters;
    const struct config_deployment deployment = {.place = {"x.ini", 7}};
    cr_assert_not(parameters_check(&strict, &deployment, &parameters, &faults));
    char *said = take_faults(&faults);
    cr_assert_str_eq(said,
                     "x.ini:7: strategy beta needs a value for broker: where orders go; set it "
                     "in [strategy:beta], or set enabled = no to disable it\n");
    free(said);
    cr_assert_not(parameters_check(&strict, NULL, &parameters, &faults));
    said = take_faults(&faults);
    cr_assert_not_null(strstr(said, "enabled = no"));
    free(said);
}

Test(parameters, hash_follows_values_and_not_order) {
    struct desk one = {0}, two = {0}, three = {0};
    set(&one, "count", "7");
    set(&one, "label", "a");
    set(&two, "label", "a");
    set(&two, "count", "7");
    set(&three, "label", "b");
    set(&three, "count", "7");
    cr_assert(check(&one) && check(&two) && check(&three));
    cr_assert(hash_equal(one.parameters.hash, two.parameters.hash));
    cr_assert_not(hash_equal(one.parameters.hash, three.parameters.hash));
    clear(&one);
    clear(&two);
    clear(&three);
}

Test(parameters, file_is_found_beside_the_ini_and_counts_with_its_content) {
    struct desk desk = {0};
    const char *ini = scratch_path("x.ini"), *model = scratch_path("model.bin");
    write_file(model, "one", 3);
    set(&desk, "model", "model.bin");
    desk.items[0].place.file = ini;
    cr_assert(check(&desk), "%s", desk.said);
    cr_assert(t5_str_equal(t5_value_text(&desk.parameters.items[5].value), t5_text(model)));
    const struct hash before = desk.parameters.hash;
    clear(&desk);
    write_file(model, "two", 3);
    cr_assert(check(&desk), "%s", desk.said);
    cr_assert_not(hash_equal(desk.parameters.hash, before));
    clear(&desk);
}

Test(parameters, file_that_is_not_there_is_a_fault) {
    struct desk desk = {0};
    set(&desk, "model", "/no/such/model.bin");
    cr_assert_not(check(&desk));
    cr_assert_eq(strncmp(desk.said, "/etc/x.ini:2: model: ", 21), 0, "%s", desk.said);
    cr_assert_not_null(strstr(desk.said, "/no/such/model.bin"));
    cr_assert_not_null(strstr(desk.said, "No such file"));
    clear(&desk);
}

Test(parameters, relative_ini_makes_an_absolute_path) {
    struct desk desk = {0};
    const char *directory = scratch_directory();
    write_file(scratch_path("model.bin"), "one", 3);
    cr_assert_eq(chdir(directory), 0);
    set(&desk, "model", "model.bin");
    desk.items[0].place.file = "x.ini";
    cr_assert(check(&desk), "%s", desk.said);
    cr_assert_eq(desk.parameters.items[5].text[0], '/');
    cr_assert_eq(access(desk.parameters.items[5].text, R_OK), 0);
    clear(&desk);
}
