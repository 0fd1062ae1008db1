#include "base/array.h"

#include <criterion/criterion.h>
#include <stdint.h>

Test(array, grows_as_it_fills_and_keeps_what_is_in_it) {
    int *items = NULL;
    uint32_t count = 0, capacity = 0;
    while (count < 1000) {
        cr_assert(ARRAY_GROW(items, count, capacity));
        cr_assert_lt(count, capacity);
        items[count] = (int)count;
        count++;
    }
    cr_assert_eq(capacity, 1024);
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(items[i], (int)i);
    free(items);
}

Test(array, has_the_size_that_is_asked_for) {
    char *items = NULL;
    cr_assert(ARRAY_RESIZE(items, 3));
    items[2] = 'x';
    cr_assert(ARRAY_RESIZE(items, 300));
    cr_assert_eq(items[2], 'x');
    items[299] = 'y';
    free(items);
}

Test(array, reaches_an_element_and_what_is_new_is_zero) {
    int *items = NULL;
    int32_t capacity = 0;
    cr_assert(ARRAY_REACH(items, 0, capacity));
    cr_assert_eq(capacity, 16);
    items[15] = 7;
    cr_assert(ARRAY_REACH(items, 15, capacity));
    cr_assert_eq(capacity, 16);
    cr_assert(ARRAY_REACH(items, 100, capacity));
    cr_assert_eq(capacity, 128);
    cr_assert_eq(items[15], 7);
    for (int i = 16; i < capacity; i++)
        cr_assert_eq(items[i], 0);
    free(items);
}

Test(array, what_cannot_be_had_changes_nothing) {
    struct {
        char bytes[4096];
    } *items = malloc(sizeof *items), *before = items;
    volatile size_t capacity = SIZE_MAX / 4096; /* the compiler would see that it is too much */
    cr_assert_not(ARRAY_GROW(items, capacity, capacity));
    cr_assert_eq(items, before);
    cr_assert_eq(capacity, SIZE_MAX / 4096);
    cr_assert_not(ARRAY_RESIZE(items, capacity * 2));
    cr_assert_eq(items, before);
    free(items);
}
