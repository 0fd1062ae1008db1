#include "ops/http/server/server.h"

#include "client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* More than the kernel takes over from a sender. */
#define MUCH ((size_t)16 * 1024 * 1024)

static struct log *the_log;
static struct http_server *server;

static void say_hello(void *context, const struct http_request *request,
                      struct http_answer *answer) {
    (void)request;
    text_printf(&answer->body, "{\"hello\":\"%s\"}", (const char *)context);
}

static void say_name(void *context, const struct http_request *request,
                     struct http_answer *answer) {
    (void)context;
    const t5_str name = http_parameter(request);
    text_json_string(&answer->body, name.data, name.len);
}

static void say_limit(void *context, const struct http_request *request,
                      struct http_answer *answer) {
    int64_t limit;
    (void)context;
    if (http_query_integer(request, "limit", 1, 100, 7, &limit))
        text_printf(&answer->body, "%d", (int)limit);
    else
        http_fail(answer, 400, "limit \"is\" wrong");
}

static void say_much(void *context, const struct http_request *request,
                     struct http_answer *answer) {
    (void)context;
    (void)request;
    for (size_t i = 0; i < MUCH / 16; i++)
        text_puts(&answer->body, "0123456789abcdef");
}

static const struct http_route routes[] = {
    {"/hello", say_hello, 0},   {"/names", say_hello, 0}, {"/names/{name}", say_name, 0},
    {"/limited", say_limit, 0}, {"/much", say_much, 0},   {NULL, NULL, 0},
};

static void begin(void) {
    struct error error = {0};
    the_log = log_new();
    const struct http_server_options options = {
        .address = "127.0.0.1", .log = the_log, .routes = routes, .context = (void *)"world"};
    server = http_server_new(&options, &error);
    cr_assert_not_null(server, "%s", error.text);
}

static void end(void) {
    http_server_free(server);
    log_free(the_log);
}

static void expect(const char *method, const char *path, unsigned status, const char *body) {
    struct text answer;
    text_init(&answer);
    client_ask(http_server_port(server), method, path, &answer);
    cr_expect_eq(client_status(&answer), status, "%s %s: %s", method, path, answer.data);
    cr_expect_str_eq(client_body(&answer), body, "%s %s", method, path);
    text_release(&answer);
}

#define EXPECT_HEADER(answer, header)                                                              \
    cr_expect(strstr((answer).data, "\r\n" header "\r\n") != NULL, "%s", (answer).data)

Test(http_server, a_route_answers_with_its_body, .init = begin, .fini = end) {
    struct text answer;
    text_init(&answer);
    client_ask(http_server_port(server), "GET", "/hello", &answer);
    cr_expect_eq(client_status(&answer), 200);
    cr_expect_str_eq(client_body(&answer), "{\"hello\":\"world\"}");
    EXPECT_HEADER(answer, "Content-Type: application/json");
    EXPECT_HEADER(answer, "Cache-Control: no-store");
    text_release(&answer);
}

Test(http_server, head_is_get_without_the_body, .init = begin, .fini = end) {
    struct text answer;
    text_init(&answer);
    client_ask(http_server_port(server), "HEAD", "/hello", &answer);
    cr_expect_eq(client_status(&answer), 200);
    cr_expect_str_eq(client_body(&answer), "");
    EXPECT_HEADER(answer, "Content-Length: 17");
    text_release(&answer);
}

