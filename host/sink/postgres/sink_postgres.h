/*
 * sink/postgres/sink_postgres.h - signals, or alerts, as rows of a table of PostgreSQL.
 *
 * The id is the primary key, and an insert of an id that is there does nothing: the table has each
 * signal once, however often it comes. A batch is one INSERT, and so one transaction. The table is
 * made when it is missing. A connection that fails is made anew.
 *
 * Refused for good is what the server says of the row: SQLSTATE classes 22 (data), 23 (constraints
 * of the table) and 54 (limits); and a text with a NUL, which PostgreSQL does not have. All else,
 * such as a missing right, a column that is not there or a full disk, can be repaired, and is
 * waited for.
 */
#ifndef TAKE5_SINK_POSTGRES_SINK_POSTGRES_H
#define TAKE5_SINK_POSTGRES_SINK_POSTGRES_H

#include "base/error.h"
#include "config/config.h"
#include "sink/sink.h"

#include <stddef.h>
#include <stdint.h>

struct sink_postgres_options {
    const struct config_items *connection; /* libpq's parameters by their names */
    const char *table;                     /* "NAME" or "SCHEMA.NAME", not quoted */
    bool has_alerts;                       /* its rows are alerts, not signals */
    size_t batch;                          /* rows in one INSERT, at most */
    int64_t timeout_ns;                    /* of connecting, and of each statement */
    int64_t retry_most_ns;
    struct sink *letters; /* as in batch_sink.h; NULL: none */
    struct log *log;
};

/* All of the options is copied but letters and log. */
struct sink *sink_postgres_new(const struct sink_postgres_options *options, struct error *error);

#endif
