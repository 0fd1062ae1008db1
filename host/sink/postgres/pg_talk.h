/*
 * sink/postgres/pg_talk.h - libpq without its waits: each call ends by a time, and when it is told
 * to.
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

/* Names and values end with NULL. To be ended by PQfinish(). NULL: no connection. */
PGconn *pg_connect(const char *const *names, const char *const *values,
                   const struct pg_patience *patience, struct error *error);

/* One statement with text parameters. To be ended by PQclear(), whatever its status says. NULL:
 * there is no answer, and the connection is of no use. */
PGresult *pg_run(PGconn *connection, const char *sql, int count, const char *const *values,
                 const struct pg_patience *patience, struct error *error);

/* Whether the server has not hung up meanwhile. */
bool pg_is_there(PGconn *connection);

/* What it says of a statement that failed: "relation "x" does not exist (SQLSTATE 42P01)". */
void pg_result_error(const PGresult *result, struct error *error);

#endif
