/*
 * What is JSON and what is not: each text is tried as a value that is wanted, as one that is not,
 * and as one whose member is; all must agree.
 */
#include "fixture.h"

#include "base/text.h"

#include <stdio.h>

static const char *const good_values[] = {
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1234567890",
    "0.5",
    "-0.5",
    "1.0",
    "1e1",
    "1E1",
    "1e+1",
    "1e-1",
    "0e0",
    "0E+00",
    "-0e-0",
    "1.25e10",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e-400",
    "123456789012345678901234567890",
    "0.0000000000000000000000000000000000000001",
    "1e00000000000000000000000000000001",
    "1e-99999999999999999999",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\"",
    "\"plain text that is longer than sixteen bytes, and than thirty-two\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u001f\"",
    "\"\\uFFFF\"",
    "\"\\uabCD\"",
    "\"\\ud800\\udc00\"",
    "\"\\uDBFF\\uDFFF\"",
    "\"\x7f\"",
    "\"\xc2\x80\"",
    "\"\xdf\xbf\"",
    "\"\xe0\xa0\x80\"",
    "\"\xec\xbf\xbf\"",
    "\"\xed\x9f\xbf\"",
    "\"\xee\x80\x80\"",
    "\"\xef\xbf\xbf\"",
    "\"\xf0\x90\x80\x80\"",
    "\"\xf3\xbf\xbf\xbf\"",
    "\"\xf4\x8f\xbf\xbf\"",
    "\"0123456789abcde\xc3\xa9 behind a block of sixteen\"",
    "\"/ // /* */\"",
    "\"NaN\"",
    "[]",
    "[ ]",
    "[1]",
    "[ 1 , 2 ]",
    "[[]]",
    "[[],[],{}]",
    "{}",
    "{ }",
    "{\"a\":1}",
    "{ \"a\" : 1 , \"b\" : 2 }",
    "{\"\":0}",
    "{\"a\":{\"b\":[{\"c\":{}}]}}",
    "{\"a\":1,\"a\":2}",
    "{\"\\u0061\":1}",
    "{\"\xc3\xa9\":1}",
    "\t1\n",
    "\r\n [\t] ",
    "[null,true,false,\"x\",-1.5e-3,{},[]]",
};

