#include "fixture.h"

#include <math.h>
#include <stdio.h>

/* ---- values ---- */

Test(decode, a_field_of_each_type) {
    struct fixture f = FIXTURE("i", "d", "t", "f", "n", "s", "o", "a", "none");
    const char *json = "{\"i\":42,\"d\":1.5,\"t\":true,\"f\":false,\"n\":null,\"s\":\"x\","
                       "\"o\":{\"k\": [1]},\"a\":[1, 2]}";
    const t5_value *v = fixture_field(&f, json, 0);
    cr_assert_eq(v->type, T5_VALUE_INTEGER);
    cr_assert_eq(v->integer, 42);
    cr_assert_eq(v->number, 42.0);
    v = fixture_value(&f, 1);
    cr_assert_eq(v->type, T5_VALUE_NUMBER);
    cr_assert_eq(v->number, 1.5);
    cr_assert_eq(v->integer, 0);
    v = fixture_value(&f, 2);
    cr_assert_eq(v->type, T5_VALUE_BOOLEAN);
    cr_assert_eq(v->integer, 1);
    cr_assert_eq(v->number, 1.0);
    v = fixture_value(&f, 3);
    cr_assert_eq(v->type, T5_VALUE_BOOLEAN);
    cr_assert_eq(v->integer, 0);
    cr_assert_eq(v->number, 0.0);
    v = fixture_value(&f, 4);
    cr_assert_eq(v->type, T5_VALUE_NULL);
    cr_assert(isnan(v->number));
    assert_text(fixture_value(&f, 5), T5_VALUE_TEXT, "x", 1);
    assert_text(fixture_value(&f, 6), T5_VALUE_JSON, "{\"k\": [1]}", 10);
    assert_text(fixture_value(&f, 7), T5_VALUE_JSON, "[1, 2]", 6);
    v = fixture_value(&f, 8);
    cr_assert_eq(v->type, T5_VALUE_MISSING);
    cr_assert(isnan(v->number));
    cr_assert_null(v->text);
    fixture_free(&f);
}

static const struct {
    const char *text;
    uint16_t type, flags;
    double number;
    int64_t integer;
} numbers[] = {
    {"0", T5_VALUE_INTEGER, 0, 0.0, 0},
    {"9223372036854775807", T5_VALUE_INTEGER, 0, 9223372036854775807.0, INT64_MAX},
    {"9223372036854775808", T5_VALUE_NUMBER, T5_VALUE_ROUNDED, 9223372036854775808.0, 0},
    {"-9223372036854775808", T5_VALUE_INTEGER, 0, -9223372036854775808.0, INT64_MIN},
    {"-9223372036854775809", T5_VALUE_NUMBER, T5_VALUE_ROUNDED, -9223372036854775808.0, 0},
    {"9999999999999999999", T5_VALUE_NUMBER, T5_VALUE_ROUNDED, 1e19, 0},
    {"18446744073709551616", T5_VALUE_NUMBER, T5_VALUE_ROUNDED, 18446744073709551616.0, 0},
    {"18446744073709551617000", T5_VALUE_NUMBER, T5_VALUE_ROUNDED, 18446744073709551617e3, 0},
    {"100000000000000000000000000000000", T5_VALUE_NUMBER, T5_VALUE_ROUNDED, 1e32, 0},
    {"9007199254740993", T5_VALUE_INTEGER, 0, 9007199254740992.0, 9007199254740993},
    {"1e3", T5_VALUE_NUMBER, 0, 1000.0, 0},
    {"1.0", T5_VALUE_NUMBER, 0, 1.0, 0},
    {"1e-400", T5_VALUE_NUMBER, 0, 0.0, 0},
    {"485.23456789012345", T5_VALUE_NUMBER, 0, 485.23456789012345, 0},
    {"0.0012345678901234567", T5_VALUE_NUMBER, 0, 0.0012345678901234567, 0},
    {"-1.2345678901234567E-5", T5_VALUE_NUMBER, 0, -1.2345678901234567E-5, 0},
    {"123456789012345678.25", T5_VALUE_NUMBER, 0, 123456789012345678.25, 0},
    {"12345678901234567890.25", T5_VALUE_NUMBER, 0, 12345678901234567890.25, 0},
    {"0.12345678901234567890123", T5_VALUE_NUMBER, 0, 0.12345678901234567890123, 0},
    {"1718658930000", T5_VALUE_INTEGER, 0, 1718658930000.0, 1718658930000},
};

