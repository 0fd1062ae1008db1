#include "os/signals.h"

#include "log/output.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The handler's own, set before it is installed. */
static pthread_t signal_thread;
static pid_t host_pid;
/* What a signal that was handed on carries: their addresses tell the sender. */
static char from_outside, from_within;

static void make_set(sigset_t *set) {
    sigemptyset(set);
    for (size_t i = 0; i < COUNT(taken); i++)
        sigaddset(set, taken[i]);
}

/* ---- a signal that another thread gets, since a strategy has unblocked it there ---- */

/* This process itself sent it, and neither signals_stop() nor the handler did. */
static bool is_from_within(const siginfo_t *info) {
    if (info->si_code == SI_TIMER)
        return true;
    if (info->si_code == SI_QUEUE && info->si_pid == host_pid)
        return info->si_value.sival_ptr != &from_outside;
    return (info->si_code == SI_USER || info->si_code == SI_TKILL) && info->si_pid == host_pid;
}

static void hand_on(pthread_t to, int number, bool is_within) {
    const union sigval value = {.sival_ptr = is_within ? &from_within : &from_outside};
    (void)pthread_sigqueue(to, number, value);
}

/* A copy of the process that a strategy made has no signal thread: there it kills, as ever. */
static void die_of(int number) {
    sigset_t set;
    (void)signal(number, SIG_DFL);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(number);
}

/* The signal thread has them blocked and takes them itself; a thread that comes here is another
 * one. */
static void on_taken(int number, siginfo_t *info, void *context) {
    const int kept = errno;
    (void)context;
    if (getpid() != host_pid)
        die_of(number);
    else if (!pthread_equal(pthread_self(), signal_thread))
        hand_on(signal_thread, number, is_from_within(info));
    errno = kept;
}

static void set_actions(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_taken;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    make_set(&action.sa_mask);
    for (size_t i = 0; i < COUNT(taken); i++)
        (void)sigaction(taken[i], &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL); /* an ignored one, which is inherited, would eat exit codes */
}

/* Says it if somebody reads: a full pipe must not keep the process. */
static _Noreturn void end_at_once(const char *text) {
    const atomic_bool is_impatient = true;
    (void)output_write(STDERR_FILENO, text, strlen(text), NULL, &is_impatient);
    _exit(1);
}

/* Under the lock. */
REQUIRES(signals_lock) static void call_on_stop(struct signals *signals) {
    if (signals->calls.on_stop != NULL)
        signals->calls.on_stop(signals->calls.context, atomic_load(&signals->limit_ns));
}

static void begin_stop(struct signals *signals) {
    int64_t never = 0;
    if (!atomic_compare_exchange_strong(&signals->stop_ns, &never, clock_monotonic_ns()))
        return;
    atomic_store(&signals->should_stop, true);
    lock_acquire(&signals->lock, signals_lock);
    call_on_stop(signals);
    lock_release(&signals->lock, signals_lock);
}

void signals_stop(struct signals *signals) {
    begin_stop(signals);
    hand_on(signals->thread, SIGTERM, false); /* from here it looks at the clock as well */
}

void signals_on_stop(struct signals *signals, const struct signals_stop *calls, int64_t limit_ns) {
    lock_acquire(&signals->lock, signals_lock);
    signals->calls = calls != NULL ? *calls : (struct signals_stop){0};
    atomic_store(&signals->limit_ns, limit_ns);
    if (atomic_load(&signals->stop_ns) != 0)
        call_on_stop(signals);
    lock_release(&signals->lock, signals_lock);
}

/* ---- the thread ---- */

static _Noreturn void end_late(struct signals *signals) {
    /* And never let go: nobody may take the context away. */
    lock_acquire(&signals->lock, signals_lock);
    if (signals->calls.on_late == NULL)
        end_at_once("take5: the stop takes too long: exiting now\n");
    signals->calls.on_late(signals->calls.context, atomic_load(&signals->limit_ns));
    _exit(1);
}

/* The next signal; 0: there was none in time. */
static int next_signal(struct signals *signals, const sigset_t *set, siginfo_t *info) {
    const int64_t stop_ns = atomic_load(&signals->stop_ns);
    memset(info, 0, sizeof *info);
    if (stop_ns == 0)
        return sigwaitinfo(set, info);
    int64_t left_ns = atomic_load(&signals->limit_ns) - (clock_monotonic_ns() - stop_ns);
    if (left_ns <= 0)
        end_late(signals);
    if (left_ns > NS_PER_S)
        left_ns = NS_PER_S; /* the limit may change meanwhile */
    const struct timespec left = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
    const int number = sigtimedwait(set, info, &left);
    return number < 0 && errno == EAGAIN ? 0 : number;
}

static void call_on_request(struct signals *signals) {
    lock_acquire(&signals->lock, signals_lock);
    if (signals->calls.on_request != NULL)
        signals->calls.on_request(signals->calls.context);
    lock_release(&signals->lock, signals_lock);
}

static void *signals_main(void *argument) {
    struct signals *signals = argument;
    int64_t interrupted_ns = 0; /* the first SIGINT */
    siginfo_t info;
    sigset_t set;
    make_set(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (;;) {
        const int number = next_signal(signals, &set, &info);
        const int64_t now_ns = clock_monotonic_ns();
        const bool is_stop = number == SIGTERM || number == SIGINT;
        if (is_stop && is_from_within(&info) && atomic_load(&signals->stop_ns) == 0)
            atomic_store(&signals->is_from_within, true);
        if (is_stop)
            begin_stop(signals);
        if (number == SIGINT && interrupted_ns == 0)
            interrupted_ns = now_ns;
        else if (number == SIGINT && now_ns - interrupted_ns >= SIGNALS_FORCE_NS)
            end_at_once("take5: interrupted again: exiting now\n");
        else if (number == SIGHUP)
            atomic_fetch_add(&signals->reloads, 1);
        else if (number == SIGUSR1)
            atomic_store(&signals->should_reopen, true);
        if (number == SIGHUP || number == SIGUSR1)
            call_on_request(signals);
    }
    return NULL;
}

bool signals_start(struct signals *signals, struct error *error) {
    sigset_t set;
    pthread_attr_t attributes;
    memset(signals, 0, sizeof *signals);
    atomic_store(&signals->limit_ns, SIGNALS_NO_LIMIT);
    pthread_mutex_init(&signals->lock, NULL);
    make_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    host_pid = getpid();
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const int status = pthread_create(&signals->thread, &attributes, signals_main, signals);
    pthread_attr_destroy(&attributes);
    signal_thread = signals->thread;
    set_actions();
    return status == 0 || error_set_errno(error, status, "cannot start the signal thread");
}
