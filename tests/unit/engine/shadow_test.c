/* Shadow deployments: beside their originals, and in their place. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NO_CHECKPOINTS "checkpoint.interval=0"
#define SHADOW         "strategy:twin.plugin=good", "strategy:twin.shadow_of=good"

static const char *const alone[] = {"strategy:good.every=1", NO_CHECKPOINTS, NULL};
static const char *const same[] = {"strategy:good.every=1", SHADOW, "strategy:twin.every=1",
                                   NO_CHECKPOINTS, NULL};
static const char *const second[] = {"strategy:good.every=1", SHADOW, "strategy:twin.every=2",
                                     NO_CHECKPOINTS, NULL};

static struct fixture *begin(const char *const *settings) {
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_give_history(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    return fixture;
}

static void send(struct fixture *fixture, int64_t from, int64_t to) {
    for (int64_t offset = from; offset < to; offset++)
        fixture_send(fixture, BAR, 0, offset, "A");
    fixture_wait_stored(fixture, BAR, 0, to);
    fixture_wait_idle(fixture);
}

struct found {
    const char *name;
    bool is_there;
    struct view_strategy view;
    size_t samples;
    char original[512], shadow[512]; /* of the newest sample */
};

static void copy_text(struct delivery *delivery, char text[512]) {
    snprintf(text, 512, "%s", delivery != NULL ? delivery_text(delivery)->value : "nothing");
}

static void find(void *context, const struct view_strategy *strategy) {
    struct found *found = context;
    if (strcmp(strategy->name, found->name) != 0)
        return;
    found->is_there = true;
    found->view = *strategy;
    found->samples = strategy->shadow.sample_count;
    if (found->samples > 0) {
        copy_text(strategy->shadow.samples[0].original, found->original);
        copy_text(strategy->shadow.samples[0].shadow, found->shadow);
    }
}

static struct found look(struct fixture *fixture, const char *name) {
    struct found found = {.name = name};
    view_strategies(fixture_engine(fixture), find, &found);
    return found;
}

static const char *outcome_of(struct fixture *fixture, const char *name, const char **detail) {
    const struct report *report = fixture_report(fixture);
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->lines[i].deployment, name) != 0)
            continue;
        *detail = report->lines[i].detail;
        return outcome_name(report->lines[i].outcome);
    }
    *detail = "";
    return "";
}

/* ---- beside ---- */

Test(shadow, the_same_build_differs_in_nothing_and_is_heard_by_nobody) {
    struct fixture *fixture = begin(same);
    send(fixture, 0, 20);
    const struct found twin = look(fixture, "twin");
    cr_expect_str_eq(twin.view.shadow.of, "good");
    cr_expect_eq(twin.view.shadow.same, 20);
    cr_expect_eq(twin.view.shadow.changed + twin.view.shadow.only_original +
                     twin.view.shadow.only_shadow + twin.view.shadow.uncompared,
                 0);
    cr_expect_eq(twin.samples, 0);
    cr_expect_eq(twin.view.messages, 20);
    cr_expect_eq(fixture_deliveries(fixture), 20, "the original's alone");
    for (size_t i = 0; i < 20; i++)
        cr_expect_not_null(strstr(fixture_delivery(fixture, i), "\"deployment\":\"good\""));
    cr_expect_eq(look(fixture, "good").view.shadow.of[0], '\0');
    fixture_free(fixture);
}

Test(shadow, signals_of_one_alone_are_counted_and_the_last_are_kept) {
    struct fixture *fixture = begin(second);
    send(fixture, 0, 11);
    const struct found twin = look(fixture, "twin");
    cr_expect_eq(twin.view.shadow.same, 5);
    cr_expect_eq(twin.view.shadow.only_original, 6, "every other one");
    cr_expect_eq(twin.view.shadow.only_shadow, 0);
    cr_expect_eq(twin.samples, SHADOW_SAMPLES);
    cr_expect_not_null(strstr(twin.original, "\"offset\":10"), "%s", twin.original);
    cr_expect_str_eq(twin.shadow, "nothing");
    fixture_free(fixture);
}

