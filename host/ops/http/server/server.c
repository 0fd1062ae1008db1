#include "ops/http/server/server.h"

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/locks.h"
#include "base/thread.h"
#include "base/units.h"
#include "ops/http/server/access.h"
#include "ops/http/server/connections.h"
#include "ops/http/server/path.h"
#include "ops/http/server/streams.h"
#include "os/acceptor.h"
#include "os/at_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG       512
#define LOOK_MS       1000 /* how often ages are looked at while there are connections */
#define MAX_PARAMETER (4 * HTTP_PARAMETER_MAX + 1)
/* Above ours, so that libmicrohttpd never stops accepting: what is dropped is still open until it
 * has seen so. */
#define LIBRARY_LIMIT (2 * HTTP_CONNECTIONS)

/* Pages are made of what this server sends, and nothing runs that stands in a document. */
#define CONTENT_POLICY                                                                             \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

LOCK_CLASS(http_hosts_lock);
struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool has_thread;
    int listener;
    int stop; /* an eventfd */
    int wake; /* likewise: for streams */
    uint16_t port;
    pthread_mutex_t hosts_lock;               /* guards the names */
    char **hosts GUARDED_BY(http_hosts_lock); /* NULL, or ended by NULL */
    struct access access;
    struct acceptor acceptor;
    /* The thread's own. */
    struct http_connections connections;
    struct streams streams;
    size_t answer_bytes; /* of the answers under way */
};

struct http_request {
    struct http_server *server;        /* NULL: of http_answer_target() */
    struct MHD_Connection *connection; /* likewise */
    t5_str form;
    const char *path;
    const char *query; /* then; what stands behind the path's '?' */
    char parameter[MAX_PARAMETER];
    size_t parameter_size;
};

/* ---- for routes ---- */

t5_str http_parameter(const struct http_request *request) {
    return (t5_str){.data = request->parameter, .len = request->parameter_size};
}

struct query {
    const char *name;
    char value[4 * HTTP_PARAMETER_MAX + 1];
    size_t size; /* above the room: it is longer */
    size_t count;
};

static enum MHD_Result find_query(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value) {
    struct query *query = context;
    char decoded[64];
    (void)kind;
    const size_t size = http_decode(name, strlen(name), decoded, sizeof decoded);
    if (size != strlen(query->name) || memcmp(decoded, query->name, size) != 0)
        return MHD_YES;
    if (value == NULL)
        value = "";
    query->size = http_decode(value, strlen(value), query->value, sizeof query->value - 1);
    query->value[query->size < sizeof query->value ? query->size : 0] = '\0';
    query->count++;
    return MHD_YES;
}

/* "a=1&b=2" */
static void find_in_text(const char *text, struct query *query) {
    while (*text != '\0') {
        char name[64], value[sizeof query->value];
        const size_t size = strcspn(text, "&"), name_size = strcspn(text, "=&");
        const size_t value_at = name_size < size ? name_size + 1 : size;
        if (name_size < sizeof name && size - value_at < sizeof value) {
            (void)snprintf(name, sizeof name, "%.*s", (int)name_size, text);
            (void)snprintf(value, sizeof value, "%.*s", (int)(size - value_at), text + value_at);
            (void)find_query(query, MHD_GET_ARGUMENT_KIND, name, value);
        }
        text += size + (text[size] == '&');
    }
}

static enum MHD_Result write_query(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    struct text *text = context;
    (void)kind;
    text_printf(text, "%c%s%s%s", strchr(text->data, '?') == NULL ? '?' : '&', name,
                value != NULL ? "=" : "", value != NULL ? value : "");
    return MHD_YES;
}

void http_target(const struct http_request *request, struct text *target) {
    text_puts(target, request->path);
    if (request->connection != NULL)
        MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, write_query, target);
    else if (request->query[0] != '\0')
        text_printf(target, "?%s", request->query);
}

bool http_query_integer(const struct http_request *request, const char *name, int64_t min,
                        int64_t max, int64_t otherwise, int64_t *value) {
    struct query query = {.name = name};
    if (request->connection != NULL)
        MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, find_query, &query);
    else
        find_in_text(request->query, &query);
    *value = otherwise;
    if (query.count == 0)
        return true;
    return query.count == 1 && strlen(query.value) == query.size &&
           parse_integer(query.value, value) && *value >= min && *value <= max;
}

