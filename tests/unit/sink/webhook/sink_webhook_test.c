/*
 * Requests over a real connection; the ways to fail are tests/integration/receivers_test.py's.
 */
#include "sink/webhook/sink_webhook.h"

#include "base/clock.h"
#include "support.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Answers each request of one connection after the other with the next of its texts. */
struct server {
    int listener;
    const char *const *answers;
    pthread_t thread;
    char requests[4][2048];
};

static bool read_request(int client, char *request, size_t size) {
    size_t got = 0;
    for (;;) {
        const ssize_t count = recv(client, request + got, size - 1 - got, 0);
        if (count <= 0)
            return false;
        got += (size_t)count;
        request[got] = '\0';
        const char *body = strstr(request, "\r\n\r\n");
        const char *length = strstr(request, "Content-Length: ");
        if (body != NULL && length != NULL && strlen(body + 4) >= (size_t)atol(length + 16))
            return true;
    }
}

static void *serve(void *argument) {
    struct server *self = argument;
    for (size_t i = 0; self->answers[i] != NULL;) {
        const int client = accept(self->listener, NULL, NULL);
        while (self->answers[i] != NULL &&
               read_request(client, self->requests[i], sizeof self->requests[i])) {
            const char *answer = self->answers[i++];
            send(client, answer, strlen(answer), MSG_NOSIGNAL);
        }
        close(client);
    }
    return NULL;
}

static void server_begin(struct server *self, const char *const *answers, char *url, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    self->answers = answers;
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(self->listener, (struct sockaddr *)&address, length), 0);
    cr_assert_eq(listen(self->listener, 8), 0);
    cr_assert_eq(getsockname(self->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(url, size, "http://127.0.0.1:%d/path", ntohs(address.sin_port));
    pthread_create(&self->thread, NULL, serve, self);
}

static struct sink *open_sink(const char *url, struct log *log) {
    struct config_item header = {.name = "X-Own", .text = "yes"};
    const struct config_items headers = {.items = &header, .count = 1};
    struct error error;
    struct sink *sink =
        sink_webhook_new(&(struct sink_webhook_options){.url = url,
                                                        .format = WEBHOOK_JSON,
                                                        .headers = &headers,
                                                        .batch = 1,
                                                        .timeout_ns = 20 * NS_PER_S,
                                                        .retry_most_ns = 10 * NS_PER_MS,
                                                        .log = log},
                         &error);
    cr_assert_not_null(sink, "%s", error.text);
    return sink;
}

Test(sink_webhook, posts_tries_again_and_takes_no_for_an_answer) {
    static const char *const answers[] = {
        "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nlate",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 400 No\r\nContent-Length: 9\r\n\r\nnot\x1bthis\n", NULL};
    static struct server server;
    static struct tally tally;
    char url[64];
    struct log *log = log_new();
    server_begin(&server, answers, url, sizeof url);
    struct sink *sink = open_sink(url, log);
    push_signals(sink, &tally, 0, 2, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    const struct sink_status status = status_of(sink);
    cr_assert_str_eq(status.name, "webhook");
    cr_assert_eq(status.confirmed, 2u);
    cr_assert_eq(status.errors, 1u);
    cr_assert_eq(status.refused, 1u);
    sink->ops->close(sink, HANG_MS);
    pthread_join(server.thread, NULL);
    close(server.listener);
    cr_assert_eq(strncmp(server.requests[0], "POST /path HTTP/1.1\r\n", 21), 0, "%s",
                 server.requests[0]);
    cr_assert_not_null(strstr(server.requests[0], "\r\nX-Own: yes\r\n"));
    cr_assert_not_null(strstr(server.requests[0], "\r\nContent-Type: application/json\r\n"));
    cr_assert_not_null(strstr(server.requests[0], "\r\n\r\n{\"n\":0,\"pad\":\"\"}"));
    const char *key = strstr(server.requests[0], "\r\nIdempotency-Key: ");
    const char *again = strstr(server.requests[1], "\r\nIdempotency-Key: ");
    const char *other = strstr(server.requests[2], "\r\nIdempotency-Key: ");
    cr_assert(key != NULL && again != NULL && other != NULL);
    cr_assert_eq(strncmp(key, again, 51), 0);
    cr_assert_neq(strncmp(key, other, 51), 0);
    log_free(log);
    check_leaks();
}

/* Nobody listens there; what the log says of it. */
Test(sink_webhook, neither_user_nor_path_of_the_address_is_shown) {
    static struct tally tally;
    struct error error;
    struct log *log = log_new();
    char path[128];
    snprintf(path, sizeof path, "%s", scratch_path("log"));
    const struct log_options options = {.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_CONSOLE,
                                        .color = LOG_COLOR_NEVER,
                                        .path = path};
    cr_assert(log_configure(log, &options, &error));
    struct sink *sink = open_sink("http://me:hidden@127.0.0.1:1/hidden@too", log);
    push_signals(sink, &tally, 0, 1, 0);
    await_ok(sink, false);
    char *text = NULL;
    const int64_t until_ns = clock_monotonic_ns() + 5 * NS_PER_S;
    do { /* it is logged behind that */
        free(text);
        cr_assert(log_flush(log, 5 * NS_PER_S));
        text = file_text(path);
    } while (strstr(text, "failed") == NULL && clock_monotonic_ns() < until_ns);
    cr_assert_null(strstr(text, "hidden"), "%s", text);
    cr_assert_not_null(strstr(text, "write to http://127.0.0.1:1/... failed"), "%s", text);
    free(text);
    sink->ops->close(sink, 0);
    log_free(log);
    check_leaks();
}