Test(http_server, an_unknown_path_is_404_in_json, .init = begin, .fini = end) {
    static const char *const paths[] = {"/",       "/nothing", "/hello/",    "/hell",
                                        "/names/", "//hello",  "/names/a/b", "/HELLO"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        expect("GET", paths[i], 404,
               "{\"status\":\"error\",\"message\":\"no such path; see /openapi.json\"}\n");
}

Test(http_server, what_would_change_something_is_405_with_allow, .init = begin, .fini = end) {
    static const char *const methods[] = {"POST",    "PUT",   "DELETE", "PATCH",
                                          "OPTIONS", "TRACE", "BREW"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct text answer;
        text_init(&answer);
        client_ask(http_server_port(server), methods[i], "/hello", &answer);
        cr_expect_eq(client_status(&answer), 405, "%s: %s", methods[i], answer.data);
        EXPECT_HEADER(answer, "Allow: GET, HEAD");
        text_release(&answer);
    }
}

Test(http_server, a_part_of_the_path_is_handed_over_decoded, .init = begin, .fini = end) {
    expect("GET", "/names/QQQ", 200, "\"QQQ\"");
    expect("GET", "/names/a%20b%22", 200, "\"a b\\\"\"");
    expect("GET", "/names/%ff", 200, "\"\xef\xbf\xbd\"");
    expect("GET", "/names/..", 200, "\"..\"");
}

Test(http_server, a_path_is_split_before_it_is_decoded, .init = begin, .fini = end) {
    static const char none[] = "{\"status\":\"error\",\"message\":\"no such path; see "
                               "/openapi.json\"}\n";
    expect("GET", "/names/BTC%2FUSDT", 200, "\"BTC/USDT\"");
    expect("GET", "/names/%2F", 200, "\"/\"");
    expect("GET", "/names/a%00b", 200, "\"a\\u0000b\"");
    expect("GET", "/names/a%", 200, "\"a%\"");
    expect("GET", "/names/a%4", 200, "\"a%4\"");
    expect("GET", "/%6eames/%61", 200, "\"a\"");
    expect("GET", "/hello%00", 404, none);
    expect("GET", "/hello%00/there", 404, none);
    expect("GET", "/names%2Fa", 404, none);
    expect("GET", "/names/%00", 200, "\"\\u0000\"");
    expect("GET", "/limited?limit=%31%30", 200, "10");
    expect("GET", "/limited?%6cimit=9", 200, "9");
    expect("GET", "/limited?limit=9%00", 400,
           "{\"status\":\"error\",\"message\":\"limit \\\"is\\\" wrong\"}\n");
}

static unsigned ask_as(const char *path, const char *version, const char *hosts) {
    struct text answer;
    text_init(&answer);
    const int fd = client_connect(http_server_port(server));
    char *request =
        text_format("GET %s HTTP/%s\r\n%sConnection: close\r\n\r\n", path, version, hosts);
    cr_assert(client_send(fd, request));
    client_read_all(fd, &answer);
    unsigned status = 0;
    sscanf(answer.data, "HTTP/1.%*c %u", &status);
    cr_expect(status == 200 || strstr(answer.data, "hello\":") == NULL, "%s", answer.data);
    close(fd);
    free(request);
    text_release(&answer);
    return status;
}

Test(http_server, only_hosts_that_are_known_are_answered, .init = begin, .fini = end) {
    static const char *const known[] = {"127.0.0.1",     "127.0.0.1:8080", "[::1]",
                                        "[::1]:8080",    "localhost",      "LocalHost:1",
                                        "192.168.1.200", "[fe80::1]:80",   "localhost:"};
    static const char *const foreign[] = {"evil.example",
                                          "evil.example:8080",
                                          "localhost.evil.example",
                                          "127.0.0.1.evil.example",
                                          "127.0.0.1:x",
                                          "127.1",
                                          "[::1",
                                          "[::1]x",
                                          "[evil]",
                                          "localhost@evil.example",
                                          "localhost evil.example",
                                          "::1",
                                          ":8080",
                                          "take5.example"};
    /* Whatever the path: what is there, what is not, and what is not read. */
    static const char *const paths[] = {"/hello", "/nothing", "/names/a"};
    char host[128];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        snprintf(host, sizeof host, "Host: %s\r\n", known[i]);
        cr_expect_eq(ask_as("/hello", "1.1", host), 200, "%s", known[i]);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        snprintf(host, sizeof host, "Host: %s\r\n", foreign[i]);
        for (size_t j = 0; j < 3; j++)
            cr_expect_eq(ask_as(paths[j], "1.1", host), 421, "%s", foreign[i]);
        cr_expect_eq(ask_as("/hello", "1.0", host), 421, "%s", foreign[i]);
    }
}

Test(http_server, a_request_has_one_host, .init = begin, .fini = end) {
    cr_expect_eq(ask_as("/hello", "1.1", ""), 400);
    cr_expect_eq(ask_as("/nothing", "1.1", ""), 400);
    cr_expect_eq(ask_as("/hello", "1.1", "Host: localhost\r\nHost: localhost\r\n"), 400);
    cr_expect_eq(ask_as("/hello", "1.1", "Host: localhost\r\nhost: evil.example\r\n"), 400);
    /* No browser speaks it; checks of health do. */
    cr_expect_eq(ask_as("/hello", "1.0", ""), 200);
}

