#include "os/errand.h"
#include "os/locate.h"

#include <criterion/criterion.h>

/* A program that does not have the commands must not be begun for them: this one would run all its
 * tests. */
Test(errand, without_leave_nothing_is_run) {
    char answer[8] = "before";
    const struct errand errand = {
        .command = "any", .request = "x", .request_size = 1, .attached = -1, .limit_s = 1};
    cr_expect_eq(errand_run(&errand, answer, sizeof answer), 0);
    cr_expect_str_eq(answer, "");
    const struct locate_request request = {.count = 0};
    char place[LOCATE_ANSWER];
    cr_expect_eq(locate(&request, place), 0);
    cr_expect_str_eq(place, "");
}
