#include "strategy/instance.h"

#include "support.h"

#include <criterion/criterion.h>

#include <fenv.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define trace(...) text_printf(&probe.trace, __VA_ARGS__)

/* ---- life ---- */

static int32_t trace_create(const t5_create_args *args) {
    trace("create(mode %u, %.*s, %d) ", args->mode, (int)args->deployment.len,
          args->deployment.data, args->partition);
    return T5_OK;
}

static void trace_activate(const t5_activate_args *args) {
    trace("activate(mode %u) ", args->mode);
}

static void trace_deactivate(void) {
    trace("deactivate ");
}

Test(instance, lives_in_order_and_is_told_who_it_is) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.create = trace_create;
    probe.activate = trace_activate;
    probe.deactivate = trace_deactivate;
    fixture.wiring.mode = T5_MODE_SHADOW;
    fixture_start(&fixture);
    instance_deactivate(fixture.instance);
    cr_assert_str_eq(probe.trace.data, "create(mode 4, probe-one, 3) activate(mode 4) deactivate ");
    cr_assert_eq(probe.destroyed, 0);
    fixture_release(&fixture);
    cr_assert_eq(probe.destroyed, 1);
}

static int32_t refuse_create(const t5_create_args *args) {
    return t5_fail(args->host, "no model %d\n\x1b[31m", 7);
}

Test(instance, refused_create_gives_its_text_on_one_line_and_no_destroy) {
    struct fixture fixture;
    struct error error;
    fixture_init(&fixture);
    probe.create = refuse_create;
    cr_assert_null(fixture_create(&fixture, &error));
    cr_assert_str_eq(error.text, "create refused: no model 7  [31m");
    cr_assert_eq(error.code, ERROR_INVALID);
    fixture_release(&fixture);
    cr_assert_eq(probe.destroyed, 0);
}

static int32_t answer_zero(const t5_create_args *args) {
    (void)args;
    return 0;
}

Test(instance, answer_of_no_meaning_is_a_refusal) {
    struct fixture fixture;
    struct error error;
    fixture_init(&fixture);
    probe.create = answer_zero;
    cr_assert_null(fixture_create(&fixture, &error));
    cr_assert_str_eq(error.text, "create refused: create answered code 0, which is none of T5_OK "
                                 "(1) and T5_ERROR (2)");
    fixture_release(&fixture);
}

Test(instance, callbacks_that_are_not_there_are_not_missed) {
    struct fixture fixture;
    struct error error;
    struct state state;
    fixture_init(&fixture);
    fixture.descriptor.size = (uint32_t)offsetof(t5_strategy, on_timer);
    fixture.descriptor.load = NULL;
    fixture.descriptor.activate = NULL;
    fixture.descriptor.deactivate = NULL;
    fixture_start(&fixture);
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_OK);
    instance_event(fixture.instance, &(t5_event){.size = sizeof(t5_event), .kind = 1});
    instance_symbol_expired(fixture.instance, 0, "QQQ", 3);
    state_init(&state);
    cr_assert_not(instance_save(fixture.instance, T5_SAVE_RELOAD, &state, &error));
    cr_assert_eq(error.code, ERROR_STATE);
    cr_assert_str_eq(error.text, "strategy probe has no save");
    instance_deactivate(fixture.instance);
    fixture_release(&fixture);
}

static int32_t disturb(const t5_create_args *args) {
    (void)args;
    (void)setlocale(LC_ALL, "C.UTF-8");
    (void)fesetround(FE_DOWNWARD);
    return T5_OK;
}

Test(instance, floating_point_and_locale_are_as_before_and_it_is_noted) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.create = disturb;
    fixture_start(&fixture);
    cr_assert_eq(fegetround(), FE_TONEAREST);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    cr_assert(instance_has_changed_fp(fixture.instance));
    fixture_release(&fixture);
}

/* ---- messages ---- */

static int32_t trace_message(const t5_message *message) {
    trace("%.*s/%u/%lld ", (int)message->symbol.len, message->symbol.data, message->topic,
          (long long)message->event_time_ns);
    return T5_OK;
}

