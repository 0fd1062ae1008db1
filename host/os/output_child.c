#include "os/output_child.h"

#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_nothing(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !spawn_move_up(&fd)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool spawn_child(struct output_child *child, char *const *arguments, int output,
                        struct error *error) {
    const int nothing = open_nothing();
    if (nothing < 0)
        return error_set_errno(error, errno, "/dev/null");
    const struct spawn_fd fds[] = {
        {nothing, STDIN_FILENO}, {output, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
    const struct spawn spawn = {.arguments = arguments,
                                .fds = fds,
                                .fd_count = sizeof fds / sizeof *fds,
                                .is_in_group = true};
    const bool did = spawn_process(&spawn, &child->pid, error);
    if (!did)
        child->pid = -1;
    close(nothing);
    return did;
}

bool output_child_begin(struct output_child *child, char *const *arguments, struct error *error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || !spawn_move_up(&ends[1]))
        return error_set_errno(error, errno, "a pipe from a child process");
    const bool did = spawn_child(child, arguments, ends[1], error);
    close(ends[1]);
    if (did)
        child->output = fdopen(ends[0], "r");
    if (child->output != NULL)
        return true;
    if (did)
        error_set_errno(error, errno, "a stream from a child process");
    close(ends[0]);
    return false;
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
