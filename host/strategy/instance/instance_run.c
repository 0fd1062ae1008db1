/*
 * An instance at work: messages, timers, events. instance_message() is the hot path; what it costs
 * beside the strategy's own code is some stores and one look at the tick counter.
 */
#include "strategy/instance/instance_private.h"

#include "base/clock.h"
#include "os/at_fork.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static void note_slow(struct instance *instance, uint64_t ticks) __attribute__((noinline, cold));

static void note_slow(struct instance *instance, uint64_t ticks) {
    counter_add(&instance->counts.slow, 1);
    if (instance->slow != NULL)
        instance->slow(instance->env.context, instance, instance->callback, clock_ticks_ns(ticks));
}

/* A multiplication and a count of leading zeros: less than a nanosecond. */
static inline unsigned took_bucket(const struct instance *instance, uint64_t ticks) {
    const uint64_t ns = ticks * instance->tick_scale >> INSTANCE_SCALE_BITS;
    const unsigned bucket = 64u - 7u - (unsigned)__builtin_clzll(ns | 127);
    return bucket < INSTANCE_TOOK_BUCKETS ? bucket : INSTANCE_TOOK_BUCKETS - 1;
}

static void look_after(struct instance *instance) __attribute__((noinline, cold));

/* Floating point was changed, the process is a copy, or the lane looks for who changes what. */
static void look_after(struct instance *instance) {
    struct current_call *current_call = instance->current_call;
    unsigned changes = guard_is_fp_kept() ? 0 : GUARD_FP;
    if (at_fork_is_copy())
        _exit(EXIT_SUCCESS); /* it shall not go on with the host's work */
    guard_reset_fp();
    if (current_call->suspicion > 0 && current_call->guard != NULL) {
        current_call->suspicion--;
        changes |= guard_end(current_call->guard);
    }
    if (changes != 0)
        instance_meddled(instance, changes);
}

/* Books the time since `*ticks_now`, and brings it up to date. */
static inline void book_time(struct instance *instance, uint64_t *ticks_now) {
    const uint64_t now = clock_ticks();
    const uint64_t took = now - *ticks_now;
    *ticks_now = now;
    counter_add(&instance->counts.busy_ticks, took);
    struct current_call *current_call = instance->current_call;
    current_call_settle(current_call);
    current_call->took = &instance->counts.took[took_bucket(instance, took)];
    if (__builtin_expect(took > instance->slow_ticks, 0))
        note_slow(instance, took);
    /* Before anybody else computes. */
    if (__builtin_expect(current_call->suspicion > 0 || at_fork_is_copy() || !guard_is_fp_kept(),
                         0))
        look_after(instance);
}

/* ---- messages and timers ---- */

static uint32_t fire_timer(struct instance *instance, const struct timer_due *due, int64_t now_ns,
                           uint64_t *ticks_now) {
    t5_timer timer = {
        .size = (uint32_t)sizeof timer,
        .clock = due->clock,
        .key = due->key,
        .due_ns = due->due_ns,
        .symbol_id = due->symbol_id,
        .now_ns = now_ns,
    };
    if (due->symbol_id != T5_NO_SYMBOL)
        timer.symbol.data = symbols_text(instance->env.symbols, due->symbol_id, &timer.symbol.len);
    if (instance->before_timer != NULL)
        instance->before_timer(instance->before_timer_context, &timer);
    instance->timer = &timer;
    instance_enter(instance, CALLBACK_TIMER);
    const int32_t code = instance->calls.on_timer(instance->self, &timer);
    instance_leave(instance);
    instance->timer = NULL;
    book_time(instance, ticks_now);
    counter_add(&instance->counts.timers_fired, 1);
    if (code == T5_OK)
        return 0;
    instance_set_problem(instance, code);
    counter_add(&instance->counts.errors, 1);
    if (instance->log != NULL)
        log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "callback.failed",
                  "%s: on_timer failed (key %" PRIu64 ", symbol %.*s): %s",
                  instance->spec->deployment, due->key,
                  timer.symbol.len > 0 ? (int)timer.symbol.len : 1,
                  timer.symbol.len > 0 ? timer.symbol.data : "-", instance->problem);
    return 1;
}

/* Fires what is due by that clock; gives the number of errors. */
static uint32_t fire_due(struct instance *instance, enum t5_clock clock, int64_t now_ns,
                         uint64_t *ticks_now) __attribute__((noinline));

static uint32_t fire_due(struct instance *instance, enum t5_clock clock, int64_t now_ns,
                         uint64_t *ticks_now) {
    struct timer_due due;
    uint32_t errors = 0;
    timers_jump_begin(&instance->timers);
    while (timers_jump_next(&instance->timers, clock, now_ns, &due))
        errors += fire_timer(instance, &due, now_ns, ticks_now);
    timers_jump_end(&instance->timers);
    if (instance->before_timer != NULL)
        instance->before_timer(instance->before_timer_context, NULL);
    return errors;
}