Test(instance, message_gets_its_topic_and_fields) {
    static const char *const fields[] = {"stats.mean", "z_score", "stats.mean", NULL};
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.descriptor.fields = fields;
    probe.on_message = trace_message;
    fixture_start(&fixture);
    t5_message message = fixture_message(&fixture, "QQQ", 10);
    cr_assert_eq(instance_message(fixture.instance, &message, 2, &fixture.ticks), T5_OK);
    cr_assert_str_eq(probe.trace.data, "QQQ/2/10 ");
    cr_assert_eq(message.field_count, 3);
    cr_assert_eq(instance_field_count(fixture.instance), 3);
    cr_assert_eq(message.field_slots[0], message.field_slots[2]);
    cr_assert_neq(message.field_slots[0], message.field_slots[1]);
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->messages), 1);
    fixture_release(&fixture);
}

static int32_t fail_message(const t5_message *message) {
    return t5_fail(probe.host, "bad %.*s", (int)message->symbol.len, message->symbol.data);
}
static int32_t fail_in_silence(const t5_message *message) {
    (void)message;
    return T5_ERROR;
}
static int32_t reject_message(const t5_message *message) {
    (void)message;
    (void)t5_fail(probe.host, "not for me");
    return T5_REJECT;
}
static int32_t say_and_go_on(const t5_message *message) {
    (void)message;
    (void)t5_fail(probe.host, "never mind");
    return T5_OK;
}
static int32_t answer_pending(const t5_message *message) {
    (void)message;
    return T5_PENDING;
}

Test(instance, answers_are_counted_and_put_into_words) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_start(&fixture);
    struct instance_counts *counts = instance_counts(fixture.instance);
    cr_assert_str_eq(instance_complaint(fixture.instance), "");
    probe.on_message = fail_message;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_ERROR);
    cr_assert_str_eq(instance_complaint(fixture.instance), "bad QQQ");
    probe.on_message = say_and_go_on;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_OK);
    cr_assert_str_eq(instance_complaint(fixture.instance), "bad QQQ");
    probe.on_message = fail_in_silence;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_ERROR);
    cr_assert_str_eq(instance_complaint(fixture.instance), "it gave no reason");
    probe.on_message = reject_message;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_REJECT);
    cr_assert_str_eq(instance_complaint(fixture.instance), "not for me");
    probe.on_message = answer_pending;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_ERROR);
    cr_assert_str_eq(instance_complaint(fixture.instance),
                     "on_message answered code 4, which is none of T5_OK (1), T5_ERROR (2) and "
                     "T5_REJECT (3)");
    cr_assert_eq(atomic_load(&counts->messages), 5);
    cr_assert_eq(atomic_load(&counts->errors), 3);
    cr_assert_eq(atomic_load(&counts->rejects), 1);
    fixture_release(&fixture);
}

static struct fixture *watched;

static int32_t look_at_hand(const t5_message *message) {
    const struct in_hand *in_hand = &watched->in_hand;
    (void)message;
    trace("%s %s/%d/%lld ", callback_name((enum callback)atomic_load(&in_hand->callback)),
          atomic_load(&in_hand->topic), atomic_load(&in_hand->partition),
          (long long)atomic_load(&in_hand->offset));
    cr_assert_eq(atomic_load(&in_hand->instance), watched->instance);
    return T5_OK;
}

Test(instance, what_is_in_hand_can_be_seen) {
    struct fixture fixture;
    fixture_init(&fixture);
    watched = &fixture;
    probe.on_message = look_at_hand;
    fixture_start(&fixture);
    const uint64_t before = atomic_load(&fixture.in_hand.sequence);
    t5_message message = fixture_message(&fixture, "QQQ", 10);
    message.offset = 77;
    (void)instance_message(fixture.instance, &message, 0, &fixture.ticks);
    cr_assert_str_eq(probe.trace.data, "on_message bar_trends/3/77 ");
    cr_assert_eq(atomic_load(&fixture.in_hand.callback), CALLBACK_NONE);
    cr_assert_eq(atomic_load(&fixture.in_hand.sequence), before + 1);
    struct in_hand other = {0};
    instance_set_in_hand(fixture.instance, &other);
    fixture_give(&fixture, "QQQ", 11);
    cr_assert_eq(atomic_load(&fixture.in_hand.sequence), before + 1);
    cr_assert_eq(atomic_load(&other.sequence), 1);
    instance_set_in_hand(fixture.instance, NULL);
    fixture_give(&fixture, "QQQ", 12);
    cr_assert_eq(atomic_load(&other.sequence), 1);
    fixture_release(&fixture);
}

