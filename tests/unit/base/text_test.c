#include "base/text.h"

#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct text text;

static void begin(void) {
    text_init(&text);
}

static void end(void) {
    text_release(&text);
}

TestSuite(text, .init = begin, .fini = end);

Test(text, is_always_terminated) {
    cr_assert_str_eq(text.data, "");
    text_puts(&text, "ab");
    cr_assert_str_eq(text.data, "ab");
    text_append(&text, "cde", 2);
    text_putc(&text, '!');
    cr_assert_str_eq(text.data, "abcd!");
    cr_assert_eq(text.size, 5);
    text_append(&text, NULL, 0);
    cr_assert_eq(text.size, 5);
    text_reset(&text);
    cr_assert_str_eq(text.data, "");
    cr_assert_eq(text.size, 0);
}

Test(text, holds_any_byte) {
    text_append(&text, "a\0b", 3);
    cr_assert_eq(text.size, 3);
    cr_assert_eq(memcmp(text.data, "a\0b", 4), 0);
}

Test(text, grows_over_many_appends) {
    for (int i = 0; i < 10000; i++)
        text_printf(&text, "%d,", i);
    cr_assert_eq(text.size, 10 * 2 + 90 * 3 + 900 * 4 + 9000 * 5);
    cr_assert_eq(strlen(text.data), text.size);
    cr_assert_lt(text.size, text.capacity);
    cr_assert_not(text_is_oom(&text));
}

Test(text, printf_takes_what_is_longer_than_its_guess) {
    char longer[5001];
    memset(longer, 'y', 5000);
    longer[5000] = '\0';
    for (size_t size = 55; size < 75; size++) { /* around the room that is reserved first */
        text_reset(&text);
        text_printf(&text, "%.*s|", (int)size, longer);
        cr_assert_eq(text.size, size + 1);
        cr_assert_eq(text.data[size], '|');
    }
    text_reset(&text);
    text_printf(&text, "<%s>", longer);
    cr_assert_eq(text.size, 5002);
    cr_assert_eq(text.data[5001], '>');
}

Test(text, take_gives_the_buffer_away) {
    char *nothing = text_take(&text);
    cr_assert_str_eq(nothing, "");
    free(nothing);
    text_puts(&text, "mine");
    char *taken = text_take(&text);
    cr_assert_str_eq(taken, "mine");
    free(taken);
    cr_assert_str_eq(text.data, "");
    text_puts(&text, "again");
    cr_assert_str_eq(text.data, "again");
}

Test(text, without_memory_it_stays_as_it_was) {
    text_puts(&text, "kept");
    text_append(&text, "x", SIZE_MAX); /* never copied: no such memory */
    cr_assert(text_is_oom(&text));
    cr_assert_str_eq(text.data, "kept");
    text_puts(&text, "more");
    cr_assert_str_eq(text.data, "kept", "no hole in the text");
    cr_assert_null(text_take(&text));
    cr_assert_not(text_is_oom(&text));
    text_append(&text, "x", SIZE_MAX);
    cr_assert(text_is_oom(&text));
    cr_assert_str_eq(text.data, "");
    text_reset(&text);
    cr_assert_not(text_is_oom(&text));
}

static void expect_json(const char *data, size_t size, const char *json) {
    text_reset(&text);
    text_json_string(&text, data, size);
    cr_assert_str_eq(text.data, json);
}

Test(text, json_string_escapes_what_it_must) {
    expect_json("", 0, "\"\"");
    expect_json(NULL, 0, "\"\"");
    expect_json("plain", 5, "\"plain\"");
    expect_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    expect_json("\n\r\t\b\f\x01\x1f\x7f", 8, "\"\\n\\r\\t\\u0008\\u000c\\u0001\\u001f\\u007f\"");
    expect_json("a\0b", 3, "\"a\\u0000b\"");
}

