#include "sink/letter.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "__take5.errors."

static const char *const OWN[] = {"reason", "message", "strategy", "topic", "partition", "offset"};

#define OWN_COUNT (sizeof OWN / sizeof OWN[0])

/* Which of OWN a header is called after; OWN_COUNT: none. */
static size_t own_index(const char *name) {
    size_t i = OWN_COUNT;
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) == 0)
        for (i = 0; i < OWN_COUNT && strcmp(OWN[i], name + sizeof PREFIX - 1) != 0; i++)
            ;
    return i;
}

/* The last of that name: a letter about a letter has the original's before its own. */
static const struct parcel_header *own_find(const struct parcel *parcel, size_t which) {
    for (size_t i = parcel->header_count; i > 0; i--)
        if (own_index(parcel->headers[i - 1].name) == which)
            return &parcel->headers[i - 1];
    return NULL;
}

bool letter_is_own_header(const struct parcel *parcel, size_t index) {
    size_t which = own_index(parcel->headers[index].name);
    return parcel->kind == PARCEL_LETTER && which < OWN_COUNT &&
           own_find(parcel, which) == &parcel->headers[index];
}

/* Length of the well-formed UTF-8 sequence at `at`; 0 when it is none. */
static size_t utf8_length(const unsigned char *at, const unsigned char *end) {
    unsigned char lead = *at;
    if (lead < 0x80)
        return 1;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || (size_t)(end - at) < length)
        return 0;
    /* Over-long forms, surrogates and what lies above U+10FFFF show in the second byte. */
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

static bool is_utf8(const char *data, size_t size) {
    const unsigned char *at = (const unsigned char *)data;
    const unsigned char *end = at + size;
    while (at < end) {
        size_t length = utf8_length(at, end);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/* ,"key":"..." or ,"key_base64":"..." or ,"key":null */
static void write_bytes(struct text *text, const char *name, const char *data, size_t size) {
    if (!data) {
        text_printf(text, ",\"%s\":null", name);
    } else if (is_utf8(data, size)) {
        text_printf(text, ",\"%s\":", name);
        text_json_string(text, data, size);
    } else {
        text_printf(text, ",\"%s_base64\":\"", name);
        text_base64(text, data, size);
        text_putc(text, '"');
    }
}

static void write_header(struct text *text, const struct parcel_header *header) {
    text_putc(text, '[');
    text_json_string(text, header->name, strlen(header->name));
    text_putc(text, ',');
    if (!header->value) {
        text_puts(text, "null");
    } else if (is_utf8(header->value, header->value_size)) {
        text_json_string(text, header->value, header->value_size);
    } else {
        text_puts(text, "{\"base64\":\"");
        text_base64(text, header->value, header->value_size);
        text_puts(text, "\"}");
    }
    text_putc(text, ']');
}

static void write_headers(struct text *text, const struct parcel *parcel) {
    text_puts(text, ",\"headers\":[");
    bool is_first = true;
    for (size_t i = 0; i < parcel->header_count; i++) {
        if (letter_is_own_header(parcel, i))
            continue;
        if (!is_first)
            text_putc(text, ',');
        is_first = false;
        write_header(text, &parcel->headers[i]);
    }
    text_putc(text, ']');
}

static void write_own_text(struct text *text, const struct parcel *parcel, size_t which) {
    const struct parcel_header *header = own_find(parcel, which);
    if (!header || !header->value)
        text_puts(text, "null");
    else
        text_json_string(text, header->value, header->value_size);
}

static void write_own_integer(struct text *text, const struct parcel *parcel, size_t which) {
    const struct parcel_header *header = own_find(parcel, which);
    char *end;
    /* A parcel's header values have a NUL behind them only when parcel_new() made them: it did. */
    long long number = header && header->value ? strtoll(header->value, &end, 10) : -1;
    text_json_integer(text, number);
}

static void write_letter(const struct parcel *parcel, struct text *text) {
    text_puts(text, "{\"topic\":");
    write_own_text(text, parcel, 3);
    text_puts(text, ",\"partition\":");
    write_own_integer(text, parcel, 4);
    text_puts(text, ",\"offset\":");
    write_own_integer(text, parcel, 5);
    text_puts(text, ",\"ts\":");
    if (parcel->time_ms < 0)
        text_puts(text, "null");
    else
        text_json_integer(text, parcel->time_ms);
    write_bytes(text, "key", parcel->key, parcel->key_size);
    write_bytes(text, "payload", parcel->value, parcel->value_size);
    write_headers(text, parcel);
    for (size_t i = 0; i < 3; i++) {
        text_printf(text, ",\"%s\":", OWN[i]);
        write_own_text(text, parcel, i);
    }
    text_putc(text, '}');
}

/* A line break in a JSON object can only stand between its parts, where a blank does as well. */
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

void letter_write_line(const struct parcel *parcel, struct text *text) {
    if (parcel->kind == PARCEL_LETTER)
        write_letter(parcel, text);
    else
        write_on_one_line(text, parcel->value, parcel->value ? parcel->value_size : 0);
    text_putc(text, '\n');
}

void letter_write_short(const struct parcel *parcel, const char *reason, struct text *text) {
    char hash[HASH_TEXT_SIZE];
    hash_text(hash_bytes(parcel->value ? parcel->value : "", parcel->value_size), hash);
    text_printf(text, "{\"shortened\":true,\"length\":%zu,\"hash\":\"%s\",\"reason\":",
                parcel->value_size, hash);
    text_json_string(text, reason, strlen(reason));
    text_putc(text, '}');
}
