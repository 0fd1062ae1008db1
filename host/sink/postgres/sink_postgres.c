#include "sink/postgres/sink_postgres.h"

#include "base/clock.h"
#include "base/string_list.h"
#include "base/text.h"
#include "config/schema/items.h"
#include "sink/batch/batch_sink.h"
#include "sink/postgres/pg_rows.h"
#include "sink/postgres/pg_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of deliveries, with their texts: PostgreSQL takes 1 GiB in one statement. */
#define BATCH_BYTES ((size_t)4 << 20)

struct postgres {
    struct receiver receiver;
    const struct pg_rows *rows;
    char *table;            /* as it was given */
    char **names, **values; /* libpq's parameters, ended by NULL */
    int64_t timeout_ns;
    PGconn *connection;             /* NULL: none */
    char *create, *insert, *quoted; /* the statements and the table, of this connection */
    struct text columns[PG_COLUMNS_MOST];
};

static struct pg_patience patience_of(const struct postgres *self,
                                      const struct receiver_batch *batch) {
    return (struct pg_patience){clock_monotonic_ns() + self->timeout_ns, batch->is_over,
                                batch->context};
}

/* ---- names ---- */

/* Appends "schema"."table"; a name is quoted as a whole. */
static bool quote_part(PGconn *connection, struct text *quoted, const char *part, size_t size) {
    char *identifier = PQescapeIdentifier(connection, part, size);
    if (identifier == NULL)
        return false;
    text_puts(quoted, identifier);
    PQfreemem(identifier);
    return true;
}

static char *quote_table(PGconn *connection, const char *table) {
    struct text quoted;
    text_init(&quoted);
    const char *dot = strchr(table, '.');
    bool did = true;
    if (dot != NULL) {
        did = quote_part(connection, &quoted, table, (size_t)(dot - table));
        text_putc(&quoted, '.');
        table = dot + 1;
    }
    did = did && quote_part(connection, &quoted, table, strlen(table));
    char *taken = did ? text_take(&quoted) : NULL;
    text_release(&quoted);
    return taken;
}

static void forget_statements(struct postgres *self) {
    free(self->create);
    free(self->insert);
    free(self->quoted);
    self->create = self->insert = self->quoted = NULL;
}

static char *statement_of(const char *form, const char *quoted) {
    const char *mark = strstr(form, "%s");
    return text_format("%.*s%s%s", (int)(mark - form), form, quoted, mark + 2);
}

static bool make_statements(struct postgres *self, struct error *error) {
    forget_statements(self);
    self->quoted = quote_table(self->connection, self->table);
    if (self->quoted != NULL) {
        self->create = statement_of(self->rows->create, self->quoted);
        self->insert = statement_of(self->rows->insert, self->quoted);
    }
    return (self->create != NULL && self->insert != NULL) ||
           error_set_memory(error, "statements for PostgreSQL");
}

/* ---- the connection ---- */

static void postgres_hang_up(struct receiver *receiver) {
    struct postgres *self = (struct postgres *)receiver;
    PQfinish(self->connection);
    self->connection = NULL;
}

