#include "message/document.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct document *parse(const char *json) {
    struct error error;
    struct document *document = document_new(json, strlen(json), &error);
    cr_assert_not_null(document, "%s: %s", json, error.text);
    return document;
}

static t5_document query_at(const char *path, uint32_t child) {
    return (t5_document){.size = sizeof(t5_document), .child = child, .path = t5_text(path)};
}

static int32_t look(struct document *document, const char *path, t5_document *query) {
    *query = query_at(path, UINT32_MAX);
    return document_look(document, query);
}

static void assert_integer(struct document *document, const char *path, int64_t integer) {
    t5_document query;
    cr_assert_eq(look(document, path, &query), T5_OK, "%s", path);
    cr_assert_eq(query.value.type, T5_VALUE_INTEGER, "%s", path);
    cr_assert_eq(query.value.integer, integer, "%s", path);
    cr_assert_eq(query.value.number, (double)integer, "%s", path);
    cr_assert_eq(query.child_count, 0);
}

static void assert_none(struct document *document, const char *path) {
    t5_document query;
    cr_assert_eq(look(document, path, &query), T5_END, "%s", path);
    cr_assert_eq(query.value.type, T5_VALUE_MISSING, "%s", path);
    cr_assert(isnan(query.value.number));
}

static bool is_text(t5_str text, const char *expected) {
    return t5_str_equal(text, t5_text(expected));
}

Test(document, values_are_found_by_path) {
    struct document *d = parse(" {\"a\":{\"b\":1,\"c.d\":2,\"7\":3},\"l\":[10,[11,12],{\"x\":13}],"
                               "\"s\":\"t\\u00e9\",\"n\":null,\"t\":true,\"d\":1.5} ");
    t5_document query;
    assert_integer(d, "a.b", 1);
    assert_integer(d, "a.c\\.d", 2);
    assert_integer(d, "a.7", 3);
    assert_integer(d, "l.0", 10);
    assert_integer(d, "l.1.1", 12);
    assert_integer(d, "l.2.x", 13);
    assert_integer(d, "none.x|a.b", 1);
    assert_integer(d, "a.b|l.0", 1);
    cr_assert_eq(look(d, "s", &query), T5_OK);
    cr_assert_eq(query.value.type, T5_VALUE_TEXT);
    cr_assert(is_text(t5_value_text(&query.value), "t\xc3\xa9"));
    cr_assert_eq(look(d, "n|t", &query), T5_OK);
    cr_assert_eq(query.value.type, T5_VALUE_NULL);
    cr_assert_eq(look(d, "t", &query), T5_OK);
    cr_assert_eq(query.value.integer, 1);
    cr_assert_eq(look(d, "d", &query), T5_OK);
    cr_assert_eq(query.value.number, 1.5);
    assert_none(d, "x");
    assert_none(d, "a.x");
    assert_none(d, "a.b.c");
    assert_none(d, "l.3");
    assert_none(d, "l.00");
    assert_none(d, "l.x");
    assert_none(d, "a.0");
    document_free(d);
}

Test(document, objects_and_arrays_come_as_they_stand) {
    struct document *d = parse("{\"a\": [ 1, {\"b\" :2} ] }");
    t5_document query;
    cr_assert_eq(look(d, "a", &query), T5_OK);
    cr_assert_eq(query.value.type, T5_VALUE_JSON);
    cr_assert(is_text(t5_value_text(&query.value), "[ 1, {\"b\" :2} ]"));
    cr_assert_eq(query.child_count, 2);
    cr_assert_eq(look(d, "", &query), T5_OK);
    cr_assert(is_text(t5_value_text(&query.value), "{\"a\": [ 1, {\"b\" :2} ] }"));
    cr_assert_eq(query.child_count, 1);
    document_free(d);
}

Test(document, children_are_walked_in_order) {
    struct document *d = parse("{\"p\":{\"a\":1,\"b\":[2,3],\"c\":{}}}");
    static const char *const names[] = {"a", "b", "c"};
    static const uint32_t counts[] = {0, 2, 0};
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 3; i++) {
            t5_document query = query_at("p", round == 0 ? i : 2 - i);
            cr_assert_eq(document_look(d, &query), T5_OK);
            cr_assert(is_text(query.name, names[query.child]));
            cr_assert_eq(query.child_count, counts[query.child]);
        }
    t5_document query = query_at("p", 3);
    cr_assert_eq(document_look(d, &query), T5_END);
    query = query_at("p.a", 0);
    cr_assert_eq(document_look(d, &query), T5_END);
    query = query_at("p.b", 1);
    cr_assert_eq(document_look(d, &query), T5_OK);
    cr_assert_eq(query.value.integer, 3);
    cr_assert_eq(query.name.len, 0);
    query = query_at("", 0);
    cr_assert_eq(document_look(d, &query), T5_OK);
    cr_assert(is_text(query.name, "p"));
    document_free(d);
}