Test(decode, integers_are_exact_to_64_bits_and_flagged_beyond) {
    struct fixture f = FIXTURE("n", "list.0");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char json[160];
        snprintf(json, sizeof json, "{\"n\":%s,\"list\":[%s]}", numbers[i].text, numbers[i].text);
        for (int k = 0; k < 2; k++) {
            const t5_value *v = fixture_field(&f, json, k);
            cr_expect_eq(v->type, numbers[i].type, "%s", numbers[i].text);
            cr_expect_eq(v->flags, numbers[i].flags, "%s", numbers[i].text);
            cr_expect_eq(v->number, numbers[i].number, "%s: %.17g", numbers[i].text, v->number);
            cr_expect_eq(v->integer, numbers[i].integer, "%s", numbers[i].text);
        }
    }
    fixture_free(&f);
}

Test(decode, minus_zero_keeps_its_sign) {
    struct fixture f = FIXTURE("a", "b");
    const t5_value *v = fixture_field(&f, "{\"a\":-0,\"b\":-0.0}", 0);
    cr_assert_eq(v->type, T5_VALUE_INTEGER);
    cr_assert_eq(v->integer, 0);
    cr_assert(signbit(v->number));
    v = fixture_value(&f, 1);
    cr_assert_eq(v->type, T5_VALUE_NUMBER);
    cr_assert(signbit(v->number));
    fixture_free(&f);
}

Test(decode, escapes_are_resolved) {
    struct fixture f = FIXTURE("s", "r");
    assert_text(fixture_field(&f, "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"r\":\"plain\"}", 0),
                T5_VALUE_TEXT, "\"\\/\b\f\n\r\t", 8);
    assert_text(fixture_value(&f, 1), T5_VALUE_TEXT, "plain", 5);
    assert_text(fixture_field(&f, "{\"s\":\"a\\u0000b\\u007f\\u0080\\u07ff\\u0800\\uffff\"}", 0),
                T5_VALUE_TEXT, "a\0b\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 14);
    assert_text(fixture_field(&f, "{\"s\":\"\\ud800\\udc00\\uDBFF\\uDFFF\",\"r\":\"\\u0041\"}", 0),
                T5_VALUE_TEXT, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8);
    assert_text(fixture_value(&f, 1), T5_VALUE_TEXT, "A", 1);
    fixture_free(&f);
}

Test(decode, plain_text_is_a_span_of_the_payload) {
    struct fixture f = FIXTURE("s");
    const t5_value *v = fixture_field(&f, "{\"s\":\"text\"}", 0);
    cr_assert_eq(v->text, f.payload + 6);
    fixture_free(&f);
}

Test(decode, a_text_of_escapes_as_long_as_the_largest_message_fits) {
    const struct decode_limits limits = {.max_bytes = 4096,
                                         .max_depth = 64,
                                         .max_symbol = 64,
                                         .non_finite = DECODE_NON_FINITE_ABSENT};
    struct fixture f = fixture_with_limits(&limits, (const char *const[]){"a", NULL});
    char json[4096];
    memcpy(json, "{\"a\":\"", 6);
    memset(json + 6, 'x', 4096 - 10);
    memcpy(json + 4096 - 4, "\\n\"}", 4);
    cr_assert_eq(fixture_decode_bytes(&f, json, 4096), DECODE_OK);
    cr_assert_eq(fixture_value(&f, 0)->length, 4096 - 10 + 1);
    fixture_free(&f);
}

/* ---- paths ---- */

Test(decode, names_match_whole_whatever_their_length) {
    static const char *const names[] = {"a",
                                        "ab",
                                        "abcdefg",
                                        "abcdefgh",
                                        "abcdefghi",
                                        "abcdefghijklmno",
                                        "abcdefghijklmnop",
                                        "abcdefghijklmnopq",
                                        "abcdefghijklmnopr",
                                        "abcdefghijklmnopqr",
                                        "\xc3\xa9t\xc3\xa9",
                                        NULL};
    struct fixture f = fixture_new(names);
    for (int i = 0; names[i] != NULL; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"%s\":%d}", names[i], i);
        for (int k = 0; names[k] != NULL; k++)
            cr_assert_eq(fixture_field(&f, json, k)->type,
                         i == k ? T5_VALUE_INTEGER : T5_VALUE_MISSING, "%s for %s", names[i],
                         names[k]);
        /* The same bytes with more behind them, and a NUL behind them, are other names. */
        snprintf(json, sizeof json, "{\"%sx\":1,\"%s\\u0000\":2,\"%s\":{}}", names[i], names[i],
                 "\\u0000");
        cr_assert_eq(fixture_field(&f, json, i)->type, T5_VALUE_MISSING);
    }
    fixture_free(&f);
}

