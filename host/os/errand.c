#include "os/errand.h"

#include "base/clock.h"
#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A handler cannot be given anything. */
static bool is_allowed;

struct pipes {
    int request[2], answer[2];
};

void errand_allow(void) {
    is_allowed = true;
}

static void close_pair(const int pair[2]) {
    (void)close(pair[0]);
    (void)close(pair[1]);
}

/* The request lies in its pipe before anybody reads: nothing has to wait or to be written later. */
static bool open_pipes(const struct errand *errand, struct pipes *pipes) {
    if (errand->request_size > ERRAND_REQUEST || pipe2(pipes->request, O_CLOEXEC) != 0)
        return false;
    if (pipe2(pipes->answer, O_CLOEXEC) != 0) {
        close_pair(pipes->request);
        return false;
    }
    if (write(pipes->request[1], errand->request, errand->request_size) ==
        (ssize_t)errand->request_size)
        return true;
    close_pair(pipes->request);
    close_pair(pipes->answer);
    return false;
}

/* ---- the other process ---- */

/* A copy above those numbers that it is to have. */
static int move_up(int fd) {
    return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, ERRAND_ATTACHED + 1) : -1;
}

static bool set_descriptors(const struct errand *errand, const struct pipes *pipes) {
    const int input = move_up(pipes->request[0]), output = move_up(pipes->answer[1]);
    const int nowhere = move_up(open("/dev/null", O_WRONLY | O_CLOEXEC));
    const int attached = move_up(errand->attached);
    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(nowhere, STDERR_FILENO) < 0)
        return false;
    (void)close(ERRAND_ATTACHED);
    if (attached >= 0 && dup2(attached, ERRAND_ATTACHED) < 0)
        return false;
    return close_range(ERRAND_ATTACHED + 1, UINT_MAX, 0) == 0;
}

static void set_signals(int limit_s) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigaction(SIGALRM, &action, NULL);
    (void)sigaction(SIGCHLD, &action, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)alarm((unsigned)limit_s);
}

_Noreturn static void become(const struct errand *errand, const struct pipes *pipes) {
    char *const arguments[] = {(char *)"take5", (char *)errand->command, NULL};
    set_signals(errand->limit_s);
    if (set_descriptors(errand, pipes))
        (void)execve("/proc/self/exe", arguments, environ);
    for (;;)
        (void)syscall(SYS_exit_group, 1);
}

/* ---- the one that waits ---- */

/* Until the other end is closed, the time is over, or there is no more room. */
static size_t read_answer(int fd, int64_t deadline_ns, char *answer, size_t size) {
    size_t at = 0;
    while (at + 1 < size) {
        const int64_t left_ns = deadline_ns - clock_monotonic_ns();
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (left_ns <= 0)
            break;
        const int found = poll(&ready, 1, (int)(left_ns / NS_PER_MS) + 1);
        if (found < 0 && errno == EINTR)
            continue;
        const ssize_t got = found == 1 ? read(fd, answer + at, size - at - 1) : 0;
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    answer[at] = '\0';
    return at;
}

size_t errand_run(const struct errand *errand, char *answer, size_t size) {
    struct pipes pipes;
    answer[0] = '\0';
    if (!is_allowed || !open_pipes(errand, &pipes))
        return 0;
    const int64_t deadline_ns = clock_monotonic_ns() + errand->limit_s * NS_PER_S;
    const pid_t pid = _Fork();
    if (pid == 0)
        become(errand, &pipes);
    close_pair(pipes.request);
    (void)close(pipes.answer[1]);
    const size_t got = pid > 0 ? read_answer(pipes.answer[0], deadline_ns, answer, size) : 0;
    (void)close(pipes.answer[0]);
    if (pid > 0) {
        (void)syscall(SYS_kill, pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return got;
}
