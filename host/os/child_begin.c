/*
 * The child's side: one process does the work, its parent looks after it.
 */
#include "os/child.h"

#include "base/clock.h"
#include "base/units.h"
#include "os/at_fork.h"
#include "os/sweep.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For saying where it is. */
#define WORDS_NS (NS_PER_S)

/* ---- the one that works ---- */

/* What the host would catch for its crash file is the parent's to report. */
static void prepare(void) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        (void)signal(crashes[i], SIG_DFL);
}

/* ---- the one that looks after it ---- */

/* Ends as the other one did. */
_Noreturn static void end_like(int status) {
    if (WIFSIGNALED(status)) {
        sigset_t none;
        (void)sigemptyset(&none);
        (void)signal(WTERMSIG(status), SIG_DFL);
        (void)raise(WTERMSIG(status));
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
    }
    _exit(WEXITSTATUS(status));
}

/* Its time is over: a SIGTRAP first, by which it can say where it is. */
static void end_worker(pid_t worker) {
    const struct timespec limit = {.tv_sec = WORDS_NS / NS_PER_S};
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGCHLD);
    (void)kill(worker, SIGTRAP);
    (void)sigtimedwait(&ends, NULL, &limit);
    (void)kill(worker, SIGKILL);
}

_Noreturn static void look_after(pid_t worker, const sigset_t *awaited,
                                 void (*left)(size_t count)) {
    int status = 0;
    for (;;) {
        const int number = sigwaitinfo(awaited, NULL);
        if (number == SIGTERM) { /* its time is over, or nobody waits for it any more */
            end_worker(worker);
            (void)sweep_children();
            _exit(EXIT_FAILURE);
        }
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (pid != worker)
                continue;
            const size_t count = sweep_children();
            if (count > 0 && left != NULL && WIFEXITED(status))
                left(count);
            end_like(status);
        }
    }
}

bool child_begin(void (*left)(size_t count)) {
    sigset_t awaited, before;
    const pid_t self = getpid();
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)sigemptyset(&awaited);
    (void)sigaddset(&awaited, SIGCHLD);
    (void)sigaddset(&awaited, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &awaited, &before);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    const pid_t worker = fork();
    if (worker > 0)
        look_after(worker, &awaited, left);
    at_fork_adopt();
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    prepare();
    if (worker == 0 && getppid() != self)
        _exit(EXIT_FAILURE); /* it died before this one could be bound to it */
    if (worker == 0)
        (void)setpgid(0, 0); /* a strategy that signals its group does not hit who looks after it */
    return worker == 0;
}
