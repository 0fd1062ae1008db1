#include "engine/progress.h"

#include "source/source.h"

#include <criterion/criterion.h>

Test(progress, nothing_seen_is_no_offset) {
    struct progress progress;
    progress_init(&progress);
    cr_expect_eq(progress_done(&progress), SOURCE_NO_OFFSET);
}

Test(progress, lowest_pending_is_what_is_not_done) {
    struct progress progress;
    progress_init(&progress);
    struct pending *first = progress_hold(&progress, 10);
    struct pending *second = progress_hold(&progress, 12);
    progress.next = 13;
    pending_drop(second);
    cr_expect_eq(progress_collect(&progress), 0, "the first still holds");
    cr_expect_eq(progress_done(&progress), 10);
    pending_drop(first);
    cr_expect_eq(progress_collect(&progress), 2);
    cr_expect_eq(progress_done(&progress), 13);
    cr_expect_eq(progress.pending_count, 0);
}

Test(progress, every_hold_must_be_dropped) {
    struct progress progress;
    progress_init(&progress);
    struct pending *pending = progress_hold(&progress, 0);
    progress.next = 1;
    pending_add_hold(pending);
    pending_drop(pending);
    cr_expect_eq(progress_collect(&progress), 0);
    pending_drop(pending);
    cr_expect_eq(progress_collect(&progress), 1);
    progress_release(&progress);
}