Test(decode, an_escaped_key_matches) {
    struct fixture f = FIXTURE("wanted.inner", "a\\.b", "back\\\\slash", "a\\|b", "q\"");
    cr_assert_eq(fixture_field(&f, "{\"\\u0077ant\\u0065d\":{\"inn\\u0065r\":7}}", 0)->integer, 7);
    cr_assert_eq(fixture_field(&f, "{\"a.b\":1,\"a\":{\"b\":2}}", 1)->integer, 1);
    cr_assert_eq(fixture_field(&f, "{\"back\\\\slash\":3}", 2)->integer, 3);
    cr_assert_eq(fixture_field(&f, "{\"a|b\":4}", 3)->integer, 4);
    cr_assert_eq(fixture_field(&f, "{\"q\\\"\":5}", 4)->integer, 5);
    fixture_free(&f);
}

Test(decode, an_escaped_key_leaves_resolved_texts_alone) {
    struct fixture f = FIXTURE("a", "b");
    assert_text(
        fixture_field(&f, "{\"a\":\"\\u0041BC\",\"\\u0078yz\":1,\"\\u0062\":\"\\u0044\"}", 0),
        T5_VALUE_TEXT, "ABC", 3);
    assert_text(fixture_value(&f, 1), T5_VALUE_TEXT, "D", 1);
    fixture_free(&f);
}

Test(decode, digits_are_an_index_in_an_array_and_a_name_in_an_object) {
    struct fixture f = FIXTURE("v.0", "v.2", "v.2.0", "v.01", "v.10");
    const char *list = "{\"v\":[5,6,[7],8,9,10,11,12,13,14,15]}";
    cr_assert_eq(fixture_field(&f, list, 0)->integer, 5);
    assert_text(fixture_value(&f, 1), T5_VALUE_JSON, "[7]", 3);
    cr_assert_eq(fixture_value(&f, 2)->integer, 7);
    cr_assert_eq(fixture_value(&f, 3)->type, T5_VALUE_MISSING);
    cr_assert_eq(fixture_value(&f, 4)->integer, 15);
    const char *object = "{\"v\":{\"2\":{\"0\":1},\"0\":2,\"01\":3}}";
    cr_assert_eq(fixture_field(&f, object, 0)->integer, 2);
    assert_text(fixture_value(&f, 1), T5_VALUE_JSON, "{\"0\":1}", 7);
    cr_assert_eq(fixture_value(&f, 2)->integer, 1);
    cr_assert_eq(fixture_value(&f, 3)->integer, 3);
    cr_assert_eq(fixture_value(&f, 4)->type, T5_VALUE_MISSING);
    fixture_free(&f);
}

Test(decode, a_name_is_no_index) {
    struct fixture f = FIXTURE("v.x", "v");
    cr_assert_eq(fixture_field(&f, "{\"v\":[{\"x\":1},2]}", 0)->type, T5_VALUE_MISSING);
    assert_text(fixture_value(&f, 1), T5_VALUE_JSON, "[{\"x\":1},2]", 11);
    fixture_free(&f);
}