bool http_query_text(const struct http_request *request, const char *name, char *value, size_t room,
                     size_t *size) {
    struct query query = {.name = name};
    if (request->connection != NULL)
        MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, find_query, &query);
    else
        find_in_text(request->query, &query);
    *size = query.size;
    if (query.count != 1 || query.size >= sizeof query.value || query.size >= room)
        return false;
    memcpy(value, query.value, query.size);
    value[query.size] = '\0';
    return true;
}

/* ---- who asks ---- */

const char *http_header(const struct http_request *request, const char *name) {
    return request->connection != NULL
               ? MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name)
               : NULL;
}

t5_str http_form(const struct http_request *request) {
    return request->form;
}

bool http_may_read(const struct http_request *request) {
    return request->server == NULL ||
           access_may_read(&request->server->access,
                           http_header(request, MHD_HTTP_HEADER_AUTHORIZATION),
                           http_header(request, MHD_HTTP_HEADER_COOKIE));
}

/* Browsers send one of these with what another site's page has asked for. */
bool http_is_foreign(const struct http_request *request) {
    const char *site = http_header(request, "Sec-Fetch-Site");
    const char *origin = http_header(request, "Origin");
    const char *host = http_header(request, MHD_HTTP_HEADER_HOST);
    if (site != NULL)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    if (origin == NULL || host == NULL)
        return false;
    const char *named = strstr(origin, "://");
    return named == NULL || strcasecmp(named + 3, host) != 0;
}

bool http_login(const struct http_request *request, t5_str token, struct http_answer *answer) {
    char cookie[ACCESS_COOKIE_SIZE + 1];
    if (request->server == NULL || !access_login(&request->server->access, token, cookie))
        return false;
    (void)snprintf(answer->cookie, sizeof answer->cookie,
                   ACCESS_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict", cookie);
    return true;
}

bool http_server_try_token(const char *token_file, struct error *error) {
    return access_try(token_file, error);
}

bool http_server_protect(struct http_server *server, const char *token_file, struct error *error) {
    return access_set(&server->access, token_file, error);
}

void http_fail(struct http_answer *answer, unsigned status, const char *format, ...) {
    struct text message;
    va_list args;
    text_init(&message);
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    answer->status = status;
    answer->content_type = "application/json";
    text_reset(&answer->body);
    struct json_writer json = json_writer_of(&answer->body);
    json_begin_object(&json, NULL);
    json_text(&json, "status", "error");
    json_bytes(&json, "message", message.data, message.size);
    json_end_object(&json);
    text_putc(&answer->body, '\n');
    text_release(&message);
}

/* ---- routes ---- */

/* Bytes that begin a character, or are none of UTF-8. */
static size_t count_characters(const char *text, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static const struct http_route *find_route(const struct http_route *routes, const char *path,
                                           struct http_request *request) {
    for (const struct http_route *route = routes; route->path != NULL; route++) {
        size_t size = sizeof request->parameter;
        if (!http_path_is(route->path, path, request->parameter, &size) ||
            count_characters(request->parameter, size) > HTTP_PARAMETER_MAX)
            continue;
        request->parameter_size = size;
        return route;
    }
    return NULL;
}

void http_answer_target(const struct http_route *routes, void *context, const char *target,
                        struct http_answer *answer) {
    const size_t path_size = strcspn(target, "?");
    char *path = text_dup(target, path_size);
    struct http_request request = {.path = path,
                                   .query = target[path_size] == '?' ? target + path_size + 1 : ""};
    answer->status = MHD_HTTP_OK;
    answer->content_type = "application/json";
    const struct http_route *route = path != NULL ? find_route(routes, path, &request) : NULL;
    if (path == NULL)
        http_fail(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
    else if (route == NULL)
        http_fail(answer, MHD_HTTP_NOT_FOUND, "no such path; see /openapi.json");
    else
        route->answer(context, &request, answer);
    free(path);
}

/* libmicrohttpd would decode before we have split: it is told that there is nothing to decode. */
static size_t leave_as_it_is(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    return strlen(text);
}

/* ---- hosts ---- */

static void free_names(char **names) {
    for (size_t i = 0; names != NULL && names[i] != NULL; i++)
        free(names[i]);
    free(names);
}

static char **copy_names(char *const *names) {
    size_t count = 0;
    while (names != NULL && names[count] != NULL)
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = text_dup(names[i], strlen(names[i]));
        if (copy[i] == NULL) {
            free_names(copy);
            return NULL;
        }
    }
    return copy;
}

bool http_server_allow(struct http_server *server, char *const *names, struct error *error) {
    char **copy = copy_names(names);
    if (copy == NULL)
        return error_set_memory(error, "[http] allowed_hosts");
    lock_acquire(&server->hosts_lock, http_hosts_lock);
    char **before = server->hosts;
    server->hosts = copy;
    lock_release(&server->hosts_lock, http_hosts_lock);
    free_names(before);
    return true;
}

struct hosts {
    const char *first;
    size_t count;
};

static enum MHD_Result find_host(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
    struct hosts *hosts = context;
    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0 && hosts->count++ == 0)
        hosts->first = value != NULL ? value : "";
    return MHD_YES;
}

/* False: the answer says why not. */
static bool check_host(struct http_server *server, struct MHD_Connection *connection,
                       const char *version, struct http_answer *answer) {
    struct hosts hosts = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, find_host, &hosts);
    if (hosts.count == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
        return true; /* no browser */
    if (hosts.count != 1) {
        http_fail(answer, MHD_HTTP_BAD_REQUEST,
                  "a request must have one Host header, this one has %zu", hosts.count);
        return false;
    }
    lock_acquire(&server->hosts_lock, http_hosts_lock);
    const bool is_known = http_host_is_known(hosts.first, server->hosts);
    lock_release(&server->hosts_lock, http_hosts_lock);
    if (!is_known)
        http_fail(answer, MHD_HTTP_MISDIRECTED_REQUEST,
                  "Host \"%.100s\" is not allowed: use an address or localhost, or add the name "
                  "to [http] allowed_hosts",
                  hosts.first);
    return is_known;
}

/* ---- answers ---- */

/* A body on its way; it goes when the client has taken it, or is gone. */
struct sending {
    struct http_server *server;
    char *data;
    size_t size;
};

static void end_sending(void *context) {
    struct sending *sending = context;
    sending->server->answer_bytes -= sending->size;
    free(sending->data);
    free(sending);
}

static struct MHD_Response *new_response(struct http_server *server, struct text *body) {
    struct sending *sending = malloc(sizeof *sending);
    if (sending == NULL)
        return NULL;
    const size_t size = body->size;
    *sending = (struct sending){.server = server, .size = size, .data = text_take(body)};
    if (sending->data == NULL) {
        free(sending);
        return NULL;
    }
    server->answer_bytes += size;
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        size, sending->data, end_sending, sending);
    if (response == NULL)
        end_sending(sending);
    return response;
}

