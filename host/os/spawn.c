#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* Clear of the numbers that the process gets them under. */
#define LOWEST_FD (SPAWN_FDS + 2)

bool spawn_move_up(int *fd) {
    const int moved = fcntl(*fd, F_DUPFD_CLOEXEC, LOWEST_FD);
    if (moved < 0)
        return false;
    (void)close(*fd);
    *fd = moved;
    return true;
}

bool spawn_pipe(int *ours, int *theirs) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *ours = ends[0];
    *theirs = ends[1];
    return spawn_move_up(theirs) && fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static int set_up(const struct spawn *spawn, posix_spawn_file_actions_t *actions,
                  posix_spawnattr_t *attributes) {
    sigset_t none, all;
    int failure = 0;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    for (size_t i = 0; failure == 0 && i < spawn->fd_count; i++)
        failure = posix_spawn_file_actions_adddup2(actions, spawn->fds[i].fd, spawn->fds[i].as);
    if (failure == 0)
        failure = posix_spawn_file_actions_addclosefrom_np(actions, (int)spawn->fd_count);
    if (failure == 0)
        failure = posix_spawnattr_setsigmask(attributes, &none);
    if (failure == 0)
        failure = posix_spawnattr_setsigdefault(attributes, &all);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (!spawn->is_in_group)
        flags |= POSIX_SPAWN_SETPGROUP;
    if (failure == 0)
        failure = posix_spawnattr_setpgroup(attributes, 0);
    if (failure == 0)
        failure = posix_spawnattr_setflags(attributes, (short)flags);
    return failure;
}

bool spawn_process(const struct spawn *spawn, pid_t *pid, struct error *error) {
    const char *program = spawn->program != NULL ? spawn->program : "/proc/self/exe";
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0)
        return error_set_errno(error, failure, "%s", program);
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        failure = set_up(spawn, &actions, &attributes);
        if (failure == 0)
            failure = posix_spawn(pid, program, &actions, &attributes, spawn->arguments,
                                  spawn->environment != NULL ? spawn->environment : environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure == 0 || error_set_errno(error, failure, "%s", program);
}

bool spawn_reap(pid_t pid, int *status) {
    pid_t got;
    (void)kill(-pid, SIGKILL);
    (void)kill(pid, SIGKILL);
    do
        got = waitpid(pid, status, 0);
    while (got < 0 && errno == EINTR);
    return got >= 0;
}

bool spawn_has_children(void) {
    siginfo_t info = {.si_pid = 0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

pid_t spawn_ended(void) {
    siginfo_t info = {.si_pid = 0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

void spawn_forget(pid_t pid) {
    (void)waitpid(pid, NULL, WNOHANG);
}