static void note_slow(void *context, struct instance *instance, enum callback callback,
                      int64_t took_ns) {
    const struct fixture *fixture = context;
    cr_assert_eq(instance, fixture->instance);
    cr_assert_geq(took_ns, 0);
    trace("slow %s ", callback_name(callback));
}

Test(instance, slow_callbacks_are_told_and_time_is_booked) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_start(&fixture);
    struct instance_counts *counts = instance_counts(fixture.instance);
    fixture_give(&fixture, "QQQ", 1);
    cr_assert_eq(atomic_load(&counts->slow), 0);
    instance_set_slow(fixture.instance, 0, note_slow);
    fixture.ticks -= clock_ns_ticks(SECOND); /* as if it had begun a second ago */
    const uint64_t before = atomic_load(&counts->busy_ticks);
    fixture_give(&fixture, "QQQ", 2);
    cr_assert_eq(atomic_load(&counts->slow), 1);
    cr_assert_str_eq(probe.trace.data, "slow on_message ");
    cr_assert_geq(atomic_load(&counts->busy_ticks) - before, clock_ns_ticks(SECOND));
    cr_assert_leq(fixture.ticks, clock_ticks());
    fixture_release(&fixture);
}

/* ---- timers ---- */

static int32_t trace_timer(const t5_timer *timer) {
    trace("timer %llu@%lld now %lld %.*s ", (unsigned long long)timer->key,
          (long long)timer->due_ns, (long long)timer->now_ns, (int)timer->symbol.len,
          timer->symbol.len > 0 ? timer->symbol.data : "");
    return T5_OK;
}

static int32_t arm_three(const t5_message *message) {
    if (message->symbol.data[0] == 'Q' && message->event_time_ns == 100) {
        cr_assert_eq(t5_arm_timer(probe.host, T5_NO_SYMBOL, 1, 130), T5_OK);
        cr_assert_eq(t5_arm_timer(probe.host, message->symbol_id, 2, 120), T5_OK);
        cr_assert_eq(t5_arm_timer(probe.host, T5_NO_SYMBOL, 3, 50), T5_OK); /* in the past */
    }
    trace("message@%lld ", (long long)message->event_time_ns);
    return T5_OK;
}

Test(instance, message_that_moves_the_clock_fires_due_timers_first) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = arm_three;
    probe.on_timer = trace_timer;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    fixture_give(&fixture, "SPY", 100); /* does not move it */
    fixture_give(&fixture, "SPY", 99);
    fixture_give(&fixture, "SPY", 130);
    cr_assert_str_eq(
        probe.trace.data,
        "message@100 message@100 message@99 timer 3@50 now 130  timer 2@120 now 130 QQQ "
        "timer 1@130 now 130  message@130 ");
    cr_assert_eq(instance_event_clock_ns(fixture.instance), 130);
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->timers_fired), 3);
    fixture_release(&fixture);
}

Test(instance, suspect_message_moves_no_clock) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = arm_three;
    probe.on_timer = trace_timer;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    t5_message message = fixture_message(&fixture, "QQQ", 5000);
    message.flags |= T5_MESSAGE_TIME_SUSPECT;
    (void)instance_message(fixture.instance, &message, 0, &fixture.ticks);
    cr_assert_str_eq(probe.trace.data, "message@100 message@5000 ");
    cr_assert_eq(instance_event_clock_ns(fixture.instance), 100);
    fixture_release(&fixture);
}

static int32_t arm_every_ten(const t5_timer *timer) {
    trace("timer@%lld ", (long long)timer->due_ns);
    return t5_arm_timer(probe.host, timer->symbol_id, timer->key, timer->due_ns + 10);
}

static int32_t arm_first(const t5_message *message) {
    if (message->event_time_ns == 100)
        cr_assert_eq(t5_arm_timer(probe.host, T5_NO_SYMBOL, 1, 110), T5_OK);
    trace("message@%lld ", (long long)message->event_time_ns);
    return T5_OK;
}

