/*
 * The child's side: one process does the work, its parent looks after it.
 */
#include "os/child.h"

#include "base/clock.h"
#include "base/units.h"
#include "os/at_fork.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For ending what forks as fast as it is ended. */
#define SWEEP_NS (NS_PER_S)
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

/* The parent of a process, or -1. */
static pid_t parent_of(int proc, const char *pid) {
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "%.20s/stat", pid);
    const int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    if (size <= 0)
        return -1;
    text[size] = '\0';
    /* "PID (NAME) STATE PARENT": the name may hold anything, brackets too. */
    const char *end = strrchr(text, ')');
    return end != NULL && strlen(end) > 4 ? (pid_t)strtol(end + 4, NULL, 10) : -1;
}

static void kill_children(void) {
    DIR *listing = opendir("/proc");
    const pid_t self = getpid();
    if (listing == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (isdigit((unsigned char)entry->d_name[0]) &&
            parent_of(dirfd(listing), entry->d_name) == self)
            (void)kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
    (void)closedir(listing);
}

/* Reaps what has ended; gives whether children are left. */
static bool has_children(size_t *reaped) {
    for (;;) {
        const pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid == 0)
            return true;
        if (pid < 0 && errno != EINTR)
            return false;
        *reaped += pid > 0;
    }
}

/* Ends all children, and theirs, which become children as their parents end. Gives how many there
 * were that had not ended by themselves. */
static size_t sweep(void) {
    const int64_t deadline_ns = clock_monotonic_ns() + SWEEP_NS;
    size_t before = 0, count = 0;
    bool is_left = has_children(&before);
    while (is_left && clock_monotonic_ns() < deadline_ns) {
        const struct timespec pause = {0, NS_PER_MS};
        kill_children();
        (void)nanosleep(&pause, NULL);
        is_left = has_children(&count);
    }
    return count;
}

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
            (void)sweep();
            _exit(EXIT_FAILURE);
        }
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (pid != worker)
                continue;
            const size_t count = sweep();
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
