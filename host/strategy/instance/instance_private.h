/*
 * strategy/instance/instance_private.h - what the sources of an instance share: the instance
 * itself, and what goes around every callback.
 *
 * instance.c makes and ends it, instance_run.c runs it, instance_state.c saves and loads it,
 * services.c is what it can ask for.
 *
 * Hot members stand first, in the order in which instance_message() touches them.
 */
#ifndef TAKE5_STRATEGY_INSTANCE_INSTANCE_PRIVATE_H
#define TAKE5_STRATEGY_INSTANCE_INSTANCE_PRIVATE_H

#include "base/signal_names.h"
#include "base/sync/locks.h"
#include "message/document.h"
#include "strategy/instance/instance.h"
#include "strategy/instance/timers.h"
#include "strategy/instance/watch.h"
#include "strategy/plugin/guard.h"

#include <pthread.h>

#define PROBLEM_SIZE        1024
#define INSTANCE_SCALE_BITS 16
#define INSTANCE_NAMES      4

LOCK_CLASS(instance_wake_lock);
struct instance {
    t5_host host; /* first: the strategy's handle is the instance's address */
    /* The thread that is inside a callback, by thread_mark(); 0 outside. Written by that thread
     * alone; services that are called from elsewhere see that they are not at home. */
    _Atomic uintptr_t thread;
    enum callback callback;
    int64_t late_clock_ns; /* the wall clock as late messages see it; 0: the system's */
    bool is_late_muted;    /* and the signals of its wall-clock timers are dropped */
    bool is_muted;         /* signals are dropped: the current message is HISTORY */
    bool has_reason;       /* fail() was called in this callback */
    uint32_t signal_count; /* accepted in this callback */
    uint32_t watch_in;     /* messages until `watch` looks at one */
    uint32_t mark;         /* the spec's */
    void *self;
    int32_t (*on_message)(void *self, const t5_message *message);
    const uint32_t *field_slots;
    uint32_t field_count;
    uint32_t max_signals;
    int64_t event_clock_ns;
    struct timers timers;
    struct current_call *current_call;
    const t5_message *message; /* the current one in on_message, else NULL */
    const t5_timer *timer;     /* the current one in on_timer, else NULL */
    uint64_t slow_ticks;
    uint64_t tick_scale;       /* nanoseconds of 2^INSTANCE_SCALE_BITS ticks */
    struct document *document; /* of the current message, once asked for */
    struct instance_counts counts;

    /* Of INSTANCE_NAMES kinds of signals, made with the first; NULL: none yet, or no memory. */
    struct signal_names *names;
    t5_strategy calls;                        /* the descriptor as far as it goes; the rest NULL */
    const struct instance_spec *_Atomic spec; /* changed by instance_rename() alone */
    struct instance_env env;
    struct log *log;                      /* the env's at creation: other threads read it */
    struct current_call own_current_call; /* when nobody wants to know */
    void (*slow)(void *context, struct instance *instance, enum callback callback, int64_t took_ns);
    void (*before_timer)(void *context, const t5_timer *timer); /* NULL: nobody wants to know */
    void *before_timer_context;

    struct watch *watch;           /* what it wants and has not met */
    uint32_t *slots;               /* what field_slots points to */
    struct projection *projection; /* in create, else NULL */
    const struct state *loading;   /* in load, else NULL */
    size_t loading_at;
    struct state *saving; /* in save, else NULL */
    bool is_save_oom;
    struct state_size state_size;            /* of what it saved or loaded last */
    unsigned changes;                        /* of all its callbacks: enum guard_change */
    unsigned blamed;                         /* those of them that counted, and were reported */
    unsigned suspected[CALLBACK_THREAD + 1]; /* of the process, found after that callback */
    bool was_oom;               /* a service of the current callback failed for lack of memory */
    char reason[PROBLEM_SIZE];  /* given by fail() in the current callback */
    char problem[PROBLEM_SIZE]; /* of the last error */

    pthread_mutex_t wake_lock; /* of what follows, and of env.wake and its context */
    bool is_active GUARDED_BY(instance_wake_lock);
    _Atomic bool is_woken;
};

/* Its address distinguishes threads, at the price of an addition. Never written. */
extern _Thread_local char instance_thread_mark __attribute__((tls_model("initial-exec")));

static inline uintptr_t thread_mark(void) {
    return (uintptr_t)&instance_thread_mark;
}

/* ---- around every callback ---- */

#define store_relaxed(object, value) atomic_store_explicit((object), (value), memory_order_relaxed)
#define store_release(object, value) atomic_store_explicit((object), (value), memory_order_release)
#define load_relaxed(object)         atomic_load_explicit((object), memory_order_relaxed)

static inline void instance_enter(struct instance *instance, enum callback callback) {
    struct current_call *current_call = instance->current_call;
    if (__builtin_expect(current_call->suspicion > 0 && current_call->guard != NULL, 0))
        (void)guard_settle(current_call->guard); /* what others did since is not this one's */
    instance->callback = callback;
    instance->has_reason = false;
    instance->was_oom = false;
    instance->signal_count = 0;
    store_release(&current_call->instance, instance); /* who sees it may read what it is made of */
    store_relaxed(&current_call->mark, instance->mark);
    store_relaxed(&current_call->sequence, load_relaxed(&current_call->sequence) + 1);
    store_release(&current_call->callback, (uint32_t)callback); /* and it, who sees this */
    store_relaxed(&instance->thread, thread_mark());
}

static inline void instance_leave(struct instance *instance) {
    store_relaxed(&instance->current_call->callback, (uint32_t)CALLBACK_NONE);
    store_relaxed(&instance->thread, (uintptr_t)0);
}

/* What a call that is no message, timer or event is wrapped in. */
struct lifecycle {
    struct guard guard;
    uint64_t ticks;
};

void lifecycle_begin(struct lifecycle *lifecycle, struct instance *instance,
                     enum callback callback);
void lifecycle_end(struct lifecycle *lifecycle, struct instance *instance);

/* Puts into `problem` what the current callback answered, when that was not T5_OK. */
void instance_set_problem(struct instance *instance, int32_t code);
/* The same, and into the error: "create refused: ...". Gives false. */
bool instance_refuse(struct instance *instance, int32_t code, struct error *error);

/* Wants a field of each message; `*index` is its number. In create alone. */
bool instance_add_field(struct instance *instance, const char *path, size_t size, uint32_t *index,
                        struct error *error);
/* Those of the descriptor; they keep their numbers, be one listed twice. */
bool instance_add_described_fields(struct instance *instance, struct error *error);

/* The table that every handle points to. */
extern const t5_services instance_services;

#endif