Test(instance, timer_that_arms_itself_catches_up_message_by_message) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = arm_first;
    probe.on_timer = arm_every_ten;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    fixture_give(&fixture, "QQQ", 150);
    fixture_give(&fixture, "QQQ", 150);
    fixture_give(&fixture, "QQQ", 151);
    cr_assert_str_eq(probe.trace.data, "message@100 timer@110 timer@120 message@150 message@150 "
                                       "timer@130 timer@140 message@151 ");
    fixture_release(&fixture);
}

static int32_t arm_wall(const t5_message *message) {
    t5_timer timer = {.size = sizeof timer,
                      .clock = T5_CLOCK_WALL,
                      .symbol_id = T5_NO_SYMBOL,
                      .key = 8,
                      .due_ns = message->event_time_ns + 5};
    return probe.host->services->arm_timer(probe.host, &timer);
}

static int32_t fail_timer(const t5_timer *timer) {
    return t5_fail(probe.host, "timer %llu is bad", (unsigned long long)timer->key);
}

Test(instance, wall_timers_fire_between_messages_when_live) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = arm_wall;
    probe.on_timer = trace_timer;
    fixture_start(&fixture);
    cr_assert_eq(instance_next_wall_ns(fixture.instance), INT64_MAX);
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    probe.on_message = NULL;
    fixture_give(&fixture, "QQQ", 200);
    cr_assert_str_eq(probe.trace.data, "");
    cr_assert_eq(instance_next_wall_ns(fixture.instance), 105);
    cr_assert_eq(instance_wall_timers(fixture.instance, 104), 0);
    cr_assert_str_eq(probe.trace.data, "");
    cr_assert_eq(instance_wall_timers(fixture.instance, 106), 0);
    cr_assert_str_eq(probe.trace.data, "timer 8@105 now 106  ");
    fixture_release(&fixture);
}

Test(instance, wall_timers_go_by_event_time_in_replay) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.wiring.mode = T5_MODE_REPLAY;
    probe.on_message = arm_wall;
    probe.on_timer = trace_timer;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_eq(instance_next_wall_ns(fixture.instance), INT64_MAX);
    cr_assert_eq(instance_wall_timers(fixture.instance, 1000), 0);
    cr_assert_str_eq(probe.trace.data, "");
    fixture_give(&fixture, "QQQ", 105);
    cr_assert_str_eq(probe.trace.data, "timer 8@105 now 105  ");
    fixture_release(&fixture);
}

Test(instance, errors_of_timers_are_counted_and_given_back) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = arm_wall;
    probe.on_timer = fail_timer;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_eq(instance_wall_timers(fixture.instance, 106), 1);
    cr_assert_str_eq(instance_complaint(fixture.instance), "timer 8 is bad");
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->errors), 1);
    fixture_release(&fixture);
}

/* ---- events ---- */

static void trace_event(const t5_event *event) {
    trace("event %u %.*s ", event->kind, (int)event->symbol.len,
          event->symbol.len > 0 ? event->symbol.data : "");
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED)
        cr_assert_eq(t5_arm_timer(probe.host, event->symbol_id, 9, 1), T5_OK);
}

Test(instance, expired_symbol_loses_its_timers_whatever_on_event_does) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = arm_three;
    probe.on_timer = trace_timer;
    probe.on_event = trace_event;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    text_reset(&probe.trace);
    instance_symbol_expired(fixture.instance, 0, "QQQ", 3);
    cr_assert_str_eq(probe.trace.data, "event 8 QQQ ");
    probe.on_message = NULL;
    fixture_give(&fixture, "SPY", 1000);
    cr_assert_str_eq(probe.trace.data, "event 8 QQQ timer 3@50 now 1000  timer 1@130 now 1000  ");
    fixture_release(&fixture);
}

Test(instance, any_number_of_wakes_is_one_event) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_event = trace_event;
    fixture_start(&fixture);
    cr_assert_eq(probe.host->services->wake(probe.host), T5_OK);
    cr_assert_eq(probe.host->services->wake(probe.host), T5_OK);
    cr_assert_eq(fixture.wakes, 1);
    instance_woken(fixture.instance);
    instance_woken(fixture.instance);
    cr_assert_str_eq(probe.trace.data, "event 7  ");
    cr_assert_eq(probe.host->services->wake(probe.host), T5_OK);
    cr_assert_eq(fixture.wakes, 2);
    fixture_release(&fixture);
}

