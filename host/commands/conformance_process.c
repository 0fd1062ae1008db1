#include "commands/conformance_process.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "commands/conformance.h"
#include "strategy/rehearsal_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_CHUNK (64u << 10)
/* Of what the child printed only the end is of use. */
#define WORDS_KEPT 4096u
#define WORDS_SAID 300u
/* Clear of the numbers that the child gets them under. */
#define LOWEST_FD  10
#define POLL_MS    20

struct process {
    const struct conformance_call *call;
    struct faults *faults;
    int64_t deadline_ns;
    pid_t pid;
    int request;        /* a file in memory */
    int answers, words; /* our ends; -1: closed */
    struct text received;
    struct text said; /* stdout and stderr, their end */
    size_t said_size; /* of all that it printed */
    char step[1024];  /* that the child is in */
    bool is_done;     /* it said that it ended well */
    bool is_garbled;
    size_t fault_count; /* that it sent */
    struct description *description;
};

static const struct place nowhere = {NULL, 0}; /* the child's texts say where */

/* ---- starting ---- */

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static bool move_up(int *fd) {
    const int moved = fcntl(*fd, F_DUPFD_CLOEXEC, LOWEST_FD);
    if (moved < 0)
        return false;
    (void)close(*fd);
    *fd = moved;
    return true;
}

/* A pipe of which the child gets the writing end. */
static bool open_pipe(int *ours, int *theirs) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *ours = ends[0];
    *theirs = ends[1];
    return move_up(theirs) && fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

/* The request as a file, so that nobody has to write while it reads. */
static bool open_request(struct process *process) {
    const struct text *request = process->call->request;
    size_t at = 0;
    process->request = memfd_create("request", MFD_CLOEXEC);
    if (process->request < 0 || !move_up(&process->request))
        return false;
    while (at < request->size) {
        const ssize_t written = write(process->request, request->data + at, request->size - at);
        if (written < 0 && errno != EINTR)
            return false;
        at += written > 0 ? (size_t)written : 0;
    }
    return lseek(process->request, 0, SEEK_SET) == 0;
}

/* What the child is started with: its four descriptors and no other, signals as at the beginning,
 * a process group of its own. */
static int set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int request,
                  int answers, int words) {
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int failure = posix_spawn_file_actions_adddup2(actions, request, CONFORMANCE_INPUT);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(actions, words, STDOUT_FILENO);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(actions, words, STDERR_FILENO);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(actions, answers, CONFORMANCE_OUTPUT);
    if (failure == 0)
        failure = posix_spawn_file_actions_addclosefrom_np(actions, CONFORMANCE_OUTPUT + 1);
    if (failure == 0)
        failure = posix_spawnattr_setsigmask(attributes, &none);
    if (failure == 0)
        failure = posix_spawnattr_setsigdefault(attributes, &all);
    if (failure == 0)
        failure = posix_spawnattr_setpgroup(attributes, 0);
    if (failure == 0)
        failure = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return failure;
}

