#include "json/escape.h"

#include <criterion/criterion.h>
#include <string.h>

Test(escape, each_has_its_bytes_and_its_length) {
    static const struct {
        const char *escape, *bytes;
    } cases[] = {
        {"\\n", "\n"},
        {"\\\"", "\""},
        {"\\/", "/"},
        {"\\u0041", "A"},
        {"\\u00e9", "\xc3\xa9"},
        {"\\u00E9", "\xc3\xa9"},
        {"\\u20ac", "\xe2\x82\xac"},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[8] = "", *to = bytes;
        const char *end = cases[i].escape + strlen(cases[i].escape);
        cr_expect_eq(escape_resolve(cases[i].escape, end, &to), end, "%s", cases[i].escape);
        *to = '\0';
        cr_expect_str_eq(bytes, cases[i].bytes, "%s", cases[i].escape);
    }
}

Test(escape, what_is_none_is_refused_with_its_reason) {
    static const struct {
        const char *escape, *what;
    } cases[] = {
        {"\\", "a string is not closed"},
        {"\\x", "no such escape"},
        {"\\u12", "\\u without four hexadecimal digits"},
        {"\\u12g4", "\\u without four hexadecimal digits"},
        {"\\udc00", "a low surrogate without a high one"},
        {"\\ud83d", "a high surrogate without a low one"},
        {"\\ud83d\\u0041", "a high surrogate without a low one"},
        {"\\ud83d\\ude0", "a high surrogate without a low one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[8], *to = bytes;
        const char *what = "";
        const char *end = cases[i].escape + strlen(cases[i].escape);
        cr_expect_null(escape_resolve(cases[i].escape, end, &to), "%s", cases[i].escape);
        cr_expect_null(escape_unicode(cases[i].escape, end, &to, &what));
        cr_expect_str_eq(what, cases[i].what, "%s", cases[i].escape);
        cr_expect_eq(to, bytes);
    }
}
