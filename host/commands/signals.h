/*
 * commands/signals.h - the process's signals, taken by a thread of their own, so that none is lost
 * while the control thread is busy with a reload.
 *
 * SIGTERM, SIGINT: stop; a second one ends the process at once. SIGHUP: reload. SIGUSR1: reopen
 * files. Must be made before any other thread, which then inherit the blocked signals.
 */
#ifndef TAKE5_COMMANDS_SIGNALS_H
#define TAKE5_COMMANDS_SIGNALS_H

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct signals {
    atomic_bool should_stop;
    atomic_int reloads; /* asked for and not served; more than one counts as one more */
    atomic_bool should_reopen;
    pthread_mutex_t lock; /* guards what follows, also while on_stop runs */
    void (*on_stop)(void *context);
    void *context;
};

/* `signals` must live until the process ends. */
bool signals_start(struct signals *signals, struct error *error);

/* Called by the signal thread at the first stop; NULL: nothing is. When this returns, what was set
 * before does not run and will not. */
void signals_on_stop(struct signals *signals, void (*on_stop)(void *context), void *context);

#endif
