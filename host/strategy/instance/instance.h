/*
 * strategy/instance/instance.h - a deployment at work on one partition number: the strategy's
 * object, its handle to the host services, its event clock and timers.
 *
 * The engine, the rehearsal and the test kit run the same instances; what differs is the env.
 *
 * Threads: instance_create and instance_destroy on a loader thread; everything else by the thread
 * that owns the instance, one call at a time. `log` and `wake` of its services by any thread.
 * Waking apart, no call takes a lock; instance_message() allocates nothing, but with the first
 * signal that is emitted room for the names of such. What a strategy must not change of thread and
 * process (guard.h) is saved and restored around create, load, activate, deactivate, save and
 * destroy; floating point also after each on_message, on_timer and on_event. Each such change is an
 * error of the deployment.
 */
#ifndef TAKE5_STRATEGY_INSTANCE_INSTANCE_H
#define TAKE5_STRATEGY_INSTANCE_INSTANCE_H

#include "base/error.h"
#include "base/sync/counter.h"
#include "base/sync/locks.h"
#include "base/sync/patience.h"
#include "log/log.h"
#include "message/projection.h"
#include "message/symbols.h"
#include "strategy/instance/state.h"
#include "strategy/plugin/generation.h"
#include "strategy/plugin/guard.h"

#include <take5/strategy.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct instance;
struct signal_names;
struct watch;

/* What an instance is made from. Read-only, shared by all instances of a deployment; lives as long
 * as one of them. */
struct instance_spec {
    const char *deployment; /* name */
    const t5_strategy *descriptor;
    const struct description *description;
    const struct parameters *parameters;
    uint32_t generation; /* number, for logs */
    const char *hash;    /* of the generation's file, as text; NULL: not known */
    uint32_t mark;       /* by which `struct current_call` shows the deployment; 0: none */
};

/* A signal that passed the checks of `emit`. Spans are the strategy's: copy before returning. */
struct emitted_signal {
    t5_str name;
    t5_str symbol;         /* resolved: never empty, unless neither signal nor cause has a symbol */
    int64_t event_time_ns; /* resolved */
    double value;
    double confidence;
    t5_str data;                      /* empty or one JSON object */
    const t5_named_value *values;     /* checked; of the caller's memory */
    const struct signal_names *names; /* the same names in one block; NULL: there is none */
    uint32_t value_count;
    uint32_t time_frame_s; /* resolved; 0: none */
    double price;          /* resolved; 0: none */
};

/* A point of a series that passed the checks of `publish`. Spans as above. */
struct published_point {
    t5_str series; /* the name that the descriptor declares */
    t5_str symbol; /* resolved */
    int64_t event_time_ns;
    double value;          /* not finite: a gap */
    uint32_t time_frame_s; /* 0: none */
};

/* Which callback runs; for crash files and the watch. */
enum callback {
    CALLBACK_NONE = 0,
    CALLBACK_CREATE,
    CALLBACK_LOAD,
    CALLBACK_ACTIVATE,
    CALLBACK_MESSAGE,
    CALLBACK_TIMER,
    CALLBACK_EVENT,
    CALLBACK_SAVE,
    CALLBACK_DEACTIVATE,
    CALLBACK_DESTROY,
    /* No callbacks, but a strategy's code all the same: what a file does when it is opened, and a
     * thread that the strategy started. */
    CALLBACK_OPEN,
    CALLBACK_THREAD
};
const char *callback_name(enum callback callback);

