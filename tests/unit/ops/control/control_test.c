/* The control socket: what clients send, whole and broken, and what they get. */
#include "ops/control/control.h"

#include "base/clock.h"
#include "client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_BODY 100000

struct desk {
    char directory[32], path[64];
    struct log *log;
    struct control *control;
};

/* Answers with what it was asked: the words, then the body's size and sum. */
static bool echo(void *context, const struct control_request *request, struct text *answer) {
    (void)context;
    for (size_t i = 0; i < request->count; i++)
        text_printf(answer, "[%s]", request->words[i]);
    if (request->body != NULL) {
        unsigned sum = 0;
        for (size_t i = 0; i < request->body_size; i++)
            sum += (unsigned char)request->body[i];
        text_printf(answer, " %zu bytes, sum %u", request->body_size, sum);
    }
    if (strcmp(request->words[0], "who") == 0)
        text_printf(answer, " %u %d", (unsigned)request->user, (int)request->process);
    return strcmp(request->words[0], "no") != 0;
}

static void open_desk(struct desk *desk, int64_t timeout_ns) {
    struct error error;
    strcpy(desk->directory, "/tmp/take5-control-XXXXXX");
    cr_assert_not_null(mkdtemp(desk->directory));
    snprintf(desk->path, sizeof desk->path, "%s/socket", desk->directory);
    desk->log = log_new();
    const struct control_options options = {.path = desk->path,
                                            .max_body = MAX_BODY,
                                            .timeout_ns = timeout_ns,
                                            .log = desk->log,
                                            .handle = echo};
    desk->control = control_new(&options, &error);
    cr_assert_not_null(desk->control, "%s", error.text);
}

static void close_desk(struct desk *desk) {
    control_free(desk->control);
    log_free(desk->log);
    cr_expect_eq(rmdir(desk->directory), 0, "the socket is gone with the server");
}

static int connect_raw(const struct desk *desk) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, desk->path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* What comes until the server ends. Static memory. */
static const char *read_raw(int fd) {
    static char answer[4096];
    size_t size = 0;
    for (ssize_t n; (n = recv(fd, answer + size, sizeof answer - 1 - size, 0)) > 0;)
        size += (size_t)n;
    answer[size] = '\0';
    close(fd);
    return answer;
}

