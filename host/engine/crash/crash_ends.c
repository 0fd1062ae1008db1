#include "engine/crash/crash_ends.h"

#include "base/clock.h"
#include "engine/crash/crash_report.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define SETTLE_NS      (200 * NS_PER_MS) /* for the log's last lines */
#define EXIT_BY_OTHERS 1

/* Set before the handlers are installed. */
static pthread_key_t end_key;
static void (*system_exit)(int status);
static const struct log *crash_log; /* NULL: none */

static __thread struct current_call *thread_current_call;
static __thread bool is_ending;

/* ---- deadly signals ---- */

static void *program_counter(const void *context) {
#if defined(__x86_64__)
    return (void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

static bool is_fault(int number) {
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL;
}

/* Sent from outside, or to the process as a whole: any thread may be the one to get it. */
static bool is_from_elsewhere(int number, const siginfo_t *info) {
    const bool is_sent = info->si_code == SI_USER || info->si_code == SI_QUEUE;
    return number == SIGXCPU || (is_sent && info->si_pid != getpid());
}

static void die(int number) {
    sigset_t set;
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    _exit(EXIT_BY_OTHERS);
}

void crash_ends_on_signal(int number, siginfo_t *info, void *context) {
    if (crash_report_is_host() && crash_report_is_asked(number, info)) {
        crash_report_show_stack(program_counter(context));
        return;
    }
    if (!crash_report_is_host() || is_ending)
        die(number);
    is_ending = true;
    crash_report_limit_time();
    crash_report(number, !is_from_elsewhere(number, info), thread_current_call,
                 is_fault(number) ? (uint64_t)(uintptr_t)info->si_addr : 0,
                 program_counter(context));
    log_settle(crash_log, SETTLE_NS);
    die(number);
}

/* ---- ends without a signal ---- */

static void end_quietly(enum call_table_what what) {
    is_ending = true;
    crash_report_limit_time();
    crash_report(what, true, thread_current_call, 0, NULL);
    log_settle(crash_log, SETTLE_NS);
    _exit(EXIT_BY_OTHERS);
}

/* exit and quick_exit: the host calls them on its main thread alone, and never in a callback. */
static void on_exit_called(void) {
    if (!crash_report_is_host() || is_ending)
        return;
    const bool is_in_callback =
        thread_current_call != NULL && atomic_load(&thread_current_call->callback) != CALLBACK_NONE;
    if (is_in_callback || gettid() != getpid())
        end_quietly(CALL_TABLE_EXIT);
    call_table_end_cleanly(crash_report_table());
}

/* In a callback, or called by a strategy's code. */
static bool is_by_strategy(const void *caller) {
    return (thread_current_call != NULL &&
            atomic_load(&thread_current_call->callback) != CALLBACK_NONE) ||
           call_table_find_code(crash_report_table(), (uint64_t)(uintptr_t)caller) != 0;
}

/* What a strategy's call of _exit finds before the C library's. The host's own go through. */
static void leave(int status, const void *caller) {
    const bool is_host_alive = crash_report_table() != NULL && crash_report_is_host() && !is_ending;
    if (is_host_alive && is_by_strategy(caller))
        end_quietly(CALL_TABLE_EXIT);
    if (is_host_alive)
        call_table_end_cleanly(crash_report_table());
    /* No handler is there yet; one must not look for it. */
    if (system_exit == NULL && crash_report_table() == NULL)
        *(void **)&system_exit = dlsym(RTLD_NEXT, "_exit");
    if (system_exit != NULL)
        system_exit(status);
    for (;;)
        syscall(SYS_exit_group, status);
}

void _exit(int status) {
    leave(status, __builtin_return_address(0));
    __builtin_unreachable();
}

void _Exit(int status) {
    leave(status, __builtin_return_address(0));
    __builtin_unreachable();
}

/* The host's own kill goes through, and a strategy's to others. */
static bool is_suicide(pid_t pid, int number, const void *caller) {
    const bool is_deadly =
        number == SIGTERM || number == SIGINT || number == SIGKILL || number == SIGQUIT;
    return is_deadly && crash_report_table() != NULL && crash_report_is_host() && !is_ending &&
           (pid == getpid() || pid == 0 || pid == -getpgrp()) && is_by_strategy(caller);
}

/* What a strategy's call of kill finds before the C library's. */
int kill(pid_t pid, int number) {
    if (is_suicide(pid, number, __builtin_return_address(0)))
        end_quietly(CALL_TABLE_KILL);
    return (int)syscall(SYS_kill, pid, number);
}

/* pthread_exit in a callback: what the thread owned would wait for ever. */
static void on_thread_end(void *value) {
    (void)value;
    if (crash_report_is_host() && !is_ending)
        end_quietly(CALL_TABLE_THREAD_END);
}

/* ---- life ---- */

void crash_settle(const struct log *log) {
    crash_log = log;
}

bool crash_ends_hook(struct error *error) {
    if (pthread_key_create(&end_key, on_thread_end) != 0)
        return error_set(error, ERROR_SYSTEM, "no thread-specific data key is available");
    if (atexit(on_exit_called) != 0 || at_quick_exit(on_exit_called) != 0)
        return error_set_memory(error, "the exit handlers");
    *(void **)&system_exit = dlsym(RTLD_NEXT, "_exit");
    return true;
}

void crash_ends_set_call(struct current_call *current_call) {
    thread_current_call = current_call;
    if (crash_report_table() != NULL)
        (void)pthread_setspecific(end_key, current_call);
}

struct current_call *crash_ends_call(void) {
    return thread_current_call;
}
