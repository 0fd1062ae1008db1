#include "strategy/instance/instance.h"

#include "support.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define trace(...) text_printf(&probe.trace, __VA_ARGS__)

static t5_signal next_signal;

static int32_t emit_next(const t5_message *message) {
    (void)message;
    return t5_emit(probe.host, &next_signal);
}

static void start_emitting(struct fixture *fixture) {
    fixture_init(fixture);
    probe.on_message = emit_next;
    fixture_start(fixture);
    next_signal = t5_signal_init("up", 1.5, 0.25);
}

Test(services_signals, signal_takes_symbol_and_time_of_the_message) {
    struct fixture fixture;
    start_emitting(&fixture);
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    next_signal.symbol = t5_text("OTHER");
    next_signal.event_time_ns = 7;
    next_signal.data = t5_text("{\"a\":1}");
    cr_assert_eq(fixture_give(&fixture, "QQQ", 200), T5_OK);
    cr_assert_str_eq(fixture.emitted.data, "up QQQ 100 1.5 0.25 \nup OTHER 7 1.5 0.25 {\"a\":1}\n");
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->signals), 2);
    fixture_release(&fixture);
}

static int32_t emit_in_timer(const t5_timer *timer) {
    (void)timer;
    const t5_signal signal = t5_signal_init("tick", 1, 1);
    return t5_emit(probe.host, &signal);
}

static int32_t arm_two(const t5_message *message) {
    if (message->event_time_ns > 100)
        return T5_OK;
    (void)t5_arm_timer(probe.host, message->symbol_id, 1, 110);
    return t5_arm_timer(probe.host, T5_NO_SYMBOL, 2, 120);
}

Test(services_signals, signal_of_a_timer_takes_its_symbol_and_due_time) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = arm_two;
    probe.on_timer = emit_in_timer;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    fixture_give(&fixture, "SPY", 500);
    cr_assert_str_eq(fixture.emitted.data, "tick QQQ 110 1 1 \ntick  120 1 1 \n");
    fixture_release(&fixture);
}

static void assert_signal_refused(struct fixture *fixture, const char *what) {
    const uint64_t before = atomic_load(&instance_counts(fixture->instance)->refused_signals);
    cr_assert_eq(fixture_give(fixture, "QQQ", 100), T5_ERROR, "%s", what);
    cr_assert_eq(atomic_load(&instance_counts(fixture->instance)->refused_signals), before + 1);
    cr_assert_eq(fixture->emitted.size, 0);
    next_signal = t5_signal_init("up", 1.5, 0.25);
}

Test(services_signals, signals_that_are_no_signals_are_refused_and_counted) {
    static char large[(64 << 10) + 2];
    struct fixture fixture;
    char name[66];
    start_emitting(&fixture);
    next_signal.value = (double)NAN;
    assert_signal_refused(&fixture, "NaN");
    next_signal.value = (double)-INFINITY;
    assert_signal_refused(&fixture, "infinite");
    next_signal.confidence = -0.0001;
    assert_signal_refused(&fixture, "confidence below 0");
    next_signal.confidence = 1.0001;
    assert_signal_refused(&fixture, "confidence above 1");
    next_signal.confidence = (double)NAN;
    assert_signal_refused(&fixture, "confidence NaN");
    next_signal.name = t5_text("");
    assert_signal_refused(&fixture, "no name");
    next_signal.name = t5_text("a b");
    assert_signal_refused(&fixture, "name with a space");
    memset(name, 'n', 65);
    next_signal.name = (t5_str){name, 65};
    assert_signal_refused(&fixture, "name of 65");
    next_signal.name = (t5_str){NULL, 4};
    assert_signal_refused(&fixture, "name without bytes");
    next_signal.symbol = (t5_str){name, 65};
    assert_signal_refused(&fixture, "symbol of 65");
    next_signal.data = t5_text("[]");
    assert_signal_refused(&fixture, "data an array");
    next_signal.data = t5_text("{} {}");
    assert_signal_refused(&fixture, "data two objects");
    next_signal.data = (t5_str){NULL, 2};
    assert_signal_refused(&fixture, "data without bytes");
    next_signal.size = (uint32_t)offsetof(t5_signal, price);
    assert_signal_refused(&fixture, "size below 1.0");
    memset(large, ' ', sizeof large);
    large[0] = '{';
    large[(64 << 10)] = '}';
    next_signal.data = (t5_str){large, (64 << 10) + 1};
    assert_signal_refused(&fixture, "data above 64 KiB");
    fixture_release(&fixture);
}

static t5_named_value carried[65];

static void carry(uint32_t count) {
    next_signal.values = carried;
    next_signal.value_count = count;
}