/* False: it failed, with the server's text. */
static bool run(struct postgres *self, const struct receiver_batch *batch, const char *sql,
                int count, const char *const *values, PGresult **result) {
    const struct pg_patience patience = patience_of(self, batch);
    *result = pg_run(self->connection, sql, count, values, &patience, batch->error);
    if (*result == NULL)
        return false;
    const ExecStatusType status = PQresultStatus(*result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return true;
    pg_result_error(*result, batch->error);
    return false;
}

/* A user who may not create tables may still use an existing one: so look for it first. */
static bool table_is_there(struct postgres *self, const struct receiver_batch *batch, bool *is) {
    PGresult *result;
    const char *const values[] = {self->quoted};
    const bool did = run(self, batch, "SELECT to_regclass($1)", 1, values, &result);
    *is = did && PQntuples(result) == 1 && !PQgetisnull(result, 0, 0);
    PQclear(result);
    return did;
}

static bool make_table(struct postgres *self, const struct receiver_batch *batch) {
    PGresult *result;
    bool is_there;
    if (!table_is_there(self, batch, &is_there))
        return false;
    if (is_there)
        return true;
    const bool did = run(self, batch, self->create, 0, NULL, &result);
    PQclear(result);
    return did || error_prefix(batch->error, "cannot create the table: ");
}

static bool reconnect(struct postgres *self, const struct receiver_batch *batch) {
    const struct pg_patience patience = patience_of(self, batch);
    self->connection = pg_connect((const char *const *)self->names,
                                  (const char *const *)self->values, &patience, batch->error);
    return self->connection != NULL && make_statements(self, batch->error) &&
           make_table(self, batch);
}

/* A connection that broke while unused is no problem. */
static bool ensure_connection(struct postgres *self, const struct receiver_batch *batch) {
    if (self->connection != NULL && pg_is_there(self->connection))
        return true;
    postgres_hang_up(&self->receiver);
    return reconnect(self, batch);
}

/* ---- the receiver ---- */

static enum receiver_answer postgres_open(struct receiver *receiver, struct receiver_batch *batch) {
    return ensure_connection((struct postgres *)receiver, batch) ? RECEIVER_SAFE : RECEIVER_BUSY;
}

static bool is_about_the_row(const PGresult *result) {
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    return state != NULL && (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
                             strncmp(state, "54", 2) == 0);
}

static enum receiver_answer insert(struct postgres *self, const struct receiver_batch *batch) {
    const char *values[PG_COLUMNS_MOST];
    PGresult *result;
    for (size_t i = 0; i < self->rows->columns; i++)
        values[i] = self->columns[i].data;
    const bool did = run(self, batch, self->insert, (int)self->rows->columns, values, &result);
    const bool is_refused = !did && is_about_the_row(result);
    PQclear(result);
    return did ? RECEIVER_SAFE : is_refused ? RECEIVER_REFUSED : RECEIVER_BUSY;
}

static void columns_renew(struct postgres *self) {
    for (size_t i = 0; i < PG_COLUMNS_MOST; i++) {
        text_release(&self->columns[i]);
        text_init(&self->columns[i]);
    }
}

static enum receiver_answer postgres_send(struct receiver *receiver, struct receiver_batch *batch) {
    struct postgres *self = (struct postgres *)receiver;
    switch (pg_rows_write(self->rows, batch->deliveries, batch->count, self->columns)) {
    case PG_ROW_WRITTEN:
        break;
    case PG_ROW_HAS_NUL:
        error_set(batch->error, ERROR_INVALID,
                  "a text of it has a NUL, which PostgreSQL's texts cannot have");
        return RECEIVER_REFUSED;
    case PG_ROW_NO_MEMORY:
        columns_renew(self);
        error_set_memory(batch->error, "the rows of a batch");
        return RECEIVER_BUSY;
    }
    return ensure_connection(self, batch) ? insert(self, batch) : RECEIVER_BUSY;
}

static void postgres_free(struct receiver *receiver) {
    struct postgres *self = (struct postgres *)receiver;
    postgres_hang_up(receiver);
    forget_statements(self);
    for (size_t i = 0; i < PG_COLUMNS_MOST; i++)
        text_release(&self->columns[i]);
    string_list_free(self->names);
    string_list_free(self->values);
    free(self->table);
    free(self);
}

static const struct receiver_ops POSTGRES_OPS = {
    .name = "postgres",
    .open = postgres_open,
    .send = postgres_send,
    .hang_up = postgres_hang_up,
    .free = postgres_free,
};

/* ---- life ---- */

/* The host's after the user's, if the user has none of that name: libpq takes the last one of a
 * name. */
static bool copy_parameters(struct postgres *self, const struct config_items *items) {
    static const char *const own[][2] = {{"client_encoding", "UTF8"},
                                         {"application_name", "take5"}};
    const size_t most = items->count + sizeof own / sizeof *own + 1;
    size_t count = 0;
    self->names = calloc(most, sizeof *self->names);
    self->values = calloc(most, sizeof *self->values);
    if (self->names == NULL || self->values == NULL)
        return false;
    for (size_t i = 0; i < items->count; i++, count++) {
        self->names[count] = strdup(items->items[i].name);
        self->values[count] = strdup(items->items[i].text);
        if (self->names[count] == NULL || self->values[count] == NULL)
            return false;
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (config_items_find(items, own[i][0]) != NULL)
            continue;
        self->names[count] = strdup(own[i][0]);
        self->values[count] = strdup(own[i][1]);
        if (self->names[count] == NULL || self->values[count] == NULL)
            return false;
        count++;
    }
    return true;
}

static struct postgres *postgres_new(const struct sink_postgres_options *options) {
    struct postgres *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->receiver.ops = &POSTGRES_OPS;
    self->rows = options->has_alerts ? &PG_ALERTS : &PG_SIGNALS;
    self->timeout_ns = options->timeout_ns;
    for (size_t i = 0; i < PG_COLUMNS_MOST; i++)
        text_init(&self->columns[i]);
    self->table = strdup(options->table);
    if (self->table != NULL && copy_parameters(self, options->connection))
        return self;
    postgres_free(&self->receiver);
    return NULL;
}

struct sink *sink_postgres_new(const struct sink_postgres_options *options, struct error *error) {
    struct postgres *self = postgres_new(options);
    char target[160];
    if (self == NULL) {
        error_set_memory(error, options->table);
        return NULL;
    }
    snprintf(target, sizeof target, "table %s of PostgreSQL", options->table);
    return batch_sink_new(&self->receiver,
                          &(struct batch_sink_options){.target = target,
                                                       .most = options->batch,
                                                       .bytes = BATCH_BYTES,
                                                       .retry_most_ns = options->retry_most_ns,
                                                       .dead_letters = options->dead_letters,
                                                       .log = options->log},
                          error);
}
