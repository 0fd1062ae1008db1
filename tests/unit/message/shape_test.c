#include "message/decode.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *shape(const char *json) {
    const size_t size = strlen(json);
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, json, size);
    const char *role = decode_shape(copy, size);
    free(copy);
    return role != NULL ? role : "none";
}

Test(shape, a_member_tells_the_topic) {
    static const struct {
        const char *json, *role;
    } cases[] = {
        {"{\"symbol\":\"Q\",\"lastSampleStats\":{}}", "bar_trends"},
        {"{\"trend_data\":{\"...\":0}}", "bar_trends"},
        {"{\"stats\":{},\"z_score\":1.5}", "historic_stats"},
        {"{\"z_score\":1.5,\"x\":[{}],\"stats\":{}}", "historic_stats"},
        {"{\"historic_analysis\":0}", "historic_stats"},
        {"{\"statistics\":null}", "historic_stats"},
        {"{\"trendData\":{\"wSma_slope\":1}}", "asset_trends"},
        {"{\"trendVector\":{\"trendData\":{}}}", "asset_trends"},
        {"{\"predictions\":[]}", "asset_trends"},
        {"{\"trend_vectors\":[]}", "asset_trends"},
        {" {\"tr\\u0065nd\\u0056ector\" : 1 } \n", "asset_trends"},
        {"{\"statistics\":1,\"trend_data\":1}", "bar_trends"},
        {"{\"trendData\":1,\"stats\":1,\"z_score\":1}", "historic_stats"},
        {"{\"stats\":{}}", "none"},
        {"{\"z_score\":1}", "none"},
        {"{\"x\":{\"trendData\":1}}", "none"},
        {"{\"x\":\"trendData\"}", "none"},
        {"{\"trendDat\":1,\"trendDataX\":1,\"trenddata\":1}", "none"},
        {"{}", "none"},
        {"", "none"},
        {"[]", "none"},
        {"[\"trendData\"]", "none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(shape(cases[i].json), cases[i].role, "%s: %s", cases[i].json,
                         shape(cases[i].json));
}

Test(shape, what_is_no_json_has_none) {
    static const char *const bad[] = {
        "{\"trendData\":1",          "{\"trendData\":01}",
        "{\"trendData\":1,}",        "{\"trendData\":1}}",
        "{\"trendData\":1} {}",      "{\"trendData\" 1}",
        "{\"trendData\":\"\x80\"}",  "{\"trendData\":[1}",
        "{\"trendData\":1 \"a\":2}", "{trendData:1}",
        "{\"trendData\":}",          "{,\"trendData\":1}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_str_eq(shape(bad[i]), "none", "%s", bad[i]);
}

static bool is_object(const char *json, uint32_t max_depth) {
    return decode_is_object(json, strlen(json), max_depth);
}

Test(shape, one_object_and_nothing_else_is_an_object) {
    cr_assert(is_object("{}", 1));
    cr_assert(is_object(" {\"a\":[1,{\"b\":null}]}\n", 3));
    cr_assert_not(is_object("{\"a\":[1,{\"b\":null}]}", 2));
    cr_assert_not(is_object("{}", 0));
    cr_assert_not(is_object("", 64));
    cr_assert_not(is_object("  ", 64));
    cr_assert_not(is_object("[]", 64));
    cr_assert_not(is_object("1", 64));
    cr_assert_not(is_object("{}{}", 64));
    cr_assert_not(is_object("{\"a\":NaN}", 64));
    cr_assert_not(is_object("{\"a\":-Infinity}", 64));
    cr_assert_not(is_object("{\"a\":1e999}", 64));
    cr_assert(is_object("{\"a\":1e308}", 64));
}

Test(shape, no_depth_is_too_much_for_it) {
    enum { DEPTH = 5000 };
    static char json[2 * DEPTH + 16];
    memcpy(json, "{\"a\":", 5);
    memset(json + 5, '[', DEPTH);
    memset(json + 5 + DEPTH, ']', DEPTH);
    strcpy(json + 5 + 2 * DEPTH, "}");
    cr_assert_not(is_object(json, UINT32_MAX));
    cr_assert_str_eq(shape(json), "none");
}
