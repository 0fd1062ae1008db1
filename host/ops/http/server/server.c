#include "ops/http/server/server.h"

#include "base/clock.h"
#include "base/sync/thread.h"
#include "ops/http/server/access.h"
#include "ops/http/server/connections.h"
#include "ops/http/server/http_hosts.h"
#include "ops/http/server/http_request.h"
#include "ops/http/server/http_responses.h"
#include "ops/http/server/listener.h"
#include "os/acceptor.h"
#include "os/at_fork.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS       1000 /* how often ages are looked at while there are connections */
/* Above ours, so that libmicrohttpd never stops accepting: what is dropped is still open until it
 * has seen so. */
#define LIBRARY_LIMIT (2 * HTTP_CONNECTIONS)

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool has_thread;
    struct listener listener;
    int stop; /* an eventfd */
    int wake; /* likewise: for streams */
    struct http_hosts hosts;
    struct access access;
    struct acceptor acceptor;
    /* The thread's own. */
    struct http_connections connections;
    struct http_responses responses;
};

bool http_server_allow(struct http_server *server, char *const *names, struct error *error) {
    return http_hosts_set(&server->hosts, names, error);
}

bool http_server_try_token(const char *token_file, struct error *error) {
    return access_try(token_file, error);
}

bool http_server_protect(struct http_server *server, const char *token_file, struct error *error) {
    return access_set(&server->access, token_file, error);
}

/* ---- requests ---- */

/* libmicrohttpd would decode before we have split: this callback decodes nothing. */
static size_t leave_as_it_is(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    return strlen(text);
}

static struct http_connection *connection_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static void touch(struct http_server *server, struct MHD_Connection *connection) {
    struct http_connection *known = connection_of(connection);
    if (known != NULL)
        http_connections_touch(&server->connections, known, clock_monotonic_ns());
}

/* Nobody reads with a body; a request with one is answered at once, and the body is not read. */
static bool has_body(struct MHD_Connection *connection) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                       MHD_HTTP_HEADER_CONTENT_LENGTH) != NULL ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                       MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

/* A form on its way in. */
struct form {
    struct text text;
};

static bool takes_form(const struct http_server *server, const char *url, const char *method) {
    struct http_request unused;
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        return false;
    const struct http_route *route = http_find_route(server->options.routes, url, &unused);
    return route != NULL && (route->flags & HTTP_POST) != 0;
}

/* What is more than a form may have is dropped, and the rest is none. */
static void take_form(struct form *form, const char *upload, size_t *size) {
    if (form->text.size + *size <= HTTP_FORM_BYTES)
        text_append(&form->text, upload, *size);
    else
        form->text.is_oom = true;
    *size = 0;
}

