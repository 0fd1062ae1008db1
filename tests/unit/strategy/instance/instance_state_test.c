#include "strategy/instance/instance.h"

#include "support.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define trace(...) text_printf(&probe.trace, __VA_ARGS__)

static int32_t trace_timer(const t5_timer *timer) {
    trace("timer %llu@%lld now %lld %.*s ", (unsigned long long)timer->key,
          (long long)timer->due_ns, (long long)timer->now_ns, (int)timer->symbol.len,
          timer->symbol.len > 0 ? timer->symbol.data : "");
    return T5_OK;
}

static int32_t write_state(const t5_save_args *args) {
    trace("save(%u) ", args->reason);
    const uint64_t numbers[] = {11, 22};
    cr_assert_eq(t5_record_write(probe.host, 1, "spy", 3), T5_OK);
    cr_assert_eq(t5_record_write(probe.host, 0, numbers, sizeof numbers), T5_OK);
    cr_assert_eq(t5_record_write(probe.host, T5_NO_SYMBOL, NULL, 0), T5_OK);
    cr_assert_eq(t5_record_write(probe.host, 99, "x", 1), T5_ERROR);
    return T5_OK;
}

static int32_t read_state(const t5_load_args *args) {
    t5_record record;
    trace("load(%u, %.*s, clock %lld) ", args->state_version, (int)args->version.len,
          args->version.data, (long long)t5_now(probe.host));
    while (t5_record_read(probe.host, &record) == T5_OK) {
        cr_assert_eq((uintptr_t)record.data % 8, 0);
        trace("%.*s#%d:%zu ", (int)record.symbol.len,
              record.symbol.len > 0 ? record.symbol.data : "", (int)record.symbol_id,
              record.data_size);
    }
    cr_assert_eq(t5_record_read(probe.host, &record), T5_END);
    return T5_OK;
}

static int32_t arm_some(const t5_message *message) {
    cr_assert_eq(t5_arm_timer(probe.host, T5_NO_SYMBOL, 1, 500), T5_OK);
    return t5_arm_timer(probe.host, message->symbol_id, 2, 500);
}

static void save(struct fixture *fixture, struct state *state) {
    struct error error;
    state_init(state);
    cr_assert(instance_save(fixture->instance, T5_SAVE_RELOAD, state, &error), "%s", error.text);
}

Test(instance_state, state_clock_and_timers_come_back_in_another_symbol_table) {
    struct fixture old, new;
    struct state state;
    struct error error;
    fixture_init(&old);
    probe.save = write_state;
    probe.on_message = arm_some;
    fixture_start(&old);
    fixture_give(&old, "QQQ", 100);
    fixture_give(&old, "SPY", 90);
    save(&old, &state);
    cr_assert_str_eq(probe.trace.data, "save(1) ");
    cr_assert_eq(state.record_count, 3);
    cr_assert_eq(state.timer_count, 3);
    fixture_release(&old);

    fixture_init(&new);
    probe.load = read_state;
    probe.on_timer = trace_timer;
    cr_assert_not_null(fixture_create(&new, &error));
    (void)symbols_intern(new.symbols, "OTHER", 5, NULL);
    cr_assert(instance_load(new.instance, &state, &error), "%s", error.text);
    cr_assert_str_eq(probe.trace.data, "load(4, 1.0.0, clock 100) #-1:0 QQQ#1:16 SPY#2:3 ");
    text_reset(&probe.trace);
    instance_activate(new.instance);
    new.ticks = clock_ticks();
    fixture_give(&new, "QQQ", 600);
    cr_assert_str_eq(probe.trace.data, "timer 2@500 now 600 QQQ timer 1@500 now 600  timer 2@500 "
                                       "now 600 SPY ");
    state_release(&state);
    fixture_release(&new);
}

Test(instance_state, saved_loaded_and_saved_again_is_the_same) {
    struct fixture fixture;
    struct state state, again;
    struct text bytes, bytes_again;
    struct error error;
    fixture_init(&fixture);
    probe.save = write_state;
    probe.on_message = arm_some;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    fixture_give(&fixture, "SPY", 90);
    save(&fixture, &state);
    struct instance *next =
        instance_create(&fixture.spec, &fixture.env, fixture.projection, NULL, &error);
    cr_assert_not_null(next);
    cr_assert(instance_load(next, &state, &error), "%s", error.text);
    state_init(&again);
    cr_assert(instance_save(next, T5_SAVE_CHECKPOINT, &again, &error));
    text_init(&bytes);
    text_init(&bytes_again);
    state_encode(&state, &bytes);
    state_encode(&again, &bytes_again);
    cr_assert_eq(bytes.size, bytes_again.size);
    cr_assert_arr_eq(bytes.data, bytes_again.data, bytes.size);
    text_release(&bytes);
    text_release(&bytes_again);
    state_release(&state);
    state_release(&again);
    instance_destroy(next);
    fixture_release(&fixture);
}

static struct {
    uint32_t ids[8];
    size_t count;
} remembered;

static int32_t remember(const t5_message *message) {
    if (!t5_str_equal(message->symbol, t5_text("UNTOLD")))
        remembered.ids[remembered.count++] = message->symbol_id;
    return t5_arm_timer(probe.host, message->symbol_id, 1, 1000 - message->event_time_ns);
}

