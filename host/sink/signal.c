#include "sink/signal.h"

#include "base/format/members.h"

#include <math.h>

t5_named_value signal_value_at(const struct signal *signal, uint32_t i) {
    if (signal->named != NULL)
        return signal->named[i];
    const struct signal_value *value = &signal->values[i];
    t5_named_value named = {{signal->name.data + value->name_at, value->name_size},
                            {.type = value->type, .number = (double)NAN}};
    switch (value->type) {
    case T5_VALUE_NUMBER:
        named.value.number = value->number;
        break;
    case T5_VALUE_INTEGER:
    case T5_VALUE_BOOLEAN:
        named.value.integer = value->integer;
        named.value.number = (double)value->integer;
        break;
    case T5_VALUE_TEXT:
        named.value.text = value->text;
        named.value.length = value->length;
        break;
    default:
        break;
    }
    return named;
}

static t5_named_value member_at(const void *signal, uint32_t i) {
    return signal_value_at(signal, i);
}

void signal_write_members(const struct signal *signal, struct text *text) {
    text_members_at(text, signal->data, signal->value_count, member_at, signal);
}

void signal_write_id(const struct signal *signal, struct text *text) {
    text_append(text, signal->deployment.data, signal->deployment.len);
    text_putc(text, '/');
    text_append(text, signal->topic.data, signal->topic.len);
    text_putc(text, '/');
    text_json_integer(text, signal->partition);
    text_putc(text, '/');
    text_json_integer(text, signal->offset);
    text_putc(text, '/');
    text_json_unsigned(text, signal->ordinal);
}

/* What precedes a value: the comma or brace, the name and the colon. */
#define PUT(text, literal) text_append((text), (literal), sizeof(literal) - 1)

#define PUT_STRING(text, name, string)                                                             \
    do {                                                                                           \
        PUT(text, name);                                                                           \
        text_json_string((text), (string).data, (string).len);                                     \
    } while (0)

static void put_time(struct text *text, int64_t time_ns) {
    PUT(text, ",\"event_time\":\"");
    text_time_ns(text, time_ns);
    PUT(text, "\",\"event_time_ns\":");
    text_json_integer(text, time_ns);
}

void signal_write_json(const struct signal *signal, const struct text *id, struct text *text) {
    PUT_STRING(text, "{\"id\":", ((t5_str){id->data, id->size}));
    PUT_STRING(text, ",\"deployment\":", signal->deployment);
    PUT_STRING(text, ",\"strategy\":", signal->strategy);
    PUT_STRING(text, ",\"version\":", signal->version);
    PUT_STRING(text, ",\"name\":", signal->name);
    PUT_STRING(text, ",\"symbol\":", signal->symbol);
    put_time(text, signal->event_time_ns);
    PUT(text, ",\"value\":");
    text_json_number(text, signal->value);
    PUT(text, ",\"confidence\":");
    text_json_number(text, signal->confidence);
    PUT_STRING(text, ",\"topic\":", signal->topic);
    PUT(text, ",\"partition\":");
    text_json_integer(text, signal->partition);
    PUT(text, ",\"offset\":");
    text_json_integer(text, signal->offset);
    if (signal->time_frame_s > 0) {
        PUT(text, ",\"time_frame\":");
        text_json_unsigned(text, signal->time_frame_s);
    }
    if (signal->price != 0) {
        PUT(text, ",\"price\":");
        text_json_number(text, signal->price);
    }
    if (signal->data.len > 0 || signal->value_count > 0) {
        PUT(text, ",\"data\":");
        signal_write_members(signal, text);
    }
    text_putc(text, '}');
}

void signal_write_point(const struct signal *point, struct text *text) {
    PUT_STRING(text, "{\"deployment\":", point->deployment);
    PUT_STRING(text, ",\"series\":", point->name);
    PUT_STRING(text, ",\"symbol\":", point->symbol);
    if (point->time_frame_s > 0) {
        PUT(text, ",\"time_frame\":");
        text_json_unsigned(text, point->time_frame_s);
    }
    put_time(text, point->event_time_ns);
    PUT(text, ",\"value\":");
    text_json_number(text, point->value);
    text_putc(text, '}');
}

void signal_write_line(const struct signal *signal, struct text *text) {
    text_visible(text, signal->name.data, signal->name.len);
    text_putc(text, ' ');
    text_visible(text, signal->symbol.data, signal->symbol.len);
    text_printf(text, " %.6g (confidence %.2f) by %s, id ", signal->value, signal->confidence,
                signal->deployment.data);
    signal_write_id(signal, text);
}
