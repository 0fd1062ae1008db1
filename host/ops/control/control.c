#include "ops/control/control.h"

#include "base/clock.h"
#include "base/sync/locks.h"
#include "os/acceptor.h"
#include "os/at_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_TIMEOUT_S 5
#define MAX_GROUPS     1024

LOCK_CLASS(control_lock);
struct control {
    struct control_options options;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    gid_t group; /* (gid_t)-1: none */
    int listener;
    struct acceptor acceptor;
    int wake[2];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t clients GUARDED_BY(control_lock); /* at work */
};

struct client {
    struct control *control;
    int fd;
};

static bool make_address(const char *path, struct sockaddr_un *address, struct error *error) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path)
        return error_set(error, ERROR_INVALID,
                         "%s: a socket path has at most %zu bytes, this one has %zu; set [control] "
                         "socket or [take5] run_dir",
                         path, sizeof address->sun_path - 1, strlen(path));
    strcpy(address->sun_path, path);
    return true;
}

/* ---- the server ---- */

static bool is_member(int fd, gid_t group, gid_t peer_group) {
    gid_t groups[MAX_GROUPS];
    socklen_t size = sizeof groups;
    if (group == (gid_t)-1)
        return false;
    if (peer_group == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        return false;
    for (size_t i = 0; i < size / sizeof *groups; i++) {
        if (groups[i] == group)
            return true;
    }
    return false;
}

static bool is_allowed(const struct control *control, int fd, struct ucred *peer) {
    socklen_t size = sizeof *peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size) != 0)
        return false;
    if (peer->uid == 0 || peer->uid == geteuid() || is_member(fd, control->group, peer->gid))
        return true;
    log_event(
        control->options.log, LOG_LEVEL_WARNING, "ops", "control.denied",
        "control: access denied for user %u (process %d); use [control] group to allow a group",
        (unsigned)peer->uid, (int)peer->pid);
    return false;
}

/* One request as it comes: a line, then what it announces, all within one time. */
struct reading {
    int fd;
    int64_t deadline_ns;
    char line[CONTROL_MAX_LINE];
    size_t size;    /* bytes in `line` */
    size_t body_at; /* where what followed the line's end begins */
};

/* Some bytes, or nothing: the client ended, or its time is up. */
static size_t receive(const struct reading *reading, char *data, size_t size) {
    for (;;) {
        const int64_t left_ns = reading->deadline_ns - clock_monotonic_ns();
        struct pollfd ready = {.fd = reading->fd, .events = POLLIN};
        if (left_ns <= 0)
            return 0;
        const int status = poll(&ready, 1, (int)(left_ns / NS_PER_MS) + 1);
        if (status == 0 || (status < 0 && errno == EINTR))
            continue;
        const ssize_t n = status > 0 ? recv(reading->fd, data, size, MSG_DONTWAIT) : -1;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        return n > 0 ? (size_t)n : 0;
    }
}

/* The line without its end, as text. */
static bool read_line(struct reading *reading) {
    while (reading->size < sizeof reading->line) {
        const size_t n =
            receive(reading, reading->line + reading->size, sizeof reading->line - reading->size);
        if (n == 0)
            return false;
        char *end = memchr(reading->line + reading->size, '\n', n);
        reading->size += n;
        if (end != NULL) {
            *end = '\0';
            reading->body_at = (size_t)(end - reading->line) + 1;
            return strlen(reading->line) + 1 == reading->body_at;
        }
    }
    return false;
}

/* "+LENGTH", saturated. */
static bool parse_length(const char *word, size_t *length) {
    *length = 0;
    if (word[0] != '+' || word[1] == '\0' || word[1 + strspn(word + 1, "0123456789")] != '\0')
        return false;
    for (const char *at = word + 1; *at != '\0'; at++) {
        if (__builtin_mul_overflow(*length, (size_t)10, length) ||
            __builtin_add_overflow(*length, (size_t)(*at - '0'), length)) {
            *length = SIZE_MAX;
            return true;
        }
    }
    return true;
}

