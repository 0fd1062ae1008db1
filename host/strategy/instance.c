#include "strategy/instance.h"

#include "base/clock.h"
#include "strategy/descriptor.h"
#include "strategy/guard.h"
#include "strategy/instance_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_CHUNK 16u

_Thread_local char instance_thread_mark;

const char *callback_name(enum callback callback) {
    static const char *const names[] = {
        [CALLBACK_NONE] = "none",
        [CALLBACK_CREATE] = "create",
        [CALLBACK_LOAD] = "load",
        [CALLBACK_ACTIVATE] = "activate",
        [CALLBACK_MESSAGE] = "on_message",
        [CALLBACK_TIMER] = "on_timer",
        [CALLBACK_EVENT] = "on_event",
        [CALLBACK_SAVE] = "save",
        [CALLBACK_DEACTIVATE] = "deactivate",
        [CALLBACK_DESTROY] = "destroy",
    };
    return (size_t)callback < sizeof names / sizeof *names ? names[callback] : "unknown";
}

/* ---- around every callback ---- */

#define store_relaxed(object, value) atomic_store_explicit((object), (value), memory_order_relaxed)
#define load_relaxed(object)         atomic_load_explicit((object), memory_order_relaxed)

static inline void enter(struct instance *instance, enum callback callback) {
    struct in_hand *in_hand = instance->in_hand;
    instance->callback = callback;
    instance->has_reason = false;
    instance->signal_count = 0;
    store_relaxed(&in_hand->instance, instance);
    store_relaxed(&in_hand->sequence, load_relaxed(&in_hand->sequence) + 1);
    store_relaxed(&in_hand->callback, (uint32_t)callback);
    store_relaxed(&instance->thread, thread_mark());
}

static inline void leave(struct instance *instance) {
    store_relaxed(&instance->in_hand->callback, (uint32_t)CALLBACK_NONE);
    store_relaxed(&instance->thread, (uintptr_t)0);
}

static void note_slow(struct instance *instance, uint64_t ticks) __attribute__((noinline, cold));

static void note_slow(struct instance *instance, uint64_t ticks) {
    count_add(&instance->counts.slow, 1);
    if (instance->slow != NULL)
        instance->slow(instance->wiring.context, instance, instance->callback,
                       clock_ticks_ns(ticks));
}

/* Books the time since `*ticks_now`, and brings it up to date. */
static inline void book_time(struct instance *instance, uint64_t *ticks_now) {
    const uint64_t now = clock_ticks();
    const uint64_t took = now - *ticks_now;
    *ticks_now = now;
    count_add(&instance->counts.busy_ticks, took);
    if (__builtin_expect(took > instance->slow_ticks, 0))
        note_slow(instance, took);
}

/* What a lifecycle call is wrapped in. */
struct lifecycle {
    struct guard guard;
    uint64_t ticks;
};

static void lifecycle_begin(struct lifecycle *lifecycle, struct instance *instance,
                            enum callback callback) {
    guard_begin(&lifecycle->guard);
    store_relaxed(&instance->in_hand->topic, NULL);
    store_relaxed(&instance->in_hand->partition, instance->wiring.partition);
    store_relaxed(&instance->in_hand->offset, (int64_t)-1);
    lifecycle->ticks = clock_ticks();
    enter(instance, callback);
}

static void lifecycle_end(struct lifecycle *lifecycle, struct instance *instance) {
    leave(instance);
    count_add(&instance->counts.busy_ticks, clock_ticks() - lifecycle->ticks);
    if (guard_end(&lifecycle->guard))
        instance->has_changed_fp = true;
}

/* Puts into words what a callback answered, when that was not T5_OK. */
static void complain(struct instance *instance, int32_t code) {
    const bool may_reject = instance->callback == CALLBACK_MESSAGE;
    if (code != T5_ERROR && !(code == T5_REJECT && may_reject))
        (void)snprintf(instance->complaint, sizeof instance->complaint,
                       "%s answered code %" PRId32 ", which is none of %s",
                       callback_name(instance->callback), code,
                       may_reject ? "T5_OK (1), T5_ERROR (2) and T5_REJECT (3)"
                                  : "T5_OK (1) and T5_ERROR (2)");
    else if (instance->has_reason)
        memcpy(instance->complaint, instance->reason, sizeof instance->complaint);
    else
        (void)snprintf(instance->complaint, sizeof instance->complaint, "it gave no reason");
}

