#include "strategy/instance/instance.h"

#include "base/array.h"
#include "base/clock.h"
#include "strategy/instance/instance_private.h"
#include "strategy/plugin/descriptor.h"
#include "strategy/plugin/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        [CALLBACK_OPEN] = "open",
        [CALLBACK_THREAD] = "a thread of its own",
    };
    return (size_t)callback < sizeof names / sizeof *names ? names[callback] : "unknown";
}

/* ---- around every lifecycle call ---- */

static void log_found_before(struct instance *instance, enum callback callback, unsigned changes) {
    const struct instance_env *env = &instance->env;
    char words[GUARD_WORDS_SIZE];
    if (changes != 0 && env->meddled != NULL) {
        env->meddled(env->context, instance, instance->callback, changes);
        return;
    }
    if (changes == 0 || instance->log == NULL)
        return;
    guard_words(changes, words);
    log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "strategy.meddled",
              "%s was changed before %s of %s, by another call or thread: it was restored", words,
              callback_name(callback), instance->spec->deployment);
}

void lifecycle_begin(struct lifecycle *lifecycle, struct instance *instance,
                     enum callback callback) {
    log_found_before(instance, callback, guard_begin(&lifecycle->guard));
    store_relaxed(&instance->current_call->topic, NULL);
    store_relaxed(&instance->current_call->partition, instance->env.partition);
    store_relaxed(&instance->current_call->offset, (int64_t)-1);
    lifecycle->ticks = clock_ticks();
    instance_enter(instance, callback);
}

void lifecycle_end(struct lifecycle *lifecycle, struct instance *instance) {
    instance_leave(instance);
    counter_add(&instance->counts.busy_ticks, clock_ticks() - lifecycle->ticks);
    const unsigned changes = guard_end(&lifecycle->guard);
    if (changes != 0)
        instance_meddled(instance, changes);
}

/* What of the process was found after this callback for the first time: it may be another's. */
static unsigned take_suspicion(struct instance *instance, unsigned changes) {
    unsigned *suspected = &instance->suspected[instance->callback];
    const unsigned first = changes & GUARD_PROCESS & ~*suspected;
    char words[GUARD_WORDS_SIZE];
    *suspected |= first;
    if (first == 0 || instance->log == NULL)
        return first;
    guard_words(first, words);
    log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "strategy.meddled",
              "%s, which belongs to the host, was changed during %s of %s: it was restored; other "
              "threads may have changed it, so it counts as an error from the second time on",
              words, callback_name(instance->callback), instance->spec->deployment);
    return first;
}

void instance_meddled(struct instance *instance, unsigned changes) {
    char words[GUARD_WORDS_SIZE];
    instance->changes |= changes;
    if (instance->env.meddled != NULL) {
        instance->env.meddled(instance->env.context, instance, instance->callback, changes);
        return;
    }
    changes &= ~take_suspicion(instance, changes);
    const unsigned kept = changes & ~(unsigned)GUARD_FORK;
    const unsigned news = changes & ~instance->blamed;
    instance->blamed |= changes;
    if (kept != 0)
        counter_add(&instance->counts.errors, 1);
    if (instance->log == NULL)
        return;
    guard_words(news, words);
    if (words[0] != '\0')
        log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "strategy.meddled",
                  "%s: %s changes %s, which belongs to the host: it was restored, and counts as an "
                  "error each time",
                  instance->spec->deployment, callback_name(instance->callback), words);
    if ((news & GUARD_FORK) != 0)
        log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "strategy.meddled",
                  "%s: %s forks: a copy of the host remains unless the child calls exec or exits",
                  instance->spec->deployment, callback_name(instance->callback));
}

void instance_set_problem(struct instance *instance, int32_t code) {
    const bool may_reject = instance->callback == CALLBACK_MESSAGE;
    if (code != T5_ERROR && !(code == T5_REJECT && may_reject))
        (void)snprintf(instance->problem, sizeof instance->problem,
                       "%s returned code %" PRId32 ", expected one of %s",
                       callback_name(instance->callback), code,
                       may_reject ? "T5_OK (1), T5_ERROR (2) or T5_REJECT (3)"
                                  : "T5_OK (1) or T5_ERROR (2)");
    else if (instance->has_reason)
        memcpy(instance->problem, instance->reason, sizeof instance->problem);
    else
        (void)snprintf(instance->problem, sizeof instance->problem, "it gave no reason");
}