Test(decode, a_path_may_name_an_object_and_what_lies_below_it) {
    struct fixture f = FIXTURE("a", "a.b", "a.b.c", "a.d");
    assert_text(fixture_field(&f, "{\"a\": { \"b\": {\"c\": 1} , \"d\":[]} }", 0), T5_VALUE_JSON,
                "{ \"b\": {\"c\": 1} , \"d\":[]}", 25);
    assert_text(fixture_value(&f, 1), T5_VALUE_JSON, "{\"c\": 1}", 8);
    cr_assert_eq(fixture_value(&f, 2)->integer, 1);
    assert_text(fixture_value(&f, 3), T5_VALUE_JSON, "[]", 2);
    cr_assert_eq(fixture_field(&f, "{\"a\":1}", 0)->integer, 1);
    cr_assert_eq(fixture_value(&f, 1)->type, T5_VALUE_MISSING);
    fixture_free(&f);
}

Test(decode, the_first_alternative_that_is_there_is_taken) {
    struct fixture f = FIXTURE("a.b|c.d", "c.d", "x|y|z", "c.d|a.b");
    cr_assert_eq(fixture_field(&f, "{\"c\":{\"d\":2},\"a\":{\"b\":1}}", 0)->integer, 1);
    cr_assert_eq(fixture_value(&f, 1)->integer, 2);
    cr_assert_eq(fixture_value(&f, 3)->integer, 2);
    cr_assert_eq(fixture_field(&f, "{\"c\":{\"d\":2}}", 0)->integer, 2);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":null},\"c\":{\"d\":2}}", 0)->type, T5_VALUE_NULL);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":NaN},\"c\":{\"d\":2}}", 0)->integer, 2);
    cr_assert_eq(fixture_field(&f, "{\"z\":3}", 2)->integer, 3);
    cr_assert_eq(fixture_field(&f, "{}", 0)->type, T5_VALUE_MISSING);
    cr_assert_eq(fixture_value(&f, 2)->type, T5_VALUE_MISSING);
    fixture_free(&f);
}

/* ---- duplicates ---- */

Test(decode, of_duplicate_keys_the_last_value_wins_whole) {
    struct fixture f = FIXTURE("a.b", "a", "a.b.c", "a.e");
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":1},\"a\":{\"b\":2}}", 0)->integer, 2);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":1},\"a\":{}}", 0)->type, T5_VALUE_MISSING);
    assert_text(fixture_value(&f, 1), T5_VALUE_JSON, "{}", 2);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":1},\"a\":3}", 0)->type, T5_VALUE_MISSING);
    cr_assert_eq(fixture_value(&f, 1)->integer, 3);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":1},\"a\":[{\"b\":1}]}", 0)->type,
                 T5_VALUE_MISSING);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":1},\"a\":\"x\"}", 0)->type, T5_VALUE_MISSING);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":1},\"a\":null}", 0)->type, T5_VALUE_MISSING);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":1},\"a\":NaN}", 0)->type, T5_VALUE_MISSING);
    cr_assert_eq(fixture_value(&f, 1)->type, T5_VALUE_MISSING);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":{\"c\":1},\"b\":2,\"e\":9}}", 2)->type,
                 T5_VALUE_MISSING);
    cr_assert_eq(fixture_value(&f, 3)->integer, 9);
    cr_assert_eq(fixture_field(&f, "{\"a\":{\"b\":1,\"e\":2},\"\\u0061\":{\"e\":3}}", 0)->type,
                 T5_VALUE_MISSING);
    cr_assert_eq(fixture_value(&f, 3)->integer, 3);
    cr_assert_eq(
        fixture_field(&f, "{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":{}},\"a\":{\"b\":{\"c\":4}}}", 2)
            ->integer,
        4);
    fixture_free(&f);
}

Test(decode, a_duplicate_also_replaces_elements_and_alternatives) {
    struct fixture f = FIXTURE("v.0", "v.1", "p|q");
    cr_assert_eq(fixture_field(&f, "{\"v\":[1,2],\"v\":[3],\"p\":1,\"q\":2,\"p\":5}", 0)->integer,
                 3);
    cr_assert_eq(fixture_value(&f, 1)->type, T5_VALUE_MISSING);
    cr_assert_eq(fixture_value(&f, 2)->integer, 5);
    cr_assert_eq(fixture_field(&f, "{\"p\":1,\"q\":2,\"p\":NaN}", 2)->integer, 2);
    fixture_free(&f);
}