static const char *const bad_values[] = {
    "",
    " ",
    "+1",
    "-",
    "--1",
    "- 1",
    "01",
    "-01",
    "00",
    "007",
    "1.",
    "-1.",
    ".5",
    "-.5",
    "1.e5",
    "1e",
    "1e+",
    "1e-",
    "1E",
    "1e1.5",
    "1e 5",
    "0e",
    "1.5.5",
    "1_000",
    "0x10",
    "1a",
    "1 2",
    "1,",
    "0.",
    "2.e3",
    "1e5e5",
    "++1",
    "1-",
    "1+2",
    "\xef\xbc\x91",
    "True",
    "TRUE",
    "tru",
    "truee",
    "true1",
    "nul",
    "nulll",
    "None",
    "undefined",
    "fals",
    "falsey",
    "t",
    "n",
    "f",
    "nan",
    "inf",
    "infinity",
    "Inf",
    "+Infinity",
    "-NaN",
    "NaNN",
    "Infinit",
    "-Infinit",
    "Infinityy",
    "N",
    "-I",
    "'a'",
    "a",
    "\"",
    "\"a",
    "a\"",
    "\"a\"b",
    "\"a\" \"b\"",
    "\"\\",
    "\"\\\"",
    "\"\\a\"",
    "\"\\x41\"",
    "\"\\'\"",
    "\"\\0\"",
    "\"\\u\"",
    "\"\\u1\"",
    "\"\\u12\"",
    "\"\\u123\"",
    "\"\\u123g\"",
    "\"\\U0041\"",
    "\"\\u 041\"",
    "\"\\u-041\"",
    "\"\\ud800\"",
    "\"\\ud800x\"",
    "\"\\ud800\\\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\u\"",
    "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\"",
    "\"\\udc00\"",
    "\"\\udfff\\ud800\"",
    "\"\\udbff \\udfff\"",
    "\"\n\"",
    "\"\t\"",
    "\"\x01\"",
    "\"\x1f\"",
    "\"0123456789abcdef\x01\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[,",
    "[,1]",
    "[1,]",
    "[1,,2]",
    "[1 2]",
    "[1;2]",
    "[1:2]",
    "[1}",
    "[1]]",
    "[\"a\"",
    "[[]",
    "[1,2,]",
    "[\"a\",\n4\n,1,",
    "{",
    "}",
    "{]",
    "{\"a\"",
    "{\"a\"}",
    "{\"a\":",
    "{\"a\":}",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{,\"a\":1}",
    "{\"a\" 1}",
    "{\"a\"=1}",
    "{\"a\"::1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\":1]",
    "{\"a\":1}}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{null:1}",
    "{\"a\":1 2}",
    "{\"a\":b}",
    "{\"a\":1;\"b\":2}",
    "{\"a\":\"a\" 123}",
    "{\"a\":/**/1}",
    "{\"a\":1}//",
    "[1]#",
    "/**/1",
    "\f1",
    "1\v",
    "\xc2\xa0"
    "1",
    "\xe2\x80\xa8"
    "1",
    "{\"a\\\":1}",
    "{\"\\ud800\":1}",
    "{\"\x02\":1}",
    "{[]:1}",
    "*",
    "\\",
    "\"\" \\",
    "[\"\\\"]",
    "<a>",
    "\x7f",
    "1\x7f",
};

/* All of them BAD_UTF8. */
static const char *const bad_bytes[] = {
    "\"\x80\"",
    "\"\xbf\"",
    "\"\xc0\x80\"",
    "\"\xc1\xbf\"",
    "\"\xc2\"",
    "\"\xc2 \"",
    "\"\xc2\xc2\"",
    "\"\xc2\x7f\"",
    "\"\xe0\x80\x80\"",
    "\"\xe0\x9f\xbf\"",
    "\"\xe1\x80\"",
    "\"\xe1\"",
    "\"\xe1 \x80\"",
    "\"\xe1\x80 \"",
    "\"\xed\xa0\x80\"",
    "\"\xed\xbf\xbf\"",
    "\"\xf0\x80\x80\x80\"",
    "\"\xf0\x8f\xbf\xbf\"",
    "\"\xf0\x90\x80\"",
    "\"\xf0\x90\"",
    "\"\xf0\"",
    "\"\xf0\x90 \x80\"",
    "\"\xf4\x90\x80\x80\"",
    "\"\xf5\x80\x80\x80\"",
    "\"\xf8\x88\x80\x80\x80\"",
    "\"\xfe\"",
    "\"\xff\"",
    "\"0123456789abcdef\xff\"",
    "\xff",
    "1\x80",
    "{\"\xc0\xaf\":1}",
    "{\"a\":1\xfe}",
    "[\x80]",
    "[1,\xc3(]",
    "\x80"
    "1",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The value in the places where a scanner may look at it differently. */
static const char *const places[] = {
    "{\"skipped\":%s}",
    "{\"wanted\":%s}",
    "{\"parent\":%s}",
    "{\"whole\":%s}",
    "{\"list\":[0,%s]}",
    "{\"list\":[0,0,%s,0]}",
    "{\"skipped\":[[{\"a\":%s}]]}",
    "{\"parent\":{\"child\":%s},\"skipped\":{}}",
    " {\"\\u0077anted\" : %s } ",
    "{\"both\":{\"inner\":%s}}",
};

#define WANTED                                                                                     \
    "wanted", "parent.child", "whole", "list.1", "list.2.x", "both", "both.inner", "none|wanted"

static void check(struct fixture *f, const char *value, enum decode_reason expected,
                  enum decode_reason or_else) {
    for (size_t i = 0; i < COUNT(places); i++) {
        char json[512];
        const int size = snprintf(json, sizeof json, places[i], value);
        cr_assert_lt((size_t)size, sizeof json);
        const enum decode_reason reason = fixture_decode(f, json);
        cr_expect(reason == expected || reason == or_else, "%s: %s, not %s (%s)", json,
                  decode_reason_name(reason), decode_reason_name(expected),
                  decoder_error(f->decoder));
        char *exact = malloc((size_t)size);
        memcpy(exact, json, (size_t)size);
        cr_expect_eq(decode_is_object(exact, (size_t)size, 64), expected == DECODE_OK, "%s", json);
        free(exact);
    }
}

Test(grammar, what_the_standard_allows_is_taken) {
    struct fixture f = FIXTURE(WANTED);
    for (size_t i = 0; i < COUNT(good_values); i++)
        check(&f, good_values[i], DECODE_OK, DECODE_OK);
    fixture_free(&f);
}

Test(grammar, what_it_does_not_allow_is_refused) {
    struct fixture f = FIXTURE(WANTED);
    for (size_t i = 0; i < COUNT(bad_values); i++)
        check(&f, bad_values[i], DECODE_NOT_JSON, DECODE_NOT_JSON);
    fixture_free(&f);
}

Test(grammar, bytes_that_are_not_utf8_are_refused) {
    struct fixture f = FIXTURE(WANTED);
    for (size_t i = 0; i < COUNT(bad_bytes); i++)
        check(&f, bad_bytes[i], DECODE_BAD_UTF8, DECODE_BAD_UTF8);
    fixture_free(&f);
}

Test(grammar, a_document_alone_obeys_the_same_rules) {
    struct fixture f = FIXTURE(WANTED);
    for (size_t i = 0; i < COUNT(good_values); i++) {
        const char *first = good_values[i] + strspn(good_values[i], " \t\r\n");
        const enum decode_reason expected = *first == '{' ? DECODE_OK : DECODE_NOT_OBJECT;
        cr_expect_eq(fixture_decode(&f, good_values[i]), expected, "%s", good_values[i]);
    }
    for (size_t i = 0; i < COUNT(bad_values); i++)
        cr_expect_eq(fixture_decode(&f, bad_values[i]),
                     *bad_values[i] == '\0' ? DECODE_EMPTY : DECODE_NOT_JSON, "%s: %s",
                     bad_values[i], decoder_error(f.decoder));
    for (size_t i = 0; i < COUNT(bad_bytes); i++)
        cr_expect_eq(fixture_decode(&f, bad_bytes[i]), DECODE_BAD_UTF8, "%zu: %s", i,
                     decoder_error(f.decoder));
    fixture_free(&f);
}

Test(grammar, a_byte_order_mark_and_a_nul_are_refused) {
    struct fixture f = FIXTURE("a");
    cr_expect_eq(fixture_decode(&f, "\xef\xbb\xbf{}"), DECODE_NOT_JSON);
    cr_expect_eq(fixture_decode_bytes(&f, "{}\0", 3), DECODE_NOT_JSON);
    cr_expect_eq(fixture_decode_bytes(&f, "\0{}", 3), DECODE_NOT_JSON);
    cr_expect_eq(fixture_decode_bytes(&f, "{\"a\":\"x\0y\"}", 11), DECODE_NOT_JSON);
    cr_expect_eq(fixture_decode_bytes(&f, "{\"b\":\"x\0y\"}", 11), DECODE_NOT_JSON);
    cr_expect_eq(fixture_decode_bytes(&f, "{\0}", 3), DECODE_NOT_JSON);
    fixture_free(&f);
}

Test(grammar, utf8_is_checked_for_every_sequence_of_two_bytes_and_every_code_point) {
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            const char bytes[] = {(char)a, (char)b};
            const bool is_good =
                (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF);
            cr_assert_eq(text_is_utf8(bytes, 2), is_good, "%02x %02x", a, b);
        }
    for (uint32_t point = 0x800; point < 0x200000; point++) {
        char bytes[4];
        size_t size = 3;
        if (point < 0x10000) {
            bytes[0] = (char)(0xE0 | point >> 12);
        } else {
            bytes[0] = (char)(0xF0 | point >> 18);
            bytes[1] = (char)(0x80 | (point >> 12 & 0x3F));
            size = 4;
        }
        bytes[size - 2] = (char)(0x80 | (point >> 6 & 0x3F));
        bytes[size - 1] = (char)(0x80 | (point & 0x3F));
        const bool is_good = point < 0x110000 && !(point >= 0xD800 && point < 0xE000);
        cr_assert_eq(text_is_utf8(bytes, size), is_good, "U+%X", point);
        cr_assert_not(text_is_utf8(bytes, size - 1), "U+%X cut", point);
    }
}

Test(grammar, a_quote_or_escape_ends_a_string_at_any_distance_from_a_block) {
    struct fixture f = FIXTURE("wanted", "a-name-that-is-rather-long-0123456789");
    for (size_t length = 0; length < 70; length++) {
        char json[512];
        char dead_letters[80];
        memset(dead_letters, 'x', length);
        dead_letters[length] = '\0';
        snprintf(json, sizeof json, "{\"wanted\":\"%s\"}", dead_letters);
        assert_text(fixture_field(&f, json, 0), T5_VALUE_TEXT, dead_letters, length);
        snprintf(json, sizeof json, "{\"wanted\":\"%s\\n\",\"s\":\"%s\\\"\"}", dead_letters,
                 dead_letters);
        cr_assert_eq(fixture_field(&f, json, 0)->length, length + 1);
        snprintf(json, sizeof json, "{\"%s\":\"%s\xc3\xa9\",\"wanted\":\"%s\xc3\xa9\"}",
                 dead_letters, dead_letters, dead_letters);
        cr_assert_eq(fixture_field(&f, json, 0)->length, length + 2);
        snprintf(json, sizeof json, "{\"%s\":\"%s\x1f\"}", dead_letters, dead_letters);
        cr_assert_eq(fixture_decode(&f, json), DECODE_NOT_JSON);
        snprintf(json, sizeof json, "{\"%s\x1f\":\"%s\"}", dead_letters, dead_letters);
        cr_assert_eq(fixture_decode(&f, json), DECODE_NOT_JSON);
    }
    fixture_free(&f);
}
