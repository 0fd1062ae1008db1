/*
 * sink/postgres/sink_postgres.h - signals, or alerts, as rows of a table of PostgreSQL.
 *
 * The id is the primary key, and an insert of an existing id does nothing: the table has each
 * signal once, however often it comes. A batch is one INSERT, and so one transaction. A missing
 * table is created. A failed connection is replaced.
 *
 * Refused permanently are errors about the row: SQLSTATE classes 22 (data), 23 (constraints of the
 * table) and 54 (limits); and a text with a NUL, which PostgreSQL does not support. All others,
 * such as a missing privilege, a missing column or a full disk, can be repaired, and are retried.
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
    int64_t timeout_ns;                    /* for connecting, and for each statement */
    int64_t retry_most_ns;
    struct sink *dead_letters; /* as in batch_sink.h; NULL: none */
    struct log *log;
};

/* Copies the options, except for dead_letters and log. */
struct sink *sink_postgres_new(const struct sink_postgres_options *options, struct error *error);

#endif