Test(text, json_string_keeps_utf8) {
    expect_json("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x93\x8A", 9,
                "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x93\x8A\"");
    expect_json("\xEF\xBF\xBF\xF4\x8F\xBF\xBF", 7, "\"\xEF\xBF\xBF\xF4\x8F\xBF\xBF\"");
}

#define REPLACED "\xEF\xBF\xBD"

Test(text, json_string_replaces_what_is_not_utf8) {
    expect_json("\xFF", 1, "\"" REPLACED "\"");
    expect_json("a\x80z", 3, "\"a" REPLACED "z\"");
    expect_json("\xC3", 1, "\"" REPLACED "\"");                           /* cut off */
    expect_json("\xE2\x82", 2, "\"" REPLACED REPLACED "\"");              /* cut off */
    expect_json("\xC0\xAF", 2, "\"" REPLACED REPLACED "\"");              /* overlong */
    expect_json("\xE0\x80\x80", 3, "\"" REPLACED REPLACED REPLACED "\""); /* overlong */
    expect_json("\xF0\x80\x80\x80", 4, "\"" REPLACED REPLACED REPLACED REPLACED "\"");
    expect_json("\xED\xA0\x80", 3, "\"" REPLACED REPLACED REPLACED "\""); /* surrogate */
    expect_json("\xF4\x90\x80\x80", 4, "\"" REPLACED REPLACED REPLACED REPLACED "\"");
    expect_json("\xC3\"", 2, "\"" REPLACED "\\\"\""); /* eats no quote */
}

static void expect_number(double number, const char *json) {
    text_reset(&text);
    text_json_number(&text, number);
    cr_assert_str_eq(text.data, json);
}

Test(text, json_number_is_the_shortest_that_reads_back) {
    expect_number(0, "0");
    expect_number(-0.0, "-0");
    expect_number(1, "1");
    expect_number(-17, "-17");
    expect_number(0.1, "0.1");
    expect_number(485.23, "485.23");
    expect_number(0.1 + 0.2, "0.30000000000000004");
    expect_number(1e15, "1e+15");
    expect_number(999999999999999, "999999999999999");
    expect_number(1e22, "1e+22");
    expect_number(DBL_MAX, "1.7976931348623157e+308");
    expect_number(DBL_MIN, "2.2250738585072014e-308");
    expect_number(5e-324, "5e-324");
    expect_number(1.0 / 3, "0.3333333333333333");
}

Test(text, json_number_has_no_word_for_what_is_not_finite) {
    expect_number(NAN, "null");
    expect_number(INFINITY, "null");
    expect_number(-INFINITY, "null");
}

Test(text, json_number_reads_back_for_any_bits) {
    uint64_t bits = 88172645463325252ULL;
    for (int i = 0; i < 200000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double number;
        memcpy(&number, &bits, sizeof number);
        if (!isfinite(number))
            continue;
        text_reset(&text);
        text_json_number(&text, number);
        double back = strtod(text.data, NULL);
        cr_assert_eq(memcmp(&back, &number, sizeof back), 0, "%a became %s", number, text.data);
    }
}

Test(text, json_number_ignores_the_locale) {
    const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", NULL};
    bool has_one = false;
    for (size_t i = 0; locales[i] != NULL && !has_one; i++)
        has_one = setlocale(LC_NUMERIC, locales[i]) != NULL;
    if (!has_one)
        cr_skip_test("no locale with a decimal comma on this machine");
    expect_number(485.23, "485.23");
    expect_number(1.5e-10, "1.5e-10");
}

Test(text, json_integer_takes_all_64_bits) {
    text_json_integer(&text, 0);
    text_putc(&text, ' ');
    text_json_integer(&text, INT64_MAX);
    text_putc(&text, ' ');
    text_json_integer(&text, INT64_MIN);
    cr_assert_str_eq(text.data, "0 9223372036854775807 -9223372036854775808");
}

static void expect_base64(const char *data, size_t size, const char *encoded) {
    text_reset(&text);
    text_base64(&text, data, size);
    cr_assert_str_eq(text.data, encoded);
}

