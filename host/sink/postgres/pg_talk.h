/*
 * sink/postgres/pg_talk.h - libpq without unbounded waits: each call ends at a given time, or when
 * `is_over` says so.
 */
#ifndef TAKE5_SINK_POSTGRES_PG_TALK_H
#define TAKE5_SINK_POSTGRES_PG_TALK_H

#include "base/error.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct pg_patience {
    int64_t until_ns; /* monotonic */
    bool (*is_over)(void *context);
    void *context;
};

/* Names and values end with NULL. The caller ends it with PQfinish(). NULL: no connection. */
PGconn *pg_connect(const char *const *names, const char *const *values,
                   const struct pg_patience *patience, struct error *error);

/* One statement with text parameters. The caller ends it with PQclear(), whatever its status. NULL:
 * no answer, and the connection is unusable. */
PGresult *pg_run(PGconn *connection, const char *sql, int count, const char *const *values,
                 const struct pg_patience *patience, struct error *error);

/* Whether the server has not closed the connection meanwhile. */
bool pg_is_there(PGconn *connection);

/* The server's text for a failed statement: "relation "x" does not exist (SQLSTATE 42P01)". */
void pg_result_error(const PGresult *result, struct error *error);

#endif