Test(decode, nothing_is_left_from_the_message_before) {
    struct fixture f = FIXTURE("a", "b.c", "p|q", "s");
    const char *bad =
        "{\"a\":1,\"b\":{\"c\":2},\"p\":3,\"s\":\"\\n\",\"publishTime\":{\"take5Time\":1},x}";
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            cr_assert_eq(fixture_decode(&f, bad), DECODE_NOT_JSON);
        else
            (void)fixture_field(&f, "{\"a\":1,\"b\":{\"c\":2},\"p\":3,\"s\":\"\\n\"}", 0);
        for (int k = 0; k < 4; k++)
            cr_assert_eq(fixture_field(&f, "{}", k)->type, T5_VALUE_MISSING);
        cr_assert_not(f.message.flags & T5_MESSAGE_HAS_EVENT_TIME);
    }
    fixture_free(&f);
}

/* ---- limits ---- */

Test(decode, depth_is_allowed_up_to_the_limit) {
    const struct decode_limits limits = {.max_bytes = 1 << 20,
                                         .max_depth = 5,
                                         .max_symbol = 64,
                                         .non_finite = DECODE_NON_FINITE_ABSENT};
    struct fixture f =
        fixture_with_limits(&limits, (const char *const[]){"a.0.0.0.0", "b", "c.d.e.f.g.h", NULL});
    static const struct {
        const char *json;
        enum decode_reason reason;
    } cases[] = {
        {"{\"a\":[[[[1]]]]}", DECODE_OK},
        {"{\"a\":[[[[[]]]]]}", DECODE_TOO_DEEP},
        {"{\"a\":[[[[{}]]]]}", DECODE_TOO_DEEP},
        {"{\"b\":[[[[]]]]}", DECODE_OK},
        {"{\"b\":[[[[[]]]]]}", DECODE_TOO_DEEP},
        {"{\"x\":[[[[]]]],\"y\":{\"z\":{\"z\":{\"z\":{}}}}}", DECODE_OK},
        {"{\"x\":[[[[[]]]]]}", DECODE_TOO_DEEP},
        {"{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":1}}}}}", DECODE_OK},
        {"{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":1}}}}}}", DECODE_TOO_DEEP},
        {"[[[[[]]]]]", DECODE_NOT_OBJECT},
        {"[[[[[[]]]]]]", DECODE_TOO_DEEP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(fixture_decode(&f, cases[i].json), cases[i].reason, "%s: %s", cases[i].json,
                     decoder_error(f.decoder));
    fixture_free(&f);
}

Test(decode, the_default_depth_is_64) {
    struct fixture f = FIXTURE("a");
    char json[256] = "{\"a\":";
    memset(json + 5, '[', 63);
    memset(json + 68, ']', 63);
    strcpy(json + 131, "}");
    cr_assert_eq(fixture_decode(&f, json), DECODE_OK);
    memset(json + 5, '[', 64);
    memset(json + 69, ']', 64);
    strcpy(json + 133, "}");
    cr_assert_eq(fixture_decode(&f, json), DECODE_TOO_DEEP);
    fixture_free(&f);
}

Test(decode, size_is_allowed_up_to_the_limit) {
    const struct decode_limits limits = {.max_bytes = 100,
                                         .max_depth = 64,
                                         .max_symbol = 64,
                                         .non_finite = DECODE_NON_FINITE_ABSENT};
    struct fixture f = fixture_with_limits(&limits, NULL);
    char json[102];
    memset(json, ' ', sizeof json);
    memcpy(json, "{}", 2);
    cr_assert_eq(fixture_decode_bytes(&f, json, 100), DECODE_OK);
    cr_assert_eq(fixture_decode_bytes(&f, json, 101), DECODE_TOO_LARGE);
    cr_assert_str_eq(decoder_error(f.decoder), "101 bytes; at most 100 are allowed");
    memset(json, '[', sizeof json);
    cr_assert_eq(fixture_decode_bytes(&f, json, 100), DECODE_TOO_DEEP);
    json[0] = '"';
    cr_assert_eq(fixture_decode_bytes(&f, json, 100), DECODE_NOT_JSON);
    fixture_free(&f);
}

