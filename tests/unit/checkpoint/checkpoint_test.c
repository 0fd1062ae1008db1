#include "support.h"

#include "checkpoint/checkpoint.h"
#include "failing_memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void encode(struct text *bytes, size_t size) {
    struct checkpoint checkpoint;
    make_checkpoint(&checkpoint, 7, 1000, size);
    text_init(bytes);
    checkpoint_encode(&checkpoint, bytes);
    cr_assert(!text_is_oom(bytes));
    checkpoint_release(&checkpoint);
}

Test(checkpoint, what_was_encoded_is_decoded) {
    struct checkpoint checkpoint, read;
    struct text bytes;
    struct error error;
    make_checkpoint(&checkpoint, 7, 1000, 5000);
    text_init(&bytes);
    text_puts(&bytes, "before");
    checkpoint_encode(&checkpoint, &bytes);
    checkpoint_init(&read);
    cr_assert(checkpoint_decode(&read, bytes.data + 6, bytes.size - 6, &error), "%s", error.text);
    expect_same(&checkpoint, &read);
    cr_expect_eq(checkpoint_part(&read, "gamma"), &read.parts[2]);
    cr_expect_null(checkpoint_part(&read, "delta"));
    checkpoint_release(&checkpoint);
    checkpoint_release(&read);
    text_release(&bytes);
}

Test(checkpoint, it_knows_when_a_deployment_ran_last) {
    struct checkpoint checkpoint, read;
    struct text bytes;
    struct error error;
    make_checkpoint(&checkpoint, 7, 1000, 10);
    checkpoint.parts[1].worked_ms = 99;
    text_init(&bytes);
    checkpoint_encode(&checkpoint, &bytes);
    checkpoint_init(&read);
    cr_assert(checkpoint_decode(&read, bytes.data, bytes.size, &error), "%s", error.text);
    expect_same(&checkpoint, &read);
    cr_expect_eq(checkpoint_worked_ms(&read, "alpha"), read.taken_ms);
    cr_expect_eq(checkpoint_worked_ms(&read, "beta"), 99);
    cr_expect_eq(checkpoint_worked_ms(&read, "nobody"), 0);
    checkpoint_release(&checkpoint);
    checkpoint_release(&read);
    text_release(&bytes);
}

/* Whose deployments all run is read by the hosts of before. */
Test(checkpoint, the_form_is_the_first_one_where_it_can_be) {
    struct checkpoint checkpoint;
    make_checkpoint(&checkpoint, 7, 1000, 10);
    for (int i = 0; i < 2; i++) {
        struct text bytes;
        text_init(&bytes);
        checkpoint.parts[0].worked_ms = i;
        checkpoint_encode(&checkpoint, &bytes);
        cr_expect_eq(bytes.data[8], i + 1);
        text_release(&bytes);
    }
    checkpoint_release(&checkpoint);
}

Test(checkpoint, one_without_parts_is_decoded) {
    struct checkpoint checkpoint, read;
    struct text bytes;
    struct error error;
    checkpoint_init(&checkpoint);
    checkpoint.number = 1;
    checkpoint.partition = -1;
    text_init(&bytes);
    checkpoint_encode(&checkpoint, &bytes);
    checkpoint_init(&read);
    cr_assert(checkpoint_decode(&read, bytes.data, bytes.size, &error), "%s", error.text);
    cr_expect_eq(read.partition, -1);
    cr_expect_eq(read.part_count, 0);
    checkpoint_release(&read);
    text_release(&bytes);
}

static void expect_refused(const char *bytes, size_t size, const char *what, size_t at) {
    struct checkpoint read;
    struct error error = {0};
    /* Of exactly that size, so that a sanitizer sees what is read beyond. */
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    checkpoint_init(&read);
    cr_assert(!checkpoint_decode(&read, copy, size, &error), "%s at %zu unseen", what, at);
    cr_assert_neq(error.text[0], '\0');
    cr_assert_eq(read.part_count + read.positions.count, 0);
    cr_assert_null(read.group);
    free(copy);
}

