#include "os/child.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/units.h"
#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK (64u << 10)
#define POLL_MS    20
/* What the child may take to end what it began, once its time is over. */
#define PARTING_NS (2 * NS_PER_S)

struct run {
    const struct child_call *call;
    struct child_end *end;
    pid_t pid;
    int request;        /* a file in memory */
    int answers, words; /* our ends; -1: closed */
    struct text received;
    int64_t deadline_ns;
    bool is_garbled;
    bool is_given_up;
    bool is_reaped; /* by somebody else: its number may be another process's by now */
};

/* ---- starting ---- */

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* The request as a file, so that nobody has to write while it reads. */
static bool open_request(struct run *run) {
    run->request = memfd_create("request", MFD_CLOEXEC);
    if (run->request < 0 || !spawn_move_up(&run->request))
        return false;
    return io_write_all(run->request, run->call->request, run->call->request_size) &&
           lseek(run->request, 0, SEEK_SET) == 0;
}

static bool start(struct run *run, struct error *error) {
    int answers = -1, words = -1;
    bool is_good =
        open_request(run) && spawn_pipe(&run->answers, &answers) && spawn_pipe(&run->words, &words);
    if (!is_good) {
        error_set_errno(error, errno, "cannot create a pipe or file for it");
    } else {
        const struct spawn_fd fds[] = {{run->request, CHILD_INPUT},
                                       {words, STDOUT_FILENO},
                                       {words, STDERR_FILENO},
                                       {answers, CHILD_OUTPUT}};
        const struct spawn spawn = {.program = run->call->program,
                                    .arguments = run->call->arguments,
                                    .environment = run->call->environment,
                                    .fds = fds,
                                    .fd_count = sizeof fds / sizeof *fds};
        is_good = spawn_process(&spawn, &run->pid, error);
    }
    close_fd(&answers);
    close_fd(&words);
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

static void take_answers(struct run *run) {
    struct text *received = &run->received;
    const size_t taken = run->is_garbled
                             ? received->size
                             : run->call->take(run->call->context, received->data, received->size);
    if (taken > received->size) {
        run->is_garbled = true;
        run->deadline_ns = 0;
        return;
    }
    memmove(received->data, received->data + taken, received->size - taken);
    received->size -= taken;
    received->data[received->size] = '\0';
}

static void listen_for(struct run *run, int timeout_ms) {
    struct pollfd polled[] = {{.fd = run->answers, .events = POLLIN},
                              {.fd = run->words, .events = POLLIN}};
    if (poll(polled, 2, timeout_ms) <= 0)
        return;
    if (polled[0].revents != 0 && receive(&run->answers, &run->received) > 0 &&
        !text_is_oom(&run->received))
        take_answers(run);
    if (text_is_oom(&run->received))
        run->deadline_ns = 0;
    if (polled[1].revents != 0) {
        run->end->word_count += receive(&run->words, &run->end->words);
        keep_end(&run->end->words, run->call->words_kept);
    }
}

/* Whether it has ended. It is left to be reaped, so that nobody else gets its number; unless what a
 * strategy did to this process (it ignores SIGCHLD, or waits for any child) has reaped it. */
static bool has_ended(struct run *run) {
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        return info.si_pid == run->pid;
    run->is_reaped = errno == ECHILD;
    return run->is_reaped;
}

/* Until its time is over; gives whether it ended. */
static bool attend(struct run *run) {
    const struct child_call *call = run->call;
    bool did_end = false;
    while (!did_end && clock_monotonic_ns() < run->deadline_ns) {
        if (!run->is_given_up && call->should_stop != NULL &&
            call->should_stop(call->stop_context)) {
            run->is_given_up = true;
            break;
        }
        if (run->answers < 0 && run->words < 0) {
            const struct timespec pause = {0, NS_PER_MS};
            (void)nanosleep(&pause, NULL); /* its end is near: it closed what it talks through */
        } else {
            listen_for(run, POLL_MS);
        }
        did_end = has_ended(run);
    }
    return did_end;
}

/* What is still in the pipes. A process that escaped may hold them open, and write for ever. */
static void drain(struct run *run) {
    for (int i = 0; i < 10000 && (run->answers >= 0 || run->words >= 0); i++) {
        struct pollfd polled[] = {{.fd = run->answers, .events = POLLIN},
                                  {.fd = run->words, .events = POLLIN}};
        if (poll(polled, 2, 0) <= 0)
            return;
        listen_for(run, 0);
    }
}

static enum child_outcome outcome_of(const struct run *run, bool did_end, int status) {
    if (text_is_oom(&run->received))
        return CHILD_UNHEARD;
    if (run->is_garbled)
        return CHILD_GARBLED;
    if (!did_end)
        return run->is_given_up ? CHILD_GIVEN_UP : CHILD_STUCK;
    if (run->is_reaped)
        return CHILD_UNKNOWN;
    return WIFSIGNALED(status) ? CHILD_SIGNALLED : CHILD_EXITED;
}

/* What it left behind goes with it. */
static void reap(struct run *run, int *status) {
    run->is_reaped = !spawn_reap(run->pid, status);
}

static void finish(struct run *run) {
    int status = 0;
    run->deadline_ns = clock_monotonic_ns() + run->call->timeout_ns;
    const bool did_end = attend(run);
    if (!did_end) {
        /* It ends what it began, and then itself: see child_begin(). */
        (void)kill(run->pid, SIGTERM);
        run->deadline_ns = clock_monotonic_ns() + PARTING_NS;
        (void)attend(run);
    }
    if (!run->is_reaped)
        reap(run, &status);
    drain(run);
    run->end->outcome = outcome_of(run, did_end, status);
    run->end->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

bool child_run(const struct child_call *call, struct child_end *end, struct error *error) {
    struct run run = {.call = call, .end = end, .request = -1, .answers = -1, .words = -1};
    memset(end, 0, sizeof *end);
    text_init(&end->words);
    text_init(&run.received);
    const bool did_start = start(&run, error);
    if (did_start)
        finish(&run);
    close_fd(&run.request);
    close_fd(&run.answers);
    close_fd(&run.words);
    text_release(&run.received);
    return did_start;
}

void child_end_release(struct child_end *end) {
    text_release(&end->words);
}

void child_last_words(const struct child_end *end, const char *before, size_t size, int lines,
                      struct text *out) {
    const char *first = end->words.data, *last = first + end->words.size;
    int seen = 0;
    while (last > first && (unsigned char)last[-1] <= ' ')
        last--;
    const char *at = last;
    while (at > first && (size_t)(last - at) < size) {
        if (at[-1] == '\n' && ++seen == lines)
            break;
        at--;
    }
    while (at < last && ((unsigned char)*at <= ' ' || ((unsigned char)*at & 0xC0) == 0x80))
        at++;
    if (at == last)
        return;
    text_puts(out, before);
    for (; at < last; at++)
        text_putc(out, *at == '\n' ? '|' : (unsigned char)*at < ' ' || *at == 0x7f ? ' ' : *at);
}
