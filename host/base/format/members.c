#include "base/format/members.h"

#include "base/copy.h"

static bool is_blank(char c) {
    return (unsigned char)c <= ' ';
}

static t5_str trim(t5_str text) {
    while (text.len > 0 && is_blank(*text.data))
        text = (t5_str){text.data + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* It has nothing to escape. */
static void write_name(struct text *text, t5_str name) {
    char *to = text_room(text, name.len + 3);
    if (to == NULL)
        return;
    to[0] = '"';
    copy_bytes(to + 1, name.data, name.len);
    to[name.len + 1] = '"';
    to[name.len + 2] = ':';
    text_extend(text, name.len + 3);
}

static void write_value(struct text *text, const t5_value *value) {
    switch (value->type) {
    case T5_VALUE_INTEGER:
        text_json_integer(text, value->integer);
        break;
    case T5_VALUE_NUMBER:
        text_json_number(text, value->number);
        break;
    case T5_VALUE_BOOLEAN:
        text_puts(text, value->integer != 0 ? "true" : "false");
        break;
    case T5_VALUE_TEXT:
        text_json_string(text, value->text, value->length);
        break;
    default:
        text_puts(text, "null");
    }
}

void text_members_at(struct text *text, t5_str data, uint32_t count,
                     t5_named_value (*at)(const void *of, uint32_t i), const void *of) {
    const t5_str object = trim(data);
    if (count == 0) {
        text_append(text, object.data, object.len);
        return;
    }
    t5_str members = {NULL, 0};
    if (object.len > 0)
        members = trim((t5_str){object.data + 1, object.len - 2});
    text_putc(text, '{');
    text_append(text, members.data, members.len);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 || members.len > 0)
            text_putc(text, ',');
        const t5_named_value named = at(of, i);
        write_name(text, named.name);
        write_value(text, &named.value);
    }
    text_putc(text, '}');
}

static t5_named_value in_array(const void *values, uint32_t i) {
    return ((const t5_named_value *)values)[i];
}

void text_members(struct text *text, t5_str data, const t5_named_value *values, uint32_t count) {
    text_members_at(text, data, count, in_array, values);
}