/* Sends these bytes, ends the sending if asked, and gives the answer. */
static const char *ask_raw(const struct desk *desk, const char *bytes, size_t size, bool does_end) {
    const int fd = connect_raw(desk);
    for (size_t sent = 0; sent < size;) {
        const ssize_t n = send(fd, bytes + sent, size - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break; /* refused half way: the answer says why */
        sent += (size_t)n;
    }
    if (does_end)
        shutdown(fd, SHUT_WR);
    return read_raw(fd);
}

static const char *ask_text(const struct desk *desk, const char *text) {
    return ask_raw(desk, text, strlen(text), true);
}

Test(control, request_without_a_body_is_its_words) {
    struct desk desk;
    struct error error;
    struct text answer;
    bool did = false;
    open_desk(&desk, 0);
    text_init(&answer);
    cr_assert(control_ask(desk.path, "log-level engine DEBUG", &did, &answer, &error));
    cr_expect(did);
    cr_expect_str_eq(answer.data, "[log-level][engine][DEBUG]");
    text_reset(&answer);
    cr_assert(control_ask(desk.path, "no", &did, &answer, &error));
    cr_expect_not(did);
    text_release(&answer);
    close_desk(&desk);
}

Test(control, body_arrives_whole_whatever_bytes_it_has) {
    struct desk desk;
    struct error error;
    struct text answer;
    bool did = false;
    char *body = malloc(MAX_BODY);
    unsigned sum = 0;
    char wanted[64];
    open_desk(&desk, 0);
    for (size_t i = 0; i < MAX_BODY; i++) {
        body[i] = (char)(i * 7); /* line ends and NULs among them */
        sum += (unsigned char)body[i];
    }
    text_init(&answer);
    cr_assert(control_send(desk.path, "give NAME", body, MAX_BODY, &did, &answer, &error));
    cr_expect(did);
    snprintf(wanted, sizeof wanted, "[give][NAME] %d bytes, sum %u", MAX_BODY, sum);
    cr_expect_str_eq(answer.data, wanted);
    text_reset(&answer);
    cr_assert(control_send(desk.path, "give", "", 0, &did, &answer, &error));
    cr_expect_str_eq(answer.data, "[give] 0 bytes, sum 0");
    text_release(&answer);
    free(body);
    close_desk(&desk);
}

Test(control, body_may_come_in_pieces) {
    struct desk desk;
    open_desk(&desk, 0);
    const int fd = connect_raw(&desk);
    static const char *const pieces[] = {"gi", "ve +", "3\na", "b", "c"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        cr_assert_eq(send(fd, pieces[i], strlen(pieces[i]), 0), (ssize_t)strlen(pieces[i]));
        usleep(1000);
    }
    cr_expect_str_eq(read_raw(fd), "ok\n[give] 3 bytes, sum 294");
    close_desk(&desk);
}

Test(control, body_above_the_limit_is_refused_before_it_is_read) {
    struct desk desk;
    struct error error;
    struct text answer;
    bool did = true;
    char *body = calloc(1, MAX_BODY + 1);
    open_desk(&desk, 0);
    cr_expect_str_eq(ask_raw(&desk, "give +100001\n", 13, false),
                     "failed\na request body has at most 100000 bytes; this one declares "
                     "100001");
    const char *endless = ask_raw(&desk, "give +99999999999999999999999999999999\n", 39, false);
    cr_expect_eq(strncmp(endless, "failed\na request body has at most 100000 bytes", 46), 0);
    text_init(&answer);
    cr_assert(control_send(desk.path, "give", body, MAX_BODY + 1, &did, &answer, &error));
    cr_expect_not(did);
    cr_expect_not_null(strstr(answer.data, "declares 100001"));
    text_release(&answer);
    free(body);
    close_desk(&desk);
}

Test(control, body_that_is_cut_off_is_no_request) {
    struct desk desk;
    open_desk(&desk, 0);
    cr_expect_str_eq(ask_text(&desk, "give +10\nabc"),
                     "failed\nthe request was truncated: received 3 of the 10 bytes of its body");
    cr_expect_str_eq(ask_text(&desk, "give +10\n"),
                     "failed\nthe request was truncated: received 0 of the 10 bytes of its body");
    close_desk(&desk);
}

Test(control, what_follows_the_announced_bytes_is_left) {
    struct desk desk;
    open_desk(&desk, 0);
    cr_expect_str_eq(ask_text(&desk, "give +1\nabc"), "ok\n[give] 1 bytes, sum 97");
    cr_expect_str_eq(ask_text(&desk, "give\nabc"), "ok\n[give]");
    close_desk(&desk);
}

Test(control, words_that_only_look_like_a_length_are_words) {
    struct desk desk;
    open_desk(&desk, 0);
    cr_expect_str_eq(ask_text(&desk, "give +\n"), "ok\n[give][+]");
    cr_expect_str_eq(ask_text(&desk, "give +1x\n"), "ok\n[give][+1x]");
    cr_expect_str_eq(ask_text(&desk, "give +-1\n"), "ok\n[give][+-1]");
    cr_expect_str_eq(ask_text(&desk, "give +1 NAME\n"), "ok\n[give][+1][NAME]");
    close_desk(&desk);
}

Test(control, what_is_no_request_is_told_so) {
    struct desk desk;
    char line[2 * CONTROL_MAX_LINE];
    open_desk(&desk, 0);
    cr_expect_str_eq(ask_text(&desk, ""), "failed\nempty request");
    cr_expect_str_eq(ask_text(&desk, "\n"), "failed\nempty request");
    cr_expect_str_eq(ask_text(&desk, "   \n"), "failed\nempty request");
    cr_expect_str_eq(ask_text(&desk, "+0\n"), "failed\nempty request");
    cr_expect_str_eq(ask_text(&desk, "status"), "failed\nempty request", "no line end");
    cr_expect_str_eq(ask_raw(&desk, "sta\0tus\n", 8, true), "failed\nempty request");
    memset(line, 'a', sizeof line);
    cr_expect_str_eq(ask_raw(&desk, line, sizeof line, true), "failed\nempty request");
    cr_expect_str_eq(ask_text(&desk, "1 2 3 4 5 6 7 8\n"), "ok\n[1][2][3][4][5][6][7][8]");
    cr_expect_str_eq(ask_text(&desk, "1 2 3 4 5 6 7 8 +1\nx"),
                     "ok\n[1][2][3][4][5][6][7][8] 1 bytes, sum 120");
    cr_expect_str_eq(ask_text(&desk, "1 2 3 4 5 6 7 8 9\n"),
                     "failed\na request has at most 8 words");
    close_desk(&desk);
}

/* The time is for the request as a whole: a byte now and then does not prolong it. */
Test(control, client_that_dawdles_is_ended) {
    struct desk desk;
    open_desk(&desk, 50 * NS_PER_MS);
    const int silent = connect_raw(&desk);
    cr_expect_str_eq(read_raw(silent), "failed\nempty request");
    const int fd = connect_raw(&desk);
    cr_assert_eq(send(fd, "give +100000\n", 13, 0), 13);
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
        usleep(1000);
    const char *answer = read_raw(fd);
    cr_expect_eq(strncmp(answer, "failed\nthe request was truncated: received ", 43), 0, "%s",
                 answer);
    close_desk(&desk);
}

Test(control, random_bytes_end_in_an_answer) {
    struct desk desk;
    open_desk(&desk, 0);
    unsigned state = 1;
    for (int round = 0; round < 300; round++) {
        char bytes[600];
        const size_t size = (state = state * 1103515245u + 12345u) >> 16 & 511;
        for (size_t i = 0; i < size; i++) {
            static const char some[] = "give no +0123456789 \n\n\0\xff";
            state = state * 1103515245u + 12345u;
            bytes[i] = some[(state >> 16) % (sizeof some - 1)];
        }
        const char *answer = ask_raw(&desk, bytes, size, true);
        cr_assert(strncmp(answer, "ok\n", 3) == 0 || strncmp(answer, "failed\n", 7) == 0,
                  "round %d: %s", round, answer);
    }
    close_desk(&desk);
}

Test(control, nobody_there_is_an_error_that_names_the_socket) {
    struct text answer;
    struct error error;
    bool did;
    text_init(&answer);
    cr_expect_not(control_send("/tmp/no-such-take5/socket", "give", "", 0, &did, &answer, &error));
    cr_expect_not_null(strstr(error.text, "/tmp/no-such-take5/socket"));
    text_release(&answer);
}

/* Nobody takes what waits there, and no more has room. */
Test(control, a_host_that_stands_still_keeps_nobody_who_has_a_limit, .timeout = 60) {
    struct desk desk = {.directory = "/tmp/take5-still-XXXXXX"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct text answer;
    struct error error = {0};
    bool did;
    cr_assert_not_null(mkdtemp(desk.directory));
    snprintf(desk.path, sizeof desk.path, "%s/socket", desk.directory);
    strcpy(address.sun_path, desk.path);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(listener, 0), 0);
    const int waiting = connect_raw(&desk);
    text_init(&answer);
    cr_expect_not(control_call(desk.path, "status", NULL, 50 * NS_PER_MS, &did, &answer, &error));
    cr_expect_eq(error.code, ERROR_TIMEOUT, "%s", error.text);
    cr_expect_not_null(strstr(error.text, desk.path));
    text_release(&answer);
    close(waiting);
    close(listener);
    unlink(desk.path);
    cr_expect_eq(rmdir(desk.directory), 0);
}

/* ---- no descriptor left ---- */

static void connect_to_desk(const struct desk *desk, int fd) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, desk->path);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
}

