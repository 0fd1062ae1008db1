#include "ops/http/server/connections.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* A pair: what is dropped is seen at the other end. */
struct end {
    struct http_connection *connection;
    int fds[2];
};

static void add(struct http_connections *connections, struct end *end, size_t most, int64_t now) {
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, end->fds), 0);
    end->connection = http_connections_add(connections, end->fds[0], most, now);
    cr_assert_not_null(end->connection);
}

static bool is_dropped(const struct end *end) {
    char byte;
    const ssize_t n = recv(end->fds[1], &byte, 1, MSG_DONTWAIT);
    cr_assert(n == 0 || (n < 0 && errno == EAGAIN));
    return n == 0;
}

static void remove_all(struct http_connections *connections, struct end *ends, size_t count) {
    for (size_t i = 0; i < count; i++) {
        http_connections_remove(connections, ends[i].connection);
        close(ends[i].fds[0]);
        close(ends[i].fds[1]);
    }
    cr_expect_eq(connections->count, 0);
    cr_expect_null(connections->oldest);
    cr_expect_null(connections->newest);
}

Test(http_connections, one_too_many_drops_the_oldest) {
    struct http_connections connections = {0};
    struct end ends[5];
    for (size_t i = 0; i < 3; i++)
        add(&connections, &ends[i], 3, (int64_t)i);
    cr_expect(!is_dropped(&ends[0]));
    add(&connections, &ends[3], 3, 3);
    cr_expect(is_dropped(&ends[0]));
    cr_expect(!is_dropped(&ends[1]));
    /* The one that was dropped is still open, and not dropped twice. */
    add(&connections, &ends[4], 3, 4);
    cr_expect(is_dropped(&ends[1]));
    cr_expect(!is_dropped(&ends[2]));
    cr_expect_eq(connections.dropped, 2);
    remove_all(&connections, ends, 5);
}

Test(http_connections, one_that_got_somewhere_is_the_newest) {
    struct http_connections connections = {0};
    struct end ends[3];
    add(&connections, &ends[0], 2, 0);
    add(&connections, &ends[1], 2, 1);
    http_connections_touch(&connections, ends[0].connection, 2);
    add(&connections, &ends[2], 2, 3);
    cr_expect(!is_dropped(&ends[0]));
    cr_expect(is_dropped(&ends[1]));
    remove_all(&connections, ends, 3);
}

Test(http_connections, those_that_took_too_long_are_dropped) {
    struct http_connections connections = {0};
    struct end ends[3];
    for (size_t i = 0; i < 3; i++)
        add(&connections, &ends[i], 10, (int64_t)i * 100);
    http_connections_drop_older(&connections, 100);
    cr_expect(is_dropped(&ends[0]));
    cr_expect(!is_dropped(&ends[1]));
    http_connections_touch(&connections, ends[1].connection, 300);
    http_connections_drop_older(&connections, 250);
    cr_expect(!is_dropped(&ends[1]));
    cr_expect(is_dropped(&ends[2]));
    remove_all(&connections, ends, 3);
}