Test(document, of_duplicates_the_last_counts) {
    struct document *d =
        parse("{\"a\":{\"b\":1},\"c\":2,\"a\":{\"x\":1},\"\\u0061\":{\"d\":3,\"d\":4}}");
    t5_document query;
    assert_none(d, "a.b");
    assert_none(d, "a.x");
    assert_integer(d, "a.d", 4);
    cr_assert_eq(look(d, "", &query), T5_OK);
    cr_assert_eq(query.child_count, 2);
    query = query_at("", 0);
    cr_assert_eq(document_look(d, &query), T5_OK);
    cr_assert(is_text(query.name, "c"));
    query = query_at("", 1);
    cr_assert_eq(document_look(d, &query), T5_OK);
    cr_assert(is_text(query.name, "a"));
    cr_assert_eq(query.child_count, 1);
    document_free(d);
}

Test(document, of_many_duplicates_too) {
    enum { COUNT = 20000 };
    char *json = malloc(COUNT * 24);
    size_t size = 0;
    json[size++] = '{';
    for (int i = 0; i < COUNT; i++)
        size += (size_t)sprintf(json + size, "%s\"%d\":%d", i > 0 ? "," : "", i * 7 % 100, i);
    json[size++] = '}';
    json[size] = '\0';
    struct document *d = parse(json);
    t5_document query;
    cr_assert_eq(look(d, "", &query), T5_OK);
    cr_assert_eq(query.child_count, 100);
    for (int i = COUNT - 100; i < COUNT; i++) {
        char path[16];
        snprintf(path, sizeof path, "%d", i * 7 % 100);
        assert_integer(d, path, i);
        query = query_at("", (uint32_t)(i - (COUNT - 100)));
        cr_assert_eq(document_look(d, &query), T5_OK);
        cr_assert_eq(query.value.integer, i);
    }
    document_free(d);
    free(json);
}

Test(document, a_nul_in_a_text_or_name_cuts_nothing) {
    struct document *d = parse("{\"a\\u0000b\":\"x\\u0000y\",\"a\":1}");
    t5_document query = query_at("", UINT32_MAX);
    query.path = (t5_str){"a\0b", 3};
    cr_assert_eq(document_look(d, &query), T5_OK);
    cr_assert_eq(query.value.length, 3);
    cr_assert_eq(memcmp(query.value.text, "x\0y", 3), 0);
    document_free(d);
}

Test(document, integers_are_exact) {
    struct document *d = parse("{\"a\":9007199254740993,\"b\":18446744073709551616}");
    t5_document query;
    cr_assert_eq(look(d, "a", &query), T5_OK);
    cr_assert_eq(query.value.integer, 9007199254740993);
    cr_assert_eq(look(d, "b", &query), T5_OK);
    cr_assert_eq(query.value.type, T5_VALUE_NUMBER);
    cr_assert_eq(query.value.flags, T5_VALUE_ROUNDED);
    document_free(d);
}

Test(document, what_is_not_finite_is_missing_but_still_a_child) {
    struct document *d = parse("{\"a\":1,\"a\":NaN,\"l\":[1,-Infinity,3]}");
    t5_document query;
    assert_none(d, "a");
    assert_none(d, "l.1");
    assert_integer(d, "a|l.2", 3);
    query = query_at("l", 1);
    cr_assert_eq(document_look(d, &query), T5_OK);
    cr_assert_eq(query.value.type, T5_VALUE_MISSING);
    document_free(d);
    d = parse("{\"a\":-1e400,\"b\":2}");
    assert_none(d, "a");
    assert_integer(d, "a|b", 2);
    document_free(d);
}

Test(document, paths_that_are_not_well_formed_are_an_error) {
    struct document *d = parse("{\"a\":1}");
    t5_document query;
    cr_assert_eq(look(d, "a..b", &query), T5_ERROR);
    cr_assert_eq(look(d, "a|", &query), T5_ERROR);
    cr_assert_eq(look(d, "a\\", &query), T5_ERROR);
    query = query_at("a", UINT32_MAX);
    query.size = 8;
    cr_assert_eq(document_look(d, &query), T5_ERROR);
    document_free(d);
}

Test(document, a_bad_document_is_refused) {
    static const char *const bad[] = {"",
                                      "[]",
                                      "1",
                                      "{\"a\":1",
                                      "{\"a\":1}}",
                                      "{a:1}",
                                      "{\"a\":01}",
                                      "{\"a\":[1}",
                                      "{\"a\"1}",
                                      "{\"a\":1 2}",
                                      "{}{}",
                                      "{\"a\":x}",
                                      "{\"\x80\":1}",
                                      "{\"a\":[}",
                                      "{\"a\":1,}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error error = {0};
        cr_expect_null(document_new(bad[i], strlen(bad[i]), &error), "%s", bad[i]);
        cr_expect_eq(error.code, ERROR_INVALID, "%s", bad[i]);
    }
}

Test(document, depth_costs_no_stack) {
    enum { DEPTH = 200000 };
    char *json = malloc(2 * DEPTH + 16);
    memcpy(json, "{\"a\":", 5);
    memset(json + 5, '[', DEPTH);
    memset(json + 5 + DEPTH, ']', DEPTH);
    strcpy(json + 5 + 2 * DEPTH, "}");
    struct document *d = parse(json);
    t5_document query;
    cr_assert_eq(look(d, "a.0.0.0", &query), T5_OK);
    document_free(d);
    free(json);
}
