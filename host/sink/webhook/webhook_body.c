#include "sink/webhook/webhook_body.h"

#include "base/format/json_writer.h"

#include <string.h>

#define LINE_BYTES 390
_Static_assert(WEBHOOK_CHAT_BATCH *(LINE_BYTES + 8) <= 4096, "Telegram's limit");

/* ---- lines for people ---- */

/* Cuts after a whole character. */
static void cut_line(struct text *line) {
    if (line->size <= LINE_BYTES)
        return;
    size_t size = LINE_BYTES;
    while (size > 0 && ((unsigned char)line->data[size] & 0xc0) == 0x80)
        size--;
    line->size = size;
    line->data[size] = '\0';
    text_puts(line, "...");
}

static void put_escaped(struct text *lines, const struct text *line) {
    for (const char *at = line->data; *at != '\0'; at++) {
        if (*at == '&')
            text_puts(lines, "&amp;");
        else if (*at == '<')
            text_puts(lines, "&lt;");
        else if (*at == '>')
            text_puts(lines, "&gt;");
        else
            text_putc(lines, *at);
    }
}

static void put_lines(const struct webhook_form *form, struct delivery *const *deliveries,
                      size_t count, struct text *lines) {
    struct text line;
    text_init(&line);
    for (size_t i = 0; i < count; i++) {
        text_reset(&line);
        delivery_write_line(deliveries[i], &line);
        cut_line(&line);
        if (i > 0)
            text_putc(lines, '\n');
        if (form->format == WEBHOOK_SLACK)
            put_escaped(lines, &line);
        else
            text_append(lines, line.data, line.size);
    }
    lines->is_oom |= text_is_oom(&line);
    text_release(&line);
}

static void write_chat(const struct webhook_form *form, struct delivery *const *deliveries,
                       size_t count, struct text *body) {
    struct json_writer json = json_writer_of(body);
    struct text lines;
    text_init(&lines);
    put_lines(form, deliveries, count, &lines);
    json_begin_object(&json, NULL);
    if (form->format == WEBHOOK_TELEGRAM)
        json_text(&json, "chat_id", form->chat);
    json_bytes(&json, "text", lines.data, lines.size);
    json_end_object(&json);
    body->is_oom |= text_is_oom(&lines);
    text_release(&lines);
}

/* ---- JSON ---- */

static void write_json(const struct webhook_form *form, struct delivery *const *deliveries,
                       size_t count, struct text *body) {
    if (form->is_list)
        text_putc(body, '[');
    for (size_t i = 0; i < count; i++) {
        const struct delivery_text *text = delivery_text(deliveries[i]);
        if (text == NULL) {
            body->is_oom = true;
            return;
        }
        if (i > 0)
            text_putc(body, ',');
        text_append(body, text->value, text->value_size);
    }
    if (form->is_list)
        text_putc(body, ']');
}

bool webhook_body(const struct webhook_form *form, struct delivery *const *deliveries, size_t count,
                  struct text *body) {
    text_reset(body);
    if (form->format == WEBHOOK_JSON)
        write_json(form, deliveries, count, body);
    else
        write_chat(form, deliveries, count, body);
    return !text_is_oom(body);
}

bool webhook_key(struct delivery *const *deliveries, size_t count, char key[HASH_TEXT_SIZE]) {
    struct text ids;
    text_init(&ids);
    for (size_t i = 0; i < count; i++) {
        const struct delivery_text *text = delivery_text(deliveries[i]);
        if (text == NULL) {
            text_release(&ids);
            return false;
        }
        const t5_str id = delivery_id(text);
        text_append(&ids, id.data, id.len);
        text_putc(&ids, '\n');
    }
    const bool did = !text_is_oom(&ids);
    hash_text(hash_bytes(ids.data, ids.size), key);
    text_release(&ids);
    return did;
}
