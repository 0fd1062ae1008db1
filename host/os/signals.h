/*
 * os/signals.h - the process's signals, taken by a separate thread, so that none is lost
 * while the control thread is busy with a reload; and the bound of a stop, whatever that waits for.
 *
 * SIGTERM, SIGINT: stop. Supervisors and `timeout` may send SIGTERM again at once: that changes
 * nothing. Only a person who has sent SIGINT and sends another one, at least SIGNALS_FORCE_NS
 * later, ends the process at once. SIGHUP: reload. SIGUSR1: reopen files. Must be made before any
 * other thread, which then inherit the blocked signals.
 *
 * Every other thread has them blocked; one in which a strategy's code has unblocked them hands them
 * on, so that they kill nobody. A stop that this very process sent to itself, which only a
 * strategy's code does, is a stop like another one, but is known for what it is.
 *
 * Where a limit was set, a stop that has not ended the process by then is ended from here, with
 * exit code 1.
 */
#ifndef TAKE5_OS_SIGNALS_H
#define TAKE5_OS_SIGNALS_H

#include "base/clock.h"
#include "base/error.h"
#include "base/sync/locks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SIGNALS_FORCE_NS NS_PER_S
#define SIGNALS_NO_LIMIT INT64_MAX

/* What follows a stop, or a request. Called with the lock held, which ends with the call. */
struct signals_stop {
    /* Once, when the stop is asked for; any thread. `limit_ns` is what it may last. */
    void (*on_stop)(void *context, int64_t limit_ns);
    /* A reload or a reopen is asked for. The signal thread. */
    void (*on_request)(void *context);
    /* The limit is over: last words. The process ends when this returns. The signal thread. */
    void (*on_late)(void *context, int64_t limit_ns);
    void *context;
};

LOCK_CLASS(signals_lock);
struct signals {
    atomic_bool should_stop;
    atomic_int reloads; /* asked for and not served; more than one counts as one more */
    atomic_bool should_reopen;
    atomic_bool is_from_within; /* the stop was sent by this process; set before stop_ns */
    _Atomic int64_t stop_ns;    /* clock_monotonic_ns() when the stop was asked for; 0: not yet */
    _Atomic int64_t limit_ns;   /* of a stop */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, also while one of its calls runs */
    struct signals_stop calls GUARDED_BY(signals_lock);
};

/* `signals` must live until the process ends. */
bool signals_start(struct signals *signals, struct error *error);

/* Any thread: stops as SIGTERM does. */
void signals_stop(struct signals *signals);

/* Sets what follows a stop and its limit, which was none before; NULL: nothing does. A stop that
 * was asked for before is reported at once. When this returns, what was set before does not run and
 * will not. */
void signals_on_stop(struct signals *signals, const struct signals_stop *calls, int64_t limit_ns);

#endif
