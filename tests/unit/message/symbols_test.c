#include "message/symbols.h"

#include "base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t intern(struct symbols *symbols, const char *text) {
    return symbols_intern(symbols, text, strlen(text), NULL);
}

static uint32_t intern_number(struct symbols *symbols, int number) {
    char text[32];
    snprintf(text, sizeof text, "SYM%d", number);
    return intern(symbols, text);
}

Test(symbols, ids_are_dense_in_order_of_first_sight) {
    struct symbols *symbols = symbols_new(100);
    bool is_new = false;
    cr_assert_eq(symbols_intern(symbols, "QQQ", 3, &is_new), 0);
    cr_assert(is_new);
    cr_assert_eq(intern(symbols, "SPY"), 1);
    cr_assert_eq(symbols_intern(symbols, "QQQ", 3, &is_new), 0);
    cr_assert_not(is_new);
    cr_assert_eq(symbols_count(symbols), 2);
    cr_assert_eq(symbols_bound(symbols), 2);
    symbols_free(symbols);
}

Test(symbols, find_gives_out_nothing) {
    struct symbols *symbols = symbols_new(100);
    cr_assert_eq(symbols_find(symbols, "QQQ", 3), SYMBOL_NONE);
    cr_assert_eq(symbols_count(symbols), 0);
    uint32_t id = intern(symbols, "QQQ");
    cr_assert_eq(symbols_find(symbols, "QQQ", 3), id);
    cr_assert_eq(symbols_find(symbols, "QQ", 2), SYMBOL_NONE);
    symbols_free(symbols);
}

Test(symbols, guess_after_a_prefetch_is_the_id_and_gives_out_nothing) {
    struct symbols *symbols = symbols_new(10000);
    for (int i = 0; i < 5000; i++) {
        char text[16];
        snprintf(text, sizeof text, "S%d", i);
        cr_assert_eq(symbols_guess(symbols, symbols_prefetch(symbols, text, strlen(text))),
                     SYMBOL_NONE);
        const uint32_t id = intern(symbols, text);
        cr_assert_eq(symbols_guess(symbols, symbols_prefetch(symbols, text, strlen(text))), id);
    }
    cr_assert_eq(symbols_count(symbols), 5000);
    symbols_free(symbols);
}

Test(symbols, text_of_any_length_and_any_bytes) {
    struct symbols *symbols = symbols_new(1000);
    char text[200];
    memset(text, 'a', sizeof text);
    for (size_t size = 0; size < sizeof text; size++)
        cr_assert_eq(symbols_intern(symbols, text, size, NULL), size);
    for (size_t size = 0; size < sizeof text; size++) {
        size_t got = SIZE_MAX;
        const char *kept = symbols_text(symbols, (uint32_t)size, &got);
        cr_assert_eq(got, size);
        cr_assert_eq(memcmp(kept, text, size), 0);
        cr_assert_eq(kept[size], '\0');
        cr_assert_eq(symbols_find(symbols, text, size), size);
    }
    uint32_t with_nul = symbols_intern(symbols, "a\0b", 3, NULL);
    cr_assert_eq(with_nul, 200);
    cr_assert_eq(symbols_find(symbols, "a\0c", 3), SYMBOL_NONE);
    symbols_free(symbols);
}

Test(symbols, unknown_ids_have_no_text) {
    struct symbols *symbols = symbols_new(10);
    cr_assert_null(symbols_text(symbols, 0, NULL));
    cr_assert_null(symbols_text(symbols, SYMBOL_NONE, NULL));
    intern(symbols, "A");
    cr_assert_str_eq(symbols_text(symbols, 0, NULL), "A");
    cr_assert_null(symbols_text(symbols, 1, NULL));
    symbols_touch(symbols, 7, 1); /* no such id: nothing happens */
    symbols_touch(symbols, SYMBOL_NONE, 1);
    symbols_free(symbols);
}

