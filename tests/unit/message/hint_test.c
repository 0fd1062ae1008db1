/* Guessing which name comes next must never be seen but in the time it takes. */
#include "fixture.h"

#include <stdio.h>

/* Decodes the messages in turn, three times over; each must give `a.x` and `b.x` as it says. */
struct step {
    const char *json;
    int64_t a, b; /* 0: missing */
};

static void run(const struct step *steps, size_t count) {
    struct fixture f = FIXTURE("a.x", "b.x", "a", "b");
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < count; i++) {
            const t5_value *a = fixture_field(&f, steps[i].json, 0);
            const t5_value *b = fixture_value(&f, 1);
            cr_assert_eq(a->integer, steps[i].a, "round %d: %s", round, steps[i].json);
            cr_assert_eq(b->integer, steps[i].b, "round %d: %s", round, steps[i].json);
            cr_assert_eq(a->type == T5_VALUE_MISSING, steps[i].a == 0, "%s", steps[i].json);
            cr_assert_eq(b->type == T5_VALUE_MISSING, steps[i].b == 0, "%s", steps[i].json);
        }
    fixture_free(&f);
}

#define RUN(...)                                                                                   \
    do {                                                                                           \
        const struct step steps[] = {__VA_ARGS__};                                                 \
        run(steps, sizeof steps / sizeof *steps);                                                  \
    } while (0)

/* Enough behind a name for the wide compare. */
#define FILL "\"fill\":\"................................................\""

Test(hint, members_in_another_order_are_found) {
    RUN({"{\"a\":{\"x\":1},\"b\":{\"x\":2}," FILL "}", 1, 2},
        {"{\"b\":{\"x\":3},\"a\":{\"x\":4}," FILL "}", 4, 3},
        {"{" FILL ",\"b\":{\"x\":5},\"a\":{\"x\":6}}", 6, 5});
}

Test(hint, members_that_come_and_go_are_found) {
    RUN({"{\"a\":{\"x\":1}," FILL "}", 1, 0}, {"{\"b\":{\"x\":2}," FILL "}", 0, 2},
        {"{" FILL "}", 0, 0}, {"{\"n\":0,\"a\":{\"n\":0,\"x\":7,\"m\":0}," FILL "}", 7, 0},
        {"{\"n\":0,\"a\":{\"m\":0,\"n\":0,\"x\":8},\"m\":{\"x\":9}," FILL "}", 8, 0});
}

Test(hint, one_name_in_two_objects_means_two_things) {
    RUN({"{\"x\":9,\"a\":{\"x\":1,\"a\":{\"x\":9},\"b\":9},\"b\":{\"x\":2,\"b\":9}," FILL "}", 1,
         2},
        {"{\"a\":{\"n\":9,\"x\":3," FILL "},\"n\":{\"x\":9},\"b\":{\"n\":9,\"x\":4}," FILL "}", 3,
         4},
        {"{\"n\":{\"x\":9,\"a\":{\"x\":9}},\"a\":{\"x\":5}," FILL "}", 5, 0});
}

Test(hint, a_name_that_only_begins_alike_is_another) {
    RUN({"{\"a\":{\"x\":1,\"xx\":9},\"aa\":{\"x\":9}," FILL "}", 1, 0},
        {"{\"aa\":{\"x\":9},\"a\":{\"xx\":9,\"x\":2}," FILL "}", 2, 0},
        {"{\"a \":{\"x\":9},\"a\":{\"x \":9}," FILL "}", 0, 0});
}

Test(hint, space_and_escapes_around_a_name_change_nothing) {
    RUN({"{\"a\":{\"x\":1},\"b\":{\"x\":2}," FILL "}", 1, 2},
        {"{\"a\" :{\"x\" : 3},\"b\"\n:\n{\"x\":4}," FILL "}", 3, 4},
        {"{\"\\u0061\":{\"\\u0078\":5},\"b\":{\"x\":6}," FILL "}", 5, 6},
        {"{ \"a\": {\"x\": 7}, \"b\": {\"x\": 8}, " FILL "}", 7, 8});
}

Test(hint, names_too_long_to_guess_are_found) {
    RUN({"{\"a_name_that_is_as_long_as_can_be\":1,\"a\":{\"x\":1}," FILL "}", 1, 0},
        {"{\"a_name_that_is_too_long_for_any_hint\":1,\"a\":{\"x\":2}," FILL "}", 2, 0},
        {"{\"a_name_that_is_too_long_for_any_hinx\":{\"x\":9},\"b\":{\"x\":3}," FILL "}", 0, 3});
}

Test(hint, more_names_than_there_is_room_for_are_found) {
    struct fixture f = FIXTURE("o.wanted", "o");
    char json[16384];
    for (int round = 0; round < 3; round++)
        for (int at = 0; at < 600; at += 37) {
            size_t size = (size_t)sprintf(json, "{\"o\":{");
            for (int i = 0; i < 600; i++)
                size += (size_t)sprintf(json + size, i == at ? "\"wanted\":%d," : "\"n%d\":0,", i);
            sprintf(json + size, "\"end\":0}}");
            cr_assert_eq(fixture_field(&f, json, 0)->integer, at);
        }
    fixture_free(&f);
}

Test(hint, a_name_that_ends_with_the_text_is_read_no_further) {
    struct fixture f = FIXTURE("a", "b");
    const char *json = "{\"a\":1,\"b\":2}";
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(fixture_field(&f, json, 1)->integer, 2);
        for (size_t size = 1; size < strlen(json); size++)
            cr_assert_neq(fixture_decode_bytes(&f, json, size), DECODE_OK);
    }
    fixture_free(&f);
}

Test(hint, a_wanted_name_that_json_must_escape_is_never_taken_raw) {
    struct fixture f = FIXTURE("q\"", "c\x01");
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(fixture_field(&f, "{\"q\\\"\":1,\"c\\u0001\":2," FILL "}", 0)->integer, 1);
        cr_assert_eq(fixture_value(&f, 1)->integer, 2);
        cr_assert_eq(fixture_decode(&f, "{\"q\"\":1," FILL "}"), DECODE_NOT_JSON);
        cr_assert_eq(fixture_decode(&f, "{\"c\x01\":1," FILL "}"), DECODE_NOT_JSON);
    }
    fixture_free(&f);
}