static int32_t write_remembered(const t5_save_args *args) {
    (void)args;
    for (size_t i = remembered.count; i > 0; i--)
        cr_assert_eq(t5_record_write(probe.host, remembered.ids[i - 1], "x", 1), T5_OK);
    return T5_OK;
}

static int32_t read_remembered(const t5_load_args *args) {
    t5_record record;
    (void)args;
    for (remembered.count = 0; t5_record_read(probe.host, &record) == T5_OK;) {
        trace("%.*s#%u ", (int)record.symbol.len, record.symbol.data, record.symbol_id);
        remembered.ids[remembered.count++] = record.symbol_id;
    }
    return T5_OK;
}

/* As after a restart. A timer bears a symbol without a record, and they fall due in the reverse
 * order of the symbols' first sight. */
Test(instance_state, timers_leave_the_order_of_records_in_a_fresh_symbol_table_alone) {
    struct fixture old, new;
    struct state state, again;
    struct text bytes, bytes_again;
    struct error error;
    fixture_init(&old);
    probe.save = write_remembered;
    probe.on_message = remember;
    fixture_start(&old);
    fixture_give(&old, "UNTOLD", 1);
    fixture_give(&old, "QQQ", 2);
    fixture_give(&old, "SPY", 3);
    fixture_give(&old, "TSLA", 4);
    save(&old, &state);
    cr_assert_eq(state.record_count, 3);
    cr_assert_eq(state.timer_count, 4);
    fixture_release(&old);

    fixture_init(&new);
    probe.save = write_remembered;
    probe.load = read_remembered;
    cr_assert_not_null(fixture_create(&new, &error));
    cr_assert(instance_load(new.instance, &state, &error), "%s", error.text);
    cr_assert_str_eq(probe.trace.data, "QQQ#0 SPY#1 TSLA#2 ");
    save(&new, &again);
    text_init(&bytes);
    text_init(&bytes_again);
    state_encode(&state, &bytes);
    state_encode(&again, &bytes_again);
    cr_assert_eq(bytes.size, bytes_again.size);
    cr_assert_arr_eq(bytes.data, bytes_again.data, bytes.size);
    text_release(&bytes);
    text_release(&bytes_again);
    state_release(&state);
    state_release(&again);
    fixture_release(&new);
}

static int32_t refuse_load(const t5_load_args *args) {
    (void)args;
    return t5_fail(probe.host, "too old");
}
static int32_t refuse_save(const t5_save_args *args) {
    (void)args;
    (void)t5_record_write(probe.host, T5_NO_SYMBOL, "x", 1);
    return t5_fail(probe.host, "busy");
}

Test(instance_state, refusals_of_load_and_save_give_their_texts) {
    struct fixture fixture;
    struct state state;
    struct error error;
    fixture_init(&fixture);
    fixture_start(&fixture);
    save(&fixture, &state);
    probe.load = refuse_load;
    cr_assert_not(instance_load(fixture.instance, &state, &error));
    cr_assert_str_eq(error.text, "load failed: too old");
    state_release(&state);
    probe.save = refuse_save;
    cr_assert_not(instance_save(fixture.instance, T5_SAVE_RELOAD, &state, &error));
    cr_assert_str_eq(error.text, "save failed: busy");
    cr_assert_eq(state.record_count, 0);
    cr_assert_null(state.strategy);
    fixture_release(&fixture);
}

Test(instance_state, state_of_another_strategy_is_not_taken) {
    struct fixture fixture;
    struct state state;
    struct error error;
    const char *why;
    fixture_init(&fixture);
    fixture_start(&fixture);
    save(&fixture, &state);
    cr_assert(instance_takes_state(fixture.instance, &state, &why));
    state.strategy[0] = 'x';
    cr_assert_not(instance_takes_state(fixture.instance, &state, &why));
    cr_assert_str_eq(why, "it is the state of another strategy");
    cr_assert_not(instance_load(fixture.instance, &state, &error));
    cr_assert_eq(error.code, ERROR_STATE);
    state_release(&state);
    fixture_release(&fixture);
}

Test(instance_state, state_is_not_taken_without_load) {
    struct fixture fixture;
    struct state state;
    const char *why;
    fixture_init(&fixture);
    fixture.descriptor.load = NULL;
    fixture_start(&fixture);
    save(&fixture, &state);
    cr_assert_not(instance_takes_state(fixture.instance, &state, &why));
    cr_assert_str_eq(why, "the strategy has no load");
    state_release(&state);
    fixture_release(&fixture);
}

Test(instance_state, more_timers_than_allowed_are_a_refusal) {
    struct fixture fixture;
    struct state state;
    struct error error;
    fixture_init(&fixture);
    fixture.env.max_timers = 2;
    fixture_start(&fixture);
    save(&fixture, &state);
    for (uint64_t key = 0; key < 3; key++) {
        const struct state_timer timer = {.clock = T5_CLOCK_EVENT, .key = key, .due_ns = 5};
        cr_assert(state_add_timer(&state, &timer, NULL, 0));
    }
    cr_assert_not(instance_load(fixture.instance, &state, &error));
    cr_assert_str_eq(error.text, "the saved state has 3 timers, max_timers is 2: raise it");
    state_release(&state);
    fixture_release(&fixture);
}