static bool refuse(struct instance *instance, int32_t code, struct error *error) {
    complain(instance, code);
    return error_set(error, ERROR_INVALID, "%s refused: %s", callback_name(instance->callback),
                     instance->complaint);
}

/* ---- create and destroy ---- */

static bool append_slot(struct instance *instance, uint32_t slot, struct error *error) {
    if (instance->field_count % SLOTS_CHUNK == 0) {
        const size_t larger = instance->field_count + SLOTS_CHUNK;
        uint32_t *slots = reallocarray(instance->slots, larger, sizeof *slots);
        if (slots == NULL)
            return error_set_memory(error, larger * sizeof *slots, "fields");
        instance->slots = slots;
        instance->field_slots = slots;
    }
    instance->slots[instance->field_count++] = slot;
    return true;
}

bool instance_add_field(struct instance *instance, const char *path, size_t size, uint32_t *index,
                        struct error *error) {
    uint32_t slot;
    if (!projection_add(instance->projection, path, size, &slot, error))
        return false;
    for (uint32_t i = 0; i < instance->field_count; i++) {
        if (instance->slots[i] == slot) {
            *index = i;
            return true;
        }
    }
    *index = instance->field_count;
    return append_slot(instance, slot, error);
}

/* The descriptor's fields keep their numbers, be one listed twice. */
static bool add_described_fields(struct instance *instance, struct error *error) {
    const struct description *description = instance->blueprint->description;
    for (size_t i = 0; i < description->field_count; i++) {
        const char *path = description->fields[i];
        uint32_t slot;
        if (!projection_add(instance->projection, path, strlen(path), &slot, error) ||
            !append_slot(instance, slot, error))
            return false;
    }
    return true;
}

static void release(struct instance *instance) {
    document_free(instance->document);
    timers_release(&instance->timers);
    (void)pthread_mutex_destroy(&instance->wake_lock);
    free(instance->slots);
    free(instance);
}

static bool call_create(struct instance *instance, struct error *error) {
    const t5_create_args args = {
        .size = (uint32_t)sizeof args,
        .mode = (uint32_t)instance->wiring.mode,
        .host = &instance->host,
        .deployment = t5_text(instance->blueprint->deployment),
        .partition = instance->wiring.partition,
    };
    struct lifecycle lifecycle;
    lifecycle_begin(&lifecycle, instance, CALLBACK_CREATE);
    const int32_t code = instance->calls.create(&args, &instance->self);
    lifecycle_end(&lifecycle, instance);
    return code == T5_OK || refuse(instance, code, error);
}

static void set_limits(struct instance *instance, const struct instance_wiring *wiring) {
    instance->max_signals = wiring->max_signals_per_callback;
    instance->timers.max_count = wiring->max_timers;
}

struct instance *instance_create(const struct blueprint *blueprint,
                                 const struct instance_wiring *wiring,
                                 struct projection *projection, struct in_hand *in_hand,
                                 struct error *error) {
    struct instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL) {
        error_set_memory(error, sizeof *instance, "an instance");
        return NULL;
    }
    instance->host.services = &instance_services;
    instance->blueprint = blueprint;
    instance->wiring = *wiring;
    instance->log = wiring->log;
    instance->slow_ticks = UINT64_MAX;
    descriptor_read(blueprint->descriptor, &instance->calls);
    instance->on_message = instance->calls.on_message;
    timers_init(&instance->timers, wiring->max_timers,
                wiring->mode == T5_MODE_REPLAY || wiring->mode == T5_MODE_CHECK);
    set_limits(instance, wiring);
    (void)pthread_mutex_init(&instance->wake_lock, NULL);
    instance_set_in_hand(instance, in_hand);
    instance->projection = projection;
    if (!add_described_fields(instance, error) || !call_create(instance, error)) {
        release(instance);
        return NULL;
    }
    instance->projection = NULL;
    return instance;
}