/* What the instance needs of the code that runs it. */
LOCK_CLASS(call_readers_lock);
struct instance_env {
    enum t5_mode mode;       /* in REPLAY and CHECK wall-clock timers go by event time */
    int32_t partition;       /* or -1: GLOBAL */
    struct symbols *symbols; /* shared with the other instances of the partition number */
    struct log *log;
    uint32_t max_signals_per_callback;
    uint32_t max_timers;
    /* Held by another thread while it looks at the instance that a `struct current_call` names: the
     * memory of a destroyed one goes when nobody does. NULL: nobody looks. */
    pthread_mutex_t *call_readers;
    void *context; /* for the calls below */
    /* Takes a signal over; false: it could not (memory), emit then answers T5_ERROR. Owner thread.
     * NULL: signals are dropped. */
    bool (*emit)(void *context, struct instance *instance, const struct emitted_signal *emitted);
    /* Takes a point over; false: it could not. Owner thread. NULL: nobody looks at series, and
     * publish answers T5_UNSUPPORTED, so that a strategy computes none. */
    bool (*publish)(void *context, struct instance *instance, const struct published_point *point);
    /* A service is short of memory: waits for some. True: it may try again. Owner thread, in any
     * callback. NULL: no. */
    bool (*await_memory)(void *context, struct patience *patience, const char *what);
    /* The instance asks to be woken: call instance_woken() on the owner thread soon. Any thread,
     * with a lock of the instance held: it must not call into the instance. */
    void (*wake)(void *context, struct instance *instance);
    /* It changed something of thread or process (enum guard_change), which was put back; of the
     * process's also what was found changed before a call of it, after `callback`. The thread that
     * called it. NULL: what it changed is counted as an error, and logged, of each kind
     * once. */
    void (*meddled)(void *context, struct instance *instance, enum callback callback,
                    unsigned changes);
};

/* What the owner thread is doing right now, for others to read (a watch thread, a signal
 * handler, the next process). The owner stores, nobody else does. `sequence` changes with every
 * callback. With the env's `call_readers` held, `instance` is alive if `callback`, read before it,
 * is not NONE. */
struct current_call {
    _Atomic(struct instance *) instance;
    _Atomic uint32_t callback;
    _Atomic uint32_t mark; /* the instance's spec's */
    _Atomic uint64_t sequence;
    const char *_Atomic topic; /* Kafka's name; NULL: none. The message's topic_name.data, which
                                  ends with a NUL and outlives the instance */
    _Atomic int32_t partition;
    _Atomic int32_t thread; /* the owner's, for signals; 0: not known */
    _Atomic int64_t offset;
    /* The owner's own: the bucket of the callback that ended last, not counted yet; or NULL. */
    _Atomic uint64_t *took;
    /* The owner's own: so many callbacks more are each between guard_settle(guard) and
     * guard_end(guard). */
    uint32_t suspicion;
    struct guard *guard;
};

/*
 * Counts the time of the callback that ended last. It waits for the next one, since a store to an
 * address that is known only after the clock was read holds up what comes behind (measured: 4 ns a
 * callback). To be called by the owner after messages, before one of its instances moves or goes.
 */
static inline void current_call_settle(struct current_call *current_call) {
    _Atomic uint64_t *took = current_call->took;
    if (took == NULL)
        return;
    current_call->took = NULL;
    counter_add(took, 1);
}

/* Bucket i of the callback times holds those below INSTANCE_TOOK_NS(i), but for the last one, which
 * holds all that are above: 128 ns, 256 ns, ... 0.54 s. */
#define INSTANCE_TOOK_BUCKETS 24
#define INSTANCE_TOOK_NS(i)   (INT64_C(128) << (i))

/* Counted by the owner, read by others with relaxed loads. */
struct instance_counts {
    _Atomic uint64_t messages, signals, refused_signals, errors, rejects, timers_fired, events;
    _Atomic uint64_t busy_ticks; /* time in callbacks, clock_ticks() */
    _Atomic uint64_t slow;       /* callbacks above slow_callback_ns */
    /* Callbacks by how long they took: on_message, on_timer and on_event. */
    _Atomic uint64_t took[INSTANCE_TOOK_BUCKETS];
    _Atomic uint64_t points, refused_points; /* of published series */
};

/*
 * Calls create; fields that it declares are added to `projection` beside the descriptor's. NULL
 * when it refuses: the error says why. `current_call` may be NULL.
 */
struct instance *instance_create(const struct instance_spec *spec, const struct instance_env *env,
                                 struct projection *projection, struct current_call *current_call,
                                 struct error *error);
/* NULL is allowed. */
void instance_destroy(struct instance *instance);

/* Gives saved state to `load` and restores event clock and timers. Symbols get ids from the
 * instance's table. A strategy of another name, or without load, is refused here: the caller
 * decides first whether to hand state over (instance_takes_state()). */
bool instance_load(struct instance *instance, const struct state *state, struct error *error);
/* Whether this strategy can take that state: same name, has load. If not, `why` says it in words
 * for the log. */
bool instance_takes_state(const struct instance *instance, const struct state *state,
                          const char **why);
void instance_activate(struct instance *instance);
void instance_deactivate(struct instance *instance);

