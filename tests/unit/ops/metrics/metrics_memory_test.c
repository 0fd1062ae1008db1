#include "ops/metrics/metrics_memory.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct view_strategy look(struct metrics_memory *memory, const char *name, uint64_t messages,
                                 int64_t busy_ns, uint64_t took) {
    struct view_strategy strategy = {.messages = messages, .busy_ns = busy_ns};
    snprintf(strategy.name, sizeof strategy.name, "%s", name);
    strategy.took[3] = took;
    metrics_memory_apply(memory, &strategy);
    return strategy;
}

Test(metrics_memory, counters_that_grow_stay_as_they_are) {
    struct metrics_memory memory = {0};
    cr_expect_eq(look(&memory, "a", 5, 50, 1).messages, 5);
    cr_expect_eq(look(&memory, "a", 9, 90, 1).messages, 9);
    metrics_memory_release(&memory);
}

Test(metrics_memory, what_an_instance_took_with_it_is_added_again) {
    struct metrics_memory memory = {0};
    look(&memory, "a", 100, 1000, 10);
    /* An instance with 60 of them went, and the others counted 5 more. */
    struct view_strategy now = look(&memory, "a", 45, 400, 4);
    cr_expect_eq(now.messages, 100);
    cr_expect_eq(now.busy_ns, 1000);
    cr_expect_eq(now.took[3], 10);
    now = look(&memory, "a", 50, 500, 5);
    cr_expect_eq(now.messages, 105);
    cr_expect_eq(now.busy_ns, 1100);
    cr_expect_eq(now.took[3], 11);
    now = look(&memory, "a", 0, 0, 0);
    cr_expect_eq(now.messages, 105);
    metrics_memory_release(&memory);
}

Test(metrics_memory, deployments_are_apart) {
    struct metrics_memory memory = {0};
    look(&memory, "a", 100, 0, 0);
    look(&memory, "b", 10, 0, 0);
    cr_expect_eq(look(&memory, "a", 1, 0, 0).messages, 100);
    cr_expect_eq(look(&memory, "b", 11, 0, 0).messages, 11);
    metrics_memory_release(&memory);
}

Test(metrics_memory, names_are_bounded) {
    struct metrics_memory memory = {0};
    char name[32];
    for (int i = 0; i < METRICS_MEMORY_MAX + 5; i++) {
        snprintf(name, sizeof name, "n%d", i);
        look(&memory, name, 100, 0, 0);
    }
    cr_expect_eq(memory.count, METRICS_MEMORY_MAX);
    cr_expect_eq(look(&memory, name, 1, 0, 0).messages, 1);
    metrics_memory_release(&memory);
}
