/*
 * Without a database; with one: tests/integration/receivers_test.py.
 */
#include "sink/postgres/sink_postgres.h"

#include "base/clock.h"
#include "support.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct tally tally;

/* A port at which nobody answers: it is bound, and listens or not. */
static int occupy(bool listens, char *port, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int file = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(file, (struct sockaddr *)&address, length), 0);
    if (listens)
        cr_assert_eq(listen(file, 8), 0);
    cr_assert_eq(getsockname(file, (struct sockaddr *)&address, &length), 0);
    snprintf(port, size, "%d", ntohs(address.sin_port));
    return file;
}

static struct sink *open_sink(char *port, int64_t timeout_ns, struct log *log) {
    struct config_item items[] = {{.name = "host", .text = "127.0.0.1"},
                                  {.name = "port", .text = port},
                                  {.name = "user", .text = "nobody"}};
    const struct config_items connection = {.items = items, .count = 3};
    struct error error;
    struct sink *sink =
        sink_postgres_new(&(struct sink_postgres_options){.connection = &connection,
                                                          .table = "t",
                                                          .batch = 10,
                                                          .timeout_ns = timeout_ns,
                                                          .retry_most_ns = 10 * NS_PER_MS,
                                                          .log = log},
                          &error);
    cr_assert_not_null(sink, "%s", error.text);
    return sink;
}

static void check_away(bool listens, int64_t timeout_ns, const char *words) {
    char port[16];
    const int file = occupy(listens, port, sizeof port);
    struct log *log = log_new();
    struct sink *sink = open_sink(port, timeout_ns, log);
    await_ok(sink, false); /* also without a signal */
    push(sink, typed_make(&tally, 1, 1));
    cr_assert_not(sink->ops->flush(sink, 50));
    const struct sink_status status = status_of(sink);
    cr_assert_str_eq(status.name, "postgres");
    cr_assert_eq(status.queued, 1u);
    cr_assert_not_null(strstr(status.detail, words), "%s", status.detail);
    sink->ops->close(sink, 20);
    cr_assert_eq(tally_count(&tally), 0u);
    log_free(log);
    close(file);
    check_leaks();
}

Test(sink_postgres, a_database_that_is_away_is_waited_for) {
    check_away(false, 10 * NS_PER_S, "refused");
}

Test(sink_postgres, one_that_does_not_answer_is_given_up) {
    check_away(true, 20 * NS_PER_MS, "does not answer in time");
}

Test(sink_postgres, a_close_does_not_wait_for_its_answer) {
    char port[16];
    const int file = occupy(true, port, sizeof port);
    struct log *log = log_new();
    struct sink *sink = open_sink(port, 3600 * NS_PER_S, log);
    push(sink, typed_make(&tally, 1, 1));
    sink->ops->close(sink, 20);
    cr_assert_eq(tally_count(&tally), 0u);
    log_free(log);
    close(file);
    check_leaks();
}
