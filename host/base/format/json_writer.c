#include "base/format/json_writer.h"

#include <string.h>

struct json_writer json_writer_of(struct text *text) {
    return (struct json_writer){.text = text};
}

struct text *json_value(struct json_writer *json, const char *name) {
    if (json->is_more)
        text_putc(json->text, ',');
    json->is_more = true;
    if (name != NULL) {
        text_json_string(json->text, name, strlen(name));
        text_putc(json->text, ':');
    }
    return json->text;
}

static void begin(struct json_writer *json, const char *name, char c) {
    text_putc(json_value(json, name), c);
    json->is_more = false;
}

static void end(struct json_writer *json, char c) {
    text_putc(json->text, c);
    json->is_more = true;
}

void json_begin_object(struct json_writer *json, const char *name) {
    begin(json, name, '{');
}

void json_end_object(struct json_writer *json) {
    end(json, '}');
}

void json_begin_array(struct json_writer *json, const char *name) {
    begin(json, name, '[');
}

void json_end_array(struct json_writer *json) {
    end(json, ']');
}

void json_bytes(struct json_writer *json, const char *name, const char *data, size_t size) {
    if (data != NULL)
        text_json_string(json_value(json, name), data, size);
    else
        text_puts(json_value(json, name), "null");
}

void json_text(struct json_writer *json, const char *name, const char *value) {
    json_bytes(json, name, value, value != NULL ? strlen(value) : 0);
}

void json_integer(struct json_writer *json, const char *name, int64_t value) {
    text_json_integer(json_value(json, name), value);
}

void json_unsigned(struct json_writer *json, const char *name, uint64_t value) {
    text_json_unsigned(json_value(json, name), value);
}

void json_number(struct json_writer *json, const char *name, double value) {
    text_json_number(json_value(json, name), value);
}

void json_fixed(struct json_writer *json, const char *name, double value, int decimals) {
    text_printf(json_value(json, name), "%.*f", decimals, value);
}

void json_bool(struct json_writer *json, const char *name, bool value) {
    text_puts(json_value(json, name), value ? "true" : "false");
}
