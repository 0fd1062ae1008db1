#include "comparison/comparison.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST 8

/* What was visited: "0=0 1!2(5) 2- +1": same, changed with the set, old alone, new alone. */
static bool visit(void *context, size_t older, size_t newer, unsigned changes) {
    char *text = context, item[64];
    if (newer == COMPARISON_NONE)
        snprintf(item, sizeof item, "%zu-", older);
    else if (older == COMPARISON_NONE)
        snprintf(item, sizeof item, "+%zu", newer);
    else if (changes == 0)
        snprintf(item, sizeof item, "%zu=%zu", older, newer);
    else
        snprintf(item, sizeof item, "%zu!%zu(%u)", older, newer, changes);
    snprintf(text + strlen(text), 128 - strlen(text), "%s%s", text[0] != '\0' ? " " : "", item);
    return true;
}

static const char *compare(struct comparison comparison, const struct signal *older,
                           size_t older_count, const struct signal *newer, size_t newer_count) {
    static char text[128];
    const struct signal *left[MOST], *right[MOST];
    bool paired[MOST];
    for (size_t i = 0; i < older_count; i++)
        left[i] = &older[i];
    for (size_t i = 0; i < newer_count; i++)
        right[i] = &newer[i];
    text[0] = '\0';
    cr_assert(comparison_place(&comparison, (struct comparison_side){left, older_count},
                               (struct comparison_side){right, newer_count}, paired, visit, text));
    return text;
}

static const struct comparison exact = {0};

static struct signal signal_of(const char *name, double value) {
    return (struct signal){.name = t5_text(name),
                           .symbol = t5_text("QQQ"),
                           .deployment = t5_text("alpha"),
                           .event_time_ns = 1700000000123456789,
                           .time_frame_s = 60,
                           .value = value,
                           .confidence = 0.5,
                           .price = 100};
}

static const char *compare_one(struct comparison comparison, struct signal older,
                               struct signal newer) {
    return compare(comparison, &older, 1, &newer, 1);
}

Test(comparison, who_said_it_and_under_which_id_does_not_count) {
    struct signal newer = signal_of("up", 1);
    newer.version = t5_text("2");
    newer.deployment = t5_text("beta");
    newer.ordinal = 7;
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), newer), "0=0");
    const struct comparison of_many = {.has_deployments = true};
    cr_expect_str_eq(compare_one(of_many, signal_of("up", 1), newer), "0- +0");
}

Test(comparison, what_makes_another_signal) {
    struct signal newer = signal_of("up", 1);
    newer.event_time_ns++;
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), newer), "0- +0", "no double holds it");
    newer = signal_of("up", 1);
    newer.time_frame_s = 300;
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), newer), "0- +0");
    newer = signal_of("up", 1);
    newer.symbol = t5_text("SPY");
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), newer), "0- +0");
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), signal_of("down", 1)), "0- +0");
}

Test(comparison, changes_are_told_apart) {
    struct signal newer = signal_of("up", 2);
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), newer), "0!0(1)");
    newer.confidence = 0.25;
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), newer), "0!0(3)");
    newer = signal_of("up", 1);
    newer.price = 101;
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), newer), "0!0(4)");
    newer = signal_of("up", 1);
    newer.data = t5_text("{\"a\":1}");
    cr_expect_str_eq(compare_one(exact, signal_of("up", 1), newer), "0!0(4)");
}

Test(comparison, numbers_may_differ_by_eps) {
    const struct comparison near = {.eps = 1e-6};
    struct signal older = signal_of("up", 1000), newer = signal_of("up", 1000.0005);
    older.data = t5_text("{\"a\":[1,2.0000001]}");
    newer.data = t5_text("{ \"a\": [1, 2] }");
    cr_expect_str_eq(compare_one(near, older, newer), "0=0");
    cr_expect_str_eq(compare_one(exact, older, newer), "0!0(5)");
}

Test(comparison, data_is_what_readers_get_of_it) {
    const t5_named_value values[] = {
        {t5_text("a"), {.type = T5_VALUE_NUMBER, .number = 1.5}},
        {t5_text("b"), {.type = T5_VALUE_TEXT, .text = "x", .length = 1, .number = (double)NAN}}};
    struct signal older = signal_of("up", 1), newer = signal_of("up", 1);
    older.named = newer.named = values;
    older.value_count = newer.value_count = 2;
    cr_expect_str_eq(compare_one(exact, older, newer), "0=0");
    newer.value_count = 0;
    newer.data = t5_text("{\"b\":\"x\",\"a\":1.5}");
    cr_expect_str_eq(compare_one(exact, older, newer), "0=0", "their order does not count");
    newer.data = t5_text("{\"b\":\"y\",\"a\":1.5}");
    cr_expect_str_eq(compare_one(exact, older, newer), "0!0(4)");
}

Test(comparison, of_several_the_first_are_pairs) {
    const struct signal older[] = {signal_of("up", 1), signal_of("up", 2), signal_of("down", 3)};
    const struct signal newer[] = {signal_of("down", 3), signal_of("up", 1), signal_of("flat", 0)};
    cr_expect_str_eq(compare(exact, older, 3, newer, 3), "0=1 1- 2=0 +2");
    cr_expect_str_eq(compare(exact, older, 3, NULL, 0), "0- 1- 2-");
}
