#include "os/at_fork.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

/* What `look` gives in a copy of this process. */
static int in_a_copy(int (*look)(int fd), int fd) {
    int status;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(look(fd));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static int look_at_fd(int fd) {
    return is_open(fd);
}

static int look_at_copy(int fd) {
    (void)fd;
    if (!at_fork_is_copy())
        return 1;
    at_fork_adopt();
    return at_fork_is_copy() ? 2 : 3;
}

Test(at_fork, what_is_named_is_closed_in_copies_and_stays_open_here) {
    const int named = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
    at_fork_close(named);
    cr_assert_eq(in_a_copy(look_at_fd, named), 0);
    cr_assert_eq(in_a_copy(look_at_fd, other), 1);
    cr_assert(is_open(named));
    at_fork_forget(named);
    cr_assert_eq(in_a_copy(look_at_fd, named), 1);
}

Test(at_fork, room_is_free_again_and_too_many_do_no_harm) {
    int fds[100];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            at_fork_close(fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC));
        cr_assert_eq(in_a_copy(look_at_fd, fds[0]), 0);
        for (int i = 0; i < 100; i++) {
            at_fork_forget(fds[i]);
            close(fds[i]);
        }
    }
    const int last = open("/dev/null", O_RDONLY | O_CLOEXEC);
    at_fork_close(last);
    cr_assert_eq(in_a_copy(look_at_fd, last), 0);
}

static void *count_of_a_thread(void *argument) {
    *(unsigned *)argument = at_fork_count();
    return NULL;
}

Test(at_fork, forks_are_counted_by_thread_and_a_copy_knows_that_it_is_one) {
    pthread_t thread;
    unsigned elsewhere = 99;
    const unsigned before = at_fork_count();
    cr_assert_not(at_fork_is_copy());
    cr_assert_eq(in_a_copy(look_at_copy, 0), 3);
    cr_assert_eq(at_fork_count(), before + 1);
    cr_assert_eq(pthread_create(&thread, NULL, count_of_a_thread, &elsewhere), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(elsewhere, 0);
    cr_assert_not(at_fork_is_copy());
}