void instance_destroy(struct instance *instance) {
    struct lifecycle lifecycle;
    if (instance == NULL)
        return;
    lifecycle_begin(&lifecycle, instance, CALLBACK_DESTROY);
    instance->calls.destroy(instance->self);
    lifecycle_end(&lifecycle, instance);
    release(instance);
}

/* ---- state ---- */

bool instance_takes_state(const struct instance *instance, const struct state *state,
                          const char **why) {
    if (state->strategy == NULL ||
        strcmp(state->strategy, instance->blueprint->description->name) != 0)
        *why = "it is the state of another strategy";
    else if (instance->calls.load == NULL)
        *why = "the strategy has no load";
    else
        return true;
    return false;
}

static bool restore_timer(struct instance *instance, const struct state *state,
                          const struct state_timer *timer, struct error *error) {
    struct timer_due due = {.clock = timer->clock,
                            .symbol_id = T5_NO_SYMBOL,
                            .key = timer->key,
                            .due_ns = timer->due_ns};
    if (timer->symbol_size > 0) {
        due.symbol_id =
            symbols_intern(instance->wiring.symbols, state->bytes.data + timer->symbol_at,
                           timer->symbol_size, NULL);
        if (due.symbol_id == SYMBOL_NONE)
            return error_set(error, ERROR_STATE, "saved timer: no room for its symbol %.*s",
                             (int)timer->symbol_size, state->bytes.data + timer->symbol_at);
    }
    switch (timers_arm(&instance->timers, &due)) {
    case TIMERS_OK:
        return true;
    case TIMERS_FULL:
        return error_set(error, ERROR_INVALID,
                         "the saved state has %zu timers, max_timers is %" PRIu32 ": raise it",
                         state->timer_count, instance->timers.max_count);
    case TIMERS_MEMORY:
        break;
    }
    return error_set_memory(error, state->timer_count, "timers");
}

bool instance_load(struct instance *instance, const struct state *state, struct error *error) {
    const char *why;
    if (!instance_takes_state(instance, state, &why))
        return error_set(error, ERROR_STATE, "state not taken: %s", why);
    /* Before load, so that it can see and move them. */
    instance->event_clock_ns = state->event_clock_ns;
    for (size_t i = 0; i < state->timer_count; i++)
        if (!restore_timer(instance, state, &state->timers[i], error))
            return false;
    const t5_load_args args = {
        .size = (uint32_t)sizeof args,
        .state_version = state->state_version,
        .version = t5_text(state->version),
    };
    struct lifecycle lifecycle;
    instance->loading = state;
    instance->loading_at = 0;
    lifecycle_begin(&lifecycle, instance, CALLBACK_LOAD);
    const int32_t code = instance->calls.load(instance->self, &args);
    lifecycle_end(&lifecycle, instance);
    instance->loading = NULL;
    return code == T5_OK || refuse(instance, code, error);
}

/* Whose state it is, its clock and its timers. */
static bool save_host_part(const struct instance *instance, struct state *state) {
    const struct description *description = instance->blueprint->description;
    struct timer_due *timers;
    size_t count;
    state->strategy = text_dup(description->name, strlen(description->name));
    state->version = text_dup(description->version, strlen(description->version));
    state->state_version = description->state_version;
    state->event_clock_ns = instance->event_clock_ns;
    if (state->strategy == NULL || state->version == NULL ||
        !timers_list(&instance->timers, &timers, &count))
        return false;
    bool is_good = true;
    for (size_t i = 0; i < count && is_good; i++) {
        size_t size = 0;
        const char *symbol = NULL;
        if (timers[i].symbol_id != T5_NO_SYMBOL)
            symbol = symbols_text(instance->wiring.symbols, timers[i].symbol_id, &size);
        is_good =
            state_add_timer(state, timers[i].clock, timers[i].key, timers[i].due_ns, symbol, size);
    }
    free(timers);
    return is_good;
}

