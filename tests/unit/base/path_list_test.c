#include "base/path_list.h"

#include <criterion/criterion.h>
#include <string.h>

Test(path_list, paths_are_taken_in_their_order_without_blanks) {
    const char *rest = " /a b ,/c,, /d", *path;
    static const char *const expected[] = {"/a b", "/c", "/d"};
    size_t size;
    for (size_t i = 0; i < 3; i++) {
        cr_assert(path_list_next(&rest, &path, &size));
        cr_assert_eq(size, strlen(expected[i]));
        cr_assert_eq(memcmp(path, expected[i], size), 0);
    }
    cr_assert_not(path_list_next(&rest, &path, &size));
}

Test(path_list, an_empty_list_has_none) {
    const char *path;
    size_t size;
    const char *rest = "";
    cr_assert_not(path_list_next(&rest, &path, &size));
    rest = " , ";
    cr_assert_not(path_list_next(&rest, &path, &size));
}
