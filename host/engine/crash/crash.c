#include "engine/crash/crash.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "engine/crash/crash_file.h"
#include "engine/crash/crash_text.h"
#include "os/errand.h"
#include "os/locate.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define ALT_STACK_SIZE (64 * 1024)
#define LONGEST_S      12   /* for all that a dying process says */
#define TURN_MS        2000 /* that a second one waits for the first */
#define STDERR_MS      1000
#define STACK_MS       500               /* that a thread which hangs has to show its stack */
#define STDERR_PIECE   512               /* a pipe that takes anything takes this */
#define SETTLE_NS      (200 * NS_PER_MS) /* for the log's last lines */
#define EXIT_BY_OTHERS 1
#define DISCARD_S      3
#define CRASH_SUFFIX   ".crash"
#define CRASH_PATH     (sizeof crash_dir + 64)

/* What a fault raises, on the thread that did it; and a limit that somebody has set. */
static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGXCPU};
/* Timers and limits that a strategy may have set; without a word the process would die of them. A
 * write beyond the limit fails then, and whoever writes says so. */
static const int harmless[] = {SIGALRM, SIGVTALRM, SIGPROF, SIGXFSZ};
/* Others that the host relies on, as they are when the handlers are installed. */
static const int kept[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE};

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct stack {
    void *at; /* NULL: the thread called, and did not fault */
    void *frames[CALL_TABLE_FRAMES];
    int count;
};

/* The handlers' own; set before they are installed. */
static struct call_table *table;
static struct call_table_former former;
static char crash_dir[1024];
static char temporary[512];           /* empty: none */
static bool is_beside;                /* the crash file lies beside that */
static struct locate_request located; /* whoever has its turn fills it */
static pthread_key_t end_key;
static void (*system_exit)(int status);
static pid_t host_pid; /* a forked child has no `hands`: their memory stays behind */
static struct sigaction kept_actions[COUNT(kept)];
static _Atomic bool is_writing;
static const struct log *crash_log; /* NULL: none */
static _Atomic pid_t hung_thread;   /* that is to show its stack in `hung`; 0 once it did */
static struct stack hung;

static __thread struct current_call *thread_current_call;
static __thread void *thread_stack;
static __thread bool is_ending;

/* ---- what a dying process says; async-signal-safe ---- */

/* As long as somebody takes it. */
static bool tell_stderr(const char *text, size_t size) {
    while (size > 0) {
        struct pollfd stderr_fd = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&stderr_fd, 1, STDERR_MS) != 1 || (stderr_fd.revents & POLLOUT) == 0)
            return false;
        const size_t piece = size < STDERR_PIECE ? size : STDERR_PIECE;
        const ssize_t written = write(STDERR_FILENO, text, piece);
        if (written <= 0)
            return false;
        text += written;
        size -= (size_t)written;
    }
    return true;
}

static void name_crash_file(char path[CRASH_PATH]) {
    char buffer[24];
    if (is_beside) {
        strcpy(path, temporary);
        strcat(path, CRASH_SUFFIX);
        return;
    }
    strcpy(path, crash_dir);
    strcat(path, "/");
    strcat(path, crash_digits((int64_t)time(NULL), buffer));
    strcat(path, "-");
    strcat(path, crash_digits((int64_t)getpid(), buffer));
    strcat(path, CRASH_SUFFIX);
}

