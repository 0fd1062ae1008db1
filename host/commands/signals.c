#include "commands/signals.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void make_set(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
}

static void stop(struct signals *signals) {
    static const char forced[] = "take5: second signal: ending at once\n";
    if (atomic_exchange(&signals->should_stop, true)) {
        if (write(STDERR_FILENO, forced, sizeof forced - 1) < 0) {
            /* nothing can be done about it */
        }
        _exit(1);
    }
    pthread_mutex_lock(&signals->lock);
    if (signals->on_stop != NULL)
        signals->on_stop(signals->context);
    pthread_mutex_unlock(&signals->lock);
}

void signals_on_stop(struct signals *signals, void (*on_stop)(void *context), void *context) {
    pthread_mutex_lock(&signals->lock);
    signals->on_stop = on_stop;
    signals->context = context;
    pthread_mutex_unlock(&signals->lock);
}

static void *signals_main(void *argument) {
    struct signals *signals = argument;
    sigset_t set;
    make_set(&set);
    for (;;) {
        int number = 0;
        if (sigwait(&set, &number) != 0)
            continue;
        if (number == SIGTERM || number == SIGINT)
            stop(signals);
        else if (number == SIGHUP)
            atomic_fetch_add(&signals->reloads, 1);
        else if (number == SIGUSR1)
            atomic_store(&signals->should_reopen, true);
    }
    return NULL;
}

bool signals_start(struct signals *signals, struct error *error) {
    sigset_t set;
    pthread_t thread;
    pthread_attr_t attributes;
    memset(signals, 0, sizeof *signals);
    pthread_mutex_init(&signals->lock, NULL);
    make_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const int status = pthread_create(&thread, &attributes, signals_main, signals);
    pthread_attr_destroy(&attributes);
    return status == 0 || error_set_errno(error, status, "cannot start the signal thread");
}