bool instance_refuse(struct instance *instance, int32_t code, struct error *error) {
    instance_set_problem(instance, code);
    return error_set(error, instance->was_oom ? ERROR_MEMORY : ERROR_INVALID, "%s failed: %s",
                     callback_name(instance->callback), instance->problem);
}

/* ---- create and destroy ---- */

static void release(struct instance *instance) {
    current_call_settle(instance->current_call);
    document_free(instance->document);
    free(instance->names);
    timers_release(&instance->timers);
    (void)pthread_mutex_destroy(&instance->wake_lock);
    free(instance->slots);
    watch_free(instance->watch);
    /* It is in no hand any more: who looks at it now has found it before. */
    if (instance->env.call_readers != NULL) {
        lock_acquire(instance->env.call_readers, call_readers_lock);
        lock_release(instance->env.call_readers, call_readers_lock);
    }
    free(instance);
}

static bool call_create(struct instance *instance, struct error *error) {
    const t5_create_args args = {
        .size = (uint32_t)sizeof args,
        .mode = (uint32_t)instance->env.mode,
        .host = &instance->host,
        .deployment = t5_text(instance->spec->deployment),
        .partition = instance->env.partition,
    };
    struct lifecycle lifecycle;
    lifecycle_begin(&lifecycle, instance, CALLBACK_CREATE);
    const int32_t code = instance->calls.create(&args, &instance->self);
    lifecycle_end(&lifecycle, instance);
    return code == T5_OK || instance_refuse(instance, code, error);
}

/* A strategy that is KEYED and takes several topics relates those of a symbol. */
static bool begin_watch(struct instance *instance, struct error *error) {
    const struct instance_spec *spec = instance->spec;
    const bool does_join =
        spec->description->scope == T5_SCOPE_KEYED && spec->description->topic_count > 1;
    instance->watch = watch_new(spec->parameters != NULL ? spec->parameters->count : 0, does_join);
    instance->watch_in = 1;
    return instance->watch != NULL || error_set_memory(error, "an instance");
}

struct instance *instance_create(const struct instance_spec *spec, const struct instance_env *env,
                                 struct projection *projection, struct current_call *current_call,
                                 struct error *error) {
    struct instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL) {
        error_set_memory(error, "an instance");
        return NULL;
    }
    instance->host.services = &instance_services;
    instance->spec = spec;
    instance->mark = spec->mark;
    instance->tick_scale = (uint64_t)clock_ticks_ns(UINT64_C(1) << INSTANCE_SCALE_BITS);
    instance->env = *env;
    instance->log = env->log;
    instance->slow_ticks = UINT64_MAX;
    descriptor_read(spec->descriptor, &instance->calls);
    instance->on_message = instance->calls.on_message;
    timers_init(&instance->timers, env->max_timers,
                env->mode == T5_MODE_REPLAY || env->mode == T5_MODE_CHECK);
    instance->max_signals = env->max_signals_per_callback;
    (void)pthread_mutex_init(&instance->wake_lock, NULL);
    instance_set_current_call(instance, current_call);
    instance->projection = projection;
    if (!begin_watch(instance, error) || !instance_add_described_fields(instance, error) ||
        !call_create(instance, error)) {
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
    lock_acquire(&instance->wake_lock, instance_wake_lock);
    instance->is_active = is_active;
    lock_release(&instance->wake_lock, instance_wake_lock);
}

void instance_activate(struct instance *instance) {
    const t5_activate_args args = {.size = (uint32_t)sizeof args,
                                   .mode = (uint32_t)instance->env.mode};
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

struct watch *instance_watch(const struct instance *instance) {
    return instance->watch;
}

const struct instance_spec *instance_get_spec(const struct instance *instance) {
    return instance->spec;
}

void instance_rename(struct instance *instance, const struct instance_spec *spec) {
    instance->spec = spec;
    instance->mark = spec->mark;
}

void instance_set_current_call(struct instance *instance, struct current_call *current_call) {
    instance->current_call = current_call != NULL ? current_call : &instance->own_current_call;
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

const char *instance_error(const struct instance *instance) {
    return instance->problem;
}

struct instance_counts *instance_counts(struct instance *instance) {
    return &instance->counts;
}

int64_t instance_event_clock_ns(const struct instance *instance) {
    return instance->event_clock_ns;
}

unsigned instance_changes(const struct instance *instance) {
    return instance->changes;
}
