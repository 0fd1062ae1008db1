#include "os/arguments.h"

#include <criterion/criterion.h>

Test(arguments, the_list_ends_with_null_after_each) {
    struct arguments arguments = {0};
    arguments_add(&arguments, "take5");
    cr_assert_str_eq(arguments.items[0], "take5");
    cr_assert_null(arguments.items[1]);
    for (int i = 1; i < 100; i++)
        arguments_add(&arguments, "--number=%d", i);
    cr_assert_eq(arguments.count, 100);
    cr_assert_str_eq(arguments.items[99], "--number=99");
    cr_assert_null(arguments.items[100]);
    cr_assert_not(arguments.is_oom);
    arguments_release(&arguments);
    cr_assert_eq(arguments.count, 0);
}