Test(decode, limits_that_make_no_sense_are_refused) {
    static const struct decode_limits bad[] = {
        {.max_bytes = 0, .max_depth = 64, .max_symbol = 64, .non_finite = DECODE_NON_FINITE_ABSENT},
        {.max_bytes = UINT32_MAX,
         .max_depth = 64,
         .max_symbol = 64,
         .non_finite = DECODE_NON_FINITE_ABSENT},
        {.max_bytes = 100,
         .max_depth = 0,
         .max_symbol = 64,
         .non_finite = DECODE_NON_FINITE_ABSENT},
        {.max_bytes = 100,
         .max_depth = UINT32_MAX,
         .max_symbol = 64,
         .non_finite = DECODE_NON_FINITE_ABSENT},
        {.max_bytes = 100,
         .max_depth = 64,
         .max_symbol = 0,
         .non_finite = DECODE_NON_FINITE_ABSENT},
    };
    struct error error;
    struct projection *projection = projection_new();
    const struct decode_limits good = DECODE_LIMITS_DEFAULT;
    cr_assert_null(decoder_new(projection, &good, &error));
    cr_assert_eq(error.code, ERROR_STATE);
    cr_assert(projection_seal(projection, &error));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error.code = ERROR_NONE;
        cr_assert_null(decoder_new(projection, &bad[i], &error));
        cr_assert_eq(error.code, ERROR_INVALID);
    }
    projection_free(projection);
}

Test(decode, nothing_is_no_message) {
    struct fixture f = FIXTURE("a");
    struct record record = {.payload = NULL, .kafka_time_ms = RECORD_NO_TIME};
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_EMPTY);
    cr_assert_eq(fixture_decode(&f, ""), DECODE_EMPTY);
    cr_assert_eq(fixture_decode(&f, " \n"), DECODE_NOT_JSON);
    fixture_free(&f);
}

/* ---- what is not finite ---- */

Test(decode, bare_nan_and_infinity_are_absent_with_a_warning) {
    struct fixture f = FIXTURE("a", "b", "c", "d.1");
    const char *json = "{\"a\":NaN,\"b\":Infinity,\"c\":-Infinity,\"d\":[1,NaN],\"price\":NaN,"
                       "\"barData\":{\"close\":Infinity},\"volume\":5}";
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(fixture_field(&f, json, i)->type, T5_VALUE_MISSING);
        cr_assert(isnan(fixture_value(&f, i)->number));
    }
    cr_assert_eq(f.warnings, DECODE_WARNING_NON_FINITE);
    cr_assert(isnan(f.message.price));
    cr_assert_eq(f.message.flags & (T5_MESSAGE_HAS_PRICE | T5_MESSAGE_HAS_VOLUME),
                 T5_MESSAGE_HAS_VOLUME);
    (void)fixture_field(&f, "{\"skipped\":[{\"x\":NaN}]}", 0);
    cr_assert_eq(f.warnings, DECODE_WARNING_NON_FINITE);
    (void)fixture_field(&f, "{\"skipped\":[\"NaN\"]}", 0);
    cr_assert_eq(f.warnings, 0);
    fixture_free(&f);
}