Test(symbols, the_limit_refuses_and_lets_the_known_in) {
    struct symbols *symbols = symbols_new(3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(intern_number(symbols, i), i);
    bool is_new = true;
    cr_assert_eq(symbols_intern(symbols, "ONE TOO MANY", 12, &is_new), SYMBOL_NONE);
    cr_assert_not(is_new);
    cr_assert_eq(intern_number(symbols, 1), 1);
    cr_assert_eq(symbols_count(symbols), 3);
    symbols_free(symbols);
    struct symbols *none = symbols_new(0);
    cr_assert_eq(intern(none, "A"), SYMBOL_NONE);
    symbols_free(none);
}

Test(symbols, a_hundred_thousand_stay_told_apart) {
    struct symbols *symbols = symbols_new(1000000);
    const char *first_text = symbols_text(symbols, intern_number(symbols, 0), NULL);
    for (int i = 0; i < 100000; i++)
        cr_assert_eq(intern_number(symbols, i), i);
    cr_assert_eq(symbols_count(symbols), 100000);
    for (int i = 0; i < 100000; i++)
        cr_assert_eq(intern_number(symbols, i), i);
    cr_assert_eq(symbols_text(symbols, 0, NULL), first_text, "texts keep their address");
    symbols_free(symbols);
}

struct seen {
    uint32_t count;
    uint32_t ids[64];
    char texts[64][40];
};

static void remember(void *context, uint32_t id, const char *text, size_t size) {
    struct seen *seen = context;
    cr_assert_lt(seen->count, 64);
    seen->ids[seen->count] = id;
    memcpy(seen->texts[seen->count], text, size + 1);
    seen->count++;
}

Test(symbols, idle_ones_expire_and_are_named) {
    struct symbols *symbols = symbols_new(100);
    struct seen seen = {0};
    for (int i = 0; i < 5; i++)
        symbols_touch(symbols, intern_number(symbols, i), i * 10);
    cr_assert_eq(symbols_expire(symbols, 20, 100, remember, &seen), 2);
    cr_assert_eq(seen.count, 2);
    cr_assert_eq(seen.ids[0], 0);
    cr_assert_str_eq(seen.texts[1], "SYM1");
    cr_assert_eq(symbols_count(symbols), 3);
    cr_assert_eq(symbols_bound(symbols), 5);
    cr_assert_eq(symbols_find(symbols, "SYM0", 4), SYMBOL_NONE);
    cr_assert_null(symbols_text(symbols, 0, NULL));
    cr_assert_str_eq(symbols_text(symbols, 2, NULL), "SYM2");
    cr_assert_eq(symbols_expire(symbols, 20, 100, remember, &seen), 0);
    symbols_free(symbols);
}

Test(symbols, never_touched_ones_do_not_expire) {
    struct symbols *symbols = symbols_new(100);
    intern(symbols, "RESTORED");
    cr_assert_eq(symbols_expire(symbols, INT64_MAX, 100, NULL, NULL), 0);
    symbols_touch(symbols, 0, 5);
    cr_assert_eq(symbols_expire(symbols, 6, 100, NULL, NULL), 1);
    symbols_free(symbols);
}

Test(symbols, freed_ids_are_given_out_again_with_a_newer_order) {
    struct symbols *symbols = symbols_new(3);
    for (int i = 0; i < 3; i++)
        symbols_touch(symbols, intern_number(symbols, i), i);
    cr_assert_eq(intern(symbols, "FULL"), SYMBOL_NONE);
    symbols_expire(symbols, 1, 100, NULL, NULL);
    bool is_new = false;
    uint32_t id = symbols_intern(symbols, "NEW", 3, &is_new);
    cr_assert_eq(id, 0);
    cr_assert(is_new);
    cr_assert_eq(symbols_bound(symbols), 3);
    cr_assert_gt(symbols_order(symbols, 0), symbols_order(symbols, 2));
    cr_assert_lt(symbols_order(symbols, 1), symbols_order(symbols, 2));
    cr_assert_eq(symbols_order(symbols, 9), UINT64_MAX);
    cr_assert_eq(symbols_expire(symbols, INT64_MAX, 100, NULL, NULL), 2);
    cr_assert_str_eq(symbols_text(symbols, 0, NULL), "NEW", "the new life is untouched");
    symbols_free(symbols);
}

Test(symbols, a_scan_looks_at_a_bounded_number_and_goes_on) {
    struct symbols *symbols = symbols_new(100);
    struct seen seen = {0};
    for (int i = 0; i < 10; i++)
        symbols_touch(symbols, intern_number(symbols, i), i < 5 ? 100 : 0);
    cr_assert_eq(symbols_expire(symbols, 50, 4, remember, &seen), 0);
    cr_assert_eq(symbols_expire(symbols, 50, 4, remember, &seen), 3);
    cr_assert_eq(symbols_expire(symbols, 50, 4, remember, &seen), 2);
    cr_assert_eq(symbols_expire(symbols, 50, 1000, remember, &seen), 0);
    cr_assert_eq(seen.count, 5);
    cr_assert_eq(symbols_expire(symbols, 50, 0, remember, &seen), 0);
    symbols_free(symbols);
}

static void intern_more(void *context, uint32_t id, const char *text, size_t size) {
    struct symbols *symbols = context;
    cr_assert_eq(symbols_find(symbols, text, size), id, "alive while it is told");
    for (int i = 0; i < 3000; i++) /* grows the table and the entries */
        intern_number(symbols, 1000 + i);
    cr_assert_str_eq(text, "IDLE");
}

Test(symbols, the_call_may_intern) {
    struct symbols *symbols = symbols_new(10000);
    symbols_touch(symbols, intern(symbols, "IDLE"), 0);
    cr_assert_eq(symbols_expire(symbols, 1, 10, intern_more, symbols), 1);
    cr_assert_eq(symbols_find(symbols, "IDLE", 4), SYMBOL_NONE);
    cr_assert_eq(symbols_count(symbols), 3000);
    for (int i = 0; i < 3000; i++)
        cr_assert_eq(intern_number(symbols, 1000 + i), i + 1);
    symbols_free(symbols);
}

/* Random interning and expiring against a plain array as the model: the deletion without tombstones
 * is where such tables go wrong. */
Test(symbols, agrees_with_a_model_over_many_random_steps) {
    enum { NAMES = 700 };
    struct symbols *symbols = symbols_new(600);
    uint32_t id_of[NAMES];
    int64_t touched[NAMES];
    for (int i = 0; i < NAMES; i++)
        id_of[i] = SYMBOL_NONE;
    uint32_t live = 0;
    uint64_t random = 42;
    for (int64_t tick = 1; tick <= 200000; tick++) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        int name = (int)(random >> 33) % NAMES;
        char text[64];
        int size = name % 3 == 0 ? snprintf(text, sizeof text, "LONG-SYMBOL-NUMBER-%030d", name)
                                 : snprintf(text, sizeof text, "S%d", name);
        bool is_new = false;
        uint32_t id = symbols_intern(symbols, text, (size_t)size, &is_new);
        if (id_of[name] != SYMBOL_NONE) {
            cr_assert_eq(id, id_of[name]);
            cr_assert_not(is_new);
        } else if (live == 600) {
            cr_assert_eq(id, SYMBOL_NONE);
        } else {
            cr_assert(is_new);
            live++;
        }
        if (id != SYMBOL_NONE) {
            cr_assert_str_eq(symbols_text(symbols, id, NULL), text);
            id_of[name] = id;
            touched[name] = tick;
            symbols_touch(symbols, id, tick);
        }
        if (tick % 500 == 0) {
            uint32_t gone = symbols_expire(symbols, tick - 600, UINT32_MAX, NULL, NULL);
            for (int i = 0; i < NAMES; i++) {
                if (id_of[i] != SYMBOL_NONE && touched[i] < tick - 600) {
                    id_of[i] = SYMBOL_NONE;
                    gone--;
                    live--;
                }
            }
            cr_assert_eq(gone, 0);
        }
        cr_assert_eq(symbols_count(symbols), live);
    }
    cr_assert_leq(symbols_bound(symbols), 600);
    symbols_free(symbols);
    symbols_free(NULL);
}