Test(shadow, a_shadow_that_says_more_holds_no_offset_and_reaches_nobody) {
    static const char *const settings[] = {"strategy:good.every=0", SHADOW, "strategy:twin.every=1",
                                           NO_CHECKPOINTS, NULL};
    struct fixture *fixture = begin(settings);
    fixture_hold(fixture);
    send(fixture, 0, 7); /* waits for the offset */
    const struct found twin = look(fixture, "twin");
    cr_expect_eq(twin.view.shadow.only_shadow, 7);
    cr_expect_str_eq(twin.original, "nothing");
    cr_expect_not_null(strstr(twin.shadow, "\"deployment\":\"twin\""), "%s", twin.shadow);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    fixture_free(fixture);
}

Test(shadow, what_a_shadow_rejects_is_no_dead_letter) {
    static const char *const settings[] = {
        "strategy:slow_message.takes=0s", "strategy:twin.plugin=reject_message",
        "strategy:twin.shadow_of=slow_message", NO_CHECKPOINTS, NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "slow_message", "slow_message");
    fixture_drop(fixture, "reject_message", "reject_message");
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 3);
    cr_expect_eq(look(fixture, "twin").view.rejects, 3);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    fixture_free(fixture);
}

Test(shadow, one_that_comes_with_a_reload_begins_with_its_original_s_state) {
    const char *detail;
    struct fixture *fixture = begin(alone);
    send(fixture, 0, 30);
    fixture_reload(fixture, same);
    cr_expect_str_eq(outcome_of(fixture, "twin", &detail), "loaded");
    cr_expect_not_null(strstr(detail, "shadow of good (from its state)"), "%s", detail);
    send(fixture, 30, 40);
    const struct found twin = look(fixture, "twin");
    cr_expect_eq(twin.view.shadow.same, 10, "its counts go on where the original's were");
    cr_expect_eq(twin.view.shadow.changed, 0);
    cr_expect_eq(twin.view.messages, 10, "it was fed nothing again");
    cr_expect_eq(fixture_deliveries(fixture), 40);
    fixture_free(fixture);
}

Test(shadow, state_that_does_not_fit_is_said_and_it_begins_as_any_new_one) {
    static const char *const settings[] = {"strategy:good.every=1",
                                           "strategy:good.topics=bar_trends",
                                           "strategy:twin.plugin=carries",
                                           "strategy:twin.shadow_of=good",
                                           NO_CHECKPOINTS,
                                           NULL};
    const char *detail;
    struct fixture *fixture = begin(alone);
    send(fixture, 0, 3);
    fixture_drop(fixture, "carries", "carries");
    fixture_reload(fixture, settings);
    cr_expect_str_eq(outcome_of(fixture, "twin", &detail), "loaded");
    cr_expect_not_null(strstr(detail, "its state is not used: it is the state of another strategy"),
                       "%s", detail);
    send(fixture, 3, 6);
    cr_expect_eq(look(fixture, "twin").view.messages, 3);
    fixture_free(fixture);
}

Test(shadow, scopes_and_topics_must_be_the_original_s) {
    static const char *const settings[] = {"strategy:good.every=1",
                                           "strategy:wide.plugin=global_scope",
                                           "strategy:wide.shadow_of=good",
                                           "strategy:narrow.plugin=swept",
                                           "strategy:narrow.shadow_of=good",
                                           "take5.lanes=1",
                                           NO_CHECKPOINTS,
                                           NULL};
    const char *detail;
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, "global_scope", "global_scope");
    fixture_drop(fixture, "swept", "swept");
    fixture_start(fixture);
    cr_expect_str_eq(outcome_of(fixture, "wide", &detail), "rejected");
    cr_expect_not_null(strstr(detail, "cannot be a shadow of \"good\""), "%s", detail);
    cr_expect_not_null(strstr(detail, "scope"), "%s", detail);
    cr_expect_str_eq(outcome_of(fixture, "narrow", &detail), "rejected");
    cr_expect_not_null(strstr(detail, "other topics"), "%s", detail);
    cr_expect_str_eq(outcome_of(fixture, "good", &detail), "loaded");
    fixture_free(fixture);
}

