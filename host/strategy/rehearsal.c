#include "strategy/rehearsal.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "strategy/rehearsal_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK  (64u << 10)
/* Of what the child printed only the end is of use. */
#define WORDS_KEPT  (8u << 10)
#define WORDS_SAID  400u
#define WORDS_LINES 3
/* Clear of the numbers that the child gets them under. */
#define LOWEST_FD   10
#define POLL_MS     50

struct run {
    const struct rehearsal *rehearsal;
    struct place place;
    struct faults *faults;
    int64_t deadline_ns;
    pid_t pid;
    int request, answers, words; /* our ends; -1: closed */
    struct text to_send;
    size_t sent;
    struct text received;
    struct text said; /* stdout and stderr, their end */
    char step[256];   /* that the child is in */
    bool is_done;     /* it said that it ended well */
    bool is_garbled;
    size_t fault_count; /* that it sent */
    struct rehearsal_answer answer;
};

/* ---- starting ---- */

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Moves a descriptor out of the way of 0 to 3; -1 stays. */
static bool move_up(int *fd) {
    const int moved = fcntl(*fd, F_DUPFD_CLOEXEC, LOWEST_FD);
    if (moved < 0)
        return false;
    (void)close(*fd);
    *fd = moved;
    return true;
}

struct child_ends {
    int request, answers, words;
};