/* What the line announces. NULL: `answer` says why not. */
static char *read_body(const struct control *control, const struct reading *reading, size_t size,
                       struct text *answer) {
    if (size > control->options.max_body) {
        text_printf(answer, "a request body has at most %zu bytes; this one declares %zu",
                    control->options.max_body, size);
        return NULL;
    }
    char *body = malloc(size + 1);
    if (body == NULL) {
        text_printf(answer, "out of memory for a request body of %zu bytes", size);
        return NULL;
    }
    size_t got = reading->size - reading->body_at;
    if (got > size)
        got = size;
    memcpy(body, reading->line + reading->body_at, got);
    while (got < size) {
        const size_t n = receive(reading, body + got, size - got);
        if (n == 0) {
            text_printf(answer,
                        "the request was truncated: received %zu of the %zu bytes of its body", got,
                        size);
            free(body);
            return NULL;
        }
        got += n;
    }
    return body;
}

static void send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        size -= (size_t)n;
    }
}

static bool serve_line(const struct control *control, struct reading *reading,
                       const struct ucred *peer, struct text *answer) {
    char *words[CONTROL_MAX_WORDS + 1]; /* and the body's length */
    struct control_request request = {.words = words, .user = peer->uid, .process = peer->pid};
    char *rest = NULL, *body = NULL;
    size_t length = 0;
    for (char *word = strtok_r(reading->line, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        if (request.count > CONTROL_MAX_WORDS)
            break;
        words[request.count++] = word;
    }
    if (request.count > 0 && parse_length(words[request.count - 1], &length)) {
        request.count--;
        body = read_body(control, reading, length, answer);
        if (body == NULL)
            return false;
        request.body = body;
        request.body_size = length;
    }
    bool did = false;
    if (request.count > CONTROL_MAX_WORDS)
        text_printf(answer, "a request has at most %d words", CONTROL_MAX_WORDS);
    else if (request.count == 0)
        text_puts(answer, "empty request");
    else
        did = control->options.handle(control->options.context, &request, answer);
    free(body);
    return did;
}

static void serve(const struct control *control, int fd) {
    const int64_t timeout_ns = control->options.timeout_ns;
    struct reading reading = {.fd = fd, .deadline_ns = clock_monotonic_ns() + timeout_ns};
    struct ucred peer;
    struct text answer;
    text_init(&answer);
    bool did = false;
    if (!is_allowed(control, fd, &peer))
        text_puts(&answer, "not allowed");
    else if (!read_line(&reading))
        text_puts(&answer, "empty request");
    else
        did = serve_line(control, &reading, &peer, &answer);
    if (text_is_oom(&answer)) { /* a part of it would pass for the whole */
        did = false;
        text_release(&answer);
        text_puts(&answer, "out of memory for the answer");
    }
    send_all(fd, did ? "ok\n" : "failed\n", did ? 3 : 7);
    send_all(fd, answer.data, answer.size);
    text_release(&answer);
}

/* A strategy that forked may hold a copy of the descriptor: the client must see the end all the
 * same. */
static void hang_up(int fd) {
    (void)shutdown(fd, SHUT_RDWR);
    close(fd);
}

static void *client_main(void *argument) {
    struct client client = *(struct client *)argument;
    free(argument);
    serve(client.control, client.fd);
    hang_up(client.fd);
    lock_acquire(&client.control->lock, control_lock);
    client.control->clients--;
    pthread_cond_broadcast(&client.control->changed);
    lock_release(&client.control->lock, control_lock);
    return NULL;
}

static void begin_client(struct control *control, int fd) {
    lock_acquire(&control->lock, control_lock);
    const bool is_full = control->clients >= CONTROL_CLIENTS;
    if (!is_full)
        control->clients++;
    lock_release(&control->lock, control_lock);
    struct client *client = is_full ? NULL : malloc(sizeof *client);
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (client != NULL)
        *client = (struct client){control, fd};
    if (client == NULL || pthread_create(&thread, &attributes, client_main, client) != 0) {
        static const char busy[] = "failed\ntoo many requests at once\n";
        send_all(fd, busy, sizeof busy - 1);
        hang_up(fd);
        free(client);
        if (!is_full) {
            lock_acquire(&control->lock, control_lock);
            control->clients--;
            lock_release(&control->lock, control_lock);
        }
    }
    pthread_attr_destroy(&attributes);
}

static void *control_main(void *argument) {
    struct control *control = argument;
    struct pollfd fds[2] = {{0}, {.fd = control->wake[0], .events = POLLIN}};
    for (;;) {
        const int wait_ms = acceptor_prepare(&control->acceptor, &fds[0]);
        if (poll(fds, 2, wait_ms) < 0)
            continue; /* EINTR, or no memory for a moment */
        if (fds[1].revents != 0)
            break;
        if ((fds[0].revents & POLLIN) == 0)
            continue;
        const int fd = acceptor_accept(&control->acceptor, NULL, NULL);
        if (fd < 0)
            continue;
        const struct timeval limit = {.tv_sec = SEND_TIMEOUT_S};
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        begin_client(control, fd);
    }
    return NULL;
}

static bool is_alive(const struct sockaddr_un *address) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    if (fd >= 0)
        close(fd);
    return is;
}