Test(text, base64_pads) {
    expect_base64("", 0, "");
    expect_base64("f", 1, "Zg==");
    expect_base64("fo", 2, "Zm8=");
    expect_base64("foo", 3, "Zm9v");
    expect_base64("foobar", 6, "Zm9vYmFy");
    expect_base64("\xFF\xFE\xFD\x00", 4, "//79AA==");
}

/* Eight characters are looked at at once: each place of them, beside each neighbour. */
Test(text, json_string_sees_what_to_escape_at_each_place) {
    for (size_t at = 0; at < 17; at++) {
        for (int c = 1; c < 0x80; c++) {
            char plain[18] = "abcdefghijklmnopq", expected[32], escaped[8];
            plain[at] = (char)c;
            const bool is_plain = c >= ' ' && c < 0x7F && c != '"' && c != '\\';
            text_reset(&text);
            text_json_string(&text, &plain[at], 1);
            snprintf(escaped, sizeof escaped, "%.*s", (int)text.size - 2, text.data + 1);
            cr_assert_eq(strlen(escaped) == 1, is_plain, "%d", c);
            snprintf(expected, sizeof expected, "\"%.*s%s%s\"", (int)at, plain, escaped,
                     plain + at + 1);
            text_reset(&text);
            text_json_string(&text, plain, 17);
            cr_assert_str_eq(text.data, expected);
        }
    }
}

static void expect_time(int64_t time_ns, const char *iso) {
    text_reset(&text);
    text_time_ns(&text, time_ns);
    cr_assert_str_eq(text.data, iso);
}

Test(text, time_is_utc_with_milliseconds) {
    expect_time(0, "1970-01-01T00:00:00.000Z");
    expect_time(1718658930123456789LL, "2024-06-17T21:15:30.123Z");
    expect_time(951782400000000000LL, "2000-02-29T00:00:00.000Z");
    expect_time(951868799999999999LL, "2000-02-29T23:59:59.999Z");
    expect_time(4107542400000000000LL, "2100-03-01T00:00:00.000Z"); /* 2100 has no leap day */
    expect_time(-1, "1969-12-31T23:59:59.999Z");
    expect_time(-2208988800000000000LL, "1900-01-01T00:00:00.000Z");
    expect_time(INT64_MAX, "2262-04-11T23:47:16.854Z");
    expect_time(INT64_MIN, "1677-09-21T00:12:43.145Z");
}

Test(text, dup_and_format_are_the_callers) {
    char *copy = text_dup("abcdef", 3);
    cr_assert_str_eq(copy, "abc");
    free(copy);
    copy = text_dup(NULL, 0);
    cr_assert_str_eq(copy, "");
    free(copy);
    cr_assert_null(text_dup("x", SIZE_MAX));
    char *made = text_format("%s-%d", "p", 7);
    cr_assert_str_eq(made, "p-7");
    free(made);
    made = text_format("%s", "");
    cr_assert_str_eq(made, "");
    free(made);
}

Test(text, utf8_length_of_each_kind) {
    cr_assert_eq(text_utf8_length("a", 1), 1);
    cr_assert_eq(text_utf8_length("\xC3\xA9", 2), 2);
    cr_assert_eq(text_utf8_length("\xE2\x82\xAC", 3), 3);
    cr_assert_eq(text_utf8_length("\xF0\x9F\x93\x8A", 4), 4);
    cr_assert_eq(text_utf8_length("\xC3\xA9", 1), 0);
    cr_assert_eq(text_utf8_length("\x80", 1), 0);
    cr_assert_eq(text_utf8_length("", 0), 0);
}

static void expect_visible(const char *data, size_t size, const char *shown, const char *lines) {
    struct text out;
    text_init(&out);
    text_visible(&out, data, size);
    cr_expect_str_eq(out.data, shown);
    text_reset(&out);
    text_visible_lines(&out, data, size);
    cr_expect_str_eq(out.data, lines);
    text_release(&out);
}

