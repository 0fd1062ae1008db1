#include "sink/postgres/pg_talk.h"

#include "base/clock.h"
#include "base/text.h"
#include "sink/batch/receiver.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* libpq's texts have line ends, and parts on lines of their own. */
static void set_one_line(struct error *error, const char *what, const char *message) {
    char line[512];
    size_t size = 0;
    for (; *message != '\0' && size + 3 < sizeof line; message++) {
        const bool is_end = *message == '\n';
        if (!is_end)
            line[size++] = *message == '\t' ? ' ' : *message;
        else if (message[1] != '\0') {
            line[size++] = ';';
            line[size++] = ' ';
        }
    }
    line[size] = '\0';
    error_set(error, ERROR_SYSTEM, "%s%s", what, size > 0 ? line : "no reason given");
}

static bool set_connection_error(PGconn *connection, struct error *error) {
    set_one_line(error, "", PQerrorMessage(connection));
    return false;
}

static bool is_impatient(const struct pg_patience *patience, struct error *error) {
    if (patience->is_over(patience->context)) {
        error_set(error, ERROR_TIMEOUT, "the sink is being closed");
        return true;
    }
    if (clock_monotonic_ns() < patience->until_ns)
        return false;
    error_set(error, ERROR_TIMEOUT, "the server does not answer in time");
    return true;
}

/* Waits for one of the events. False: the time is over. */
static bool await(PGconn *connection, short events, const struct pg_patience *patience,
                  struct error *error) {
    for (;;) {
        struct pollfd socket = {.fd = PQsocket(connection), .events = events};
        if (is_impatient(patience, error))
            return false;
        const int64_t left_ms = (patience->until_ns - clock_monotonic_ns()) / NS_PER_MS + 1;
        const int count =
            poll(&socket, 1, left_ms < RECEIVER_LOOK_MS ? (int)left_ms : RECEIVER_LOOK_MS);
        if (count > 0)
            return true;
        if (count < 0 && errno != EINTR)
            return error_set_errno(error, errno, "poll");
    }
}

static void ignore_notice(void *context, const char *message) {
    (void)context; /* they would go to stderr: that a table already exists, and the like */
    (void)message;
}

static bool establish(PGconn *connection, const struct pg_patience *patience, struct error *error) {
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    if (PQstatus(connection) == CONNECTION_BAD)
        return set_connection_error(connection, error);
    while (status != PGRES_POLLING_OK) {
        if (status == PGRES_POLLING_FAILED)
            return set_connection_error(connection, error);
        if (!await(connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, patience, error))
            return false;
        status = PQconnectPoll(connection);
    }
    PQsetNoticeProcessor(connection, ignore_notice, NULL);
    return PQsetnonblocking(connection, 1) == 0 || set_connection_error(connection, error);
}

PGconn *pg_connect(const char *const *names, const char *const *values,
                   const struct pg_patience *patience, struct error *error) {
    PGconn *connection = PQconnectStartParams(names, values, 0);
    if (connection == NULL) {
        error_set_memory(error, "a connection to PostgreSQL");
        return NULL;
    }
    if (establish(connection, patience, error))
        return connection;
    PQfinish(connection);
    return NULL;
}

/* Reads what the server sends while the request is written: otherwise both could wait for each
 * other. */
static bool flush(PGconn *connection, const struct pg_patience *patience, struct error *error) {
    int left;
    while ((left = PQflush(connection)) == 1) {
        if (!await(connection, POLLIN | POLLOUT, patience, error))
            return false;
        if (!PQconsumeInput(connection))
            return set_connection_error(connection, error);
    }
    return left == 0 || set_connection_error(connection, error);
}

/* The first result of a statement is there. */
static bool receive(PGconn *connection, const struct pg_patience *patience, struct error *error) {
    while (PQisBusy(connection)) {
        if (!await(connection, POLLIN, patience, error))
            return false;
        if (!PQconsumeInput(connection))
            return set_connection_error(connection, error);
    }
    return true;
}

/* All results of a statement; the last one is the answer. NULL: none. */
static PGresult *answer(PGconn *connection, const struct pg_patience *patience,
                        struct error *error) {
    PGresult *last = NULL;
    for (;;) {
        if (!receive(connection, patience, error))
            break;
        PGresult *result = PQgetResult(connection);
        if (result == NULL && last == NULL)
            set_connection_error(connection, error);
        if (result == NULL)
            return last;
        PQclear(last);
        last = result;
    }
    PQclear(last);
    return NULL;
}

PGresult *pg_run(PGconn *connection, const char *sql, int count, const char *const *values,
                 const struct pg_patience *patience, struct error *error) {
    if (!PQsendQueryParams(connection, sql, count, NULL, values, NULL, NULL, 0)) {
        set_connection_error(connection, error);
        return NULL;
    }
    return flush(connection, patience, error) ? answer(connection, patience, error) : NULL;
}

bool pg_is_there(PGconn *connection) {
    return PQconsumeInput(connection) && PQstatus(connection) == CONNECTION_OK;
}

void pg_result_error(const PGresult *result, struct error *error) {
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (message == NULL || state == NULL) {
        set_one_line(error, "", PQresultErrorMessage(result));
        return;
    }
    char tail[32];
    snprintf(tail, sizeof tail, " (SQLSTATE %.5s)", state);
    set_one_line(error, "", message);
    error_set(error, ERROR_SYSTEM, "%s%s", error->text, tail);
}
