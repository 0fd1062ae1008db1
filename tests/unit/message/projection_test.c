#include "fixture.h"

#include <stdio.h>

static uint32_t add(struct projection *projection, const char *path) {
    struct error error;
    uint32_t slot = UINT32_MAX;
    cr_assert(projection_add(projection, path, strlen(path), &slot, &error), "%s", error.text);
    return slot;
}

Test(projection, the_same_path_gives_the_same_slot) {
    struct projection *projection = projection_new();
    const uint32_t envelope = projection_slots(projection);
    const uint32_t a = add(projection, "a.b");
    const uint32_t b = add(projection, "a.b|c");
    cr_assert_eq(add(projection, "a.b"), a);
    cr_assert_eq(add(projection, "a.b|c"), b);
    cr_assert_neq(a, b);
    cr_assert_geq(a, envelope);
    cr_assert_eq(projection_slots(projection), envelope + 2);
    projection_free(projection);
}

Test(projection, a_backslash_that_changes_nothing_makes_no_new_path) {
    struct projection *projection = projection_new();
    cr_assert_eq(add(projection, "\\a\\b"), add(projection, "ab"));
    cr_assert_neq(add(projection, "a\\.b"), add(projection, "a.b"));
    cr_assert_neq(add(projection, "a\\|b"), add(projection, "a|b"));
    cr_assert_neq(add(projection, "a\\\\b"), add(projection, "ab"));
    projection_free(projection);
}

Test(projection, paths_that_are_not_well_formed_are_refused) {
    static const char *const bad[] = {"",      ".",  "a.",   ".a",     "a..b",   "|",
                                      "a|",    "|a", "a||b", "a.|b",   "a|.b",   "a\\",
                                      "a.b\\", "\\", "\xff", "a.\xc3", "a\\\\\\"};
    struct projection *projection = projection_new();
    const uint32_t before = projection_slots(projection);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error error = {0};
        uint32_t slot;
        cr_expect_not(projection_check(bad[i], strlen(bad[i]), &error), "%s", bad[i]);
        cr_expect_eq(error.code, ERROR_INVALID);
        error = (struct error){0};
        cr_expect_not(projection_add(projection, bad[i], strlen(bad[i]), &slot, &error), "%s",
                      bad[i]);
        cr_expect_eq(error.code, ERROR_INVALID);
        cr_expect_gt(strlen(error.text), 10);
    }
    cr_assert_eq(projection_slots(projection), before);
    projection_free(projection);
}

Test(projection, a_path_may_have_as_many_steps_as_the_limit_says) {
    char path[4 * PROJECTION_MAX_STEPS];
    size_t size = 0;
    for (int i = 0; i < PROJECTION_MAX_STEPS; i++) {
        path[size++] = 'a';
        path[size++] = '.';
    }
    struct error error;
    cr_assert(projection_check(path, size - 1, &error), "%s", error.text);
    path[size++] = 'b';
    cr_assert_not(projection_check(path, size, &error));
    path[size - 2] = '|'; /* another alternative counts anew */
    cr_assert(projection_check(path, size, &error), "%s", error.text);
}

Test(projection, a_path_may_be_as_long_as_the_limit_says) {
    char path[PROJECTION_MAX_PATH + 1];
    memset(path, 'a', sizeof path);
    struct error error;
    struct projection *projection = projection_new();
    uint32_t slot;
    cr_assert(projection_add(projection, path, PROJECTION_MAX_PATH, &slot, &error));
    cr_assert_not(projection_add(projection, path, PROJECTION_MAX_PATH + 1, &slot, &error));
    for (size_t i = 1; i < PROJECTION_MAX_PATH - 1; i += 2)
        path[i] = '|';
    cr_assert(projection_add(projection, path, PROJECTION_MAX_PATH, &slot, &error), "%s",
              error.text);
    cr_assert(projection_seal(projection, &error));
    projection_free(projection);
}

Test(projection, no_more_slots_than_the_limit_are_given) {
    struct projection *projection = projection_new();
    struct error error;
    uint32_t slot;
    char path[32];
    for (uint32_t i = projection_slots(projection); i < PROJECTION_MAX_SLOTS; i++) {
        const int size = snprintf(path, sizeof path, "common.prefix.%u", i);
        cr_assert(projection_add(projection, path, (size_t)size, &slot, &error), "%s", error.text);
        cr_assert_eq(slot, i);
    }
    cr_assert_not(projection_add(projection, "x", 1, &slot, &error));
    cr_assert_eq(error.code, ERROR_INVALID);
    cr_assert(projection_add(projection, "common.prefix.100", 17, &slot, &error));
    cr_assert_eq(slot, 100);

    /* ... and each is found. */
    cr_assert(projection_seal(projection, &error));
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    struct decoder *decoder = decoder_new(projection, &limits, &error);
    t5_message message;
    uint32_t warnings;
    for (uint32_t i = 12; i < PROJECTION_MAX_SLOTS; i += 97) {
        char json[64];
        const int size = snprintf(json, sizeof json, "{\"common\":{\"prefix\":{\"%u\":%u}}}", i, i);
        const struct record record = {
            .payload = json, .payload_size = (size_t)size, .key = "K", .key_size = 1};
        cr_assert_eq(decoder_decode(decoder, &record, &message, &warnings), DECODE_OK);
        cr_assert_eq(message.slots[i].integer, i);
    }
    decoder_free(decoder);
    projection_free(projection);
}

Test(projection, a_seal_admits_no_new_path_but_the_known_ones) {
    struct projection *projection = projection_new();
    struct error error;
    const uint32_t a = add(projection, "a");
    cr_assert(projection_seal(projection, &error));
    cr_assert(projection_seal(projection, &error));
    uint32_t slot;
    cr_assert(projection_add(projection, "a", 1, &slot, &error));
    cr_assert_eq(slot, a);
    cr_assert_not(projection_add(projection, "b", 1, &slot, &error));
    cr_assert_eq(error.code, ERROR_STATE);
    projection_free(projection);
}

Test(projection, a_copy_keeps_every_slot_and_grows) {
    struct projection *projection = projection_new();
    struct error error;
    const uint32_t a = add(projection, "a|b");
    const uint32_t c = add(projection, "c.d");
    cr_assert(projection_seal(projection, &error));
    struct projection *copy = projection_copy(projection);
    cr_assert_not_null(copy);
    const uint32_t e = add(copy, "e");
    cr_assert_eq(add(copy, "a|b"), a);
    cr_assert_eq(add(copy, "c.d"), c);
    cr_assert_eq(projection_slots(copy), projection_slots(projection) + 1);
    cr_assert_eq(e, projection_slots(projection));
    cr_assert(projection_seal(copy, &error));
    projection_free(projection);
    projection_free(copy);
}

Test(projection, long_names_that_begin_alike_are_told_apart) {
    static const char *const names[] = {"a_rather_long_name_1",
                                        "a_rather_long_name_2",
                                        "a_rather_long_name_3",
                                        "a_rather_long_name_4",
                                        "a_rather_long_name_5",
                                        "a_rather_long_name_10",
                                        NULL};
    struct fixture f = fixture_new(names);
    for (int i = 0; names[i] != NULL; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"%s\":%d}", names[i], i);
        for (int k = 0; names[k] != NULL; k++)
            cr_assert_eq(fixture_field(&f, json, k)->type,
                         i == k ? T5_VALUE_INTEGER : T5_VALUE_MISSING);
    }
    cr_assert_eq(fixture_field(&f, "{\"a_rather_long_name_6\":1}", 0)->type, T5_VALUE_MISSING);
    fixture_free(&f);
}