Test(services_signals, values_that_are_none_are_refused) {
    static const uint16_t types[] = {0, T5_VALUE_MISSING, T5_VALUE_JSON, 99};
    static char large[(64 << 10) + 1];
    static char names[65][8];
    struct fixture fixture;
    start_emitting(&fixture);
    next_signal.price = (double)NAN;
    assert_signal_refused(&fixture, "price NaN");
    next_signal.value_count = 1;
    assert_signal_refused(&fixture, "no values");
    carried[0] = t5_named_number("a b", 1);
    carry(1);
    assert_signal_refused(&fixture, "name with a space");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        carried[0] = t5_named_number("a", 1);
        carried[0].value.type = types[i];
        carry(1);
        assert_signal_refused(&fixture, "type of a value");
    }
    carried[0] = t5_named_number("a", 1);
    carried[1] = t5_named_integer("a", 1);
    carry(2);
    assert_signal_refused(&fixture, "two of one name");
    carried[0] = t5_named_text("a", t5_text("\xff"));
    carry(1);
    assert_signal_refused(&fixture, "no UTF-8");
    carried[0] = t5_named_text("a", (t5_str){NULL, 1});
    carry(1);
    assert_signal_refused(&fixture, "text without bytes");
    memset(large, 'x', sizeof large);
    carried[0] = t5_named_text("a", (t5_str){large, sizeof large});
    carry(1);
    assert_signal_refused(&fixture, "texts above 64 KiB");
    for (size_t i = 0; i < 65; i++) {
        (void)snprintf(names[i], sizeof names[i], "v%zu", i);
        carried[i] = t5_named_number(names[i], 1);
    }
    carry(65);
    assert_signal_refused(&fixture, "65 values");
    carry(64);
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    fixture_release(&fixture);
}

static t5_point next_point;
static int32_t publish_code;

static int32_t publish_next(const t5_message *message) {
    (void)message;
    publish_code = probe.host->services->publish(probe.host, &next_point);
    return T5_OK;
}

Test(services_signals, what_nobody_can_look_at_is_unsupported) {
    struct fixture fixture;
    static const char *const series[] = {"mean", NULL};
    fixture_init(&fixture);
    fixture.descriptor.series = series;
    probe.on_message = publish_next;
    fixture_start(&fixture);
    next_point = (t5_point){.size = sizeof next_point, .series = 0, .value = 1};
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    cr_assert_eq(publish_code, T5_UNSUPPORTED);
    next_point.series = 1;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    cr_assert_eq(publish_code, T5_ERROR);
    next_point.size = 4;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    cr_assert_eq(publish_code, T5_ERROR);
    cr_assert_eq(t5_publish(probe.host, 0, 1), T5_NOT_NOW);
    fixture_release(&fixture);
}

Test(services_signals, signals_at_the_limits_are_taken) {
    static char large[64 << 10];
    struct fixture fixture;
    char name[64];
    start_emitting(&fixture);
    memset(name, 'n', sizeof name);
    memset(large, ' ', sizeof large);
    large[0] = '{';
    large[sizeof large - 1] = '}';
    next_signal.name = (t5_str){name, 64};
    next_signal.symbol = (t5_str){name, 64};
    next_signal.data = (t5_str){large, sizeof large};
    next_signal.confidence = 1;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    next_signal = t5_signal_init("AZaz09_.-", -0.0, 0);
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    /* A newer, larger struct. */
    struct {
        t5_signal known;
        uint64_t newer[2];
    } larger = {.known = t5_signal_init("up", 1, 1)};
    larger.known.size = sizeof larger;
    next_signal = larger.known;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    fixture_release(&fixture);
}

static int32_t emit_five(const t5_message *message) {
    (void)message;
    const t5_signal signal = t5_signal_init("up", 1, 1);
    for (int i = 0; i < 5; i++)
        trace("%d ", t5_emit(probe.host, &signal));
    return T5_OK;
}

Test(services_signals, signals_above_the_limit_of_a_callback_are_refused) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.env.max_signals_per_callback = 3;
    probe.on_message = emit_five;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "1 1 1 2 2 ");
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->refused_signals), 2);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "1 1 1 2 2 1 1 1 2 2 ");
    fixture_release(&fixture);
}

/* Names that were accepted once are known, by what they are and not by where they stand. */
Test(services_signals, names_that_change_in_their_place_are_checked_again) {
    static char own[] = "up", first[] = "alpha", second[] = "beta.of.many.words";
    struct fixture fixture;
    start_emitting(&fixture);
    carried[0] = t5_named_number(first, 1);
    carried[1] = t5_named_number(second, 2);
    const t5_signal good = {.size = sizeof good,
                            .name = {own, 2},
                            .values = carried,
                            .value_count = 2,
                            .value = 1,
                            .confidence = 1};
    for (int i = 0; i < 2; i++) {
        next_signal = good;
        cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    }
    text_reset(&fixture.emitted);
    own[1] = ' ';
    next_signal = good;
    assert_signal_refused(&fixture, "its name");
    own[1] = 'p';
    first[2] = '/';
    next_signal = good;
    assert_signal_refused(&fixture, "a short name");
    first[2] = 'p';
    second[9] = '\n';
    next_signal = good;
    assert_signal_refused(&fixture, "a long name");
    second[9] = 'a';
    carried[1].name = carried[0].name;
    next_signal = good;
    assert_signal_refused(&fixture, "the same name twice");
    carried[1].name = (t5_str){NULL, strlen(second)};
    next_signal = good;
    assert_signal_refused(&fixture, "a name without bytes");
    carried[1] = t5_named_number(second, 2);
    next_signal = good;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 101), T5_OK);
    fixture_release(&fixture);
}

