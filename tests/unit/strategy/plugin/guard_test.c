#include "strategy/plugin/guard.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <float.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

Test(guard, rounding_is_put_back_and_told) {
    struct guard guard;
    guard_begin(&guard);
    cr_assert_eq(fesetround(FE_UPWARD), 0);
    cr_assert_eq(guard_end(&guard), GUARD_FP);
    cr_assert_eq(fegetround(), FE_TONEAREST);
}

Test(guard, nothing_changed_is_nothing_told) {
    struct guard guard;
    volatile double third = 1.0;
    guard_begin(&guard);
    third /= 3.0; /* raises the inexact flag, which is no change */
    cr_assert_eq(guard_end(&guard), 0);
    cr_assert(guard_is_fp_kept());
}

#if defined(__x86_64__)
Test(guard, denormals_are_denormals_again) {
    struct guard guard;
    volatile double tiny = DBL_MIN, half = 0.5;
    guard_begin(&guard);
    _mm_setcsr(_mm_getcsr() | 0x8040);
    cr_assert_eq(tiny * half, 0.0, "flushing is not on: the test would prove nothing");
    cr_assert_not(guard_is_fp_kept());
    cr_assert_eq(guard_end(&guard), GUARD_FP);
    cr_assert_gt(tiny * half, 0.0);
}
#endif

Test(guard, locales_of_thread_and_process_are_put_back) {
    struct guard guard;
    const locale_t mine = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    cr_assert_neq(mine, (locale_t)0);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    const locale_t before = uselocale((locale_t)0);
    guard_begin(&guard);
    cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
    (void)uselocale(mine);
    cr_assert_eq(guard_end(&guard), GUARD_LOCALE | GUARD_THREAD_LOCALE);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    cr_assert_eq(uselocale((locale_t)0), before);
    freelocale(mine);
}

Test(guard, floating_point_of_the_beginning_is_known_and_set_again) {
    cr_assert(guard_is_fp_kept());
    cr_assert_eq(fesetround(FE_TOWARDZERO), 0);
    cr_assert_not(guard_is_fp_kept());
    guard_reset_fp();
    cr_assert(guard_is_fp_kept());
    cr_assert_eq(fegetround(), FE_TONEAREST);
}

Test(guard, signal_mask_is_put_back_for_the_thread_alone_too) {
    struct guard guard;
    sigset_t term, now;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &term, NULL);
    guard_begin(&guard);
    (void)pthread_sigmask(SIG_UNBLOCK, &term, NULL);
    cr_assert_eq(guard_look(&guard), GUARD_SIGNALS);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &now);
    cr_assert_eq(sigismember(&now, SIGTERM), 1);
    (void)sigaddset(&term, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, &term, NULL);
    cr_assert_eq(guard_end(&guard), GUARD_SIGNALS);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &now);
    cr_assert_eq(sigismember(&now, SIGUSR2), 0);
}

Test(guard, file_mode_mask_and_directory_are_put_back) {
    struct guard guard;
    char before[4096], after[4096];
    (void)umask(027);
    cr_assert_not_null(getcwd(before, sizeof before));
    guard_begin(&guard);
    (void)umask(0);
    cr_assert_eq(chdir("/proc"), 0);
    cr_assert_eq(guard_end(&guard), GUARD_UMASK | GUARD_DIRECTORY);
    cr_assert_not_null(getcwd(after, sizeof after));
    cr_assert_str_eq(after, before);
    cr_assert_eq(umask(022), 027);
}

Test(guard, lowered_limits_are_put_back_and_raised_ones_are_an_operators) {
    struct guard guard;
    struct rlimit before, now;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    before.rlim_cur = 100;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    guard_begin(&guard);
    now = (struct rlimit){50, before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    cr_assert_eq(guard_end(&guard), GUARD_LIMITS);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    cr_assert_eq(now.rlim_cur, 100);
    now.rlim_cur = 120;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    cr_assert_eq(guard_end(&guard), 0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    cr_assert_eq(now.rlim_cur, 120);
}

Test(guard, what_others_changed_before_a_call_is_not_the_calls) {
    struct guard guard;
    struct rlimit now;
    (void)umask(027);
    cr_assert_eq(guard_begin(&guard), 0);
    (void)umask(0);
    cr_assert_eq(guard_settle(&guard), GUARD_UMASK);
    cr_assert_eq(guard_end(&guard), 0);
    (void)umask(0);
    cr_assert_eq(guard_begin(&guard), GUARD_UMASK);
    cr_assert_eq(guard_end(&guard), 0);
    /* Lowered from outside: told once, and left. */
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    now.rlim_cur = 50;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    cr_assert_eq(guard_settle(&guard), GUARD_LIMITS);
    cr_assert_eq(guard_settle(&guard), 0);
    cr_assert_eq(guard_end(&guard), 0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    cr_assert_eq(now.rlim_cur, 50);
}

Test(guard, a_fork_is_told_and_the_copy_does_not_come_out) {
    struct guard guard;
    int status;
    guard_begin(&guard);
    const pid_t pid = fork();
    const unsigned changes = guard_end(&guard);
    if (pid == 0)
        _exit(7);
    cr_assert_eq(changes, GUARD_FORK);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
    cr_assert_eq(guard_end(&guard), 0);
}

Test(guard, changes_in_words) {
    char words[GUARD_WORDS_SIZE];
    guard_words(0, words);
    cr_assert_str_eq(words, "");
    guard_words(GUARD_FORK, words);
    cr_assert_str_eq(words, "");
    guard_words(GUARD_LOCALE | GUARD_SIGNALS | GUARD_LIMITS | GUARD_FORK, words);
    cr_assert_str_eq(words, "the locale, the signal mask and resource limits");
    guard_words(~0u, words);
    cr_assert_lt(strlen(words), GUARD_WORDS_SIZE - 1);
}
