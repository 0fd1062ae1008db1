#include "strategy/plugin/guard.h"

#include "os/at_fork.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the process has one of, as it was before any strategy's code ran. */
static struct {
    pthread_once_t once;
    mode_t umask;
    int directory; /* -1: not known */
    struct stat directory_status;
    char locale[256]; /* empty: too long to be kept */
} process = {.once = PTHREAD_ONCE_INIT, .directory = -1};

/* umask() cannot look without changing, and files may be made by other threads meanwhile. */
static mode_t read_umask(void) {
    char line[256];
    unsigned mask = 077;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "Umask: %o", &mask) == 1)
            break;
    if (status != NULL)
        (void)fclose(status);
    return (mode_t)mask;
}

static void remember_process(void) {
    process.umask = read_umask();
    process.directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process.directory >= 0 && fstat(process.directory, &process.directory_status) != 0)
        process.directory = -1;
    const char *name = setlocale(LC_ALL, NULL);
    if (name != NULL && strlen(name) < sizeof process.locale)
        strcpy(process.locale, name);
}

/* ---- floating point ---- */

/* Rounding, traps and treatment of denormals, without the flags that come and go. */
static uint32_t fp_control(const fenv_t *fp) {
#if defined(__x86_64__)
    return (_mm_getcsr() & GUARD_MXCSR_CONTROL) | (uint32_t)fp->__control_word << 16;
#elif defined(__aarch64__)
    return (uint32_t)fp->__fpcr;
#else
    (void)fp;
    return (uint32_t)fegetround();
#endif
}

static unsigned restore_fp(const struct guard *guard) {
    fenv_t now;
    (void)fegetenv(&now);
    const bool has_changed = fp_control(&now) != guard->fp_control;
    (void)fesetenv(&guard->fp);
#if defined(__x86_64__)
    _mm_setcsr((_mm_getcsr() & ~GUARD_MXCSR_CONTROL) | (guard->fp_control & GUARD_MXCSR_CONTROL));
#endif
    return has_changed ? GUARD_FP : 0;
}

void guard_reset_fp(void) {
    (void)fesetenv(FE_DFL_ENV);
}

/* ---- the thread's ---- */

static unsigned restore_thread_locale(const struct guard *guard) {
    if (uselocale((locale_t)0) == guard->thread_locale)
        return 0;
    (void)uselocale(guard->thread_locale);
    return GUARD_THREAD_LOCALE;
}

static unsigned restore_signals(const struct guard *guard) {
    sigset_t found;
    (void)pthread_sigmask(SIG_SETMASK, &guard->signals, &found);
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&found, number) != sigismember(&guard->signals, number))
            return GUARD_SIGNALS;
    return 0;
}

static unsigned note_forks(struct guard *guard) {
    const unsigned forks = at_fork_count();
    if (at_fork_is_copy())
        _exit(EXIT_SUCCESS);
    if (forks == guard->forks)
        return 0;
    guard->forks = forks;
    return GUARD_FORK;
}

static unsigned restore_thread(struct guard *guard) {
    return restore_fp(guard) | restore_thread_locale(guard) | restore_signals(guard) |
           note_forks(guard);
}

/* ---- the process's ---- */

static unsigned restore_process_locale(void) {
    const char *name = setlocale(LC_ALL, NULL);
    if (process.locale[0] == '\0' || name == NULL || strcmp(name, process.locale) == 0)
        return 0;
    (void)setlocale(LC_ALL, process.locale);
    return GUARD_LOCALE;
}

static unsigned restore_umask(void) {
    return umask(process.umask) != process.umask ? GUARD_UMASK : 0;
}

static unsigned restore_directory(void) {
    struct stat now;
    if (process.directory < 0 ||
        (stat(".", &now) == 0 && now.st_dev == process.directory_status.st_dev &&
         now.st_ino == process.directory_status.st_ino))
        return 0;
    (void)!fchdir(process.directory);
    return GUARD_DIRECTORY;
}

static unsigned restore_process(void) {
    return restore_process_locale() | restore_umask() | restore_directory();
}

/* Takes them as they are now; whether one was lowered. */
static bool take_limits(struct guard *guard) {
    bool is_lower = false;
    for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
        const struct rlimit before = guard->limits[i];
        struct rlimit *now = &guard->limits[i];
        if (getrlimit((__rlimit_resource_t)i, now) != 0)
            *now = (struct rlimit){0}; /* nothing is lower */
        is_lower |= now->rlim_cur < before.rlim_cur || now->rlim_max < before.rlim_max;
    }
    return is_lower;
}

/* Who raises a limit takes nothing away, and an operator may do that from outside. A hard limit
 * that was lowered may be out of reach: then it is logged once. */
static bool restore_limit(struct rlimit *wanted, int which) {
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)which, &now) != 0 ||
        (now.rlim_cur >= wanted->rlim_cur && now.rlim_max >= wanted->rlim_max))
        return false;
    if (setrlimit((__rlimit_resource_t)which, wanted) != 0) {
        wanted->rlim_max = now.rlim_max;
        if (wanted->rlim_cur > now.rlim_max)
            wanted->rlim_cur = now.rlim_max;
        (void)setrlimit((__rlimit_resource_t)which, wanted);
    }
    return true;
}

static unsigned restore_limits(struct guard *guard) {
    unsigned changes = 0;
    for (int i = 0; i < (int)RLIM_NLIMITS; i++)
        if (restore_limit(&guard->limits[i], i))
            changes = GUARD_LIMITS;
    return changes;
}

/* ---- the whole ---- */

unsigned guard_begin(struct guard *guard) {
    (void)pthread_once(&process.once, remember_process);
    (void)fegetenv(&guard->fp);
    guard->fp_control = fp_control(&guard->fp);
    guard->thread_locale = uselocale((locale_t)0);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &guard->signals);
    guard->forks = at_fork_count();
    memset(guard->limits, 0, sizeof guard->limits);
    (void)take_limits(guard);
    return restore_process();
}

unsigned guard_settle(struct guard *guard) {
    const unsigned limits = take_limits(guard) ? GUARD_LIMITS : 0;
    return restore_process() | limits;
}

unsigned guard_end(struct guard *guard) {
    return restore_thread(guard) | restore_process() | restore_limits(guard);
}

unsigned guard_look(struct guard *guard) {
    return restore_thread(guard);
}

void guard_words(unsigned changes, char words[GUARD_WORDS_SIZE]) {
    static const char *const names[] = {
        "the floating-point mode (rounding, denormals)",
        "the locale",
        "the signal mask",
        "the file mode mask",
        "the working directory",
        "resource limits",
    };
    size_t at = 0;
    words[0] = '\0';
    if ((changes & GUARD_THREAD_LOCALE) != 0)
        changes |= GUARD_LOCALE;
    changes &= (1u << sizeof names / sizeof *names) - 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((changes & 1u << i) == 0)
            continue;
        changes &= ~(1u << i);
        const char *before = at == 0 ? "" : changes == 0 ? " and " : ", ";
        const int more = snprintf(words + at, GUARD_WORDS_SIZE - at, "%s%s", before, names[i]);
        at += (size_t)more;
    }
}