static void add_headers(struct MHD_Response *response, const struct http_answer *answer,
                        const char *allow) {
    const char *const headers[][2] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type},
        {MHD_HTTP_HEADER_CACHE_CONTROL, answer->cache != NULL ? answer->cache : "no-store"},
        {MHD_HTTP_HEADER_CONTENT_ENCODING, answer->encoding},
        {MHD_HTTP_HEADER_VARY, answer->cache != NULL ? "Accept-Encoding" : NULL},
        {MHD_HTTP_HEADER_LOCATION, answer->location},
        {MHD_HTTP_HEADER_SET_COOKIE, answer->cookie[0] != '\0' ? answer->cookie : NULL},
        {MHD_HTTP_HEADER_WWW_AUTHENTICATE,
         answer->status == MHD_HTTP_UNAUTHORIZED ? "Bearer" : NULL},
        {MHD_HTTP_HEADER_ALLOW, allow},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Security-Policy", CONTENT_POLICY},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (headers[i][1] != NULL)
            MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

static enum MHD_Result send_answer(struct http_server *server, struct MHD_Connection *connection,
                                   struct http_answer *answer, const char *allow) {
    if (server->answer_bytes + answer->body.size > HTTP_ANSWER_BYTES)
        http_fail(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "too many responses in progress");
    if (text_is_oom(&answer->body))
        return MHD_NO;
    struct MHD_Response *response = answer->stream != NULL
                                        ? streams_add(&server->streams, connection, answer)
                                        : new_response(server, &answer->body);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, answer, allow);
    const enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
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

/* Nobody reads with a body; whoever sends one is answered at once, and the body is not read. */
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
    const struct http_route *route = find_route(server->options.routes, url, &unused);
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
    if (!check_host(server, request->connection, version, answer))
        return;
    const struct http_route *route = find_route(server->options.routes, request->path, request);
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
    struct http_request request = {.server = server, .connection = connection, .path = url};
    if (form != NULL && !text_is_oom(&form->text))
        request.form = (t5_str){.data = form->text.data, .len = form->text.size};
    struct http_answer answer = {.status = MHD_HTTP_OK, .content_type = "application/json"};
    const char *allow = NULL;
    text_init(&answer.body);
    answer_request(server, &request, method, version, &answer, &allow);
    log_debug(server->options.log, "ops", "http: %s %s: %u", method, url, answer.status);
    const enum MHD_Result result = send_answer(server, connection, &answer, allow);
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