Test(control, without_descriptors_clients_are_served_one_at_a_time_and_nothing_spins) {
    struct desk desk;
    int fds[5];
    open_desk(&desk, 0);
    for (size_t i = 0; i < 5; i++)
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client_take_descriptors();
    const int64_t began_ns = clock_monotonic_ns();
    for (size_t i = 0; i < 4; i++) {
        connect_to_desk(&desk, fds[i]);
        cr_assert_eq(send(fds[i], "hello\n", 6, MSG_NOSIGNAL), 6);
    }
    for (size_t i = 0; i < 3; i++) { /* the client's own end must not be what makes room */
        char answer[64] = "";
        cr_assert_gt(recv(fds[i], answer, sizeof answer - 1, 0), 0);
        cr_expect_eq(strncmp(answer, "ok\n", 3), 0, "%s", answer);
    }
    cr_expect(control_accept_failures(desk.control) > 0);
    const int64_t took_ms = (clock_monotonic_ns() - began_ns) / NS_PER_MS;
    cr_expect_leq(control_accept_failures(desk.control), (uint64_t)took_ms / 50 + 4);
    client_give_descriptors();
    while (control_lacks_descriptors(desk.control))
        usleep(1000);
    connect_to_desk(&desk, fds[4]);
    cr_assert_eq(send(fds[4], "hello\n", 6, MSG_NOSIGNAL), 6);
    cr_expect_str_eq(read_raw(fds[4]), "ok\n[hello]");
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
    close_desk(&desk);
}

Test(control, a_request_says_who_asks) {
    struct desk desk;
    char expected[64];
    open_desk(&desk, 0);
    snprintf(expected, sizeof expected, "ok\n[who] %u %d", (unsigned)geteuid(), (int)getpid());
    cr_expect_str_eq(ask_raw(&desk, "who\n", 4, false), expected);
    close_desk(&desk);
}