Test(http_server, names_are_allowed_anew, .init = begin, .fini = end) {
    char first[] = "take5.example", second[] = "other";
    char *names[] = {first, second, NULL};
    struct error error;
    cr_assert(http_server_allow(server, names, &error));
    cr_expect_eq(ask_as("/hello", "1.1", "Host: TAKE5.example:8080\r\n"), 200);
    cr_expect_eq(ask_as("/hello", "1.1", "Host: other\r\n"), 200);
    cr_expect_eq(ask_as("/hello", "1.1", "Host: another\r\n"), 421);
    names[1] = NULL;
    cr_assert(http_server_allow(server, names, &error));
    cr_expect_eq(ask_as("/hello", "1.1", "Host: other\r\n"), 421);
    cr_assert(http_server_allow(server, NULL, &error));
    cr_expect_eq(ask_as("/hello", "1.1", "Host: take5.example\r\n"), 421);
}

Test(http_server, a_part_that_is_too_long_is_404, .init = begin, .fini = end) {
    char path[1024] = "/names/";
    memset(path + 7, 'x', 600);
    struct text answer;
    text_init(&answer);
    client_ask(http_server_port(server), "GET", path, &answer);
    cr_expect_eq(client_status(&answer), 404);
    text_release(&answer);
}

Test(http_server, a_number_of_the_query_is_checked, .init = begin, .fini = end) {
    static const char wrong[] = "{\"status\":\"error\",\"message\":\"limit \\\"is\\\" wrong\"}\n";
    expect("GET", "/limited", 200, "7");
    expect("GET", "/limited?limit=100", 200, "100");
    expect("GET", "/limited?other=5", 200, "7");
    expect("GET", "/limited?limit=101", 400, wrong);
    expect("GET", "/limited?limit=0", 400, wrong);
    expect("GET", "/limited?limit=-1", 400, wrong);
    expect("GET", "/limited?limit=1x", 400, wrong);
    expect("GET", "/limited?limit=", 400, wrong);
    expect("GET", "/limited?limit", 400, wrong);
    expect("GET", "/limited?limit=5&limit=6", 400, wrong);
    expect("GET", "/limited?limit=99999999999999999999999", 400, wrong);
}

