#include "conformance/cases/cases.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct conformance_case *find(const char *name, const char **argument) {
    *argument = NULL;
    return conformance_case_find(name, argument);
}

Test(conformance_cases, every_case_that_runs_once_is_found_by_its_name) {
    const char *argument;
    for (const struct conformance_case *at = conformance_cases; at->name != NULL; at++) {
        if (at->range != CASE_ONCE)
            continue;
        cr_assert_eq(find(at->name, &argument), at, "%s", at->name);
        cr_assert_str_eq(argument, "");
    }
}

Test(conformance_cases, what_follows_the_name_is_the_argument) {
    const char *argument;
    const struct conformance_case *found = find("messages/text/bar_trends", &argument);
    cr_assert_str_eq(found->name, "messages/text");
    cr_assert_str_eq(argument, "bar_trends");
    found = find("parameter/window", &argument);
    cr_assert_eq(found->range, CASE_PARAMETERS);
    cr_assert_str_eq(argument, "window");
}

Test(conformance_cases, no_other_name_is_a_case) {
    const char *argument;
    cr_assert_null(find("", &argument));
    cr_assert_null(find("lif", &argument));
    cr_assert_null(find("life/more", &argument));
    cr_assert_null(find("parameter", &argument));
    cr_assert_null(find("parameters/x", &argument));
}

Test(conformance_cases, the_first_reads_the_descriptor_and_names_differ) {
    cr_assert_str_eq(conformance_cases[0].name, CASE_DESCRIPTOR);
    for (const struct conformance_case *a = conformance_cases; a->name != NULL; a++) {
        cr_assert_not_null(a->run);
        cr_assert(strlen(a->summary) > 0);
        for (const struct conformance_case *b = a + 1; b->name != NULL; b++)
            cr_assert_str_neq(a->name, b->name);
    }
}
