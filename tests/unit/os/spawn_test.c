#include "os/spawn.h"

#include <criterion/criterion.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(spawn);

/* Waits until a child of its own has ended, and does not reap it. */
static pid_t await_ended(void) {
    siginfo_t info = {.si_pid = 0};
    cr_assert_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    return info.si_pid;
}

/* A child that ends, and leaves one behind which lives until the pipe is closed. */
static pid_t begin_two(int *pipe_end) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        char byte;
        close(ends[1]);
        if (fork() == 0)
            (void)!read(ends[0], &byte, 1);
        _exit(0);
    }
    close(ends[0]);
    *pipe_end = ends[1];
    return child;
}

Test(spawn, whom_a_child_leaves_behind_is_found_and_reaped) {
    int pipe_end, status;
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* as process 1 is */
    cr_expect_eq(spawn_ended(), 0);
    const pid_t child = begin_two(&pipe_end);
    cr_assert_eq(await_ended(), child);
    cr_expect_eq(spawn_ended(), child);
    cr_expect_eq(spawn_ended(), child, "it stays until somebody reaps it");
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(spawn_ended(), 0, "the other one lives");
    close(pipe_end);
    const pid_t other = await_ended();
    cr_expect_neq(other, child);
    cr_expect_eq(spawn_ended(), other);
    spawn_forget(other);
    cr_expect_eq(spawn_ended(), 0);
    cr_expect_eq(waitpid(-1, &status, WNOHANG), -1, "nobody is left");
}