bool instance_save(struct instance *instance, enum t5_save_reason reason, struct state *state,
                   struct error *error) {
    if (instance->calls.save == NULL)
        return error_set(error, ERROR_STATE, "strategy %s has no save",
                         instance->blueprint->description->name);
    const t5_save_args args = {.size = (uint32_t)sizeof args, .reason = (uint32_t)reason};
    struct lifecycle lifecycle;
    instance->saving = state;
    instance->is_saving_short = !save_host_part(instance, state);
    lifecycle_begin(&lifecycle, instance, CALLBACK_SAVE);
    const int32_t code = instance->calls.save(instance->self, &args);
    lifecycle_end(&lifecycle, instance);
    instance->saving = NULL;
    bool is_good = code == T5_OK || refuse(instance, code, error);
    if (is_good && instance->is_saving_short)
        is_good = error_set_memory(error, state->bytes.size, "the state of an instance");
    if (is_good)
        state_sort(state);
    else
        state_release(state);
    return is_good;
}

/* ---- activate and deactivate ---- */

static void set_active(struct instance *instance, bool is_active) {
    (void)pthread_mutex_lock(&instance->wake_lock);
    instance->is_active = is_active;
    (void)pthread_mutex_unlock(&instance->wake_lock);
}

void instance_activate(struct instance *instance) {
    const t5_activate_args args = {.size = (uint32_t)sizeof args,
                                   .mode = (uint32_t)instance->wiring.mode};
    struct lifecycle lifecycle;
    set_active(instance, true);
    if (instance->calls.activate == NULL)
        return;
    lifecycle_begin(&lifecycle, instance, CALLBACK_ACTIVATE);
    instance->calls.activate(instance->self, &args);
    lifecycle_end(&lifecycle, instance);
}

void instance_deactivate(struct instance *instance) {
    struct lifecycle lifecycle;
    if (instance->calls.deactivate != NULL) {
        lifecycle_begin(&lifecycle, instance, CALLBACK_DEACTIVATE);
        instance->calls.deactivate(instance->self);
        lifecycle_end(&lifecycle, instance);
    }
    set_active(instance, false);
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
    enter(instance, CALLBACK_TIMER);
    const int32_t code = instance->calls.on_timer(instance->self, &timer);
    leave(instance);
    instance->timer = NULL;
    book_time(instance, ticks_now);
    count_add(&instance->counts.timers_fired, 1);
    if (code == T5_OK)
        return 0;
    complain(instance, code);
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
    complain(instance, code);
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
    enter(instance, CALLBACK_MESSAGE);
    const int32_t code = instance->on_message(instance->self, message);
    leave(instance);
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
    return fire_due(instance, T5_CLOCK_WALL, now_ns, &ticks);
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
    enter(instance, CALLBACK_EVENT);
    instance->calls.on_event(instance->self, event);
    leave(instance);
    book_time(instance, &ticks);
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

/* ---- what the owner asks and sets ---- */

const struct blueprint *instance_blueprint(const struct instance *instance) {
    return instance->blueprint;
}

void instance_rewire(struct instance *instance, const struct instance_wiring *wiring) {
    (void)pthread_mutex_lock(&instance->wake_lock);
    instance->wiring = *wiring;
    (void)pthread_mutex_unlock(&instance->wake_lock);
    set_limits(instance, wiring);
}

void instance_set_in_hand(struct instance *instance, struct in_hand *in_hand) {
    instance->in_hand = in_hand != NULL ? in_hand : &instance->own_in_hand;
}

void instance_set_slow(struct instance *instance, uint64_t slow_ticks,
                       void (*slow)(void *context, struct instance *instance,
                                    enum callback callback, int64_t took_ns)) {
    instance->slow_ticks = slow_ticks;
    instance->slow = slow;
}

void instance_set_before_timer(struct instance *instance,
                               void (*before_timer)(void *context, const t5_timer *timer),
                               void *context) {
    instance->before_timer = before_timer;
    instance->before_timer_context = context;
}

const char *instance_complaint(const struct instance *instance) {
    return instance->complaint;
}

struct instance_counts *instance_counts(struct instance *instance) {
    return &instance->counts;
}

int64_t instance_event_clock_ns(const struct instance *instance) {
    return instance->event_clock_ns;
}

uint32_t instance_field_count(const struct instance *instance) {
    return instance->field_count;
}

bool instance_has_changed_fp(const struct instance *instance) {
    return instance->has_changed_fp;
}

void instance_set_owner(struct instance *instance, void *owner) {
    instance->owner = owner;
}

void *instance_owner(const struct instance *instance) {
    return instance->owner;
}
