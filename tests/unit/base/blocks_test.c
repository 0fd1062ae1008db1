#include "base/blocks.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static struct blocks *blocks;

static void begin(void) {
    blocks = blocks_new();
    cr_assert_not_null(blocks);
}

TestSuite(blocks, .init = begin);

static void *give_back_all(void *argument) {
    void **taken = argument;
    for (; *taken != NULL; taken++)
        block_give_back(*taken);
    return NULL;
}

/* By another thread, as sinks do. */
static void give_back(void **taken) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, give_back_all, taken), 0);
    pthread_join(thread, NULL);
}

Test(blocks, all_of_a_block_is_the_takers) {
    void *taken[66] = {0};
    for (size_t i = 0; i < 65; i++) {
        const size_t size = 1 + i * 33; /* beyond the largest */
        taken[i] = block_take(blocks, size);
        cr_assert_not_null(taken[i]);
        cr_assert_eq((uintptr_t)taken[i] % _Alignof(max_align_t), 0);
        memset(taken[i], (int)i, size);
    }
    for (size_t i = 0; i < 65; i++)
        for (size_t at = 0; at < 1 + i * 33; at++)
            cr_assert_eq(((unsigned char *)taken[i])[at], i);
    give_back(taken);
    blocks_free(blocks);
}

#if !defined(__SANITIZE_ADDRESS__)
Test(blocks, what_was_given_back_is_taken_again_for_what_fits) {
    void *first = block_take(blocks, 600);
    give_back((void *[]){first, NULL});
    void *smaller = block_take(blocks, 100), *same = block_take(blocks, 590);
    cr_expect_neq(smaller, first);
    cr_expect_eq(same, first);
    give_back((void *[]){smaller, same, NULL});
    blocks_free(blocks);
}
#endif

Test(blocks, those_that_others_have_outlive_the_owner) {
    void *taken[] = {block_take(blocks, 10), block_take(blocks, 10), block_take(blocks, 3000),
                     NULL};
    give_back((void *[]){block_take(blocks, 10), NULL});
    blocks_free(blocks);
    memset(taken[0], 1, 10);
    memset(taken[2], 1, 3000);
    give_back(taken);
}

Test(blocks, more_than_are_kept) {
    static void *taken[2 * BLOCKS_KEPT + 1];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 2 * BLOCKS_KEPT; i++)
            cr_assert_not_null(taken[i] = block_take(blocks, 300));
        give_back(taken);
    }
    blocks_free(blocks);
}

struct handed {
    void *_Atomic block;
    atomic_bool is_over;
};

static void *give_back_each(void *argument) {
    struct handed *handed = argument;
    while (!atomic_load(&handed->is_over))
        block_give_back(atomic_exchange(&handed->block, NULL));
    block_give_back(atomic_exchange(&handed->block, NULL));
    return NULL;
}

Test(blocks, two_threads_at_once) {
    struct handed handed = {0};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, give_back_each, &handed), 0);
    for (int i = 0; i < 100000; i++) {
        char *block = block_take(blocks, 500);
        memset(block, i, 500);
        block_give_back(atomic_exchange(&handed.block, block));
    }
    blocks_free(blocks);
    atomic_store(&handed.is_over, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

Test(blocks, without_an_owner_it_is_malloc) {
    blocks_free(blocks);
    void *block = block_take(NULL, 100);
    cr_assert_not_null(block);
    give_back((void *[]){block, NULL});
    block_give_back(NULL);
    blocks_free(NULL);
}