__attribute__((format(printf, 2, 0))) static void complain(void *context, const char *format,
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
    const int fd = acceptor_take(&server->acceptor, &address, &size);
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
    streams_resume(&server->streams, touch_stream, server);
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

static uint16_t port_of(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static bool listen_on(struct http_server *server, const struct addrinfo *found,
                      struct error *error) {
    const char *address = server->options.address;
    const int on = 1;
    server->listener =
        socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (server->listener < 0)
        return error_set_errno(error, errno, "http: cannot create a socket for %s", address);
    at_fork_close(server->listener); /* in copies of the process */
    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server->listener, found->ai_addr, found->ai_addrlen) != 0 ||
        listen(server->listener, BACKLOG) != 0)
        return error_set_errno(error, errno,
                               "http: cannot listen on %s port %u; set [http] port, or enabled = "
                               "no",
                               address, server->options.port);
    server->port = port_of(server->listener);
    return true;
}

static bool open_listener(struct http_server *server, struct error *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", server->options.port);
    const int status = getaddrinfo(server->options.address, port, &hints, &found);
    if (status != 0)
        return error_set(error, ERROR_INVALID, "[http] address = %s: %s", server->options.address,
                         gai_strerror(status));
    const bool did = listen_on(server, found, error);
    freeaddrinfo(found);
    return did;
}

static bool start_daemon(struct http_server *server, struct error *error) {
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0,
        NULL, NULL, handle, server, MHD_OPTION_EXTERNAL_LOGGER, complain, server,
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

static void tell_exposure(struct http_server *server) {
    if (is_loopback(server->options.address) || access_has_token(&server->access))
        return;
    log_event(server->options.log, LOG_LEVEL_WARNING, "ops", "http.exposed",
              "[http] address = %s without token_file: whoever reaches port %u reads symbols, "
              "signals and status; set token_file, or put a proxy that authenticates before it",
              server->options.address, server->port);
}

struct http_server *http_server_new(const struct http_server_options *options,
                                    struct error *error) {
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        error_set_memory(error, "the http server");
        return NULL;
    }
    server->options = *options;
    server->listener = server->acceptor.reserve = -1;
    pthread_mutex_init(&server->hosts_lock, NULL);
    access_init(&server->access);
    server->stop = eventfd(0, EFD_CLOEXEC);
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->stop < 0 || server->wake < 0) {
        error_set_errno(error, errno, "http: cannot create an eventfd");
        goto failed;
    }
    if (!http_server_allow(server, options->hosts, error) ||
        !http_server_protect(server, options->token_file, error) || !open_listener(server, error) ||
        !acceptor_init(&server->acceptor, server->listener, "http", options->log, error) ||
        !start_daemon(server, error) ||
        !thread_start(&server->thread, "http", serve, server, error))
        goto failed;
    server->has_thread = true;
    tell_exposure(server);
    return server;

failed:
    http_server_free(server);
    return NULL;
}

void http_server_free(struct http_server *server) {
    lock_alone(http_hosts_lock);
    if (server == NULL)
        return;
    if (server->has_thread) {
        const uint64_t one = 1;
        while (write(server->stop, &one, sizeof one) < 0 && errno == EINTR) {}
        pthread_join(server->thread, NULL);
    }
    if (server->listener >= 0)
        at_fork_forget(server->listener);
    streams_resume(&server->streams, touch_stream, server); /* or they would not end */
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    acceptor_release(&server->acceptor);
    if (server->listener >= 0)
        close(server->listener);
    if (server->stop >= 0)
        close(server->stop);
    if (server->wake >= 0)
        close(server->wake);
    free_names(server->hosts);
    access_release(&server->access);
    pthread_mutex_destroy(&server->hosts_lock);
    free(server);
}

void http_server_wake(struct http_server *server) {
    const uint64_t one = 1;
    (void)!write(server->wake, &one, sizeof one);
}

uint16_t http_server_port(const struct http_server *server) {
    return server->port;
}

uint64_t http_server_accept_failures(const struct http_server *server) {
    return acceptor_failures(&server->acceptor);
}

bool http_server_lacks_descriptors(const struct http_server *server) {
    return acceptor_lacks_descriptors(&server->acceptor);
}
