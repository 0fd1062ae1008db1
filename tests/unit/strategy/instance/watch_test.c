#include "strategy/instance/watch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct watch *watch;
static const uint32_t field_slots[] = {0, 1};
static t5_value slots[2];
static t5_message message;

static void begin(size_t parameters, bool does_join) {
    watch = watch_new(parameters, does_join);
    cr_assert_not_null(watch);
    cr_assert(watch_add_field(watch, "a.b", 3));
    cr_assert(watch_add_field(watch, "c", 1));
    slots[0].type = slots[1].type = T5_VALUE_MISSING;
    message = (t5_message){.size = sizeof message,
                           .symbol = t5_text("QQQ"),
                           .payload = t5_text("{}"),
                           .field_count = 2,
                           .slots = slots,
                           .field_slots = field_slots};
}

static struct watch_view seen;

static void keep(void *context, const struct watch_view *view) {
    (void)context;
    seen = *view;
}

static const struct watch_view *look(void) {
    watch_read(watch, keep, NULL);
    return &seen;
}

Test(watch, a_field_that_came_once_is_met) {
    begin(0, false);
    (void)watch_message(watch, &message);
    cr_expect_not(look()->fields_met[0]);
    cr_expect_eq(look()->sample_count, 1);
    slots[0].type = T5_VALUE_NULL;
    (void)watch_message(watch, &message);
    cr_expect(look()->fields_met[0]);
    cr_expect_not(look()->fields_met[1]);
    cr_expect_str_eq(look()->fields[1], "c");
    cr_expect_eq(look()->looked, 2);
    watch_free(watch);
}

Test(watch, it_looks_more_and_more_seldom_and_never_once_all_is_met) {
    uint32_t steps[5];
    begin(0, false);
    for (size_t i = 0; i < 5; i++)
        steps[i] = watch_message(watch, &message);
    cr_expect_eq(steps[0], 7);
    cr_expect_eq(steps[1], 56);
    cr_expect_eq(steps[2], WATCH_STEP);
    cr_expect_eq(steps[3], WATCH_STEP);
    cr_expect_eq(steps[4], WATCH_STEP);
    slots[0].type = slots[1].type = T5_VALUE_NUMBER;
    (void)watch_message(watch, &message);
    cr_expect_eq(watch_message(watch, &message), WATCH_NEVER);
    cr_expect_eq(look()->sample_count, 0);
    watch_free(watch);
}

Test(watch, parameters_are_read_or_wrong) {
    begin(2, false);
    watch_parameter(watch, 1);
    watch_wrong_parameter(watch, "nme", 3);
    watch_wrong_parameter(watch, "nme", 3);
    cr_expect_not(look()->parameters_read[0]);
    cr_expect(look()->parameters_read[1]);
    cr_expect_eq(look()->wrong_count, 1);
    cr_expect_str_eq(look()->wrong[0], "nme");
    watch_free(watch);
}

Test(watch, a_symbol_on_two_topics_is_a_join) {
    begin(0, true);
    (void)watch_message(watch, &message);
    cr_expect_not(look()->is_joined);
    cr_expect_str_eq(look()->symbols[0].name, "QQQ");
    cr_expect_eq(look()->symbols[0].topics, 1);
    message.topic = 1;
    (void)watch_message(watch, &message);
    cr_expect(look()->is_joined);
    cr_expect_eq(look()->symbol_count, 0);
    watch_free(watch);
}

/* Two instances that see the same symbols keep the same ones, whatever their order. */
Test(watch, of_many_symbols_the_same_ones_are_kept) {
    uint64_t hashes[2] = {0};
    for (int turn = 0; turn < 2; turn++) {
        begin(0, true);
        for (int i = 0; i < 1000; i++) {
            char name[16];
            snprintf(name, sizeof name, "S%d", turn == 0 ? i : 999 - i);
            message.symbol = t5_text(name);
            (void)watch_message(watch, &message);
        }
        cr_assert_eq(look()->symbol_count, WATCH_SYMBOLS);
        for (size_t i = 0; i < WATCH_SYMBOLS; i++)
            hashes[turn] += look()->symbols[i].hash;
        watch_free(watch);
    }
    cr_expect_eq(hashes[0], hashes[1]);
}