Test(decode, bare_nan_and_infinity_are_bad_when_so_configured) {
    const struct decode_limits limits = {.max_bytes = 1 << 20,
                                         .max_depth = 64,
                                         .max_symbol = 64,
                                         .non_finite = DECODE_NON_FINITE_REJECT};
    struct fixture f = fixture_with_limits(&limits, (const char *const[]){"a", NULL});
    static const char *const bad[] = {"{\"a\":NaN}", "{\"a\":-Infinity}", "{\"b\":Infinity}",
                                      "{\"b\":[[NaN]]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(fixture_decode(&f, bad[i]), DECODE_NON_FINITE, "%s", bad[i]);
    cr_expect_eq(fixture_decode(&f, "{\"a\":NaNa}"), DECODE_NON_FINITE);
    cr_expect_eq(fixture_decode(&f, "{\"a\":Nan}"), DECODE_NOT_JSON);
    cr_expect_eq(fixture_decode(&f, "{\"a\":\"NaN\"}"), DECODE_OK);
    fixture_free(&f);
}

/* Each of them short and close to the text's end as well as with much text behind it. */
static const struct {
    const char *text;
    bool is_finite;
} ranges[] = {
    {"1e400", false},
    {"-1e400", false},
    {"1E309", false},
    {"1.5e+309", false},
    {"0.00001e400", false},
    {"179769313486231590000e300", false},
    {"1e99999999999999999999", false},
    {"1.7976931348623159e308", false},
    {"1.7976931348623157e308", true},
    {"-1.7976931348623157e+308", true},
    {"1e-400", true},
    {"0e400", true},
    {"0.0e999999999", true},
    {"1.5e99", true},
    {"-2.5E-310", true},
};

static void check_range(const char *number, bool is_finite) {
    static const struct decode_limits rejecting = {.max_bytes = 1 << 20,
                                                   .max_depth = 64,
                                                   .max_symbol = 64,
                                                   .non_finite = DECODE_NON_FINITE_REJECT};
    static const char *const forms[] = {"{\"n\":%s}",
                                        "{\"other\":%s}",
                                        "{\"other\":{\"list\":[%s]}}",
                                        "{\"price\":%s}",
                                        "{\"barData\":{\"close\":%s}}",
                                        "{\"n\":%s,\"behind\":\"%060d\"}",
                                        "{\"other\":%s,\"behind\":\"%060d\"}",
                                        "{\"other\":[[%s]],\"behind\":\"%060d\"}"};
    struct fixture f = FIXTURE("n");
    struct fixture strict = fixture_with_limits(&rejecting, (const char *const[]){"n", NULL});
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char json[1024];
        snprintf(json, sizeof json, forms[i], number, 0);
        cr_expect_eq(fixture_decode(&f, json), DECODE_OK, "%s", json);
        cr_expect_eq(f.warnings, is_finite ? 0 : DECODE_WARNING_NON_FINITE, "%s", json);
        cr_expect_eq((f.message.flags & T5_MESSAGE_HAS_PRICE) != 0, is_finite && (i == 3 || i == 4),
                     "%s", json);
        const t5_value *value = fixture_value(&f, 0);
        const bool is_field = strstr(json, "\"n\"") != NULL;
        cr_expect_eq(t5_value_is_number(value), is_field && is_finite, "%s", json);
        cr_expect(is_finite || value->type == T5_VALUE_MISSING, "%s", json);
        cr_expect_eq(fixture_decode(&strict, json), is_finite ? DECODE_OK : DECODE_NON_FINITE, "%s",
                     json);
        cr_expect_eq(decode_is_object(json, strlen(json), 64), is_finite, "%s", json);
    }
    fixture_free(&f);
    fixture_free(&strict);
}

Test(decode, a_number_beyond_doubles_is_what_infinity_is) {
    char many[400];
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        check_range(ranges[i].text, ranges[i].is_finite);
    memset(many, '9', sizeof many);
    many[309] = '\0';
    check_range(many, false);
    many[308] = '\0';
    check_range(many, true);
}

/* ---- problems ---- */