static bool bind_socket(struct control *control, struct error *error) {
    struct sockaddr_un address;
    if (!make_address(control->options.path, &address, error))
        return false;
    if (is_alive(&address))
        return error_set(
            error, ERROR_STATE,
            "%s: another take5 is listening there; set a different [take5] run_dir for this one",
            control->options.path);
    unlink(control->options.path);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->listener < 0)
        return error_set_errno(error, errno, "cannot create a socket");
    at_fork_close(control->listener);
    /* Nobody may connect before the mode is right: nobody can before listen(). */
    if (bind(control->listener, (struct sockaddr *)&address, sizeof address) != 0)
        return error_set_errno(error, errno, "cannot bind %s", control->options.path);
    strcpy(control->path, control->options.path);
    const bool has_group = control->group != (gid_t)-1;
    if ((has_group && chown(control->path, (uid_t)-1, control->group) != 0) ||
        chmod(control->path, has_group ? 0660 : 0600) != 0)
        return error_set_errno(error, errno, "cannot set the mode of %s", control->path);
    if (listen(control->listener, CONTROL_CLIENTS) != 0)
        return error_set_errno(error, errno, "cannot listen on %s", control->path);
    return true;
}

static void release(struct control *control) {
    acceptor_release(&control->acceptor);
    if (control->listener >= 0) {
        at_fork_forget(control->listener);
        close(control->listener);
    }
    if (control->path[0] != '\0')
        unlink(control->path);
    for (size_t i = 0; i < 2; i++) {
        if (control->wake[i] >= 0)
            close(control->wake[i]);
    }
    pthread_mutex_destroy(&control->lock);
    pthread_cond_destroy(&control->changed);
    free(control);
}

void control_log_request(struct log *log, const struct control_request *request,
                         size_t word_count) {
    struct text words;
    text_init(&words);
    for (size_t i = 0; i < word_count && i < request->count; i++)
        text_printf(&words, "%s%s", i > 0 ? " " : "", request->words[i]);
    log_event(log, LOG_LEVEL_INFO, "ops", "control.requested",
              "control: \"%s\" requested by user %u (process %d)", words.data,
              (unsigned)request->user, (int)request->process);
    text_release(&words);
}

struct control *control_new(const struct control_options *options, struct error *error) {
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        error_set_memory(error, "the control socket");
        return NULL;
    }
    control->options = *options;
    if (control->options.timeout_ns <= 0)
        control->options.timeout_ns = CONTROL_TIMEOUT_S * NS_PER_S;
    control->listener = control->wake[0] = control->wake[1] = control->acceptor.reserve = -1;
    control->group = (gid_t)-1;
    pthread_mutex_init(&control->lock, NULL);
    pthread_cond_init(&control->changed, NULL);
    if (options->group != NULL) {
        const struct group *group = getgrnam(options->group);
        if (group == NULL) {
            error_set(error, ERROR_INVALID, "[control] group = %s: no such group", options->group);
            goto failed;
        }
        control->group = group->gr_gid;
    }
    if (pipe2(control->wake, O_CLOEXEC) != 0) {
        error_set_errno(error, errno, "cannot create a pipe");
        goto failed;
    }
    if (!bind_socket(control, error) ||
        !acceptor_init(&control->acceptor, control->listener, "control", options->log, error))
        goto failed;
    const int status = pthread_create(&control->thread, NULL, control_main, control);
    if (status != 0) {
        error_set_errno(error, status, "cannot start the control thread");
        goto failed;
    }
    pthread_setname_np(control->thread, "control");
    return control;

