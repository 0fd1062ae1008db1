#include "os/sweep.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(sweep);

/* One that sleeps in a session of its own, with that variable among others. */
static pid_t begin(const char *variable) {
    char *const arguments[] = {"sleep", "1000", NULL};
    char *const environment[] = {"A=b", (char *)variable, "Z=", NULL};
    posix_spawnattr_t attributes;
    pid_t pid;
    cr_assert_eq(posix_spawnattr_init(&attributes), 0);
    cr_assert_eq(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID), 0);
    cr_assert_eq(posix_spawn(&pid, "/bin/sleep", NULL, &attributes, arguments, environment), 0);
    posix_spawnattr_destroy(&attributes);
    return pid;
}

/* Gives whether it was killed before. */
static bool end(pid_t pid) {
    const bool was = waitpid(pid, NULL, WNOHANG) == pid;
    if (!was) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return was;
}

/* A mark that no other process of these tests has; in static memory. */
static const char *mark(const char *before, const char *behind) {
    static char texts[8][64];
    static size_t next;
    char *text = texts[next++ % 8];
    (void)snprintf(text, sizeof texts[0], "%sMARK=%d/%s", before, (int)getpid(), behind);
    return text;
}

Test(sweep, who_has_the_mark_is_ended_and_nobody_else) {
    const pid_t ours = begin(mark("", "a/")), other = begin(mark("", "ab/")),
                inside = begin(mark("B=", "a/"));
    cr_expect_eq(sweep_marked(mark("", "a/")), 1);
    cr_expect_eq(sweep_marked(mark("", "a/")), 0, "it has ended");
    cr_expect(end(ours));
    cr_expect_not(end(inside));
    cr_expect_eq(sweep_marked(mark("", "")), 1);
    cr_expect(end(other));
}

Test(sweep, children_end_and_whom_they_leave) {
    int ends[2];
    char byte;
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        if (fork() == 0) {
            (void)setsid();
            (void)!write(ends[1], "x", 1);
        }
        for (;;)
            (void)pause();
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_expect_eq(sweep_children(), 2);
    cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_expect_eq(sweep_children(), 0);
}
