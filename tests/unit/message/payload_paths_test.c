#include "message/payload_paths.h"

#include <criterion/criterion.h>
#include <string.h>

static struct paths paths;

static void add(const char *json) {
    cr_assert(paths_add(&paths, json, strlen(json)));
}

static void begin(void) {
    add("{\"symbol\":\"A\",\"barData\":{\"close\":1,\"wap\":{\"x\":2}},\"list\":[{\"in\":1}]}");
}

static void end(void) {
    paths_release(&paths);
}

Test(paths, all_members_of_objects_are_listed_once, .init = begin, .fini = end) {
    const char *const expected[] = {"symbol",      "barData",       "barData.close",
                                    "barData.wap", "barData.wap.x", "list"};
    add("{\"symbol\":\"B\",\"barData\":{\"close\":3}}");
    cr_assert_eq(paths.count, 6);
    for (size_t i = 0; i < 6; i++)
        cr_expect_str_eq(paths.items[i], expected[i]);
    cr_expect_null(paths.items[6]);
}

Test(paths, what_is_no_object_adds_nothing) {
    add("[1]");
    add("{");
    cr_expect_eq(paths.count, 0);
    cr_expect_null(paths_nearest(&paths, "symbol"));
}

Test(paths, the_nearest_is_a_slip_away, .init = begin, .fini = end) {
    cr_expect_str_eq(paths_nearest(&paths, "barData.closs"), "barData.close");
    cr_expect_str_eq(paths_nearest(&paths, "bardata.close"), "barData.close");
    cr_expect_null(paths_nearest(&paths, "nothing.like.it"));
}

Test(paths, the_nearest_has_the_same_last_step, .init = begin, .fini = end) {
    cr_expect_str_eq(paths_nearest(&paths, "somewhere.else.wap"), "barData.wap");
}

Test(paths, each_alternative_is_tried, .init = begin, .fini = end) {
    cr_expect_str_eq(paths_nearest(&paths, "nothing.like.it|barData.clse"), "barData.close");
}
