#include "strategy/instance/instance.h"

#include "support.h"

#include <criterion/criterion.h>

#define trace(...) text_printf(&probe.trace, __VA_ARGS__)

/* ---- messages ---- */

static int32_t trace_message(const t5_message *message) {
    trace("%.*s/%u/%lld ", (int)message->symbol.len, message->symbol.data, message->topic,
          (long long)message->event_time_ns);
    return T5_OK;
}

Test(instance_run, message_gets_its_topic_and_fields) {
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
    cr_assert_eq(message.field_slots[0], message.field_slots[2]);
    cr_assert_neq(message.field_slots[0], message.field_slots[1]);
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->messages), 1);
    fixture_release(&fixture);
}

static uint64_t took_in_all(struct fixture *fixture) {
    uint64_t all = 0;
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        all += atomic_load(&instance_counts(fixture->instance)->took[i]);
    return all;
}

Test(instance_run, the_time_of_each_callback_is_counted_once) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = trace_message;
    fixture_start(&fixture);
    const uint64_t before = took_in_all(&fixture);
    for (int64_t i = 0; i < 5; i++) {
        t5_message message = fixture_message(&fixture, "QQQ", 10 + i);
        (void)instance_message(fixture.instance, &message, 0, &fixture.ticks);
        cr_expect_eq(took_in_all(&fixture), before + (uint64_t)i, "with the next one");
    }
    current_call_settle(&fixture.current_call);
    current_call_settle(&fixture.current_call);
    cr_expect_eq(took_in_all(&fixture), before + 5);
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

Test(instance_run, answers_are_counted_and_put_into_words) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_start(&fixture);
    struct instance_counts *counts = instance_counts(fixture.instance);
    cr_assert_str_eq(instance_error(fixture.instance), "");
    probe.on_message = fail_message;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_ERROR);
    cr_assert_str_eq(instance_error(fixture.instance), "bad QQQ");
    probe.on_message = say_and_go_on;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_OK);
    cr_assert_str_eq(instance_error(fixture.instance), "bad QQQ");
    probe.on_message = fail_in_silence;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_ERROR);
    cr_assert_str_eq(instance_error(fixture.instance), "it gave no reason");
    probe.on_message = reject_message;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_REJECT);
    cr_assert_str_eq(instance_error(fixture.instance), "not for me");
    probe.on_message = answer_pending;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_ERROR);
    cr_assert_str_eq(instance_error(fixture.instance),
                     "on_message returned code 4, expected one of T5_OK (1), T5_ERROR (2) or "
                     "T5_REJECT (3)");
    cr_assert_eq(atomic_load(&counts->messages), 5);
    cr_assert_eq(atomic_load(&counts->errors), 3);
    cr_assert_eq(atomic_load(&counts->rejects), 1);
    fixture_release(&fixture);
}

static struct fixture *watched;

static int32_t look_at_call(const t5_message *message) {
    const struct current_call *current_call = &watched->current_call;
    (void)message;
    trace("%s %s/%d/%lld ", callback_name((enum callback)atomic_load(&current_call->callback)),
          atomic_load(&current_call->topic), atomic_load(&current_call->partition),
          (long long)atomic_load(&current_call->offset));
    cr_assert_eq(atomic_load(&current_call->instance), watched->instance);
    return T5_OK;
}

Test(instance_run, what_is_current_call_can_be_seen) {
    struct fixture fixture;
    fixture_init(&fixture);
    watched = &fixture;
    probe.on_message = look_at_call;
    fixture_start(&fixture);
    const uint64_t before = atomic_load(&fixture.current_call.sequence);
    t5_message message = fixture_message(&fixture, "QQQ", 10);
    message.offset = 77;
    (void)instance_message(fixture.instance, &message, 0, &fixture.ticks);
    cr_assert_str_eq(probe.trace.data, "on_message bar_trends/3/77 ");
    cr_assert_eq(atomic_load(&fixture.current_call.callback), CALLBACK_NONE);
    cr_assert_eq(atomic_load(&fixture.current_call.sequence), before + 1);
    struct current_call other = {0};
    instance_set_current_call(fixture.instance, &other);
    fixture_give(&fixture, "QQQ", 11);
    cr_assert_eq(atomic_load(&fixture.current_call.sequence), before + 1);
    cr_assert_eq(atomic_load(&other.sequence), 1);
    instance_set_current_call(fixture.instance, NULL);
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

Test(instance_run, slow_callbacks_are_told_and_time_is_booked) {
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

Test(instance_run, message_that_moves_the_clock_fires_due_timers_first) {
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

Test(instance_run, suspect_message_moves_no_clock) {
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

Test(instance_run, timer_that_arms_itself_catches_up_message_by_message) {
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

Test(instance_run, wall_timers_fire_between_messages_when_live) {
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

Test(instance_run, wall_timers_go_by_event_time_in_replay) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.env.mode = T5_MODE_REPLAY;
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

Test(instance_run, errors_of_timers_are_counted_and_given_back) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = arm_wall;
    probe.on_timer = fail_timer;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_eq(instance_wall_timers(fixture.instance, 106), 1);
    cr_assert_str_eq(instance_error(fixture.instance), "timer 8 is bad");
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

Test(instance_run, expired_symbol_loses_its_timers_whatever_on_event_does) {
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

Test(instance_run, any_number_of_wakes_is_one_event) {
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

Test(instance_run, wake_goes_nowhere_before_activate_and_after_deactivate) {
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