#define EXPECT_VISIBLE(data, shown)      expect_visible(data, sizeof(data) - 1, shown, shown)
#define EXPECT_LINES(data, shown, lines) expect_visible(data, sizeof(data) - 1, shown, lines)

Test(text, what_could_steer_a_terminal_is_made_visible) {
    EXPECT_VISIBLE("", "");
    EXPECT_VISIBLE("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
                   "plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    EXPECT_VISIBLE("a\x1b[31m\x7f\x07", "a\\x1b[31m\\x7f\\x07");
    EXPECT_VISIBLE("nul\0in", "nul\\x00in");
    EXPECT_VISIBLE("c1 \xC2\x9B"
                   "31m \xC2\x80",
                   "c1 \\u009b31m \\u0080");
    EXPECT_VISIBLE("no utf8 \xff\xc3(", "no utf8 \\xff\\xc3(");
    EXPECT_LINES("a\r\nb\tc", "a\\r\\nb\\tc", "a\\r\nb\tc");
}

Test(text, what_turns_writing_or_cannot_be_seen_is_made_visible) {
    EXPECT_VISIBLE("gpj.\xE2\x80\xAE"
                   "exe",
                   "gpj.\\u202eexe");                                            /* right to left */
    EXPECT_VISIBLE("\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C", "\\u200e\\u200f\\u061c"); /* marks */
    EXPECT_VISIBLE("\xE2\x81\xA6\xE2\x81\xA9", "\\u2066\\u2069");                /* isolates */
    EXPECT_VISIBLE("AA\xE2\x80\x8B"
                   "PL",
                   "AA\\u200bPL"); /* no width */
    EXPECT_VISIBLE("\xEF\xBB\xBF\xC2\xAD", "\\ufeff\\u00ad");
    EXPECT_VISIBLE("\xE2\x80\xA8\xE2\x80\xA9", "\\u2028\\u2029"); /* line, paragraph */
    EXPECT_VISIBLE("\xF3\xA0\x81\x81", "\\u{e0041}");             /* a tag */
}

Test(text, json_strings_escape_them_and_read_back) {
    struct text out;
    text_init(&out);
    text_json_string(&out, "\xE2\x80\xAE\xC2\x9B\x7f\xF3\xA0\x81\x81", 3 + 2 + 1 + 4);
    cr_expect_str_eq(out.data, "\"\\u202e\\u009b\\u007f\\udb40\\udc41\"");
    text_release(&out);
}

Test(text, is_utf8_wherever_a_wrong_byte_stands) {
    char bytes[25];
    for (size_t at = 0; at < sizeof bytes; at++) {
        memset(bytes, 'a', sizeof bytes);
        cr_expect(text_is_utf8(bytes, at));
        bytes[at] = (char)0xFF;
        cr_expect_not(text_is_utf8(bytes, sizeof bytes), "%zu", at);
        if (at == 0)
            continue;
        bytes[at - 1] = (char)0xC3;
        bytes[at] = (char)0xA9;
        cr_expect(text_is_utf8(bytes, sizeof bytes), "%zu", at);
        cr_expect_not(text_is_utf8(bytes, at), "%zu", at);
    }
}

Test(text, what_is_reserved_is_there_without_more_memory) {
    struct text room;
    text_init(&room);
    text_reserve(&room, 1000);
    const char *const data = room.data;
    cr_expect_eq(room.size, 0);
    cr_expect_str_eq(room.data, "");
    for (int i = 0; i < 100; i++)
        text_puts(&room, "0123456789");
    cr_expect_eq(room.data, data);
    text_reserve(&room, 10);
    text_reserve(&room, SIZE_MAX);
    cr_expect_not(text_is_oom(&room));
    cr_expect_eq(room.size, 1000);
    text_reset(&room);
    text_puts(&room, "again");
    cr_expect_eq(room.data, data);
    cr_expect_str_eq(room.data, "again");
    text_release(&room);
}
