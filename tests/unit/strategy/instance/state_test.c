#include "strategy/instance/state.h"

#include "base/format/wire.h"
#include "base/hash.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

static void add(struct state *state, const char *symbol, uint64_t order, const char *data) {
    cr_assert(state_add_record(state, symbol != NULL ? 1 : T5_NO_SYMBOL, order, symbol,
                               symbol != NULL ? strlen(symbol) : 0, data, strlen(data)));
}

/* "symbol:data" of each record. */
static char *list(const struct state *state) {
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < state->record_count; i++) {
        const struct state_record *record = &state->records[i];
        text_append(&text, state->bytes.data + record->symbol_at, record->symbol_size);
        text_putc(&text, ':');
        text_append(&text, state->bytes.data + record->data_at, record->data_size);
        text_putc(&text, ' ');
    }
    return text_take(&text);
}

static bool add_timer(struct state *state, uint32_t clock, uint64_t key, int64_t due_ns,
                      const char *symbol) {
    const struct state_timer timer = {
        .clock = clock, .key = key, .due_ns = due_ns, .order = 100 - key};
    return state_add_timer(state, &timer, symbol, symbol != NULL ? strlen(symbol) : 0);
}

static void fill_in(struct state *state) {
    state->strategy = text_dup("alpha", 5);
    state->version = text_dup("1.2.3", 5);
    state->state_version = 7;
    state->event_clock_ns = 1718658930000000000;
    add(state, NULL, 0, "whole");
    add(state, "QQQ", 0, "first");
    add(state, "SPY", 1, "");
    add(state, "A", 2, "odd size");
    cr_assert(add_timer(state, T5_CLOCK_EVENT, 1, 5, "QQQ"));
    cr_assert(add_timer(state, T5_CLOCK_WALL, UINT64_MAX, -9, NULL));
}

static void fill(struct state *state) {
    state_init(state);
    fill_in(state);
}

Test(state, timers_are_sorted_by_due_time_then_by_their_place) {
    struct state state;
    state_init(&state);
    for (uint64_t key = 0; key < 50; key++)
        cr_assert(add_timer(&state, T5_CLOCK_EVENT, key, key % 2 == 0 ? 30 : 10, "QQQ"));
    state_sort_timers(&state);
    for (uint64_t i = 0; i < 50; i++) {
        cr_expect_eq(state.timers[i].due_ns, i < 25 ? 10 : 30);
        cr_expect_eq(state.timers[i].key, i < 25 ? 49 - 2 * i : 98 - 2 * i);
        cr_expect_eq(state.timers[i].symbol_size, 3);
    }
    state_release(&state);
}

Test(state, what_was_reset_or_reserved_takes_as_much_without_memory) {
    struct state state, reserved;
    state_init(&state);
    fill(&state);
    const struct state_size size = state_size(&state);
    cr_expect_eq(size.records, 4);
    cr_expect_eq(size.timers, 2);
    state_init(&reserved);
    state_reserve(&reserved, &size);
    const struct state before = reserved;
    fill_in(&reserved);
    cr_expect_eq(reserved.records, before.records);
    cr_expect_eq(reserved.timers, before.timers);
    cr_expect_eq(reserved.bytes.data, before.bytes.data);
    state_reset(&reserved);
    cr_expect_null(reserved.strategy);
    cr_expect_eq(reserved.record_count + reserved.timer_count + reserved.bytes.size, 0);
    fill_in(&reserved);
    cr_expect_eq(reserved.records, before.records);
    cr_expect_eq(reserved.bytes.data, before.bytes.data);
    cr_expect_arr_eq(reserved.bytes.data, state.bytes.data, size.bytes);
    state_release(&state);
    state_release(&reserved);
}

Test(state, records_without_symbol_come_first_then_by_first_sight_and_stay_in_order) {
    struct state state;
    state_init(&state);
    add(&state, "LATE", 9, "a");
    add(&state, "EARLY", 2, "b");
    add(&state, NULL, 0, "c");
    add(&state, "LATE", 9, "d");
    add(&state, NULL, 0, "e");
    add(&state, "EARLY", 2, "f");
    add(&state, NULL, 0, "");
    state_sort_records(&state);
    char *order = list(&state);
    cr_assert_str_eq(order, ":c :e : EARLY:b EARLY:f LATE:a LATE:d ");
    free(order);
    state_release(&state);
}

Test(state, comes_back_from_its_bytes_whole) {
    struct state state, read;
    struct text bytes;
    struct error error;
    fill(&state);
    text_init(&bytes);
    state_init(&read);
    state_encode(&state, &bytes);
    cr_assert(state_decode(&read, bytes.data, bytes.size, &error), "%s", error.text);
    cr_assert_str_eq(read.strategy, "alpha");
    cr_assert_str_eq(read.version, "1.2.3");
    cr_assert_eq(read.state_version, 7);
    cr_assert_eq(read.event_clock_ns, 1718658930000000000);
    char *wanted = list(&state), *found = list(&read);
    cr_assert_str_eq(found, wanted);
    cr_assert_eq(read.timer_count, 2);
    cr_assert_eq(read.timers[0].clock, T5_CLOCK_EVENT);
    cr_assert_eq(read.timers[0].due_ns, 5);
    cr_assert_eq(read.timers[0].symbol_size, 3);
    cr_assert_arr_eq(read.bytes.data + read.timers[0].symbol_at, "QQQ", 3);
    cr_assert_eq(read.timers[1].key, UINT64_MAX);
    cr_assert_eq(read.timers[1].due_ns, -9);
    cr_assert_eq(read.timers[1].symbol_size, 0);
    free(wanted);
    free(found);
    state_release(&read);
    state_release(&state);
    text_release(&bytes);
}

