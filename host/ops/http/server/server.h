/*
 * ops/http/server/server.h - a small HTTP server: a table of routes, answers made whole or without
 * an end, one thread.
 *
 * It only reads: GET and HEAD, anything else is 405 with Allow, but for a route that takes a form
 * by POST (a login). An unknown path is 404. Errors are JSON, {"status":"error","message":"..."}.
 *
 * Before anything else the Host header is looked at, whatever the path: an address, localhost or a
 * name that is allowed; any other is 421, so that a page in somebody's browser cannot read what
 * listens on loopback by the page's own name (DNS rebinding). Two of them are 400, as none is in
 * HTTP/1.1.
 *
 * With a token (access.h), whatever is not open to all needs it; without it the answer is 401, or
 * what the route makes of that. No answer allows another site to read it (no CORS), and each has a
 * Content-Security-Policy under which nothing but this server's own scripts and styles counts.
 *
 * Hostile clients cost a bounded amount: at most HTTP_CONNECTIONS connections are kept, and when
 * one more comes the one that has been waited for longest is dropped, so that a client with an
 * honest request always gets in; a request has HTTP_REQUEST_S to arrive and its answer as long to
 * be taken, however the bytes trickle; a connection has HTTP_CONNECTION_BYTES for its head; and the
 * answers under way together have HTTP_ANSWER_BYTES, above which the answer is 503. A stream whose
 * client takes nothing for HTTP_REQUEST_S ends like any other connection.
 *
 * Threads: routes are answered, and streams read, on the server's own thread, one at a time.
 */
#ifndef TAKE5_OPS_HTTP_SERVER_SERVER_H
#define TAKE5_OPS_HTTP_SERVER_SERVER_H

#include "base/error.h"
#include "base/text.h"
#include "log/log.h"

#include <take5/message.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_CONNECTIONS      256
#define HTTP_REQUEST_S        10
#define HTTP_CONNECTION_BYTES (16 * 1024)
#define HTTP_ANSWER_BYTES     (64 * 1024 * 1024)
#define HTTP_FORM_BYTES       4096 /* of what is posted */

/* What the braces of a path may stand for at most, in characters. */
#define HTTP_PARAMETER_MAX 128

struct http_request;

/* What "{...}" in the route's path stands for, with its %XX decoded: any bytes, a slash and NUL
 * too; empty without braces. */
t5_str http_parameter(const struct http_request *request);
/* A whole number of the query; `otherwise` when it is not there. False: it is there twice, no
 * number, or outside of the bounds. */
bool http_query_integer(const struct http_request *request, const char *name, int64_t min,
                        int64_t max, int64_t otherwise, int64_t *value);

/* A request header's value; NULL: there is none (or the request came another way). */
const char *http_header(const struct http_request *request, const char *name);
/* The value of the query, decoded, with a NUL behind it. False: there is none, or two, or it is
 * longer than the room. */
bool http_query_text(const struct http_request *request, const char *name, char *value, size_t room,
                     size_t *size);
/* What was posted, as it came. Empty: nothing. */
t5_str http_form(const struct http_request *request);
/* Whether it bears the token, or a session's cookie; true when there is no token. */
bool http_may_read(const struct http_request *request);
/* Whether a page of another site has sent it, as far as browsers reveal it. */
bool http_is_foreign(const struct http_request *request);

/* An answer without an end. Both on the server's thread. */
struct http_stream {
    /* Appends what there is to send now. Nothing: it is asked again after http_server_wake(). */
    void (*read)(void *context, struct text *text);
    void (*close)(void *context);
};

struct http_answer {
    unsigned status;          /* 200 to begin with */
    const char *content_type; /* a literal; "application/json" to begin with */
    struct text body;
    const char *cache;                /* a literal: Cache-Control; NULL: "no-store" */
    const char *encoding;             /* a literal: Content-Encoding; NULL: none */
    const char *location;             /* a literal: Location; NULL: none */
    char cookie[128];                 /* Set-Cookie; empty: none */
    const struct http_stream *stream; /* instead of a body; NULL: none */
    void *stream_context;
};

/* Makes it an error; what was in the body goes. */
void http_fail(struct http_answer *answer, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum http_route_flags {
    HTTP_OPEN = 1, /* needs no token: its answer asks http_may_read() itself, if it has to */
    HTTP_POST = 2  /* takes a form by POST, and nothing else */
};

struct http_route {
    /* "/strategies", or "/strategies/{name}": the braces stand for one part without a slash. */
    const char *path;
    void (*answer)(void *context, const struct http_request *request, struct http_answer *answer);
    unsigned flags; /* of enum http_route_flags */
};

/* The path and the query as they came. */
void http_target(const struct http_request *request, struct text *target);
/* What the routes answer to a target ("/strategies?limit=3") that came another way than through a
 * server; `answer` has an initialized body. */
void http_answer_target(const struct http_route *routes, void *context, const char *target,
                        struct http_answer *answer);

struct http_server;

struct http_server_options {
    const char *address;    /* or a name */
    uint16_t port;          /* 0: any that is free */
    char *const *hosts;     /* as http_server_allow() has them */
    const char *token_file; /* as http_server_protect() has it; NULL: none */
    struct log *log;
    const struct http_route *routes; /* the one with path NULL ends them; outlive the server */
    void *context;                   /* for `answer` */
};

/* Listens and serves. */
struct http_server *http_server_new(const struct http_server_options *options, struct error *error);
/* Ends every connection. NULL is allowed. */
void http_server_free(struct http_server *server);
/* The names that a Host header may bear, besides addresses and localhost; NULL, or ended by NULL.
 * They are copied. From any thread; what is asked from now on goes by them. */
bool http_server_allow(struct http_server *server, char *const *names, struct error *error);
/* The token is read from that file (NULL: there is none any more). With another one than before all
 * sessions end. From any thread. */
bool http_server_protect(struct http_server *server, const char *token_file, struct error *error);
/* Whether http_server_protect() would take it. */
bool http_server_try_token(const char *token_file, struct error *error);
/* Begins a session for a client that knows the token, and sets its cookie. False: it is not the
 * token. Inside a route. */
bool http_login(const struct http_request *request, t5_str token, struct http_answer *answer);
/* Streams have something to send. Any thread. */
void http_server_wake(struct http_server *server);
/* Any thread; see acceptor.h. */
uint64_t http_server_accept_failures(const struct http_server *server);
bool http_server_lacks_descriptors(const struct http_server *server);
/* Where it listens. */
uint16_t http_server_port(const struct http_server *server);

#endif