Test(http_server, a_connection_is_kept_for_the_next_request, .init = begin, .fini = end) {
    const int fd = client_connect(http_server_port(server));
    struct text answer;
    text_init(&answer);
    cr_assert(client_send(fd,
                          "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
                          "GET /names/y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    client_read_all(fd, &answer);
    cr_expect(strstr(answer.data, "{\"hello\":\"world\"}") != NULL, "%s", answer.data);
    cr_expect(strstr(answer.data, "\r\n\r\n\"y\"") != NULL, "%s", answer.data);
    close(fd);
    text_release(&answer);
}

Test(http_server, a_head_that_is_too_large_is_refused, .init = begin, .fini = end) {
    const int fd = client_connect(http_server_port(server));
    struct text answer, request;
    text_init(&answer);
    text_init(&request);
    text_puts(&request, "GET /hello HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 3000; i++)
        text_printf(&request, "X-Header-%d: %050d\r\n", i, i);
    text_puts(&request, "\r\n");
    client_send(fd, request.data); /* may be cut off in the middle */
    client_read_all(fd, &answer);
    cr_expect(client_status(&answer) == 431 || answer.size == 0, "%s", answer.data);
    close(fd);
    text_release(&request);
    text_release(&answer);
    expect("GET", "/hello", 200, "{\"hello\":\"world\"}");
}

Test(http_server, a_body_is_not_waited_for, .init = begin, .fini = end) {
    static const char *const heads[] = {
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"};
    static const unsigned statuses[] = {405, 200, 200};
    for (size_t i = 0; i < 3; i++) {
        const int fd = client_connect(http_server_port(server));
        struct text answer;
        text_init(&answer);
        cr_assert(client_send(fd, heads[i]));
        client_read_all(fd, &answer); /* ends, as the connection is closed */
        cr_expect_eq(client_status(&answer), statuses[i], "%s", answer.data);
        close(fd);
        text_release(&answer);
    }
}

Test(http_server, nonsense_is_answered_or_cut_and_the_next_one_served, .init = begin, .fini = end) {
    static const char *const nonsense[] = {
        "\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02", "GET /hello HTTP/9.9\r\n\r\n",
        /* no Host */
        "GET /hello HTTP/1.1\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        "-5\r\n\r\n"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        const int fd = client_connect(http_server_port(server));
        struct text answer;
        text_init(&answer);
        client_send(fd, nonsense[i]);
        /* What waits for more is left waiting. */
        const struct timeval limit = {.tv_usec = 200 * 1000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        client_read_all(fd, &answer);
        cr_expect(client_status(&answer) != 200, "%s", answer.data);
        close(fd);
        text_release(&answer);
        expect("GET", "/hello", 200, "{\"hello\":\"world\"}");
    }
}

Test(http_server, silent_connections_lock_nobody_out, .init = begin, .fini = end) {
    enum { MANY = 3 * HTTP_CONNECTIONS };
    int *fds = calloc(MANY, sizeof *fds);
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_connect(http_server_port(server));
        if (fds[i] >= 0)
            client_send(fds[i], "GET /hello HTTP/1.1\r\nX-Slow: ");
    }
    expect("GET", "/hello", 200, "{\"hello\":\"world\"}");
    /* The first ones went for those that came later. */
    struct text answer;
    text_init(&answer);
    client_read_all(fds[0], &answer);
    cr_expect_eq(answer.size, 0, "%s", answer.data);
    text_release(&answer);
    for (int i = 0; i < MANY; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(fds);
}

Test(http_server, answers_that_nobody_takes_are_bounded, .init = begin, .fini = end) {
    enum { MANY = HTTP_ANSWER_BYTES / MUCH + 1 };
    int fds[MANY];
    char head[16] = "";
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_connect(http_server_port(server));
        cr_assert(client_send(fds[i], "GET /much HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        /* It is being answered. */
        cr_assert_eq(recv(fds[i], head, 12, MSG_PEEK | MSG_WAITALL), 12);
    }
    cr_expect_str_eq(head, "HTTP/1.1 503");
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    struct text answer;
    text_init(&answer);
    for (int tries = 0; tries < 1000 && client_status(&answer) != 200; tries++) {
        text_reset(&answer);
        client_ask(http_server_port(server), "GET", "/much", &answer);
    }
    cr_expect_eq(client_status(&answer), 200);
    cr_expect_eq(strlen(client_body(&answer)), MUCH);
    text_release(&answer);
}

Test(http_server, a_port_that_is_taken_is_an_error_that_says_so, .init = begin, .fini = end) {
    struct error error = {0};
    const struct http_server_options options = {
        .address = "127.0.0.1", .port = http_server_port(server), .log = the_log, .routes = routes};
    cr_expect_null(http_server_new(&options, &error));
    cr_expect(strstr(error.text, "Address already in use") != NULL, "%s", error.text);
    cr_expect(strstr(error.text, "[http] port") != NULL, "%s", error.text);
}

Test(http_server, an_address_that_is_none_is_an_error_that_says_so) {
    struct error error = {0};
    struct log *log = log_new();
    const struct http_server_options options = {
        .address = "no address", .log = log, .routes = routes};
    cr_expect_null(http_server_new(&options, &error));
    cr_expect(strstr(error.text, "no address") != NULL, "%s", error.text);
    log_free(log);
}

/* ---- no descriptor left ---- */

static void connect_to_server(int fd) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(http_server_port(server)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
}

Test(http_server, without_descriptors_an_honest_client_still_gets_in, .init = begin, .fini = end) {
    struct text answer;
    int fds[4];
    for (size_t i = 0; i < 4; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client_take_descriptors();
    connect_to_server(fds[0]); /* has the reserve, and says nothing */
    connect_to_server(fds[1]);
    connect_to_server(fds[2]);
    text_init(&answer);
    for (int i = 1; i < 3; i++) {
        text_reset(&answer);
        client_send(fds[i], "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        client_read_all(fds[i], &answer);
        cr_expect_eq(client_status(&answer), 200, "%d: %s", i, answer.data);
    }
    cr_expect(http_server_accept_failures(server) > 0);
    client_give_descriptors();
    while (http_server_lacks_descriptors(server))
        usleep(1000);
    expect("GET", "/hello", 200, "{\"hello\":\"world\"}");
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
    text_release(&answer);
}