/* How large the state was that it saved or loaded last: how much room its next one needs. */
struct state_size instance_state_size(const struct instance *instance);
/* Room for the timers of a state of that size, before another thread loads it. */
void instance_reserve(struct instance *instance, const struct state_size *size);

/* Saves into `state` (initialised, empty; so it is again after a failure). False:
 * it has no save (ERROR_STATE), or save failed. */
bool instance_save(struct instance *instance, enum t5_save_reason reason, struct state *state,
                   struct error *error);
/* The same but for the timers, which stay in no order: the thread that owns the instance is not
 * kept for that. It can be loaded so; before it is written, state_sort_timers(). */
bool instance_save_unsorted(struct instance *instance, enum t5_save_reason reason,
                            struct state *state, struct error *error);

/*
 * Gives it a message: moves its event clock to the message's event time first (unless it is
 * suspect or older), firing the timers that fall due, then calls on_message. `message` is complete
 * but for `topic`, `field_count` and `field_slots`, which this fills in. `topic` is the index into
 * the description's topics.
 * Gives T5_OK, T5_ERROR or T5_REJECT (what on_message returned, with unknown codes made T5_ERROR),
 * and instance_error() says why. `ticks_now` is in and out: the tick count before, and after. The
 * owner calls current_call_settle() when it has given the message to all.
 */
int32_t instance_message(struct instance *instance, t5_message *message, uint32_t topic,
                         uint64_t *ticks_now);

/* Fetches what instance_message() touches of it, for soon. */
void instance_prefetch(const struct instance *instance);

/* What it is handed from here on was, or would have been, handed to it at about that wall-clock
 * time: its wall clock stands there. `is_muted`: signals of its wall-clock timers are dropped. Time
 * 0: it is handed what comes now. */
void instance_set_late_clock(struct instance *instance, int64_t wall_ns, bool is_muted);
/* Fires wall-clock timers due at `now_ns`; gives the number of errors. */
uint32_t instance_wall_timers(struct instance *instance, int64_t now_ns);
/* Due time of the next wall-clock timer, INT64_MAX without one. */
int64_t instance_next_wall_ns(const struct instance *instance);

void instance_event(struct instance *instance, const t5_event *event);
/* Serves a wake: on_event(WOKEN), once for any number of wakes before it. */
void instance_woken(struct instance *instance);
/* The symbol's id is about to be freed: timers of it go, then on_event(SYMBOL_EXPIRED). */
void instance_symbol_expired(struct instance *instance, uint32_t id, const char *text, size_t size);

const struct instance_spec *instance_get_spec(const struct instance *instance);
/* Gives it another name: a spec that differs from its own in that alone, and lives as long. The one
 * that it was made from must live on as well: the strategy may have texts of it. Between two
 * callbacks. */
void instance_rename(struct instance *instance, const struct instance_spec *spec);
/* Where its callbacks are noted from now on: to be set whenever another thread takes it over,
 * before instance_destroy() on the loader thread too. NULL: nowhere. */
void instance_set_current_call(struct instance *instance, struct current_call *current_call);
/* Sets the threshold above which a callback counts as slow, in ticks, and who is notified of it. */
void instance_set_slow(struct instance *instance, uint64_t slow_ticks,
                       void (*slow)(void *context, struct instance *instance,
                                    enum callback callback, int64_t took_ns));
/* The reason of the last error or reject; never NULL. Owner thread. */
const char *instance_error(const struct instance *instance);
struct instance_counts *instance_counts(struct instance *instance);
int64_t instance_event_clock_ns(const struct instance *instance);
/* After its last callback something of thread or process was found changed, and was put back. What
 * is the process's may be another's doing: it counts as an error from the second time on that it
 * is found after the same callback. */
void instance_meddled(struct instance *instance, unsigned changes);
/* What its callbacks changed so far, and the host put back: a set of enum guard_change. */
unsigned instance_changes(const struct instance *instance);
/* What it wants and has not met. */
struct watch *instance_watch(const struct instance *instance);

/* Who is notified of each timer before it fires, and with NULL when all that were due have fired:
 * the rehearsal, so that it can report where the strategy died. */
void instance_set_before_timer(struct instance *instance,
                               void (*before_timer)(void *context, const t5_timer *timer),
                               void *context);

#endif