/* Symbols whose unseeded hashes agree in the bits that say where a search begins. */
static size_t make_colliding(char (*symbols)[12], size_t count, uint64_t mask) {
    size_t found = 0;
    for (uint32_t number = 0; found < count; number++) {
        char text[12];
        const int size = snprintf(text, sizeof text, "%010u", number);
        if ((hash_key(text, (size_t)size) & mask) == (12345 & mask))
            memcpy(symbols[found++], text, sizeof text);
    }
    return found;
}

/* Whoever fills the feed can choose symbols; where they lie must not be for him to choose. */
Test(symbols, chosen_symbols_do_not_make_a_list_of_the_table) {
    enum { COUNT = 2000 };
    static char chosen[COUNT][12];
    make_colliding(chosen, COUNT, 4095); /* the table has 4096 slots at the end */
    struct symbols *symbols = symbols_new(COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert_eq(intern(symbols, chosen[i]), i); /* ids do not hang on the seed */
    /* By chance it is a few dozen at most; unseeded it was all of them. */
    cr_expect_lt(symbols_longest_search(symbols), COUNT / 4);
    symbols_free(symbols);
}

Test(symbols, an_id_is_a_text_s_while_it_lives) {
    struct symbols *symbols = symbols_new(10);
    const uint32_t id = symbols_intern(symbols, "QQQ", 3, NULL);
    cr_expect(symbols_is(symbols, id, "QQQ", 3));
    cr_expect_not(symbols_is(symbols, id, "QQ", 2));
    cr_expect_not(symbols_is(symbols, id, "SPY", 3));
    cr_expect_not(symbols_is(symbols, id + 1, "QQQ", 3));
    cr_expect_not(symbols_is(symbols, SYMBOL_NONE, "QQQ", 3));
    symbols_touch(symbols, id, 1);
    cr_expect_eq(symbols_expire(symbols, 2, 10, NULL, NULL), 1);
    cr_expect_not(symbols_is(symbols, id, "QQQ", 3));
    symbols_free(symbols);
}
