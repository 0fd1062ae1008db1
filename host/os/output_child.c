#include "os/output_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int add_files(posix_spawn_file_actions_t *actions, int output) {
    int failure = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    if (failure == 0)
        failure = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return failure;
}

/* Signals as at a process's beginning: who waits for them here has them blocked. */
static int set_signals(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failure = posix_spawnattr_setsigmask(attributes, &none);
    if (failure == 0)
        failure = posix_spawnattr_setsigdefault(attributes, &all);
    if (failure == 0)
        failure =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return failure;
}

static int spawn(pid_t *pid, char *const *arguments, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        failure = add_files(&actions, output);
        if (failure == 0)
            failure = set_signals(&attributes);
        if (failure == 0)
            failure = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure;
}

bool output_child_begin(struct output_child *child, char *const *arguments, struct error *error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(error, errno, "a pipe from a child process");
    const int failure = spawn(&child->pid, arguments, ends[1]);
    close(ends[1]);
    if (failure != 0) {
        child->pid = -1;
        close(ends[0]);
        return error_set_errno(error, failure, "cannot begin a child process");
    }
    child->output = fdopen(ends[0], "r");
    if (child->output != NULL)
        return true;
    close(ends[0]);
    return error_set_errno(error, errno, "a stream from a child process");
}

int output_child_end(struct output_child *child) {
    int status = 0;
    if (child->output != NULL)
        fclose(child->output);
    child->output = NULL;
    if (child->pid < 0)
        return 0;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {}
    child->pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