Test(services_signals, signals_of_history_are_accepted_and_dropped) {
    struct fixture fixture;
    start_emitting(&fixture);
    t5_message message = fixture_message(&fixture, "QQQ", 100);
    message.flags |= T5_MESSAGE_HISTORY;
    cr_assert_eq(instance_message(fixture.instance, &message, 0, &fixture.ticks), T5_OK);
    cr_assert_str_eq(fixture.emitted.data, "");
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->signals), 0);
    cr_assert_eq(fixture_give(&fixture, "QQQ", 101), T5_OK);
    cr_assert_str_eq(fixture.emitted.data, "up QQQ 101 1.5 0.25 \n");
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->signals), 1);
    fixture_release(&fixture);
}

static bool take_no_signal(void *context, struct instance *instance,
                           const struct emitted_signal *emitted) {
    (void)context;
    (void)instance;
    (void)emitted;
    return false;
}

Test(services_signals, signal_that_the_host_cannot_keep_is_answered_with_an_error) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.env.emit = take_no_signal;
    probe.on_message = emit_next;
    fixture_start(&fixture);
    next_signal = t5_signal_init("up", 1.5, 0.25);
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_ERROR);
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->signals), 0);
    fixture_release(&fixture);
}

/* ---- points of series ---- */

static const char *const series[] = {"level", "band", NULL};
static struct text published;

static bool note_point(void *context, struct instance *instance,
                       const struct published_point *point) {
    (void)context;
    (void)instance;
    text_printf(&published, "%.*s %.*s %lld %g %u\n", (int)point->series.len, point->series.data,
                (int)point->symbol.len, point->symbol.data, (long long)point->event_time_ns,
                point->value, point->time_frame_s);
    return true;
}

static void start_publishing(struct fixture *fixture) {
    fixture_init(fixture);
    fixture->descriptor.series = series;
    fixture->env.publish = note_point;
    probe.on_message = publish_next;
    fixture_start(fixture);
    text_init(&published);
    next_point = (t5_point){.size = sizeof next_point, .series = 1, .value = 2.5};
}

Test(services_signals, point_takes_symbol_time_and_time_frame_of_the_message) {
    struct fixture fixture;
    start_publishing(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    next_point = (t5_point){.size = sizeof next_point,
                            .symbol = t5_text("SPY"),
                            .event_time_ns = 7,
                            .time_frame_s = 300,
                            .value = (double)INFINITY};
    fixture_give(&fixture, "QQQ", 200);
    cr_expect_eq(publish_code, T5_OK);
    cr_expect_str_eq(published.data, "band QQQ 100 2.5 0\nlevel SPY 7 inf 300\n");
    cr_expect_eq(atomic_load(&instance_counts(fixture.instance)->points), 2);
    text_release(&published);
    fixture_release(&fixture);
}

Test(services_signals, points_that_are_none_are_refused_and_counted) {
    static const char long_symbol[] =
        "01234567890123456789012345678901234567890123456789012345678901234";
    struct fixture fixture;
    start_publishing(&fixture);
    next_point.series = 2;
    fixture_give(&fixture, "QQQ", 100);
    cr_expect_eq(publish_code, T5_ERROR);
    next_point = (t5_point){.size = 8};
    fixture_give(&fixture, "QQQ", 101);
    cr_expect_eq(publish_code, T5_ERROR);
    next_point = (t5_point){.size = sizeof next_point, .symbol = t5_text(long_symbol)};
    fixture_give(&fixture, "QQQ", 102);
    cr_expect_eq(publish_code, T5_ERROR);
    cr_expect_eq(atomic_load(&instance_counts(fixture.instance)->refused_points), 3);
    cr_expect_eq(published.size, 0);
    fixture_release(&fixture);
}

Test(services_signals, points_of_history_are_accepted_and_dropped) {
    struct fixture fixture;
    start_publishing(&fixture);
    t5_message message = fixture_message(&fixture, "QQQ", 100);
    message.flags |= T5_MESSAGE_HISTORY;
    instance_message(fixture.instance, &message, 0, &fixture.ticks);
    cr_expect_eq(publish_code, T5_OK);
    cr_expect_eq(published.size, 0);
    fixture_release(&fixture);
}
