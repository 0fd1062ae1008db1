#include "base/format/wire.h"

#include <stdlib.h>
#include <string.h>

/* Stands for NULL where a length is expected. */
#define WIRE_NULL UINT64_MAX

static void put_number(struct text *out, uint64_t number, size_t size) {
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    text_append(out, bytes, size);
}

void wire_put_u32(struct text *out, uint32_t number) {
    put_number(out, number, 4);
}

void wire_put_u64(struct text *out, uint64_t number) {
    put_number(out, number, 8);
}

void wire_put_i64(struct text *out, int64_t number) {
    put_number(out, (uint64_t)number, 8);
}

void wire_put_bytes(struct text *out, const void *data, size_t size) {
    wire_put_u64(out, size);
    if (size > 0)
        text_append(out, data, size);
}

void wire_put_string(struct text *out, const char *string) {
    if (string == NULL)
        wire_put_u64(out, WIRE_NULL);
    else
        wire_put_bytes(out, string, strlen(string));
}

void wire_open(struct wire_reader *reader, const void *bytes, size_t size) {
    reader->at = bytes;
    reader->end = size > 0 ? reader->at + size : reader->at;
    reader->is_bad = false;
    reader->is_oom = false;
}

size_t wire_left(const struct wire_reader *reader) {
    return reader->is_bad ? 0 : (size_t)(reader->end - reader->at);
}

static uint64_t get_number(struct wire_reader *reader, size_t size) {
    if (wire_left(reader) < size) {
        reader->is_bad = true;
        return 0;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number |= (uint64_t)reader->at[i] << (8 * i);
    reader->at += size;
    return number;
}

uint32_t wire_u32(struct wire_reader *reader) {
    return (uint32_t)get_number(reader, 4);
}

uint64_t wire_u64(struct wire_reader *reader) {
    return get_number(reader, 8);
}

int64_t wire_i64(struct wire_reader *reader) {
    return (int64_t)get_number(reader, 8);
}

static t5_str take_span(struct wire_reader *reader, uint64_t size) {
    t5_str span = {NULL, 0};
    if (reader->is_bad || size > wire_left(reader)) {
        reader->is_bad = true;
        return span;
    }
    span.data = (const char *)reader->at;
    span.len = (size_t)size;
    reader->at += size;
    return span;
}

t5_str wire_bytes(struct wire_reader *reader) {
    return take_span(reader, wire_u64(reader));
}

char *wire_string(struct wire_reader *reader) {
    const uint64_t size = wire_u64(reader);
    if (reader->is_bad || size == WIRE_NULL)
        return NULL;
    const t5_str span = take_span(reader, size);
    if (reader->is_bad)
        return NULL;
    char *copy = NULL;
    if (span.len == 0 || memchr(span.data, '\0', span.len) == NULL)
        copy = text_dup(span.data != NULL ? span.data : "", span.len);
    else
        reader->is_bad = true;
    if (copy == NULL && !reader->is_bad)
        reader->is_bad = reader->is_oom = true;
    return copy;
}

size_t wire_count(struct wire_reader *reader, size_t least) {
    const uint64_t count = wire_u64(reader);
    if (reader->is_bad || count > wire_left(reader) / least) {
        reader->is_bad = true;
        return 0;
    }
    return (size_t)count;
}