failed:
    release(control);
    return NULL;
}

void control_free(struct control *control) {
    if (control == NULL)
        return;
    const char stop = 's';
    while (write(control->wake[1], &stop, 1) < 0 && errno == EINTR) {}
    pthread_join(control->thread, NULL);
    lock_acquire(&control->lock, control_lock);
    while (control->clients > 0)
        pthread_cond_wait(&control->changed, &control->lock);
    lock_release(&control->lock, control_lock);
    release(control);
}

uint64_t control_accept_failures(const struct control *control) {
    return acceptor_failures(&control->acceptor);
}

bool control_lacks_descriptors(const struct control *control) {
    return acceptor_lacks_descriptors(&control->acceptor);
}

/* ---- the client ---- */

/* To find out who listens. */
#define FIND_NS (5 * NS_PER_S)

/* A peer that stands still may not keep the caller: a full queue of connections does not either. */
static bool limit_waiting(int fd, int64_t timeout_ns, struct error *error) {
    const struct timeval limit = {.tv_sec = timeout_ns / NS_PER_S,
                                  .tv_usec = timeout_ns % NS_PER_S / NS_PER_US};
    return timeout_ns == 0 ||
           (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0) ||
           error_set_errno(error, errno, "cannot limit the time of a socket");
}

/* Within the time, which then is that of each further call too; 0: without limit. */
static int connect_to(const char *path, int64_t timeout_ns, struct error *error) {
    struct sockaddr_un address;
    if (!make_address(path, &address, error))
        return -1;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot create a socket");
        return -1;
    }
    if (limit_waiting(fd, timeout_ns, error)) {
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        if (errno == EAGAIN)
            error_set(error, ERROR_TIMEOUT, "%s: no answer in time", path);
        else
            error_set_errno(error, errno, "no response from take5 at %s", path);
    }
    close(fd);
    return -1;
}

bool control_find(const char *path, pid_t *pid, struct error *error) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    const int fd = connect_to(path, FIND_NS, error);
    if (fd < 0)
        return false;
    const bool did = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    if (did)
        *pid = peer.pid;
    else
        error_set_errno(error, errno, "%s: cannot identify the process that listens there", path);
    close(fd);
    return did;
}

/* All of the answer, without its first line. */
static bool take_answer(int fd, const char *path, bool *did, struct text *answer,
                        struct error *error) {
    char buffer[4096];
    for (;;) {
        const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return error_set(error, ERROR_TIMEOUT, "%s: no answer in time", path);
        if (n <= 0)
            break;
        text_append(answer, buffer, (size_t)n);
    }
    *did = strncmp(answer->data, "ok\n", 3) == 0;
    if (!*did && strncmp(answer->data, "failed\n", 7) != 0)
        return error_set(error, ERROR_SYSTEM, "%s: the host exited before it responded", path);
    if (text_is_oom(answer))
        return error_set_memory(error, "the host's answer");
    const size_t head = *did ? 3 : 7;
    memmove(answer->data, answer->data + head, answer->size - head + 1);
    answer->size -= head;
    return true;
}

bool control_call(const char *path, const char *request, const struct control_body *body,
                  int64_t timeout_ns, bool *did, struct text *answer, struct error *error) {
    char end[32] = "\n";
    const int fd = connect_to(path, timeout_ns, error);
    if (fd < 0)
        return false;
    if (body != NULL)
        (void)snprintf(end, sizeof end, " +%zu\n", body->size);
    send_all(fd, request, strlen(request));
    send_all(fd, end, strlen(end));
    /* When the host refuses it half way, its answer says why. */
    if (body != NULL)
        send_all(fd, body->data, body->size);
    const bool is_answered = take_answer(fd, path, did, answer, error);
    close(fd);
    return is_answered;
}

bool control_ask(const char *path, const char *request, bool *did, struct text *answer,
                 struct error *error) {
    return control_call(path, request, NULL, 0, did, answer, error);
}

bool control_send(const char *path, const char *request, const void *body, size_t size, bool *did,
                  struct text *answer, struct error *error) {
    const struct control_body whole = {body, size};
    return control_call(path, request, &whole, 0, did, answer, error);
}
