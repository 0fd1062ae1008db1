#include "sink/postgres/pg_rows.h"

#include <inttypes.h>
#include <string.h>

/* ---- elements of arrays ---- */

static void put_comma(struct text *array) {
    if (array->size > 1)
        text_putc(array, ',');
}

static void put_null(struct text *array) {
    put_comma(array);
    text_puts(array, "NULL");
}

static void put_integer(struct text *array, int64_t number) {
    put_comma(array);
    text_json_integer(array, number);
}

static void put_number(struct text *array, double number) {
    put_comma(array);
    text_json_number(array, number);
}

/* False: it has a NUL. */
static bool put_text(struct text *array, const char *data, size_t size) {
    put_comma(array);
    text_putc(array, '"');
    size_t from = 0;
    for (size_t at = 0; at < size; at++) {
        if (data[at] != '"' && data[at] != '\\')
            continue;
        text_append(array, data + from, at - from);
        text_putc(array, '\\');
        from = at;
    }
    text_append(array, data + from, size - from);
    text_putc(array, '"');
    return size == 0 || memchr(data, '\0', size) == NULL;
}

static bool put_span(struct text *array, t5_str span) {
    return put_text(array, span.data, span.len);
}

/* ---- signals ---- */

enum {
    COLUMN_ID,
    COLUMN_DEPLOYMENT,
    COLUMN_STRATEGY,
    COLUMN_VERSION,
    COLUMN_NAME,
    COLUMN_SYMBOL,
    COLUMN_EVENT_TIME,
    COLUMN_VALUE,
    COLUMN_CONFIDENCE,
    COLUMN_PRICE,
    COLUMN_TIME_FRAME,
    COLUMN_DATA,
    COLUMN_TOPIC,
    COLUMN_PARTITION,
    COLUMN_OFFSET,
    COLUMN_ORDINAL,
    COLUMN_ORIGIN,
    SIGNAL_COLUMNS
};
_Static_assert(SIGNAL_COLUMNS == PG_COLUMNS_MOST, "room for all columns");

static const char CREATE_SIGNALS[] = "CREATE TABLE IF NOT EXISTS %s (\n"
                                     "    id            text PRIMARY KEY,\n"
                                     "    deployment    text NOT NULL,\n"
                                     "    strategy      text NOT NULL,\n"
                                     "    version       text NOT NULL,\n"
                                     "    name          text NOT NULL,\n"
                                     "    symbol        text NOT NULL,\n"
                                     "    event_time    timestamptz NOT NULL,\n"
                                     "    event_time_ns bigint NOT NULL,\n"
                                     "    value         double precision NOT NULL,\n"
                                     "    confidence    double precision NOT NULL,\n"
                                     "    price         double precision,\n"
                                     "    time_frame    bigint,\n"
                                     "    data          jsonb,\n"
                                     "    topic         text NOT NULL,\n"
                                     "    partition     integer NOT NULL,\n"
                                     "    \"offset\"      bigint NOT NULL,\n"
                                     "    ordinal       bigint NOT NULL,\n"
                                     "    state_origin  text NOT NULL,\n"
                                     "    written_at    timestamptz NOT NULL DEFAULT now()\n"
                                     ")";

/* A timestamptz has microseconds. */
static const char INSERT_SIGNALS[] =
    "INSERT INTO %s (id, deployment, strategy, version, name, symbol, event_time, event_time_ns,"
    " value, confidence, price, time_frame, data, topic, partition, \"offset\", ordinal,"
    " state_origin) "
    "SELECT id, deployment, strategy, version, name, symbol,"
    " timestamptz 'epoch' + event_time_ns / 1000 * interval '1 microsecond', event_time_ns,"
    " value, confidence, price, time_frame, data::jsonb, topic, partition, \"offset\", ordinal,"
    " state_origin "
    "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
    " $7::bigint[], $8::float8[], $9::float8[], $10::float8[], $11::bigint[], $12::text[],"
    " $13::text[], $14::integer[], $15::bigint[], $16::bigint[], $17::text[]) "
    "AS s (id, deployment, strategy, version, name, symbol, event_time_ns, value, confidence,"
    " price, time_frame, data, topic, partition, \"offset\", ordinal, state_origin) "
    "ON CONFLICT (id) DO NOTHING";

static bool put_id(struct text *array, const struct signal *signal) {
    struct text id;
    text_init(&id);
    signal_write_id(signal, &id);
    const bool is_text = put_text(array, id.data, id.size);
    array->is_oom |= text_is_oom(&id);
    text_release(&id);
    return is_text;
}

static bool put_data(struct text *array, const struct signal *signal) {
    if (signal->data.len == 0 && signal->value_count == 0) {
        put_null(array);
        return true;
    }
    struct text data;
    text_init(&data);
    signal_write_members(signal, &data);
    const bool is_text = put_text(array, data.data, data.size);
    array->is_oom |= text_is_oom(&data);
    text_release(&data);
    return is_text;
}