/* What on_message returned, when that was not T5_OK. */
static int32_t fail_message(struct instance *instance, int32_t code)
    __attribute__((noinline, cold));

static int32_t fail_message(struct instance *instance, int32_t code) {
    instance_set_problem(instance, code);
    const bool is_reject = code == T5_REJECT;
    counter_add(is_reject ? &instance->counts.rejects : &instance->counts.errors, 1);
    return is_reject ? T5_REJECT : T5_ERROR;
}

void instance_prefetch(const struct instance *instance) {
    const char *const begin = (const char *)instance;
    const char *const end = (const char *)&instance->counts.took[INSTANCE_TOOK_BUCKETS / 2];
    for (const char *line = begin; line < end; line += 64)
        __builtin_prefetch(line, 1);
    __builtin_prefetch(instance->field_slots);
}

int32_t instance_message(struct instance *instance, t5_message *message, uint32_t topic,
                         uint64_t *ticks_now) {
    struct current_call *current_call = instance->current_call;
    message->topic = topic;
    message->field_count = instance->field_count;
    message->field_slots = instance->field_slots;
    store_relaxed(&current_call->topic, message->topic_name.data);
    store_relaxed(&current_call->partition, message->partition);
    store_relaxed(&current_call->offset, message->offset);
    instance->is_muted = (message->flags & T5_MESSAGE_HISTORY) != 0;
    if (message->event_time_ns > instance->event_clock_ns &&
        (message->flags & T5_MESSAGE_TIME_SUSPECT) == 0) {
        instance->event_clock_ns = message->event_time_ns;
        if (__builtin_expect(timers_next_event_ns(&instance->timers) <= message->event_time_ns, 0))
            (void)fire_due(instance, T5_CLOCK_EVENT, message->event_time_ns, ticks_now);
    }
    if (__builtin_expect(--instance->watch_in == 0, 0))
        instance->watch_in = watch_message(instance->watch, message);
    instance->message = message;
    instance_enter(instance, CALLBACK_MESSAGE);
    const int32_t code = instance->on_message(instance->self, message);
    instance_leave(instance);
    book_time(instance, ticks_now);
    counter_add(&instance->counts.messages, 1);
    if (__builtin_expect(instance->document != NULL, 0)) {
        document_free(instance->document);
        instance->document = NULL;
    }
    return __builtin_expect(code == T5_OK, 1) ? T5_OK : fail_message(instance, code);
}

void instance_set_late_clock(struct instance *instance, int64_t wall_ns, bool is_muted) {
    instance->late_clock_ns = wall_ns;
    instance->is_late_muted = is_muted;
}

uint32_t instance_wall_timers(struct instance *instance, int64_t now_ns) {
    if (timers_next_wall_ns(&instance->timers) > now_ns)
        return 0;
    struct current_call *current_call = instance->current_call;
    store_relaxed(&current_call->topic, NULL);
    store_relaxed(&current_call->partition, instance->env.partition);
    store_relaxed(&current_call->offset, (int64_t)-1);
    instance->is_muted = instance->is_late_muted;
    uint64_t ticks = clock_ticks();
    const uint32_t errors = fire_due(instance, T5_CLOCK_WALL, now_ns, &ticks);
    current_call_settle(current_call);
    return errors;
}

int64_t instance_next_wall_ns(const struct instance *instance) {
    return timers_next_wall_ns(&instance->timers);
}

/* ---- events ---- */

void instance_event(struct instance *instance, const t5_event *event) {
    if (instance->calls.on_event == NULL)
        return;
    uint64_t ticks = clock_ticks();
    store_relaxed(&instance->current_call->topic, NULL);
    store_relaxed(&instance->current_call->partition, instance->env.partition);
    store_relaxed(&instance->current_call->offset, (int64_t)-1);
    instance_enter(instance, CALLBACK_EVENT);
    instance->calls.on_event(instance->self, event);
    instance_leave(instance);
    book_time(instance, &ticks);
    current_call_settle(instance->current_call);
    counter_add(&instance->counts.events, 1);
}

static t5_event event_of(enum t5_event_kind kind) {
    const t5_event event = {
        .size = (uint32_t)sizeof event,
        .kind = (uint32_t)kind,
        .topic = UINT32_MAX,
        .symbol_id = T5_NO_SYMBOL,
        .from_offset = -1,
        .to_offset = -1,
    };
    return event;
}

void instance_woken(struct instance *instance) {
    if (!atomic_exchange(&instance->is_woken, false))
        return;
    const t5_event event = event_of(T5_EVENT_WOKEN);
    instance_event(instance, &event);
}

void instance_symbol_expired(struct instance *instance, uint32_t id, const char *text,
                             size_t size) {
    timers_drop_symbol(&instance->timers, id);
    t5_event event = event_of(T5_EVENT_SYMBOL_EXPIRED);
    event.symbol_id = id;
    event.symbol = (t5_str){text, size};
    instance_event(instance, &event);
    /* What on_event armed for it again would fire without a symbol. */
    timers_drop_symbol(&instance->timers, id);
}