Test(state, same_state_gives_the_same_bytes_again) {
    struct state state, read;
    struct text bytes, again;
    struct error error;
    fill(&state);
    text_init(&bytes);
    text_init(&again);
    state_init(&read);
    state_encode(&state, &bytes);
    cr_assert(state_decode(&read, bytes.data, bytes.size, &error));
    state_encode(&read, &again);
    cr_assert_eq(again.size, bytes.size);
    cr_assert_arr_eq(again.data, bytes.data, bytes.size);
    state_release(&read);
    state_release(&state);
    text_release(&bytes);
    text_release(&again);
}

Test(state, data_lies_at_multiples_of_8) {
    struct state state;
    fill(&state);
    for (size_t i = 0; i < state.record_count; i++)
        cr_assert_eq((uintptr_t)(state.bytes.data + state.records[i].data_at) % 8, 0);
    state_release(&state);
}

static void assert_damaged(const char *bytes, size_t size, const char *beginning) {
    struct state state;
    struct error error;
    state_init(&state);
    cr_assert_not(state_decode(&state, bytes, size, &error));
    cr_assert_eq(strncmp(error.text, beginning, strlen(beginning)), 0, "%s", error.text);
    cr_assert_null(state.strategy);
    cr_assert_eq(state.record_count, 0);
    state_release(&state);
}

Test(state, every_truncation_is_refused) {
    struct state state;
    struct text bytes;
    fill(&state);
    text_init(&bytes);
    state_encode(&state, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        char *part = malloc(size + 1); /* its own size, so that a look beyond is seen */
        memcpy(part, bytes.data, size);
        part = realloc(part, size > 0 ? size : 1);
        assert_damaged(part, size, "saved state is corrupt: ");
        free(part);
    }
    state_release(&state);
    text_release(&bytes);
}

Test(state, every_changed_byte_is_refused) {
    struct state state;
    struct text bytes;
    fill(&state);
    text_init(&bytes);
    state_encode(&state, &bytes);
    for (size_t at = 0; at < bytes.size; at++) {
        bytes.data[at] ^= 0x40;
        assert_damaged(bytes.data, bytes.size, "");
        bytes.data[at] ^= 0x40;
    }
    state_release(&state);
    text_release(&bytes);
}

static void put_checksum(char *bytes, size_t size) {
    const uint64_t check = hash_key(bytes, size - 8);
    for (size_t i = 0; i < 8; i++)
        bytes[size - 8 + i] = (char)(check >> (8 * i));
}

Test(state, other_form_and_other_file_are_told_apart) {
    struct state state;
    struct text bytes;
    fill(&state);
    text_init(&bytes);
    state_encode(&state, &bytes);
    bytes.data[8] = 9;
    put_checksum(bytes.data, bytes.size);
    assert_damaged(bytes.data, bytes.size,
                   "saved state has format 9, this host reads format 1: it was written by another "
                   "release");
    assert_damaged("[Unit]\nDescription=x\n", 21, "not a saved state: ");
    state_release(&state);
    text_release(&bytes);
}

Test(state, bytes_behind_the_last_timer_are_refused) {
    struct state state;
    struct text bytes;
    fill(&state);
    text_init(&bytes);
    state_encode(&state, &bytes);
    text_append(&bytes, "12345678", 8);
    put_checksum(bytes.data, bytes.size);
    assert_damaged(bytes.data, bytes.size, "saved state is corrupt: its lengths do not add up");
    state_release(&state);
    text_release(&bytes);
}

/* With a checksum that fits, so that what is behind it is reached. */
Test(state, random_damage_never_crashes) {
    struct state state;
    struct text bytes;
    unsigned refused = 0;
    fill(&state);
    text_init(&bytes);
    state_encode(&state, &bytes);
    srand(20240617);
    for (int round = 0; round < 20000; round++) {
        struct state read;
        struct error error;
        const size_t size = 20 + (size_t)rand() % (bytes.size - 19);
        char *mutant = malloc(size);
        memcpy(mutant, bytes.data, size);
        for (int i = rand() % 4; i >= 0; i--)
            mutant[12 + (size_t)rand() % (size - 12)] = (char)(rand() % 5 == 0 ? 255 : rand());
        put_checksum(mutant, size);
        state_init(&read);
        if (!state_decode(&read, mutant, size, &error))
            refused++;
        state_sort_records(&read);
        state_sort_timers(&read);
        state_release(&read);
        free(mutant);
    }
    cr_assert_gt(refused, 10000);
    state_release(&state);
    text_release(&bytes);
}