static int open_crash_file(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

static void file_note(int fd, int note, char *text) {
    struct call_table_trace trace;
    if (note >= 0 && !call_table_is_filed(table, note) &&
        call_table_read_note(table, note, &trace) &&
        io_write_all(fd, text, crash_text(&trace, text, CRASH_TEXT_SIZE)) && fsync(fd) == 0)
        call_table_set_filed(table, note);
}

/* Files what is noted so far, of others that end with the caller, and its own: last, since more
 * follows. */
static void file_notes(int fd, int own, char *text) {
    for (int i = 0; i < CALL_TABLE_NOTES; i++)
        if (i != own)
            file_note(fd, i, text);
    file_note(fd, own, text);
}

/* The process ends within this time, whatever hangs. */
static void limit_time(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t set;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(LONGEST_S);
}

/* Only the first writes; who comes meanwhile is noted, and waits for it. */
static bool take_turn(void) {
    const struct timespec step = {.tv_nsec = 10 * NS_PER_MS};
    if (!atomic_exchange(&is_writing, true))
        return true;
    for (int i = 0; i < TURN_MS / 10; i++)
        nanosleep(&step, NULL);
    return false;
}

/* Function and line, as lines that follow; symbols by the process itself, which may wait for a
 * lock, when nobody could say them. */
static void tell_place(int note, const struct stack *stack, int fd, bool has_stderr) {
    char answer[LOCATE_ANSWER], text[LOCATE_ANSWER + 256];
    const int own = stack->at != NULL;
    locate_set_frames(&located, stack->at, stack->frames + own, (size_t)(stack->count - own));
    const size_t size =
        locate(&located, answer) > 0 ? crash_place_text(answer, text, sizeof text) : 0;
    if (size > 0)
        call_table_set_place(table, note, answer);
    if (fd >= 0 && size > 0)
        (void)(io_write_all(fd, text, size) && fsync(fd) == 0);
    else if (fd >= 0)
        backtrace_symbols_fd(stack->frames, stack->count, fd);
    if (has_stderr && size > 0)
        (void)tell_stderr(text, size);
    else if (has_stderr)
        backtrace_symbols_fd(stack->frames, stack->count, STDERR_FILENO);
}

static void tell_path(const char *path) {
    if (tell_stderr("crash file: ", strlen("crash file: ")) && tell_stderr(path, strlen(path)))
        (void)tell_stderr("\n", 1);
}

static void discard_temporary(void) {
    char ignored[2];
    const struct errand errand = {.command = "discard",
                                  .request = temporary,
                                  .request_size = strlen(temporary),
                                  .attached = -1,
                                  .limit_s = DISCARD_S};
    if (temporary[0] != '\0')
        (void)errand_run(&errand, ignored, sizeof ignored);
}

/* The file first: stderr may be a pipe that nobody reads. */
static void tell(int note, const struct stack *stack) {
    char text[CRASH_TEXT_SIZE], path[CRASH_PATH];
    struct call_table_trace trace;
    if (!take_turn())
        return;
    name_crash_file(path);
    const int fd = open_crash_file(path);
    if (fd >= 0)
        file_notes(fd, note, text);
    const bool has_stderr = note >= 0 && call_table_read_note(table, note, &trace) &&
                            tell_stderr(text, crash_text(&trace, text, sizeof text));
    if (stack->count > 0)
        tell_place(note, stack, fd, has_stderr);
    if (fd >= 0 && has_stderr)
        tell_path(path);
    if (fd >= 0)
        close(fd);
    discard_temporary();
}

/* Noted first: walking a stack may crash as well. */
static void note_and_tell(int32_t what, bool is_certain, uint64_t address, void *at) {
    struct stack stack = {.at = at, .frames = {at}, .count = at != NULL};
    const int note = call_table_note(table, what, is_certain, thread_current_call, address);
    call_table_add_frames(table, note, stack.frames, (size_t)stack.count);
    stack.count += backtrace(stack.frames + stack.count, CALL_TABLE_FRAMES - stack.count);
    call_table_add_frames(table, note, stack.frames, (size_t)stack.count);
    tell(note, &stack);
}

/* ---- a thread that hangs ---- */

static void show_stack(void *at) {
    hung = (struct stack){.at = at, .frames = {at}, .count = 1};
    hung.count += backtrace(hung.frames + 1, CALL_TABLE_FRAMES - 1);
    atomic_store(&hung_thread, 0);
}

/* Its stack, if it takes a signal. */
static struct stack ask_stack(pid_t thread) {
    const struct timespec step = {.tv_nsec = 10 * NS_PER_MS};
    atomic_store(&hung_thread, thread);
    if (thread == 0 || syscall(SYS_tgkill, getpid(), thread, SIGTRAP) != 0)
        return (struct stack){.count = 0};
    for (int i = 0; i < STACK_MS / 10 && atomic_load(&hung_thread) != 0; i++)
        nanosleep(&step, NULL);
    return atomic_load(&hung_thread) == 0 ? hung : (struct stack){.count = 0};
}

/* Noted before it is asked, since walking a stack may crash. */
void crash_write_hang(const struct current_call *current_call) {
    if (table == NULL)
        return;
    limit_time();
    const int note = call_table_note(table, CALL_TABLE_HANG, true, current_call, 0);
    const struct stack stack = ask_stack(atomic_load(&current_call->thread));
    call_table_add_frames(table, note, stack.frames, (size_t)stack.count);
    tell(note, &stack);
}

/* A child that a strategy forked is not the host. */
static bool is_host(void) {
    return getpid() == host_pid;
}

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

/* By crash_write_hang(). */
static bool is_asked(int number, const siginfo_t *info) {
    return number == SIGTRAP && info->si_code == SI_TKILL && info->si_pid == getpid() &&
           atomic_load(&hung_thread) == gettid();
}

static void on_crash(int number, siginfo_t *info, void *context) {
    if (is_host() && is_asked(number, info)) {
        show_stack(program_counter(context));
        return;
    }
    if (!is_host() || is_ending)
        die(number);
    is_ending = true;
    limit_time();
    note_and_tell(number, !is_from_elsewhere(number, info),
                  is_fault(number) ? (uint64_t)(uintptr_t)info->si_addr : 0,
                  program_counter(context));
    log_settle(crash_log, SETTLE_NS);
    die(number);
}

void crash_settle(const struct log *log) {
    crash_log = log;
}

/* ---- ends without a signal ---- */

static void end_quietly(enum call_table_what what) {
    is_ending = true;
    limit_time();
    note_and_tell(what, true, 0, NULL);
    log_settle(crash_log, SETTLE_NS);
    _exit(EXIT_BY_OTHERS);
}

/* exit and quick_exit: the host calls them on its main thread alone, and never in a callback. */
static void on_exit_called(void) {
    if (!is_host() || is_ending)
        return;
    const bool is_in_callback =
        thread_current_call != NULL && atomic_load(&thread_current_call->callback) != CALLBACK_NONE;
    if (is_in_callback || gettid() != getpid())
        end_quietly(CALL_TABLE_EXIT);
    call_table_end_cleanly(table);
}

/* In a callback, or called by a strategy's code. */
static bool is_by_strategy(const void *caller) {
    return (thread_current_call != NULL &&
            atomic_load(&thread_current_call->callback) != CALLBACK_NONE) ||
           call_table_find_code(table, (uint64_t)(uintptr_t)caller) != 0;
}

/* What a strategy's call of _exit finds before the C library's. The host's own go through. */
static void leave(int status, const void *caller) {
    const bool is_host_alive = table != NULL && is_host() && !is_ending;
    if (is_host_alive && is_by_strategy(caller))
        end_quietly(CALL_TABLE_EXIT);
    if (is_host_alive)
        call_table_end_cleanly(table);
    if (system_exit == NULL && table == NULL) /* no handler is, that must not look for it */
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
    return is_deadly && table != NULL && is_host() && !is_ending &&
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
    if (is_host() && !is_ending)
        end_quietly(CALL_TABLE_THREAD_END);
}

/* ---- handlers and stacks ---- */

static void set_handler(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void set_handlers(void) {
    for (size_t i = 0; i < COUNT(deadly); i++)
        set_handler(deadly[i]);
    for (size_t i = 0; i < COUNT(harmless); i++)
        (void)signal(harmless[i], SIG_IGN);
}

static void keep_actions(void) {
    for (size_t i = 0; i < COUNT(kept); i++)
        (void)sigaction(kept[i], NULL, &kept_actions[i]);
}

static bool set_stack(void *memory) {
    const stack_t stack = {.ss_sp = memory, .ss_size = ALT_STACK_SIZE};
    return sigaltstack(&stack, NULL) == 0;
}

bool crash_enter_thread(struct current_call *current_call) {
    thread_current_call = current_call;
    if (current_call != NULL)
        atomic_store(&current_call->thread, gettid());
    void *memory =
        mmap(NULL, ALT_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    if (!set_stack(memory)) {
        munmap(memory, ALT_STACK_SIZE);
        return false;
    }
    thread_stack = memory;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    if (table != NULL)
        (void)pthread_setspecific(end_key, current_call);
    return true;
}

void crash_leave_thread(void) {
    if (thread_current_call != NULL)
        atomic_store(&thread_current_call->thread, 0);
    thread_current_call = NULL;
    if (table != NULL)
        (void)pthread_setspecific(end_key, NULL);
    if (thread_stack == NULL)
        return;
    const stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    munmap(thread_stack, ALT_STACK_SIZE);
    thread_stack = NULL;
}

struct finding {
    char *what, *culprit;
    size_t what_size, culprit_size;
    bool is_there;
};

static void find(struct finding *finding, const char *what) {
    const size_t length = strlen(finding->what);
    snprintf(finding->what + length, finding->what_size - length, "%s%s", length > 0 ? ", " : "",
             what);
    finding->is_there = true;
}

static void find_handler(struct finding *finding, int number, const struct sigaction *now) {
    const uint32_t mark = call_table_find_code(table, (uint64_t)(uintptr_t)now->sa_sigaction);
    char text[64];
    snprintf(text, sizeof text, "the handler of %s", crash_what_name(number));
    find(finding, text);
    if (mark != 0)
        snprintf(finding->culprit, finding->culprit_size, "%s",
                 call_table_name(table, mark)->deployment);
}

static void look_at_handler(struct finding *finding, int number) {
    struct sigaction now;
    if (sigaction(number, NULL, &now) != 0 || now.sa_sigaction == on_crash)
        return;
    find_handler(finding, number, &now);
    set_handler(number);
}

static void look_at_kept(struct finding *finding, size_t i) {
    const struct sigaction *wanted = &kept_actions[i];
    const int flags = (int)((unsigned)SA_NOCLDWAIT | (unsigned)SA_RESETHAND | SA_SIGINFO);
    struct sigaction now;
    if (sigaction(kept[i], NULL, &now) != 0 || (now.sa_sigaction == wanted->sa_sigaction &&
                                                ((now.sa_flags ^ wanted->sa_flags) & flags) == 0))
        return;
    find_handler(finding, kept[i], &now);
    (void)sigaction(kept[i], wanted, NULL);
}

bool crash_look(char *what, size_t what_size, char *culprit, size_t culprit_size) {
    struct finding finding = {
        .what = what, .culprit = culprit, .what_size = what_size, .culprit_size = culprit_size};
    stack_t stack;
    what[0] = culprit[0] = '\0';
    if (table == NULL || thread_stack == NULL)
        return false;
    for (size_t i = 0; i < COUNT(deadly); i++)
        look_at_handler(&finding, deadly[i]);
    for (size_t i = 0; i < COUNT(kept); i++)
        look_at_kept(&finding, i);
    if (sigaltstack(NULL, &stack) == 0 && stack.ss_sp != thread_stack && set_stack(thread_stack))
        find(&finding, "the alternate signal stack");
    return finding.is_there;
}

/* ---- life ---- */

static bool keep_former(void *context, const struct call_table_former *left, struct error *error) {
    const struct config *config = context;
    return crash_file_former(config->state_dir, left, clock_wall_ns(), error) ||
           error_prefix(error, "the current calls of the previous process: ");
}

static bool open_call_table(const struct config *config, bool does_keep, struct error *error) {
    const char **topics = calloc(config->topic_count + 1, sizeof *topics);
    if (topics == NULL)
        return error_set_memory(error, "topics");
    for (size_t i = 0; i < config->topic_count; i++)
        topics[i] = config->topics[i].name;
    const struct call_table_options options = {.state_dir = does_keep ? config->state_dir : NULL,
                                               .lanes = (size_t)config->lanes,
                                               .topics = topics,
                                               .topic_count = config->topic_count,
                                               .keep = keep_former,
                                               .context = (void *)config};
    host_pid = getpid();
    table = call_table_open(&options, &former, error);
    free(topics);
    return table != NULL;
}

/* Where the copies of strategies will be, as the kernel names it: the directory that it lies in is
 * there. Without it there is no place to be told. */
static void set_copies(const char *cache_dir) {
    const char *slash = strrchr(cache_dir, '/');
    char *parent = slash != NULL ? text_dup(cache_dir, (size_t)(slash - cache_dir) + 1) : NULL;
    char *resolved = parent != NULL ? realpath(parent, NULL) : NULL;
    char *copies = realpath(cache_dir, NULL);
    if (copies != NULL)
        (void)snprintf(located.directory, sizeof located.directory, "%s", copies);
    else if (resolved != NULL)
        (void)snprintf(located.directory, sizeof located.directory, "%s%s", resolved, slash);
    free(copies);
    free(resolved);
    free(parent);
}

/* What is to go with the process, too. */
static bool set_directories(const struct config *config, const struct crash_options *options,
                            struct error *error) {
    set_copies(config->cache_dir);
    if (options->temporary == NULL)
        return true;
    if (strlen(options->temporary) >= sizeof temporary)
        return error_set(error, ERROR_INVALID, "%s: the path is too long", options->temporary);
    strcpy(temporary, options->temporary);
    const size_t size = strlen(temporary);
    is_beside = strncmp(config->state_dir, temporary, size) == 0 && config->state_dir[size] == '/';
    return true;
}

bool crash_install(const struct config *config, const struct crash_options *options,
                   struct error *error) {
    const char *state_dir = config->state_dir;
    if (strlen(state_dir) + sizeof "/crash" > sizeof crash_dir)
        return error_set(error, ERROR_INVALID, "%s: the path is too long for crash files",
                         state_dir);
    snprintf(crash_dir, sizeof crash_dir, "%s/crash", state_dir);
    if (mkdir(crash_dir, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "cannot create %s", crash_dir);
    if (!set_directories(config, options, error) ||
        !open_call_table(config, options->does_keep, error))
        return false;
    if (pthread_key_create(&end_key, on_thread_end) != 0)
        return error_set(error, ERROR_SYSTEM, "no thread-specific data key is available");
    if (atexit(on_exit_called) != 0 || at_quick_exit(on_exit_called) != 0)
        return error_set_memory(error, "the exit handlers");
    *(void **)&system_exit = dlsym(RTLD_NEXT, "_exit");
    /* The first call loads libgcc, which a signal handler must not. */
    void *frame[1];
    (void)backtrace(frame, 1);
    set_handlers();
    keep_actions();
    return true;
}

void crash_list_current_call(struct text *names) {
    struct call_table_trace trace;
    for (size_t i = 0; table != NULL && i < call_table_slot_count(table); i++) {
        if (call_table_read_slot(table, i, &trace))
            text_printf(names, "%s%s in %s", names->size > 0 ? ", " : "", trace.name.deployment,
                        callback_name((enum callback)trace.callback));
    }
}

const struct call_table_former *crash_former(void) {
    return &former;
}

struct current_call *crash_call(size_t slot) {
    return table != NULL ? call_table_slot(table, slot) : NULL;
}

uint32_t crash_add_name(const struct instance_spec *spec, const void *code) {
    return table != NULL ? call_table_add_name(table, spec, code) : 0;
}

uint32_t crash_begin_open(const struct instance_spec *spec) {
    if (table == NULL || thread_current_call == NULL)
        return 0;
    const uint32_t mark = call_table_add_name(table, spec, NULL);
    struct current_call *current_call = thread_current_call;
    atomic_store(&current_call->instance, NULL);
    atomic_store(&current_call->topic, NULL);
    atomic_store(&current_call->partition, -1);
    atomic_store(&current_call->offset, -1);
    atomic_store(&current_call->mark, mark);
    atomic_store(&current_call->sequence, atomic_load(&current_call->sequence) + 1);
    atomic_store(&current_call->callback, (uint32_t)CALLBACK_OPEN);
    return mark;
}

void crash_end_open(uint32_t mark) {
    if (table == NULL || thread_current_call == NULL)
        return;
    atomic_store(&thread_current_call->callback, (uint32_t)CALLBACK_NONE);
    call_table_drop_name(table, mark);
}

void crash_drop_name(uint32_t mark) {
    if (table != NULL)
        call_table_drop_name(table, mark);
}