/* False: the answer says why not. */
static bool check_method(const struct http_route *route, const char *method,
                         struct http_answer *answer, const char **allow) {
    const bool is_post = (route->flags & HTTP_POST) != 0;
    if (is_post
            ? strcmp(method, MHD_HTTP_METHOD_POST) == 0
            : strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        return true;
    *allow = is_post ? "POST" : "GET, HEAD";
    http_fail(answer, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed; use %s",
              is_post ? "POST" : "GET or HEAD");
    return false;
}

/* Makes the answer; the order of the checks is that of server.h. */
static void answer_request(struct http_server *server, struct http_request *request,
                           const char *method, const char *version, struct http_answer *answer,
                           const char **allow) {
    if (!http_hosts_check(&server->hosts, request->connection, version, answer))
        return;
    const struct http_route *route =
        http_find_route(server->options.routes, request->path, request);
    if (!http_may_read(request) && (route == NULL || (route->flags & HTTP_OPEN) == 0))
        http_fail(answer, MHD_HTTP_UNAUTHORIZED,
                  "a token is needed: the header \"Authorization: Bearer TOKEN\", or log in at /");
    else if (route == NULL)
        http_fail(answer, MHD_HTTP_NOT_FOUND, "no such path; see /openapi.json");
    else if (check_method(route, method, answer, allow))
        route->answer(server->options.context, request, answer);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request_context) {
    struct http_server *server = context;
    /* libmicrohttpd keeps a connection only if it is answered at the second call, and closes it
     * after an answer at the first one, which has read the head alone. */
    if (*request_context == NULL && takes_form(server, url, method)) {
        struct form *form = calloc(1, sizeof *form);
        if (form == NULL)
            return MHD_NO;
        text_init(&form->text);
        *request_context = form;
        return MHD_YES;
    }
    if (*request_context == NULL && !has_body(connection)) {
        *request_context = server;
        touch(server, connection);
        return MHD_YES;
    }
    struct form *form = *request_context != server ? *request_context : NULL;
    if (form != NULL && *upload_size > 0) {
        take_form(form, upload, upload_size);
        return MHD_YES;
    }
    struct http_request request = {
        .access = &server->access, .connection = connection, .path = url};
    if (form != NULL && !text_is_oom(&form->text))
        request.form = (t5_str){.data = form->text.data, .len = form->text.size};
    struct http_answer answer = {.status = MHD_HTTP_OK, .content_type = "application/json"};
    const char *allow = NULL;
    text_init(&answer.body);
    answer_request(server, &request, method, version, &answer, &allow);
    log_debug(server->options.log, "ops", "http: %s %s: %u", method, url, answer.status);
    const enum MHD_Result result =
        http_responses_send(&server->responses, connection, &answer, allow);
    text_release(&answer.body);
    return result;
}

static void completed(void *context, struct MHD_Connection *connection, void **request_context,
                      enum MHD_RequestTerminationCode code) {
    (void)code;
    if (*request_context != NULL && *request_context != context) {
        struct form *form = *request_context;
        if (form->text.size > 0) /* it may hold a token */
            explicit_bzero(form->text.data, form->text.size);
        text_release(&form->text);
        free(form);
    }
    *request_context = NULL;
    touch(context, connection);
}

static void connected(void *context, struct MHD_Connection *connection, void **socket_context,
                      enum MHD_ConnectionNotificationCode code) {
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context != NULL)
            http_connections_remove(&server->connections, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == NULL)
        return;
    *socket_context = http_connections_add(&server->connections, info->connect_fd, HTTP_CONNECTIONS,
                                           clock_monotonic_ns());
    if (*socket_context == NULL) /* no memory to see to it that it ends */
        shutdown(info->connect_fd, SHUT_RDWR);
}

__attribute__((format(printf, 2, 0))) static void log_of_library(void *context, const char *format,
                                                                 va_list args) {
    const struct http_server *server = context;
    char text[512];
    if (!log_is_on(server->options.log, "ops", LOG_LEVEL_DEBUG))
        return;
    vsnprintf(text, sizeof text, format, args);
    log_write(server->options.log, LOG_LEVEL_DEBUG, "ops", "http: %s", text);
}

/* ---- the thread ---- */

static int wait_ms(struct http_server *server) {
    MHD_UNSIGNED_LONG_LONG left = 0;
    int wait = server->connections.count > 0 ? LOOK_MS : -1;
    if (MHD_get_timeout(server->daemon, &left) == MHD_YES && (wait < 0 || left < (unsigned)wait))
        wait = left < LOOK_MS ? (int)left : LOOK_MS;
    return wait;
}

/* libmicrohttpd's own way spins, or ends for good, when there are no descriptors. */
static void take_connection(struct http_server *server) {
    struct sockaddr_storage address;
    socklen_t size;
    const int fd = acceptor_accept(&server->acceptor, &address, &size);
    if (fd >= 0) /* it closes what it does not take */
        MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, size);
    else if (server->acceptor.is_starved) /* for the next one */
        http_connections_drop_oldest(&server->connections);
}

static void touch_stream(void *context, struct MHD_Connection *connection) {
    touch(context, connection);
}

static void resume_streams(struct http_server *server) {
    uint64_t times;
    (void)!read(server->wake, &times, sizeof times);
    streams_resume(&server->responses.streams, touch_stream, server);
}

