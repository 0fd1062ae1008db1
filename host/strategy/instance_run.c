/*
 * An instance at work: messages, timers, events. instance_message() is the hot path; what it costs
 * beside the strategy's own code is some stores and one look at the tick counter.
 */
#include "strategy/instance_parts.h"

#include "base/clock.h"

#include <inttypes.h>

static void note_slow(struct instance *instance, uint64_t ticks) __attribute__((noinline, cold));

static void note_slow(struct instance *instance, uint64_t ticks) {
    count_add(&instance->counts.slow, 1);
    if (instance->slow != NULL)
        instance->slow(instance->wiring.context, instance, instance->callback,
                       clock_ticks_ns(ticks));
}

/* A multiplication and a count of leading zeros: less than a nanosecond. */
static inline unsigned took_bucket(const struct instance *instance, uint64_t ticks) {
    const uint64_t ns = ticks * instance->tick_scale >> INSTANCE_SCALE_BITS;
    const unsigned bucket = 64u - 7u - (unsigned)__builtin_clzll(ns | 127);
    return bucket < INSTANCE_TOOK_BUCKETS ? bucket : INSTANCE_TOOK_BUCKETS - 1;
}

/* Books the time since `*ticks_now`, and brings it up to date. */
static inline void book_time(struct instance *instance, uint64_t *ticks_now) {
    const uint64_t now = clock_ticks();
    const uint64_t took = now - *ticks_now;
    *ticks_now = now;
    count_add(&instance->counts.busy_ticks, took);
    struct in_hand *in_hand = instance->in_hand;
    in_hand_settle(in_hand);
    in_hand->took = &instance->counts.took[took_bucket(instance, took)];
    if (__builtin_expect(took > instance->slow_ticks, 0))
        note_slow(instance, took);
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
        timer.symbol.data =
            symbols_text(instance->wiring.symbols, due->symbol_id, &timer.symbol.len);
    if (instance->before_timer != NULL)
        instance->before_timer(instance->before_timer_context, &timer);
    instance->timer = &timer;
    instance_enter(instance, CALLBACK_TIMER);
    const int32_t code = instance->calls.on_timer(instance->self, &timer);
    instance_leave(instance);
    instance->timer = NULL;
    book_time(instance, ticks_now);
    count_add(&instance->counts.timers_fired, 1);
    if (code == T5_OK)
        return 0;
    instance_complain(instance, code);
    count_add(&instance->counts.errors, 1);
    if (instance->log != NULL)
        log_warning(instance->log, "strategy",
                    "%s: on_timer failed (key %" PRIu64 ", symbol %.*s): %s",
                    instance->blueprint->deployment, due->key,
                    timer.symbol.len > 0 ? (int)timer.symbol.len : 1,
                    timer.symbol.len > 0 ? timer.symbol.data : "-", instance->complaint);
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

/* What on_message said, when that was not T5_OK. */
static int32_t fail_message(struct instance *instance, int32_t code)
    __attribute__((noinline, cold));

static int32_t fail_message(struct instance *instance, int32_t code) {
    instance_complain(instance, code);
    const bool is_reject = code == T5_REJECT;
    count_add(is_reject ? &instance->counts.rejects : &instance->counts.errors, 1);
    return is_reject ? T5_REJECT : T5_ERROR;
}

int32_t instance_message(struct instance *instance, t5_message *message, uint32_t topic,
                         uint64_t *ticks_now) {
    struct in_hand *in_hand = instance->in_hand;
    message->topic = topic;
    message->field_count = instance->field_count;
    message->field_slots = instance->field_slots;
    store_relaxed(&in_hand->topic, message->topic_name.data);
    store_relaxed(&in_hand->partition, message->partition);
    store_relaxed(&in_hand->offset, message->offset);
    instance->is_muted = (message->flags & T5_MESSAGE_HISTORY) != 0;
    if (message->event_time_ns > instance->event_clock_ns &&
        (message->flags & T5_MESSAGE_TIME_SUSPECT) == 0) {
        instance->event_clock_ns = message->event_time_ns;
        if (__builtin_expect(timers_next_event_ns(&instance->timers) <= message->event_time_ns, 0))
            (void)fire_due(instance, T5_CLOCK_EVENT, message->event_time_ns, ticks_now);
    }
    instance->message = message;
    instance_enter(instance, CALLBACK_MESSAGE);
    const int32_t code = instance->on_message(instance->self, message);
    instance_leave(instance);
    book_time(instance, ticks_now);
    count_add(&instance->counts.messages, 1);
    if (__builtin_expect(instance->document != NULL, 0)) {
        document_free(instance->document);
        instance->document = NULL;
    }
    return __builtin_expect(code == T5_OK, 1) ? T5_OK : fail_message(instance, code);
}

uint32_t instance_wall_timers(struct instance *instance, int64_t now_ns) {
    if (timers_next_wall_ns(&instance->timers) > now_ns)
        return 0;
    struct in_hand *in_hand = instance->in_hand;
    store_relaxed(&in_hand->topic, NULL);
    store_relaxed(&in_hand->partition, instance->wiring.partition);
    store_relaxed(&in_hand->offset, (int64_t)-1);
    instance->is_muted = false;
    uint64_t ticks = clock_ticks();
    const uint32_t errors = fire_due(instance, T5_CLOCK_WALL, now_ns, &ticks);
    in_hand_settle(in_hand);
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
    store_relaxed(&instance->in_hand->topic, NULL);
    store_relaxed(&instance->in_hand->partition, instance->wiring.partition);
    store_relaxed(&instance->in_hand->offset, (int64_t)-1);
    instance_enter(instance, CALLBACK_EVENT);
    instance->calls.on_event(instance->self, event);
    instance_leave(instance);
    book_time(instance, &ticks);
    in_hand_settle(instance->in_hand);
    count_add(&instance->counts.events, 1);
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
    /* What on_event armed for it anew would fire without a symbol. */
    timers_drop_symbol(&instance->timers, id);
}