Test(shadow, a_deployment_becomes_one_and_a_shadow_becomes_a_deployment) {
    static const char *const two[] = {"strategy:good.every=1", "strategy:twin.plugin=good",
                                      "strategy:twin.every=1", NO_CHECKPOINTS, NULL};
    struct fixture *fixture = begin(two);
    send(fixture, 0, 5);
    cr_expect_eq(fixture_deliveries(fixture), 10);
    fixture_reload(fixture, same);
    send(fixture, 5, 10);
    cr_expect_eq(fixture_deliveries(fixture), 15, "one of them is heard");
    cr_expect_eq(look(fixture, "twin").view.shadow.same, 5);
    fixture_reload(fixture, two);
    send(fixture, 10, 15);
    cr_expect_eq(fixture_deliveries(fixture), 25);
    cr_expect_eq(look(fixture, "twin").view.shadow.of[0], '\0');
    fixture_free(fixture);
}

Test(shadow, while_its_original_is_suspended_nothing_is_compared) {
    struct error error;
    struct fixture *fixture = begin(same);
    send(fixture, 0, 5);
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    send(fixture, 5, 8);
    struct found twin = look(fixture, "twin");
    cr_expect_eq(twin.view.shadow.same, 5);
    cr_expect_eq(twin.view.shadow.uncompared, 3);
    cr_expect(twin.view.shadow.is_behind);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_wait_state(fixture, "good", "running");
    send(fixture, 8, 12);
    twin = look(fixture, "twin");
    cr_expect_eq(twin.view.shadow.same, 9);
    cr_expect_eq(twin.view.shadow.changed + twin.view.shadow.only_original, 0);
    cr_expect_eq(fixture_deliveries(fixture), 12, "none is lost, none comes twice");
    fixture_free(fixture);
}

Test(shadow, one_that_is_too_slow_is_stopped_and_offsets_go_on) {
    static const char *const settings[] = {"strategy:quick.plugin=slow_message",
                                           "strategy:quick.takes=0s",
                                           "strategy:twin.plugin=slow_message",
                                           "strategy:twin.takes=150ms",
                                           "strategy:twin.shadow_of=quick",
                                           NO_CHECKPOINTS,
                                           NULL};
    struct fixture *fixture = fixture_new(settings);
    fixture_drop(fixture, "slow_message", "slow_message");
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 0);
    send(fixture, 0, 100);
    const struct found twin = look(fixture, "twin");
    cr_expect_eq(twin.view.state, VIEW_STOPPED_SHADOW);
    cr_expect_lt(twin.view.messages, 100);
    cr_expect_eq(look(fixture, "quick").view.messages, 100);
    cr_expect_eq(look(fixture, "quick").view.state, VIEW_RUNNING);
    cr_expect_not_null(strstr(fixture_log(fixture), "event=shadow.too_slow"), "%s",
                       fixture_log(fixture));
    fixture_free(fixture);
}

Test(shadow, a_crash_leaves_both_as_they_were) {
    static const char *const settings[] = {"strategy:good.every=1", SHADOW, "strategy:twin.every=2",
                                           "checkpoint.interval=1h", NULL};
    struct fixture *fixture = begin(settings);
    send(fixture, 0, 7);
    cr_assert_geq(fixture_checkpoint(fixture), 1);
    send(fixture, 7, 9);
    fixture_freeze_disk(fixture);
    (void)fixture_stop(fixture);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 9);
    fixture_wait_state(fixture, "twin", "running");
    const size_t before = fixture_deliveries(fixture);
    send(fixture, 9, 13);
    const struct found twin = look(fixture, "twin");
    cr_expect_eq(twin.view.shadow.same, 2, "the 10th and the 12th");
    cr_expect_eq(twin.view.shadow.only_original, 2);
    cr_expect_eq(fixture_deliveries(fixture) - before, 4);
    fixture_free(fixture);
}