static void *serve(void *argument) {
    struct http_server *server = argument;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[4] = {{.fd = info->epoll_fd, .events = POLLIN},
                            {.fd = server->stop, .events = POLLIN},
                            [3] = {.fd = server->wake, .events = POLLIN}};
    for (;;) {
        const int accept_ms = acceptor_prepare(&server->acceptor, &fds[2]);
        int wait = wait_ms(server);
        if (wait < 0 || (accept_ms >= 0 && accept_ms < wait))
            wait = accept_ms;
        if (poll(fds, 4, wait) < 0)
            continue; /* EINTR, or no memory for a moment */
        if (fds[1].revents != 0)
            break;
        if (fds[2].revents != 0)
            take_connection(server);
        if (fds[3].revents != 0)
            resume_streams(server);
        MHD_run(server->daemon);
        http_connections_drop_older(&server->connections,
                                    clock_monotonic_ns() - HTTP_REQUEST_S * NS_PER_S);
    }
    return NULL;
}

/* ---- life ---- */

static bool start_daemon(struct http_server *server, struct error *error) {
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0,
        NULL, NULL, handle, server, MHD_OPTION_EXTERNAL_LOGGER, log_of_library, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIBRARY_LIMIT, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_REQUEST_S,
        MHD_OPTION_NOTIFY_CONNECTION, connected, server, MHD_OPTION_NOTIFY_COMPLETED, completed,
        server, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, leave_as_it_is, NULL,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (server->daemon == NULL)
        return error_set(error, ERROR_SYSTEM, "http: cannot start libmicrohttpd %s",
                         MHD_get_version());
    return true;
}

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
           strcmp(address, "localhost") == 0;
}

static void log_exposure(struct http_server *server) {
    if (is_loopback(server->options.address) || access_has_token(&server->access))
        return;
    log_event(
        server->options.log, LOG_LEVEL_WARNING, "ops", "http.exposed",
        "[http] address = %s without token_file: anyone who reaches port %u can read symbols, "
        "signals and status; set token_file, or put a proxy that authenticates before it",
        server->options.address, server->listener.port);
}

struct http_server *http_server_new(const struct http_server_options *options,
                                    struct error *error) {
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        error_set_memory(error, "the http server");
        return NULL;
    }
    server->options = *options;
    server->listener.fd = server->acceptor.reserve = -1;
    http_hosts_init(&server->hosts);
    access_init(&server->access);
    server->stop = eventfd(0, EFD_CLOEXEC);
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->stop < 0 || server->wake < 0) {
        error_set_errno(error, errno, "http: cannot create an eventfd");
        goto failed;
    }
    if (!http_server_allow(server, options->hosts, error) ||
        !http_server_protect(server, options->token_file, error) ||
        !listener_open(&server->listener, options->address, options->port, error) ||
        !acceptor_init(&server->acceptor, server->listener.fd, "http", options->log, error) ||
        !start_daemon(server, error) ||
        !thread_start(&server->thread, "http", serve, server, error))
        goto failed;
    server->has_thread = true;
    log_exposure(server);
    return server;

failed:
    http_server_free(server);
    return NULL;
}

void http_server_free(struct http_server *server) {
    if (server == NULL)
        return;
    if (server->has_thread) {
        const uint64_t one = 1;
        while (write(server->stop, &one, sizeof one) < 0 && errno == EINTR) {}
        pthread_join(server->thread, NULL);
    }
    if (server->listener.fd >= 0)
        at_fork_forget(server->listener.fd);
    streams_resume(&server->responses.streams, touch_stream, server); /* or they would not end */
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    acceptor_release(&server->acceptor);
    listener_close(&server->listener);
    if (server->stop >= 0)
        close(server->stop);
    if (server->wake >= 0)
        close(server->wake);
    http_hosts_release(&server->hosts);
    access_release(&server->access);
    free(server);
}

void http_server_wake(struct http_server *server) {
    const uint64_t one = 1;
    (void)!write(server->wake, &one, sizeof one);
}

uint16_t http_server_port(const struct http_server *server) {
    return server->listener.port;
}

uint64_t http_server_accept_failures(const struct http_server *server) {
    return acceptor_failures(&server->acceptor);
}

bool http_server_lacks_descriptors(const struct http_server *server) {
    return acceptor_lacks_descriptors(&server->acceptor);
}