Test(decode, an_error_says_what_and_where) {
    struct fixture f = FIXTURE("a");
    static const struct {
        const char *json, *problem;
    } cases[] = {
        {"{\"a\" 1}", "byte 5: expected ':' after a member's name"},
        {"  {\"b\" 1}", "byte 7: expected ':' after a member's name"},
        {"{\"a\":1 2}", "byte 7: expected ',' or '}' after a member"},
        {"{\"a\":[1 2]}", "byte 8: expected ',' or ']' after an element"},
        {"{\"a\":01}", "byte 5: a number with a leading zero"},
        {"{\"a\":1.}", "byte 7: expected a digit after a number's point"},
        {"{\"a\":1,}", "byte 7: expected a member's name"},
        {"{\"a\":\"\x01\"}", "byte 6: a control character in a string"},
        {"{\"a\":\"\x80\"}", "byte 6: a byte in a string that is not UTF-8"},
        {"{\"a\":\"\\ud800\"}", "byte 6: a high surrogate without a low one"},
        {"{\"a\":tru}", "byte 5: expected a value"},
        {"{} {}", "byte 3: text after the object"},
        {"{\"a\":1", "byte 6: the text ends too early"},
        {"{\"a\":{\"b\":1}", "byte 12: the text ends before its brackets are closed"},
        {"{\"a\":\"", "byte 6: the text ends too early"},
        {"1 2", "byte 2: text after the value"},
        {"[1] x", "byte 4: text after the value"},
        {"12", "a JSON value, but not an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)fixture_decode(&f, cases[i].json);
        cr_expect_str_eq(decoder_error(f.decoder), cases[i].problem, "%s: %s", cases[i].json,
                         decoder_error(f.decoder));
    }
    cr_assert_eq(fixture_decode(&f, "{}"), DECODE_OK);
    cr_assert_str_eq(decoder_error(f.decoder), "");
    fixture_free(&f);
}

Test(decode, every_reason_has_a_name) {
    for (int i = 0; i < DECODE_REASONS; i++) {
        cr_assert_not_null(decode_reason_name((enum decode_reason)i));
        for (int k = 0; k < i; k++)
            cr_assert_str_neq(decode_reason_name((enum decode_reason)i),
                              decode_reason_name((enum decode_reason)k));
    }
    cr_assert_str_eq(decode_reason_name(DECODE_NOT_JSON), "not-json");
    cr_assert_str_eq(decode_reason_name(DECODE_REASONS), "unknown");
}

/* ---- damage ---- */

static const char production[] =
    "{\"symbol\":\"QQQ\",\"publishTime\":{\"take5Time\":1718658930000,\"take5TimeStr\":"
    "\"2024-06-17 21:15:30\"},\"barData\":{\"barTimeFrame\":60,\"open\":485.12345678901234,"
    "\"high\":486.1,\"low\":484.98765432101235,\"close\":485.23456789012345,\"volume\":1234567},"
    "\"trendData\":{\"wSma_slope\":-1.2345678901234567E-5,\"wSma_intercept\":485.1,"
    "\"flags\":[true,false,null],\"note\":\"caf\xc3\xa9 \\u00e9\\ud83d\\ude00\"},\"other\":\"x\"}";

Test(decode, a_message_cut_anywhere_is_bad_and_read_no_further) {
    struct fixture f = FIXTURE("trendData.wSma_slope", "trendData.note", "trendData", "other");
    cr_assert_eq(fixture_decode(&f, production), DECODE_OK);
    for (size_t size = 0; size < sizeof production - 1; size++) {
        cr_assert_neq(fixture_decode_bytes(&f, production, size), DECODE_OK, "%zu bytes", size);
        cr_assert_null(decode_shape(f.payload, size));
        cr_assert_not(decode_is_object(f.payload, size, 64));
    }
    fixture_free(&f);
}

Test(decode, a_message_with_a_sentinel_anywhere_is_read_no_further) {
    struct fixture f = FIXTURE("trendData.wSma_slope", "trendData.note", "trendData", "other");
    char json[sizeof production];
    for (size_t size = 1; size < sizeof production; size++) {
        memcpy(json, production, size);
        json[size - 1] = '}';
        const enum decode_reason reason = fixture_decode_bytes(&f, json, size);
        cr_assert_eq(reason == DECODE_OK, decode_is_object(f.payload, size, 64), "%zu bytes", size);
        (void)decode_shape(f.payload, size);
    }
    fixture_free(&f);
}

Test(decode, a_message_with_any_byte_changed_is_bad_or_decoded) {
    struct fixture f = FIXTURE("trendData.wSma_slope", "trendData.note", "trendData", "other");
    char json[sizeof production];
    static const char bytes[] = "\"\\{}[],:0-.eEtn \n\x80\xff\x01";
    for (size_t i = 0; i < sizeof production - 1; i++)
        for (size_t k = 0; k < sizeof bytes; k++) {
            memcpy(json, production, sizeof json);
            json[i] = bytes[k];
            const enum decode_reason reason = fixture_decode_bytes(&f, json, sizeof json - 1);
            const bool is_finite = (f.warnings & DECODE_WARNING_NON_FINITE) == 0;
            cr_assert_eq(reason == DECODE_OK && is_finite,
                         decode_is_object(f.payload, sizeof json - 1, 64), "byte %zu is %02x: %s",
                         i, (unsigned char)bytes[k], decode_reason_name(reason));
        }
    fixture_free(&f);
}
