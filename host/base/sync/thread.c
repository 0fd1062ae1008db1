#include "base/sync/thread.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument,
                  struct error *error) {
    char shown[16];
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int status = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0)
        return error_set_errno(error, status, "cannot start the thread \"%s\"", name);
    snprintf(shown, sizeof shown, "%s", name);
    pthread_setname_np(*thread, shown);
    return true;
}

bool thread_join_within(pthread_t thread, int64_t wait_ns) {
    struct timespec until;
    /* The only clock that pthread_timedjoin_np() has; ThreadSanitizer takes a thread that
     * pthread_clockjoin_np() joined for a leak. */
    clock_gettime(CLOCK_REALTIME, &until);
    const int64_t ns = until.tv_nsec + (wait_ns > 0 ? wait_ns : 0);
    until.tv_sec += (time_t)(ns / NS_PER_S);
    until.tv_nsec = (long)(ns % NS_PER_S);
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}
