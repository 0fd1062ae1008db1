#include "base/copy.h"

#include <criterion/criterion.h>

Test(copy, each_size_is_copied_and_nothing_beside_it) {
    char from[64], to[64];
    for (size_t size = 0; size <= 40; size++) {
        for (size_t i = 0; i < sizeof from; i++)
            from[i] = (char)('A' + i);
        memset(to, '.', sizeof to);
        copy_bytes(to + 1, from, size);
        cr_assert_eq(to[0], '.');
        cr_assert_eq(memcmp(to + 1, from, size), 0, "%zu", size);
        cr_assert_eq(to[size + 1], '.', "%zu", size);
    }
    copy_bytes(to, NULL, 0);
}
