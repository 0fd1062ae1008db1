#include "sink/signal.h"

#include "base/json_writer.h"
#include "base/members.h"

#include <inttypes.h>

void signal_write_id(const struct signal *signal, struct text *text) {
    text_append(text, signal->deployment.data, signal->deployment.len);
    text_putc(text, '/');
    text_append(text, signal->topic.data, signal->topic.len);
    text_printf(text, "/%" PRId32 "/%" PRId64 "/%" PRIu32, signal->partition, signal->offset,
                signal->ordinal);
}

static void put(struct json_writer *json, const char *name, t5_str text) {
    json_bytes(json, name, text.data, text.len);
}

static void put_time(struct json_writer *json, const struct signal *signal) {
    text_putc(json_value(json, "event_time"), '"');
    text_time_ns(json->text, signal->event_time_ns);
    text_putc(json->text, '"');
    json_integer(json, "event_time_ns", signal->event_time_ns);
}

void signal_write_json(const struct signal *signal, const struct text *id, struct text *text) {
    struct json_writer json = json_writer_of(text);
    json_begin_object(&json, NULL);
    json_bytes(&json, "id", id->data, id->size);
    put(&json, "deployment", signal->deployment);
    put(&json, "strategy", signal->strategy);
    put(&json, "version", signal->version);
    put(&json, "name", signal->name);
    put(&json, "symbol", signal->symbol);
    put_time(&json, signal);
    json_number(&json, "value", signal->value);
    json_number(&json, "confidence", signal->confidence);
    put(&json, "topic", signal->topic);
    json_integer(&json, "partition", signal->partition);
    json_integer(&json, "offset", signal->offset);
    if (signal->time_frame_s > 0)
        json_unsigned(&json, "time_frame", signal->time_frame_s);
    if (signal->price != 0)
        json_number(&json, "price", signal->price);
    if (signal->data.len > 0 || signal->value_count > 0)
        text_members(json_value(&json, "data"), signal->data, signal->values, signal->value_count);
    json_end_object(&json);
}

void signal_write_point(const struct signal *point, struct text *text) {
    struct json_writer json = json_writer_of(text);
    json_begin_object(&json, NULL);
    put(&json, "deployment", point->deployment);
    put(&json, "series", point->name);
    put(&json, "symbol", point->symbol);
    if (point->time_frame_s > 0)
        json_unsigned(&json, "time_frame", point->time_frame_s);
    put_time(&json, point);
    json_number(&json, "value", point->value);
    json_end_object(&json);
}

void signal_write_line(const struct signal *signal, struct text *text) {
    text_visible(text, signal->name.data, signal->name.len);
    text_putc(text, ' ');
    text_visible(text, signal->symbol.data, signal->symbol.len);
    text_printf(text, " %.6g (confidence %.2f) by %s, id ", signal->value, signal->confidence,
                signal->deployment.data);
    signal_write_id(signal, text);
}