Test(checkpoint, damage_at_any_byte_is_refused) {
    struct text bytes;
    encode(&bytes, 24);
    for (size_t i = 0; i < bytes.size; i++) {
        for (int bit = 0; bit < 8; bit += 7) {
            bytes.data[i] ^= (char)(1 << bit);
            expect_refused(bytes.data, bytes.size, "damage", i);
            bytes.data[i] ^= (char)(1 << bit);
        }
    }
    text_release(&bytes);
}

Test(checkpoint, one_that_is_cut_off_anywhere_is_refused) {
    struct text bytes;
    encode(&bytes, 24);
    for (size_t size = 0; size < bytes.size; size++)
        expect_refused(bytes.data, size, "cut", size);
    text_putc(&bytes, '\0');
    expect_refused(bytes.data, bytes.size, "more", bytes.size);
    text_release(&bytes);
}

Test(checkpoint, damage_is_told_by_deployment) {
    struct text bytes;
    struct checkpoint read;
    struct error error;
    encode(&bytes, 4096);
    bytes.data[bytes.size / 2] ^= 1;
    checkpoint_init(&read);
    cr_assert(!checkpoint_decode(&read, bytes.data, bytes.size, &error));
    cr_expect_not_null(strstr(error.text, "\"alpha\""), "%s", error.text);
    text_release(&bytes);
}

Test(checkpoint, another_form_is_told_apart_from_damage) {
    struct text bytes;
    struct checkpoint read;
    struct error error;
    encode(&bytes, 24);
    bytes.data[8] = 3;
    checkpoint_init(&read);
    cr_assert(!checkpoint_decode(&read, bytes.data, bytes.size, &error));
    cr_expect_eq(error.code, ERROR_STATE);
    cr_expect_not_null(strstr(error.text, "form 3"), "%s", error.text);
    text_release(&bytes);
}

Test(checkpoint, is_usable_when_no_position_is_above_the_committed) {
    struct checkpoint checkpoint;
    struct positions committed;
    const struct position *why;
    make_checkpoint(&checkpoint, 7, 1000, 8);
    make_positions(&committed, 1000);
    cr_expect(checkpoint_is_usable(&checkpoint, &committed, &why), "at the committed ones");
    cr_expect_null(why);
    committed.items[1].next = 999;
    cr_expect(!checkpoint_is_usable(&checkpoint, &committed, &why));
    cr_assert_not_null(why);
    cr_expect_str_eq(why->topic, "ticks");
    cr_expect_eq(why->next, 1000);
    cr_expect(!checkpoint_is_usable(&checkpoint, &committed, NULL));
    committed.items[1].partition = 4;
    cr_expect(checkpoint_is_usable(&checkpoint, &committed, NULL), "nobody committed ticks[3]");
    cr_assert(positions_add(&committed, "more", 3, 0));
    cr_expect(checkpoint_is_usable(&checkpoint, &committed, NULL), "it does not know `more`");
    positions_release(&committed);
    positions_init(&committed);
    cr_expect(checkpoint_is_usable(&checkpoint, &committed, NULL), "nothing is committed");
    checkpoint_release(&checkpoint);
}

Test(checkpoint, lack_of_memory_is_told_wherever_it_comes) {
    struct text bytes;
    encode(&bytes, 24);
    for (long nth = 0;; nth++) {
        struct checkpoint read;
        struct error error = {0};
        checkpoint_init(&read);
        memory_fail_from(nth);
        const bool did = checkpoint_decode(&read, bytes.data, bytes.size, &error);
        const bool has_failed = memory_end();
        cr_assert_eq(did, !has_failed, "allocation %ld", nth);
        if (did) {
            cr_assert_gt(nth, 5);
            checkpoint_release(&read);
            break;
        }
        cr_assert_eq(error.code, ERROR_MEMORY, "allocation %ld: %s", nth, error.text);
    }
    for (long nth = 0;; nth++) {
        struct checkpoint made;
        struct text again;
        make_checkpoint(&made, 7, 1000, 24);
        text_init(&again);
        memory_fail_from(nth);
        checkpoint_encode(&made, &again);
        const bool has_failed = memory_end();
        cr_assert_eq(text_is_oom(&again), has_failed, "allocation %ld", nth);
        text_release(&again);
        checkpoint_release(&made);
        if (!has_failed)
            break;
    }
    text_release(&bytes);
}