static bool open_ends(struct run *run, struct child_ends *ends) {
    int request[2], answers[2], words[2];
    /* A socket, since writing to one whose reader died can be told not to raise SIGPIPE. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, request) != 0)
        return false;
    run->request = request[0];
    ends->request = request[1];
    if (pipe2(answers, O_CLOEXEC) != 0)
        return false;
    run->answers = answers[0];
    ends->answers = answers[1];
    if (pipe2(words, O_CLOEXEC) != 0)
        return false;
    run->words = words[0];
    ends->words = words[1];
    return move_up(&ends->request) && move_up(&ends->answers) && move_up(&ends->words) &&
           fcntl(run->request, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(run->answers, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(run->words, F_SETFL, O_NONBLOCK) == 0;
}

/* What the child is started with: its four descriptors and no other, signals as at the beginning,
 * a process group of its own. */
static int set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                  const struct child_ends *ends) {
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int failure = posix_spawn_file_actions_adddup2(actions, ends->request, REHEARSAL_INPUT);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(actions, ends->words, STDOUT_FILENO);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(actions, ends->words, STDERR_FILENO);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(actions, ends->answers, REHEARSAL_OUTPUT);
    if (failure == 0)
        failure = posix_spawn_file_actions_addclosefrom_np(actions, REHEARSAL_OUTPUT + 1);
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

static int spawn(struct run *run, const char *program, const struct child_ends *ends) {
    char *const arguments[] = {(char *)"take5", (char *)REHEARSAL_COMMAND, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        failure = set_up(&actions, &attributes, ends);
        if (failure == 0)
            failure = posix_spawn(&run->pid, program, &actions, &attributes, arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure;
}

static bool start(struct run *run) {
    const char *program =
        run->rehearsal->program != NULL ? run->rehearsal->program : "/proc/self/exe";
    struct child_ends ends = {-1, -1, -1};
    struct error error;
    bool is_good = open_ends(run, &ends);
    if (!is_good) {
        error_set_errno(&error, errno, "the rehearsal cannot begin");
    } else {
        const int failure = spawn(run, program, &ends);
        if (failure != 0)
            is_good = error_set_errno(&error, failure, "the rehearsal cannot begin: %s", program);
    }
    close_fd(&ends.request);
    close_fd(&ends.answers);
    close_fd(&ends.words);
    if (!is_good)
        faults_add(run->faults, run->place, "%s", error.text);
    return is_good;
}

/* ---- talking ---- */

static void send_request(struct run *run) {
    const ssize_t sent = send(run->request, run->to_send.data + run->sent,
                              run->to_send.size - run->sent, MSG_NOSIGNAL);
    if (sent > 0)
        run->sent += (size_t)sent;
    else if (sent < 0 && errno != EAGAIN && errno != EINTR)
        close_fd(&run->request); /* it died: its exit tells why */
    if (run->sent == run->to_send.size)
        close_fd(&run->request);
}

/* Appends what is there; closes at the end. */
static void receive(int *fd, struct text *into) {
    char bytes[READ_CHUNK];
    const ssize_t got = read(*fd, bytes, sizeof bytes);
    if (got > 0)
        text_append(into, bytes, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(fd);
}

static void keep_end(struct text *text, size_t most) {
    if (text->size <= 2 * most)
        return;
    memmove(text->data, text->data + text->size - most, most);
    text->size = most;
    text->data[most] = '\0';
}

static void take_answer(struct run *run, enum answer_kind kind, t5_str body) {
    const struct place nowhere = {NULL, 0}; /* the child's texts say where */
    const int size = (int)body.len;
    switch (kind) {
    case ANSWER_STEP:
        (void)snprintf(run->step, sizeof run->step, "%.*s", size, body.data);
        break;
    case ANSWER_FAULT:
        faults_add(run->faults, nowhere, "%.*s", size, body.data);
        run->fault_count++;
        break;
    case ANSWER_WARNING:
        faults_warn(run->faults, nowhere, "%.*s", size, body.data);
        break;
    case ANSWER_DONE:
        description_free(run->answer.description);
        run->is_done = answer_decode_done(&run->answer, body);
        run->is_garbled = run->is_garbled || !run->is_done;
        break;
    }
}

static void take_answers(struct run *run) {
    size_t at = 0;
    while (!run->is_garbled) {
        enum answer_kind kind;
        t5_str body;
        const size_t taken =
            answer_take(run->received.data + at, run->received.size - at, &kind, &body);
        if (taken == 0)
            break;
        if (taken == SIZE_MAX) {
            run->is_garbled = true;
            break;
        }
        take_answer(run, kind, body);
        at += taken;
    }
    memmove(run->received.data, run->received.data + at, run->received.size - at);
    run->received.size -= at;
    run->received.data[run->received.size] = '\0';
}

/* Moves what can be moved, for at most POLL_MS. */
static void exchange(struct run *run) {
    struct pollfd polled[] = {
        {.fd = run->request, .events = POLLOUT},
        {.fd = run->answers, .events = POLLIN},
        {.fd = run->words, .events = POLLIN},
    };
    if (poll(polled, 3, POLL_MS) <= 0)
        return;
    if (polled[0].revents != 0)
        send_request(run);
    if (polled[1].revents != 0) {
        receive(&run->answers, &run->received);
        if (run->received.size > 0)
            take_answers(run);
    }
    if (polled[2].revents != 0) {
        receive(&run->words, &run->said);
        keep_end(&run->said, WORDS_KEPT);
    }
}

/* ---- the end ---- */

/* Whether the child is gone; then it is reaped. */
static bool has_ended(struct run *run, int *status) {
    const pid_t got = waitpid(run->pid, status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return false;
    if (got < 0)
        *status = 0; /* somebody else reaped it: its answers must do */
    return true;
}

static void drain(struct run *run) {
    for (int i = 0; i < 1000 && (run->answers >= 0 || run->words >= 0); i++) {
        struct pollfd polled[] = {{.fd = run->answers, .events = POLLIN},
                                  {.fd = run->words, .events = POLLIN}};
        if (poll(polled, 2, 0) <= 0)
            return;
        exchange(run);
    }
}

/* Runs until the child is reaped. False: it had to be killed. */
static bool converse(struct run *run, int *status) {
    while (clock_monotonic_ns() < run->deadline_ns && !run->is_garbled) {
        if (run->answers < 0 && run->words < 0) {
            const struct timespec pause = {0, NS_PER_MS};
            (void)nanosleep(&pause, NULL); /* its end is near: it closed what it talks through */
        } else {
            exchange(run);
        }
        if (has_ended(run, status)) {
            drain(run);
            return true;
        }
    }
    (void)kill(-run->pid, SIGKILL);
    (void)kill(run->pid, SIGKILL);
    while (waitpid(run->pid, status, 0) < 0 && errno == EINTR) {}
    drain(run);
    return false;
}

/* The last lines that the child printed, as one; empty when there are none. */
static void last_words(const struct run *run, struct text *out) {
    const char *begin = run->said.data, *end = begin + run->said.size;
    while (end > begin && (unsigned char)end[-1] <= ' ')
        end--;
    const char *at = end;
    int lines = 0;
    while (at > begin && (size_t)(end - at) < WORDS_SAID) {
        if (at[-1] == '\n' && ++lines == WORDS_LINES)
            break;
        at--;
    }
    while (at < end && ((unsigned char)*at <= ' ' || ((unsigned char)*at & 0xC0) == 0x80))
        at++;
    if (at == end)
        return;
    text_puts(out, "; it printed: ");
    for (; at < end; at++)
        text_putc(out, *at == '\n' ? '|' : (unsigned char)*at < ' ' || *at == 0x7f ? ' ' : *at);
}

static void report_end(struct run *run, bool was_killed, int status) {
    struct text words;
    text_init(&words);
    last_words(run, &words);
    const char *step = run->step[0] != '\0' ? run->step : "its beginning";
    if (run->is_garbled) {
        faults_add(run->faults, run->place, "wrote into the rehearsal's answers, in %s%s", step,
                   words.data);
    } else if (was_killed) {
        char limit[32];
        format_duration(run->rehearsal->timeout_ns, limit, sizeof limit);
        faults_add(run->faults, run->place,
                   "stuck in %s: the rehearsal did not end within %s (rehearsal_timeout)%s", step,
                   limit, words.data);
    } else if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        faults_add(run->faults, run->place, "crashed in %s: SIG%s%s", step,
                   name != NULL ? name : "?", words.data);
    } else if (!run->is_done && run->fault_count == 0) {
        faults_add(run->faults, run->place, "ended the process in %s, with exit code %d%s", step,
                   WEXITSTATUS(status), words.data);
    }
    text_release(&words);
}

static void release(struct run *run) {
    close_fd(&run->request);
    close_fd(&run->answers);
    close_fd(&run->words);
    text_release(&run->to_send);
    text_release(&run->received);
    text_release(&run->said);
}

bool rehearsal_run(const struct rehearsal *rehearsal, struct rehearsal_answer *answer,
                   struct faults *faults) {
    const size_t errors_before = faults->error_count;
    struct run run = {
        .rehearsal = rehearsal,
        .place = {rehearsal->generation->source_path, 0},
        .faults = faults,
        .deadline_ns = clock_monotonic_ns() + rehearsal->timeout_ns,
        .request = -1,
        .answers = -1,
        .words = -1,
    };
    int status = 0;
    memset(answer, 0, sizeof *answer);
    text_init(&run.to_send);
    text_init(&run.received);
    text_init(&run.said);
    request_encode(rehearsal, &run.to_send);
    if (text_is_short(&run.to_send)) {
        faults_add(faults, run.place, "out of memory for the rehearsal");
    } else if (start(&run)) {
        const bool ended = converse(&run, &status);
        report_end(&run, !ended, status);
    }
    release(&run);
    if (faults->error_count == errors_before) {
        *answer = run.answer;
        return true;
    }
    description_free(run.answer.description);
    return false;
}
