#include "base/secret.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const char *hidden(const char *text, const char *secret) {
    static char copy[128];
    snprintf(copy, sizeof copy, "%s", text);
    secret_hide(copy, sizeof copy, secret);
    return copy;
}

Test(secret, is_masked_wherever_it_is_quoted_and_the_reason_stays) {
    cr_assert_str_eq(hidden("hunter2: bad, \"hunter2\" is", "hunter2"), "***: bad, \"***\" is");
    cr_assert_str_eq(hidden("not supported in this build", "hunter2"),
                     "not supported in this build");
    cr_assert_str_eq(hidden("the value is 1234", "1234"), "the value is ***");
    cr_assert_str_eq(hidden("aaaaaaaab", "aaaa"), "******b");
}

Test(secret, that_is_cut_off_or_too_short_takes_the_text_with_it) {
    cr_assert_str_eq(hidden("invalid value \"correct hors", "correct horse battery"), "***");
    cr_assert_str_eq(hidden("invalid value \"ab\"", "ab"), "***");
    cr_assert_str_eq(hidden("no value given", ""), "no value given");
}