static int spawn(struct process *process, int answers, int words) {
    const char *program =
        process->call->program != NULL ? process->call->program : "/proc/self/exe";
    char seed[32];
    (void)snprintf(seed, sizeof seed, "%" PRIu64, process->call->seed);
    char *const arguments[] = {(char *)"take5", (char *)CONFORMANCE_COMMAND,
                               (char *)process->call->case_name, seed, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        failure = set_up(&actions, &attributes, process->request, answers, words);
        if (failure == 0)
            failure = posix_spawn(&process->pid, program, &actions, &attributes, arguments,
                                  process->call->environment != NULL ? process->call->environment
                                                                     : environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure;
}

static bool start(struct process *process) {
    int answers = -1, words = -1;
    struct error error;
    bool is_good = open_request(process) && open_pipe(&process->answers, &answers) &&
                   open_pipe(&process->words, &words);
    if (!is_good) {
        error_set_errno(&error, errno, "the case cannot begin");
    } else {
        const int failure = spawn(process, answers, words);
        if (failure != 0)
            is_good = error_set_errno(&error, failure, "the case cannot begin");
    }
    close_fd(&answers);
    close_fd(&words);
    if (!is_good)
        faults_add(process->faults, process->call->place, "%s", error.text);
    return is_good;
}

/* ---- listening ---- */

/* Appends what is there; closes at the end. Gives how much came. */
static size_t receive(int *fd, struct text *into) {
    char bytes[READ_CHUNK];
    const ssize_t got = read(*fd, bytes, sizeof bytes);
    if (got > 0)
        text_append(into, bytes, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(fd);
    return got > 0 ? (size_t)got : 0;
}

static void keep_end(struct text *text, size_t most) {
    if (text->size <= 2 * most)
        return;
    memmove(text->data, text->data + text->size - most, most);
    text->size = most;
    text->data[most] = '\0';
}

static void take_answer(struct process *process, enum answer_kind kind, t5_str body) {
    const int size = (int)body.len;
    struct rehearsal_answer answer = {0};
    switch (kind) {
    case ANSWER_STEP:
        (void)snprintf(process->step, sizeof process->step, "%.*s", size, body.data);
        break;
    case ANSWER_FAULT:
        faults_add(process->faults, nowhere, "%.*s", size, body.data);
        process->fault_count++;
        break;
    case ANSWER_WARNING:
        faults_warn(process->faults, nowhere, "%.*s", size, body.data);
        break;
    case ANSWER_DONE:
        process->is_done = answer_decode_done(&answer, body);
        process->is_garbled = process->is_garbled || !process->is_done;
        description_free(process->description);
        process->description = answer.description;
        break;
    }
}

static void take_answers(struct process *process) {
    size_t at = 0;
    while (!process->is_garbled) {
        enum answer_kind kind;
        t5_str body;
        const size_t taken =
            answer_take(process->received.data + at, process->received.size - at, &kind, &body);
        if (taken == 0)
            break;
        if (taken == SIZE_MAX) {
            process->is_garbled = true;
            break;
        }
        take_answer(process, kind, body);
        at += taken;
    }
    memmove(process->received.data, process->received.data + at, process->received.size - at);
    process->received.size -= at;
    process->received.data[process->received.size] = '\0';
}

static void listen_for(struct process *process, int timeout_ms) {
    struct pollfd polled[] = {{.fd = process->answers, .events = POLLIN},
                              {.fd = process->words, .events = POLLIN}};
    if (poll(polled, 2, timeout_ms) <= 0)
        return;
    if (polled[0].revents != 0 && receive(&process->answers, &process->received) > 0)
        take_answers(process);
    if (polled[1].revents != 0) {
        process->said_size += receive(&process->words, &process->said);
        keep_end(&process->said, WORDS_KEPT);
    }
}

/* ---- the end ---- */

/* Whether it is gone; it stays to be reaped, so that nobody else gets its number. */
static bool has_ended(const struct process *process) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == process->pid;
}

static void drain(struct process *process) {
    for (int i = 0; i < 10000 && (process->answers >= 0 || process->words >= 0); i++) {
        struct pollfd polled[] = {{.fd = process->answers, .events = POLLIN},
                                  {.fd = process->words, .events = POLLIN}};
        if (poll(polled, 2, 0) <= 0)
            return;
        listen_for(process, 0);
    }
}

/* Runs until it is reaped. False: it had to be killed. */
static bool attend(struct process *process, int *status) {
    bool did_end = false;
    while (!did_end && !process->is_garbled && clock_monotonic_ns() < process->deadline_ns) {
        listen_for(process, POLL_MS);
        did_end = has_ended(process);
    }
    (void)kill(-process->pid, SIGKILL); /* what it left behind goes with it */
    while (waitpid(process->pid, status, 0) < 0 && errno == EINTR) {}
    drain(process);
    return did_end;
}

/* The end of what it printed, as one line behind `before`; empty when it printed nothing. */
static void last_words(const struct process *process, const char *before, struct text *out) {
    const char *end = process->said.data + process->said.size;
    while (end > process->said.data && (unsigned char)end[-1] <= ' ')
        end--;
    const char *at =
        (size_t)(end - process->said.data) > WORDS_SAID ? end - WORDS_SAID : process->said.data;
    while (at < end && ((unsigned char)*at <= ' ' || ((unsigned char)*at & 0xC0) == 0x80))
        at++;
    if (at == end)
        return;
    text_puts(out, before);
    for (; at < end; at++)
        text_putc(out, *at == '\n' ? '|' : (unsigned char)*at < ' ' || *at == 0x7f ? ' ' : *at);
}

static void report_end(struct process *process, bool did_end, int status) {
    struct text words;
    text_init(&words);
    const bool did_well = did_end && WIFEXITED(status) && WEXITSTATUS(status) <= 1;
    last_words(process, did_well && process->is_done ? ": " : "; it printed: ", &words);
    const char *step = process->step[0] != '\0' ? process->step : "its beginning";
    if (process->is_garbled) {
        faults_add(process->faults, process->call->place,
                   "wrote into the answers of the check, in %s%s", step, words.data);
    } else if (!did_end) {
        char limit[32];
        format_duration(process->call->timeout_ns, limit, sizeof limit);
        faults_add(process->faults, process->call->place, "stuck: not done within %s, in %s%s",
                   limit, step, words.data);
    } else if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        faults_add(process->faults, process->call->place, "crashed with SIG%s in %s%s",
                   name != NULL ? name : "?", step, words.data);
    } else if (!process->is_done && process->fault_count == 0) {
        faults_add(process->faults, process->call->place,
                   "ended the process with exit code %d in %s%s", WEXITSTATUS(status), step,
                   words.data);
    } else if (WEXITSTATUS(status) > 1) {
        faults_add(process->faults, process->call->place, "exit code %d at the process's end%s",
                   WEXITSTATUS(status), words.data);
    } else if (process->said_size > 0) {
        faults_warn(process->faults, nowhere,
                    "it printed %zu bytes, though a check asks it to do nothing outside%s",
                    process->said_size, words.data);
    }
    text_release(&words);
}

bool conformance_process_run(const struct conformance_call *call, struct description **description,
                             struct faults *faults) {
    const size_t errors_before = faults->error_count;
    struct process process = {
        .call = call,
        .faults = faults,
        .deadline_ns = clock_monotonic_ns() + call->timeout_ns,
        .request = -1,
        .answers = -1,
        .words = -1,
    };
    int status = 0;
    text_init(&process.received);
    text_init(&process.said);
    if (start(&process)) {
        const bool did_end = attend(&process, &status);
        report_end(&process, did_end, status);
    }
    close_fd(&process.request);
    close_fd(&process.answers);
    close_fd(&process.words);
    text_release(&process.received);
    text_release(&process.said);
    if (description != NULL)
        *description = process.description;
    else
        description_free(process.description);
    return faults->error_count == errors_before;
}
