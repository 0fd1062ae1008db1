#include "base/thread.h"

#include <signal.h>
#include <stdio.h>

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