static void put_figures(struct text *columns, const struct signal *signal) {
    put_integer(&columns[COLUMN_EVENT_TIME], signal->event_time_ns);
    put_number(&columns[COLUMN_VALUE], signal->value);
    put_number(&columns[COLUMN_CONFIDENCE], signal->confidence);
    if (signal->price != 0)
        put_number(&columns[COLUMN_PRICE], signal->price);
    else
        put_null(&columns[COLUMN_PRICE]);
    if (signal->time_frame_s > 0)
        put_integer(&columns[COLUMN_TIME_FRAME], signal->time_frame_s);
    else
        put_null(&columns[COLUMN_TIME_FRAME]);
    put_integer(&columns[COLUMN_PARTITION], signal->partition);
    put_integer(&columns[COLUMN_OFFSET], signal->offset);
    put_integer(&columns[COLUMN_ORDINAL], signal->ordinal);
}

static enum pg_row write_signal(struct text *columns, struct delivery *delivery) {
    const struct signal *signal = delivery->signal;
    bool is_text = put_id(&columns[COLUMN_ID], signal);
    is_text &= put_span(&columns[COLUMN_DEPLOYMENT], signal->deployment);
    is_text &= put_span(&columns[COLUMN_STRATEGY], signal->strategy);
    is_text &= put_span(&columns[COLUMN_VERSION], signal->version);
    is_text &= put_span(&columns[COLUMN_NAME], signal->name);
    is_text &= put_span(&columns[COLUMN_SYMBOL], signal->symbol);
    is_text &= put_data(&columns[COLUMN_DATA], signal);
    is_text &= put_span(&columns[COLUMN_TOPIC], signal->topic);
    is_text &= put_span(&columns[COLUMN_ORIGIN], signal->origin);
    put_figures(columns, signal);
    return is_text ? PG_ROW_WRITTEN : PG_ROW_HAS_NUL;
}

const struct pg_rows PG_SIGNALS = {SIGNAL_COLUMNS, CREATE_SIGNALS, INSERT_SIGNALS, write_signal};

/* ---- alerts: from their JSON ---- */

static const char CREATE_ALERTS[] = "CREATE TABLE IF NOT EXISTS %s (\n"
                                    "    id         text PRIMARY KEY,\n"
                                    "    time       timestamptz NOT NULL,\n"
                                    "    service    text NOT NULL,\n"
                                    "    host       text NOT NULL,\n"
                                    "    alert      text NOT NULL,\n"
                                    "    subject    text NOT NULL,\n"
                                    "    state      text NOT NULL,\n"
                                    "    text       text NOT NULL,\n"
                                    "    written_at timestamptz NOT NULL DEFAULT now()\n"
                                    ")";

static const char INSERT_ALERTS[] =
    "INSERT INTO %s (id, time, service, host, alert, subject, state, text) "
    "SELECT a->>'id', (a->>'time')::timestamptz, a->>'service', a->>'host', a->>'alert',"
    " a->>'subject', a->>'state', a->>'text' "
    "FROM (SELECT a::jsonb AS a FROM unnest($1::text[]) AS s (a)) AS s "
    "ON CONFLICT (id) DO NOTHING";

static enum pg_row write_alert(struct text *columns, struct delivery *delivery) {
    const struct delivery_text *text = delivery_text(delivery);
    if (text == NULL)
        return PG_ROW_NO_MEMORY;
    return put_text(columns, text->value, text->value_size) ? PG_ROW_WRITTEN : PG_ROW_HAS_NUL;
}

const struct pg_rows PG_ALERTS = {1, CREATE_ALERTS, INSERT_ALERTS, write_alert};

/* ---- all ---- */

static void begin(const struct pg_rows *rows, struct text *columns) {
    for (size_t i = 0; i < rows->columns; i++) {
        text_reset(&columns[i]);
        text_putc(&columns[i], '{');
    }
}

static enum pg_row end(const struct pg_rows *rows, struct text *columns) {
    bool is_oom = false;
    for (size_t i = 0; i < rows->columns; i++) {
        text_putc(&columns[i], '}');
        is_oom |= text_is_oom(&columns[i]);
    }
    return is_oom ? PG_ROW_NO_MEMORY : PG_ROW_WRITTEN;
}

enum pg_row pg_rows_write(const struct pg_rows *rows, struct delivery *const *deliveries,
                          size_t count, struct text *columns) {
    begin(rows, columns);
    for (size_t i = 0; i < count; i++) {
        const enum pg_row row = rows->write(columns, deliveries[i]);
        if (row != PG_ROW_WRITTEN)
            return row;
    }
    return end(rows, columns);
}
