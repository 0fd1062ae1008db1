/*
 * Ends the process, or tries to, in live work alone: a rehearsal sees a good strategy. The build's
 * name says how:
 *
 *   ends_exit, ends_quick_exit   by that call, at the message `offset`
 *   ends_underscore_exit         by _exit
 *   ends_signal_trap, ..._sys    by that signal
 *   ends_signal_kill             by SIGKILL, as when memory is out
 *   ends_alarm                   SIGALRM: nobody must die of it
 *   ends_cancel                  cancels its lane's thread: nothing must come of it
 *   ends_pthread_exit            ends its lane's thread
 *   ends_thread                  a thread of its own crashes
 *   ends_fork                    a child that it forks crashes: that is not the host
 *   ends_handlers                takes SIGSEGV's handler, the alternate stack and the mask away;
 *                                crashes at the next message
 *   ends_two                     crashes on two lanes at once
 *   ends_save, ends_reload       crashes in the save of a stop, in that of a reload
 *   ends_unblocked               a thread of its own takes any signal: SIGTERM must not kill
 *   ends_kill, ends_raw_kill     sends the host SIGTERM; by kill(), by the system call
 *   ends_raw_exit                a thread of its own ends the process by the system call; with the
 *                                offset -1 in each life, soon after the first message
 *   ends_library_crash, ..._exit a thread of its private library (libraries/ends.c) does
 *   ends_children                ignores SIGCHLD, lets SIGPIPE kill and SIGTERM do nothing
 *   ends_session                 each instance forks a child that sleeps in a session of its own
 *   ends_destructor              hangs in the destructor of its file, at the process's exit
 */
#include "plugin.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EXIT = 1,
    QUICK_EXIT,
    UNDERSCORE_EXIT,
    SIGNAL_TRAP,
    SIGNAL_SYS,
    SIGNAL_KILL,
    ALARM,
    CANCEL,
    PTHREAD_EXIT,
    THREAD,
    HANDLERS,
    TWO,
    SAVE,
    RELOAD,
    FORK,
    UNBLOCKED,
    KILL,
    RAW_KILL,
    RAW_EXIT,
    LIBRARY,
    CHILDREN,
    SESSION,
    DESTRUCTOR
};

struct self {
    t5_host *host;
    int is_live;
};

static int is_working; /* an instance of it is live */

__attribute__((destructor)) static void destruct(void) {
    while (WAY == DESTRUCTOR && is_working)
        (void)pause();
}

#ifdef HAS_LIBRARY
void t5ends_in_thread(void);
#else
static void t5ends_in_thread(void) {
}
#endif

static void *take_signals(void *nothing) {
    sigset_t all;
    (void)nothing;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_UNBLOCK, &all, NULL);
    for (;;)
        (void)pause();
    return NULL;
}

static atomic_flag is_ending = ATOMIC_FLAG_INIT;

static void *end_raw(void *nothing) {
    (void)nothing;
    (void)usleep(300000); /* nothing is in progress then */
    (void)syscall(SYS_exit_group, 0);
    return NULL;
}

static void begin_thread(void *(*work)(void *nothing)) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) == 0)
        (void)pthread_detach(thread);
}

static void take_actions_away(void) {
    (void)signal(SIGCHLD, SIG_IGN);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGTERM, SIG_IGN);
}

static void *crash_later(void *nothing) {
    (void)nothing;
    crash();
    return NULL;
}

static void crash_in_thread(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, crash_later, NULL) == 0)
        (void)pthread_join(thread, NULL);
}

static void crash_in_child(void) {
    const pid_t child = fork();
    if (child == 0)
        crash();
    (void)waitpid(child, NULL, 0);
}

static void sleep_in_session(void) {
    if (fork() != 0)
        return;
    (void)setsid();
    for (;;)
        (void)pause();
}

static void take_handlers_away(void) {
    const stack_t none = {.ss_flags = SS_DISABLE};
    sigset_t all;
    (void)signal(SIGSEGV, SIG_DFL);
    (void)sigaltstack(&none, NULL);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* Until two lanes are here: that one crashes alone would prove nothing. */
static void crash_together(void) {
    static atomic_int here;
    atomic_fetch_add(&here, 1);
    while (atomic_load(&here) < 2)
        continue;
    crash();
}

static void end(void) {
    if (WAY == EXIT)
        exit(0);
    if (WAY == QUICK_EXIT)
        quick_exit(0);
    if (WAY == UNDERSCORE_EXIT)
        _exit(0);
    if (WAY == SIGNAL_TRAP)
        (void)raise(SIGTRAP);
    if (WAY == SIGNAL_SYS)
        (void)raise(SIGSYS);
    if (WAY == SIGNAL_KILL)
        (void)raise(SIGKILL);
    if (WAY == ALARM)
        (void)raise(SIGALRM);
    if (WAY == CANCEL)
        (void)pthread_cancel(pthread_self());
    if (WAY == PTHREAD_EXIT)
        pthread_exit(NULL);
    if (WAY == THREAD)
        crash_in_thread();
    if (WAY == FORK)
        crash_in_child();
    if (WAY == HANDLERS)
        take_handlers_away();
    if (WAY == TWO)
        crash_together();
    if (WAY == UNBLOCKED)
        begin_thread(take_signals);
    if (WAY == KILL)
        (void)kill(getpid(), SIGTERM);
    if (WAY == RAW_KILL)
        (void)syscall(SYS_kill, getpid(), SIGTERM);
    if (WAY == RAW_EXIT && !atomic_flag_test_and_set(&is_ending))
        begin_thread(end_raw);
    if (WAY == LIBRARY)
        t5ends_in_thread();
    if (WAY == CHILDREN)
        take_actions_away();
}

static int32_t create(const t5_create_args *args, void **self) {
    struct self *made = calloc(1, sizeof *made);
    if (made == NULL)
        return T5_ERROR;
    made->host = args->host;
    made->is_live = args->mode == T5_MODE_LIVE;
    is_working |= made->is_live;
    if (WAY == SESSION && made->is_live)
        sleep_in_session();
    *self = made;
    return T5_OK;
}

static void destroy(void *self) {
    free(self);
}

static int32_t on_message(void *instance, const t5_message *message) {
    const struct self *self = instance;
    const int64_t offset = t5_parameter_integer(self->host, "offset");
    if (self->is_live && (message->offset == offset || offset < 0))
        end();
    if (self->is_live && WAY == HANDLERS && message->offset > offset)
        crash();
    return T5_OK;
}

static int32_t save(void *instance, const t5_save_args *args) {
    const struct self *self = instance;
    const enum t5_save_reason at = WAY == RELOAD ? T5_SAVE_RELOAD : T5_SAVE_CHECKPOINT;
    if ((WAY == SAVE || WAY == RELOAD) && self->is_live && args->reason == at)
        crash();
    return T5_OK;
}

static const t5_parameter offset = {.size = sizeof offset,
                                    .type = T5_PARAMETER_INTEGER,
                                    .name = "offset",
                                    .help = "of the message that ends it; -1: any",
                                    .default_value = "3"};
static const t5_parameter *const parameters[] = {&offset, NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .parameters = parameters, .create = create,
            .destroy = destroy, .on_message = on_message, .save = save, .load = load_nothing);
