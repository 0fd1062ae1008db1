#include "sink/dead_letter.h"

#include "base/format/json_writer.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "__take5.errors."

enum { OWN_REASON, OWN_MESSAGE, OWN_STRATEGY, OWN_TOPIC, OWN_PARTITION, OWN_OFFSET, OWN_COUNT };

static const char *const OWN[] = {"reason", "message", "strategy", "topic", "partition", "offset"};

/* The entry of OWN that the header is named after; OWN_COUNT: none. */
static size_t own_index(const char *name) {
    size_t i = OWN_COUNT;
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) == 0)
        for (i = 0; i < OWN_COUNT && strcmp(OWN[i], name + sizeof PREFIX - 1) != 0; i++)
            ;
    return i;
}

/* The last one of that name: a dead letter about a dead letter has the original's first. */
static const struct delivery_header *own_find(const struct delivery_text *text, size_t which) {
    for (size_t i = text->header_count; i > 0; i--)
        if (own_index(text->headers[i - 1].name) == which)
            return &text->headers[i - 1];
    return NULL;
}

/* Its value, ended by a NUL, as made by delivery_new(). "" if there is none. */
static const char *own_string(const struct delivery_text *text, size_t which) {
    const struct delivery_header *header = own_find(text, which);
    return header != NULL && header->value != NULL ? header->value : "";
}

bool dead_letter_is_own_header(const struct delivery_text *text, size_t index) {
    size_t which = own_index(text->headers[index].name);
    return which < OWN_COUNT && own_find(text, which) == &text->headers[index];
}

/* "key":"..." or "key_base64":"..." or "key":null */
static void write_bytes(struct json_writer *json, const char *name, const char *base64_name,
                        const char *data, size_t size) {
    if (!data || text_is_utf8(data, size)) {
        json_bytes(json, name, data, size);
        return;
    }
    text_putc(json_value(json, base64_name), '"');
    text_base64(json->text, data, size);
    text_putc(json->text, '"');
}

static void write_header(struct json_writer *json, const struct delivery_header *header) {
    json_begin_array(json, NULL);
    json_text(json, NULL, header->name);
    if (!header->value || text_is_utf8(header->value, header->value_size)) {
        json_bytes(json, NULL, header->value, header->value_size);
    } else {
        json_begin_object(json, NULL);
        write_bytes(json, NULL, "base64", header->value, header->value_size);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_own_text(struct json_writer *json, const struct delivery_text *text,
                           size_t which) {
    const struct delivery_header *header = own_find(text, which);
    json_bytes(json, OWN[which], header ? header->value : NULL, header ? header->value_size : 0);
}

static void write_own_integer(struct json_writer *json, const struct delivery_text *text,
                              size_t which) {
    const char *digits = own_string(text, which);
    json_integer(json, OWN[which], *digits != '\0' ? strtoll(digits, NULL, 10) : -1);
}

static void write_dead_letter(const struct delivery *delivery, const struct delivery_text *own,
                              struct text *text) {
    struct json_writer json = json_writer_of(text);
    json_begin_object(&json, NULL);
    write_own_text(&json, own, OWN_TOPIC);
    write_own_integer(&json, own, OWN_PARTITION);
    write_own_integer(&json, own, OWN_OFFSET);
    if (delivery->time_ms < 0)
        json_text(&json, "ts", NULL);
    else
        json_integer(&json, "ts", delivery->time_ms);
    write_bytes(&json, "key", "key_base64", delivery->key, delivery->key_size);
    write_bytes(&json, "payload", "payload_base64", own->value, own->value_size);
    json_begin_array(&json, "headers");
    for (size_t i = 0; i < own->header_count; i++) {
        if (!dead_letter_is_own_header(own, i))
            write_header(&json, &own->headers[i]);
    }
    json_end_array(&json);
    write_own_text(&json, own, OWN_REASON);
    write_own_text(&json, own, OWN_MESSAGE);
    write_own_text(&json, own, OWN_STRATEGY);
    json_end_object(&json);
}

void dead_letter_write_summary(const struct delivery_text *own, struct text *text) {
    text_printf(text, "dead letter %s/%s/%s: %s: %s", own_string(own, OWN_TOPIC),
                own_string(own, OWN_PARTITION), own_string(own, OWN_OFFSET),
                own_string(own, OWN_REASON), own_string(own, OWN_MESSAGE));
}

/* A line break in a JSON object can only be between tokens, where a blank does as well. */
static void write_on_one_line(struct text *text, const char *data, size_t size) {
    while (size > 0) {
        size_t length = 0;
        while (length < size && data[length] != '\n' && data[length] != '\r')
            length++;
        text_append(text, data, length);
        if (length < size)
            text_putc(text, ' ');
        length += length < size;
        data += length;
        size -= length;
    }
}

void dead_letter_write_line(struct delivery *delivery, struct text *text) {
    if (delivery_write_once(delivery, text)) {
        text_putc(text, '\n');
        return;
    }
    const struct delivery_text *own = delivery_text(delivery);
    if (own == NULL) {
        text->is_oom = true;
        return;
    }
    if (delivery->kind == DELIVERY_DEAD_LETTER)
        write_dead_letter(delivery, own, text);
    else
        write_on_one_line(text, own->value, own->value ? own->value_size : 0);
    text_putc(text, '\n');
}

void dead_letter_write_short(const struct delivery_text *own, const char *reason,
                             struct text *text) {
    struct json_writer json = json_writer_of(text);
    char hash[HASH_TEXT_SIZE];
    hash_text(hash_bytes(own->value ? own->value : "", own->value_size), hash);
    json_begin_object(&json, NULL);
    json_bool(&json, "shortened", true);
    json_unsigned(&json, "length", own->value_size);
    json_text(&json, "hash", hash);
    json_text(&json, "reason", reason);
    json_end_object(&json);
}
