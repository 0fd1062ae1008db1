/*
 * ops/http/server/connections.h - the open connections, by how long each has been waited for.
 * Inside ops; the server's thread alone.
 *
 * libmicrohttpd limits how long a connection may be silent, not how long it may take altogether,
 * and at its limit it keeps whom it has and lets nobody else in. Both are what a slow attacker
 * wants; so the age of each is kept here, and the oldest goes first. A connection is ended by
 * shutting its socket down: libmicrohttpd, whose socket it is, then finds and closes it.
 */
#ifndef TAKE5_OPS_HTTP_SERVER_CONNECTIONS_H
#define TAKE5_OPS_HTTP_SERVER_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_connection {
    struct http_connection *before, *after;
    int fd;
    int64_t since_ns; /* it was made, its request came, or its last answer was taken */
    bool is_ended;    /* shut down; still to be closed */
};

struct http_connections {
    struct http_connection *oldest, *newest;
    size_t count;
    uint64_t dropped; /* since the start */
};

/* NULL when memory runs out. Drops the oldest when there would be more than `most`. */
struct http_connection *http_connections_add(struct http_connections *connections, int fd,
                                             size_t most, int64_t now_ns);
void http_connections_remove(struct http_connections *connections,
                             struct http_connection *connection);
/* One fewer, if there is any. */
void http_connections_drop_oldest(struct http_connections *connections);
/* It made progress: its time limit begins again. */
void http_connections_touch(struct http_connections *connections,
                            struct http_connection *connection, int64_t now_ns);
/* Drops those that have been waited for since before `since_ns`. */
void http_connections_drop_older(struct http_connections *connections, int64_t since_ns);

#endif
