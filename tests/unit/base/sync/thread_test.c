#include "base/sync/thread.h"

#include <criterion/criterion.h>
#include <signal.h>

static sigset_t seen;

static void *note_mask(void *argument) {
    pthread_sigmask(SIG_SETMASK, NULL, &seen);
    return argument;
}

Test(thread, takes_no_signals_and_leaves_those_of_its_maker) {
    pthread_t thread;
    struct error error;
    sigset_t before, after;
    void *result;
    int word = 1;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cr_assert(thread_start(&thread, "a name beyond 15 bytes", note_mask, &word, &error));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    pthread_join(thread, &result);
    cr_assert_eq(result, &word);
    cr_assert_eq(sigismember(&seen, SIGTERM), 1);
    cr_assert_eq(sigismember(&seen, SIGSEGV), 1);
    cr_assert_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static void *wait_for_end(void *barrier) {
    pthread_barrier_wait(barrier);
    return NULL;
}

Test(thread, has_its_name) {
    pthread_t thread;
    pthread_barrier_t barrier;
    struct error error;
    char name[16];
    pthread_barrier_init(&barrier, NULL, 2);
    cr_assert(thread_start(&thread, "a name beyond 15 bytes", wait_for_end, &barrier, &error));
    cr_assert_eq(pthread_getname_np(thread, name, sizeof name), 0);
    cr_assert_str_eq(name, "a name beyond 1");
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
}
