#include "engine/crash/crash_report.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "engine/crash/crash_file.h"
#include "engine/crash/crash_text.h"
#include "os/errand.h"
#include "os/locate.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_S    12   /* for all that a dying process says */
#define TURN_MS      2000 /* that a second one waits for the first */
#define STDERR_MS    1000
#define STACK_MS     500 /* that a thread which hangs has to show its stack */
#define STDERR_PIECE 512 /* a pipe that takes anything takes this */
#define DISCARD_S    3
#define CRASH_SUFFIX ".crash"
#define CRASH_PATH   (sizeof crash_dir + 64)

struct stack {
    void *at; /* NULL: the thread called, and did not fault */
    void *frames[CALL_TABLE_FRAMES];
    int count;
};

/* Set before the handlers are installed. */
static struct call_table *table;
static char crash_dir[1024];
static char temporary[512];           /* empty: none */
static bool is_beside;                /* the crash file lies beside that */
static struct locate_request located; /* whoever has its turn fills it */
static pid_t host_pid; /* a forked child has no call table: its memory stays behind */
static _Atomic bool is_writing;
static _Atomic pid_t hung_thread; /* that is to show its stack in `hung`; 0 once it did */
static struct stack hung;

/* ---- what a dying process says; async-signal-safe ---- */

/* As long as somebody takes it. */
static bool write_stderr(const char *text, size_t size) {
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
void crash_report_limit_time(void) {
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
static void print_place(int note, const struct stack *stack, int fd, bool has_stderr) {
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
        (void)write_stderr(text, size);
    else if (has_stderr)
        backtrace_symbols_fd(stack->frames, stack->count, STDERR_FILENO);
}

static void print_path(const char *path) {
    if (write_stderr("crash file: ", strlen("crash file: ")) && write_stderr(path, strlen(path)))
        (void)write_stderr("\n", 1);
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
static void report_end(int note, const struct stack *stack) {
    char text[CRASH_TEXT_SIZE], path[CRASH_PATH];
    struct call_table_trace trace;
    if (!take_turn())
        return;
    name_crash_file(path);
    const int fd = open_crash_file(path);
    if (fd >= 0)
        file_notes(fd, note, text);
    const bool has_stderr = note >= 0 && call_table_read_note(table, note, &trace) &&
                            write_stderr(text, crash_text(&trace, text, sizeof text));
    if (stack->count > 0)
        print_place(note, stack, fd, has_stderr);
    if (fd >= 0 && has_stderr)
        print_path(path);
    if (fd >= 0)
        close(fd);
    discard_temporary();
}

/* Noted first: walking a stack may crash as well. */
void crash_report(int32_t what, bool is_certain, const struct current_call *current_call,
                  uint64_t address, void *at) {
    struct stack stack = {.at = at, .frames = {at}, .count = at != NULL};
    const int note = call_table_note(table, what, is_certain, current_call, address);
    call_table_add_frames(table, note, stack.frames, (size_t)stack.count);
    stack.count += backtrace(stack.frames + stack.count, CALL_TABLE_FRAMES - stack.count);
    call_table_add_frames(table, note, stack.frames, (size_t)stack.count);
    report_end(note, &stack);
}

/* ---- a thread that hangs ---- */

void crash_report_show_stack(void *at) {
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
void crash_report_hang(const struct current_call *current_call) {
    crash_report_limit_time();
    const int note = call_table_note(table, CALL_TABLE_HANG, true, current_call, 0);
    const struct stack stack = ask_stack(atomic_load(&current_call->thread));
    call_table_add_frames(table, note, stack.frames, (size_t)stack.count);
    report_end(note, &stack);
}

/* A child that a strategy forked is not the host. */
bool crash_report_is_host(void) {
    return getpid() == host_pid;
}

bool crash_report_is_asked(int number, const siginfo_t *info) {
    return number == SIGTRAP && info->si_code == SI_TKILL && info->si_pid == getpid() &&
           atomic_load(&hung_thread) == gettid();
}

/* ---- life ---- */

static bool keep_former(void *context, const struct call_table_former *left, struct error *error) {
    const struct config *config = context;
    return crash_file_former(config->state_dir, left, clock_wall_ns(), error) ||
           error_prefix(error, "the current calls of the previous process: ");
}

static bool open_call_table(const struct config *config, bool does_keep,
                            struct call_table_former *former, struct error *error) {
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
    table = call_table_open(&options, former, error);
    free(topics);
    return table != NULL;
}

/* Where the copies of strategies will be, as the kernel names it: the directory that it lies in is
 * there. Without it there is no place to report. */
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

static bool make_directory(const char *state_dir, struct error *error) {
    if (strlen(state_dir) + sizeof "/crash" > sizeof crash_dir)
        return error_set(error, ERROR_INVALID, "%s: the path is too long for crash files",
                         state_dir);
    snprintf(crash_dir, sizeof crash_dir, "%s/crash", state_dir);
    if (mkdir(crash_dir, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "cannot create %s", crash_dir);
    return true;
}

bool crash_report_open(const struct config *config, const struct crash_options *options,
                       struct call_table_former *former, struct error *error) {
    return make_directory(config->state_dir, error) && set_directories(config, options, error) &&
           open_call_table(config, options->does_keep, former, error);
}

struct call_table *crash_report_table(void) {
    return table;
}
