/*
 * sink/postgres/pg_rows.h - the tables, and deliveries as rows of them.
 *
 * A statement has one array per column as its parameter ('{"a","b"}'), so that it is the same for
 * any number of rows.
 */
#ifndef TAKE5_SINK_POSTGRES_PG_ROWS_H
#define TAKE5_SINK_POSTGRES_PG_ROWS_H

#include "base/text.h"
#include "sink/sink.h"

#define PG_COLUMNS_MOST 17

enum pg_row {
    PG_ROW_WRITTEN = 1,
    PG_ROW_HAS_NUL, /* a text in it has a NUL, which PostgreSQL does not support */
    PG_ROW_NO_MEMORY
};

struct pg_rows {
    size_t columns;
    const char *create; /* the statements, with %s for the table's name */
    const char *insert;
    /* Appends an element to each of the columns. */
    enum pg_row (*write)(struct text *columns, struct delivery *delivery);
};

extern const struct pg_rows PG_SIGNALS, PG_ALERTS;

/* Makes the columns of the deliveries; they have been initialised. PG_ROW_NO_MEMORY: out of
 * memory. */
enum pg_row pg_rows_write(const struct pg_rows *rows, struct delivery *const *deliveries,
                          size_t count, struct text *columns);

#endif
