#include "engine/lane/samples.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct samples *samples, int64_t offset) {
    char payload[16];
    snprintf(payload, sizeof payload, "p%d", (int)offset);
    const struct record record = {.payload = payload,
                                  .payload_size = strlen(payload),
                                  .key = "k",
                                  .key_size = 1,
                                  .offset = offset};
    samples_add(samples, &record);
}

Test(samples, the_newest_are_kept_oldest_first) {
    struct samples samples;
    struct record *records = NULL;
    size_t count = 0;
    cr_assert(samples_init(&samples, 3));
    for (int64_t offset = 0; offset < 5; offset++)
        add(&samples, offset);
    cr_assert(samples_list(&samples, &records, &count));
    cr_assert_eq(count, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(records[i].offset, (int64_t)i + 2);
        cr_expect_eq(records[i].payload[1], (char)('2' + (int)i));
        cr_expect_eq(records[i].key_size, 1);
    }
    samples_release(&samples);
    free(records);
}

Test(samples, what_was_lent_is_joined_with_what_came_meanwhile) {
    struct samples kept, lent;
    struct record *records = NULL;
    size_t count = 0;
    cr_assert(samples_init(&kept, 4));
    cr_assert(samples_init(&lent, 4));
    for (int64_t offset = 0; offset < 6; offset++)
        add(&kept, offset);
    samples_exchange(&kept, &lent);
    cr_assert_eq(kept.count, 0);
    for (int64_t offset = 6; offset < 9; offset++)
        add(&kept, offset);
    samples_join(&lent, &kept);
    samples_exchange(&kept, &lent);
    cr_assert_eq(lent.count, 0);
    cr_assert(samples_list(&kept, &records, &count));
    cr_assert_eq(count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(records[i].offset, (int64_t)i + 5);
        cr_expect_eq(records[i].payload[1], (char)('5' + (int)i));
    }
    samples_release(&kept);
    samples_release(&lent);
    free(records);
}

Test(samples, no_capacity_keeps_nothing) {
    struct samples samples;
    struct record *records = NULL;
    size_t count = 0;
    cr_assert(samples_init(&samples, 0));
    add(&samples, 1);
    cr_assert(samples_list(&samples, &records, &count));
    cr_expect_eq(count, 0);
    samples_release(&samples);
    free(records);
}