Test(shadow, one_that_is_new_at_a_start_begins_with_its_original_s_checkpoint) {
    struct fixture *fixture = begin(alone);
    send(fixture, 0, 6);
    cr_assert(fixture_stop(fixture));
    fixture_set_settings(fixture, same);
    fixture_start(fixture);
    fixture_assign_topic(fixture, BAR, 0, 6);
    send(fixture, 6, 9);
    const struct found twin = look(fixture, "twin");
    cr_expect_eq(twin.view.shadow.same, 3);
    cr_expect_eq(twin.view.messages, 3);
    fixture_free(fixture);
}

/* ---- in its place ---- */

static bool promote(struct fixture *fixture, const char *shadow, char answer[1024]) {
    struct text text;
    struct error error = {0};
    text_init(&text);
    const bool did = engine_promote(fixture_engine(fixture), shadow, &text, &error);
    snprintf(answer, 1024, "%s", did ? text.data : error.text);
    text_release(&text);
    return did;
}

Test(shadow, promoted_it_goes_on_under_the_original_s_name) {
    char answer[1024];
    struct fixture *fixture = begin(second);
    send(fixture, 0, 5);
    cr_assert(promote(fixture, "twin", answer), "%s", answer);
    cr_expect_not_null(strstr(answer, "every = 2"), "%s", answer);
    cr_expect_not_null(strstr(answer, "plugin = good"), "%s", answer);
    cr_expect_not_null(strstr(answer, "remove [strategy:twin]"), "%s", answer);
    send(fixture, 5, 10);
    cr_expect_not(look(fixture, "twin").is_there);
    cr_expect_eq(look(fixture, "good").view.messages, 10, "the instance is the shadow's");
    cr_assert_eq(fixture_deliveries(fixture), 5 + 3, "the 6th, 8th and 10th count");
    cr_expect_not_null(strstr(fixture_delivery(fixture, 5), "\"id\":\"good/bar_trends/0/5/0\""),
                       "%s", fixture_delivery(fixture, 5));
    cr_expect_eq(fixture_signal_value(fixture, 5), 6);
    cr_expect_eq(fixture_signal_value(fixture, 7), 10);
    fixture_free(fixture);
}

Test(shadow, a_promotion_survives_a_crash_just_behind_it) {
    static const char *const settings[] = {"strategy:good.every=1", SHADOW, "strategy:twin.every=2",
                                           "checkpoint.interval=1h", NULL};
    char answer[1024];
    struct fixture *fixture = begin(settings);
    send(fixture, 0, 5);
    cr_assert_geq(fixture_checkpoint(fixture), 1);
    send(fixture, 5, 7);
    cr_assert(promote(fixture, "twin", answer), "%s", answer);
    (void)fixture_stop(fixture);
    fixture_start(fixture); /* the configuration is the same */
    fixture_assign_topic(fixture, BAR, 0, 7);
    cr_expect_not(look(fixture, "twin").is_there);
    const size_t before = fixture_deliveries(fixture);
    send(fixture, 7, 10);
    cr_assert_eq(fixture_deliveries(fixture) - before, 2, "the 8th and the 10th");
    cr_expect_eq(fixture_signal_value(fixture, before), 8);
    cr_expect_not_null(strstr(fixture_delivery(fixture, before), "\"deployment\":\"good\""));
    fixture_free(fixture);
}

Test(shadow, what_cannot_be_promoted_says_why_and_stays) {
    char answer[1024];
    struct error error;
    struct fixture *fixture = begin(second);
    send(fixture, 0, 2);
    cr_expect_not(promote(fixture, "good", answer));
    cr_expect_not_null(strstr(answer, "good is not a shadow"), "%s", answer);
    cr_expect_not(promote(fixture, "nobody", answer));
    cr_expect_not_null(strstr(answer, "\"nobody\" is not running"), "%s", answer);
    cr_assert(engine_suspend(fixture_engine(fixture), "twin", &error));
    send(fixture, 2, 4);
    cr_expect_not(promote(fixture, "twin", answer));
    cr_expect_not_null(strstr(answer, "not level with the stream on partition 0"), "%s", answer);
    cr_expect(look(fixture, "twin").is_there);
    send(fixture, 4, 6);
    cr_expect_eq(fixture_deliveries(fixture), 6);
    fixture_free(fixture);
}