Test(instance, wake_goes_nowhere_before_activate_and_after_deactivate) {
    struct fixture fixture;
    struct error error;
    fixture_init(&fixture);
    cr_assert_not_null(fixture_create(&fixture, &error));
    cr_assert_eq(probe.host->services->wake(probe.host), T5_NOT_NOW);
    instance_activate(fixture.instance);
    cr_assert_eq(probe.host->services->wake(probe.host), T5_OK);
    instance_deactivate(fixture.instance);
    cr_assert_eq(probe.host->services->wake(probe.host), T5_NOT_NOW);
    cr_assert_eq(fixture.wakes, 1);
    fixture_release(&fixture);
}

static void take_other_wake(void *context, struct instance *instance) {
    (void)instance;
    ++*(int *)context;
}

Test(instance, rewired_it_talks_to_the_new_owner) {
    struct fixture fixture;
    int others = 0;
    fixture_init(&fixture);
    fixture_start(&fixture);
    struct instance_wiring wiring = fixture.wiring;
    wiring.context = &others;
    wiring.wake = take_other_wake;
    instance_rewire(fixture.instance, &wiring);
    cr_assert_eq(probe.host->services->wake(probe.host), T5_OK);
    cr_assert_eq(others, 1);
    cr_assert_eq(fixture.wakes, 0);
    fixture_release(&fixture);
}

/* ---- state ---- */

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

Test(instance, state_clock_and_timers_come_back_in_another_symbol_table) {
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

Test(instance, saved_loaded_and_saved_again_is_the_same) {
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
        instance_create(&fixture.blueprint, &fixture.wiring, fixture.projection, NULL, &error);
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

static int32_t refuse_load(const t5_load_args *args) {
    (void)args;
    return t5_fail(probe.host, "too old");
}
static int32_t refuse_save(const t5_save_args *args) {
    (void)args;
    (void)t5_record_write(probe.host, T5_NO_SYMBOL, "x", 1);
    return t5_fail(probe.host, "busy");
}

Test(instance, refusals_of_load_and_save_give_their_texts) {
    struct fixture fixture;
    struct state state;
    struct error error;
    fixture_init(&fixture);
    fixture_start(&fixture);
    save(&fixture, &state);
    probe.load = refuse_load;
    cr_assert_not(instance_load(fixture.instance, &state, &error));
    cr_assert_str_eq(error.text, "load refused: too old");
    state_release(&state);
    probe.save = refuse_save;
    cr_assert_not(instance_save(fixture.instance, T5_SAVE_RELOAD, &state, &error));
    cr_assert_str_eq(error.text, "save refused: busy");
    cr_assert_eq(state.record_count, 0);
    cr_assert_null(state.strategy);
    fixture_release(&fixture);
}

Test(instance, state_of_another_strategy_is_not_taken) {
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

Test(instance, state_is_not_taken_without_load) {
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

Test(instance, more_timers_than_allowed_are_a_refusal) {
    struct fixture fixture;
    struct state state;
    struct error error;
    fixture_init(&fixture);
    fixture.wiring.max_timers = 2;
    fixture_start(&fixture);
    save(&fixture, &state);
    for (uint64_t key = 0; key < 3; key++)
        cr_assert(state_add_timer(&state, T5_CLOCK_EVENT, key, 5, NULL, 0));
    cr_assert_not(instance_load(fixture.instance, &state, &error));
    cr_assert_str_eq(error.text, "the saved state has 3 timers, max_timers is 2: raise it");
    state_release(&state);
    fixture_release(&fixture);
}

Test(instance, owner_word_is_kept) {
    struct fixture fixture;
    int word;
    fixture_init(&fixture);
    fixture_start(&fixture);
    cr_assert_null(instance_owner(fixture.instance));
    instance_set_owner(fixture.instance, &word);
    cr_assert_eq(instance_owner(fixture.instance), &word);
    cr_assert_eq(instance_blueprint(fixture.instance), &fixture.blueprint);
    fixture_release(&fixture);
}
