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

/* ---- around every lifecycle call ---- */

void lifecycle_begin(struct lifecycle *lifecycle, struct instance *instance,
                     enum callback callback) {
    guard_begin(&lifecycle->guard);
    store_relaxed(&instance->in_hand->topic, NULL);
    store_relaxed(&instance->in_hand->partition, instance->wiring.partition);
    store_relaxed(&instance->in_hand->offset, (int64_t)-1);
    lifecycle->ticks = clock_ticks();
    instance_enter(instance, callback);
}

void lifecycle_end(struct lifecycle *lifecycle, struct instance *instance) {
    instance_leave(instance);
    count_add(&instance->counts.busy_ticks, clock_ticks() - lifecycle->ticks);
    if (guard_end(&lifecycle->guard))
        instance->has_changed_fp = true;
}

void instance_complain(struct instance *instance, int32_t code) {
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

bool instance_refuse(struct instance *instance, int32_t code, struct error *error) {
    instance_complain(instance, code);
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
    in_hand_settle(instance->in_hand);
    document_free(instance->document);
    timers_release(&instance->timers);
    (void)pthread_mutex_destroy(&instance->wake_lock);
    free(instance->slots);
    /* It is in no hand any more: who looks at it now has found it before. */
    if (instance->wiring.lookers != NULL) {
        (void)pthread_mutex_lock(instance->wiring.lookers);
        (void)pthread_mutex_unlock(instance->wiring.lookers);
    }
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
    return code == T5_OK || instance_refuse(instance, code, error);
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
    instance->tick_scale = (uint64_t)clock_ticks_ns(UINT64_C(1) << INSTANCE_SCALE_BITS);
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
