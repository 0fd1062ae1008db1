#include "ops/http/server/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

static void append(struct http_connections *connections, struct http_connection *connection) {
    connection->after = NULL;
    connection->before = connections->newest;
    if (connections->newest != NULL)
        connections->newest->after = connection;
    else
        connections->oldest = connection;
    connections->newest = connection;
}

static void take_out(struct http_connections *connections, struct http_connection *connection) {
    if (connection->before != NULL)
        connection->before->after = connection->after;
    else
        connections->oldest = connection->after;
    if (connection->after != NULL)
        connection->after->before = connection->before;
    else
        connections->newest = connection->before;
}

static void drop(struct http_connections *connections, struct http_connection *connection) {
    if (connection->is_ended)
        return;
    connection->is_ended = true;
    connections->dropped++;
    shutdown(connection->fd, SHUT_RDWR);
}

/* Those that were dropped and are not closed yet do not count: they are about to go. */
void http_connections_drop_oldest(struct http_connections *connections) {
    for (struct http_connection *at = connections->oldest; at != NULL; at = at->after) {
        if (at->is_ended)
            continue;
        drop(connections, at);
        return;
    }
}

struct http_connection *http_connections_add(struct http_connections *connections, int fd,
                                             size_t most, int64_t now_ns) {
    if (connections->count >= most)
        http_connections_drop_oldest(connections);
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->fd = fd;
    connection->since_ns = now_ns;
    append(connections, connection);
    connections->count++;
    return connection;
}

void http_connections_remove(struct http_connections *connections,
                             struct http_connection *connection) {
    take_out(connections, connection);
    connections->count--;
    free(connection);
}

void http_connections_touch(struct http_connections *connections,
                            struct http_connection *connection, int64_t now_ns) {
    take_out(connections, connection);
    append(connections, connection);
    connection->since_ns = now_ns;
}

void http_connections_drop_older(struct http_connections *connections, int64_t since_ns) {
    for (struct http_connection *at = connections->oldest; at != NULL && at->since_ns < since_ns;
         at = at->after)
        drop(connections, at);
}
