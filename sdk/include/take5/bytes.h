/*
 * take5/bytes.h - what a strategy remembers, as bytes and back: for save and load.
 *
 *   save:  t5_bytes out;
 *          t5_bytes_init(&out);
 *          t5_bytes_put_f64(&out, mean);
 *          code = t5_bytes_record(&out, host, symbol_id);
 *          t5_bytes_release(&out);
 *   load:  t5_reader in;
 *          t5_reader_init(&in, record.data, record.data_size);
 *          mean = t5_reader_f64(&in);
 *          if (!t5_reader_done(&in))
 *              return t5_fail(host, "a record of %zu bytes is not ours", record.data_size);
 *
 * Put freely and test once at the end: when memory runs out the writer remembers it, and when the
 * bytes run out the reader gives zeroes and remembers it. Numbers are little-endian, doubles keep
 * their bits, so the same state always gives the same bytes.
 *
 * One of the helpers that are not part of the ABI: it is compiled into the strategy, which may copy
 * and change it. Depends on the C standard headers alone.
 */
#ifndef TAKE5_BYTES_H
#define TAKE5_BYTES_H

#include "codes.h"
#include "host.h"
#include "value.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A growing buffer. Invariant: size <= capacity; `data` is NULL only while capacity is 0. */
typedef struct t5_bytes {
    unsigned char *data;
    size_t size;
    size_t capacity;
    int is_oom; /* memory ran out: the content is not complete */
} t5_bytes;

static inline void t5_bytes_init(t5_bytes *bytes) {
    memset(bytes, 0, sizeof *bytes);
}

/* Frees the buffer and leaves it as after t5_bytes_init(). */
static inline void t5_bytes_release(t5_bytes *bytes) {
    free(bytes->data);
    t5_bytes_init(bytes);
}

/* Empties it and keeps the memory. */
static inline void t5_bytes_reset(t5_bytes *bytes) {
    bytes->size = 0;
    bytes->is_oom = 0;
}

/* Room for `size` more bytes at the end; their address, or NULL when memory ran out (then or
 * before). Amortised O(size). The bytes count as put: fill all of them. */
static inline void *t5_bytes_grow(t5_bytes *bytes, size_t size) {
    void *room;
    if (bytes->is_oom)
        return NULL;
    if (size > bytes->capacity - bytes->size) {
        size_t capacity = bytes->capacity < 64 ? 64 : bytes->capacity;
        unsigned char *data;
        while (capacity - bytes->size < size && capacity <= SIZE_MAX / 4)
            capacity *= 2;
        data =
            capacity - bytes->size < size ? NULL : (unsigned char *)realloc(bytes->data, capacity);
        if (data == NULL) {
            bytes->is_oom = 1;
            return NULL;
        }
        bytes->data = data;
        bytes->capacity = capacity;
    }
    room = bytes->data + bytes->size;
    bytes->size += size;
    return room;
}

/* Appends `size` bytes. `data` may be NULL when `size` is 0. */
static inline void t5_bytes_put(t5_bytes *bytes, const void *data, size_t size) {
    void *room = size > 0 ? t5_bytes_grow(bytes, size) : NULL;
    if (room != NULL)
        memcpy(room, data, size);
}

static inline void t5_bytes_put_u64(t5_bytes *bytes, uint64_t number) {
    unsigned char raw[8];
    int i;
    for (i = 0; i < 8; i++)
        raw[i] = (unsigned char)(number >> (8 * i) & 0xff);
    t5_bytes_put(bytes, raw, sizeof raw);
}

static inline void t5_bytes_put_u32(t5_bytes *bytes, uint32_t number) {
    unsigned char raw[4];
    int i;
    for (i = 0; i < 4; i++)
        raw[i] = (unsigned char)(number >> (8 * i) & 0xff);
    t5_bytes_put(bytes, raw, sizeof raw);
}

static inline void t5_bytes_put_i64(t5_bytes *bytes, int64_t number) {
    t5_bytes_put_u64(bytes, (uint64_t)number);
}

static inline void t5_bytes_put_f64(t5_bytes *bytes, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    t5_bytes_put_u64(bytes, bits);
}

/* A text with its length before it. */
static inline void t5_bytes_put_text(t5_bytes *bytes, t5_str text) {
    t5_bytes_put_u64(bytes, text.len);
    t5_bytes_put(bytes, text.data, text.len);
}

/* Writes the content as one record of the state, for use in `save`. T5_ERROR, with a reason set,
 * when memory ran out on the way. */
static inline int32_t t5_bytes_record(const t5_bytes *bytes, t5_host *host, uint32_t symbol_id) {
    int32_t code;
    if (bytes->is_oom)
        return t5_fail(host, "out of memory while saving a record of more than %zu bytes",
                       bytes->size);
    code = t5_record_write(host, symbol_id, bytes->data, bytes->size);
    if (code != T5_OK)
        return t5_fail(host, "the host did not take a record of %zu bytes (code %d)", bytes->size,
                       (int)code);
    return T5_OK;
}

/* A view that is read from its front. The bytes stay the owner's. */
typedef struct t5_reader {
    const unsigned char *data;
    size_t left;
    int is_bad; /* more was asked for than there was, or it does not fit */
} t5_reader;

/* `data` may be NULL when `size` is 0. */
static inline void t5_reader_init(t5_reader *reader, const void *data, size_t size) {
    reader->data = (const unsigned char *)data;
    reader->left = size;
    reader->is_bad = 0;
}

/* The next `size` bytes in place, or NULL when so many are not left (or never were). */
static inline const void *t5_reader_take(t5_reader *reader, size_t size) {
    const unsigned char *data = reader->data;
    if (reader->is_bad || size > reader->left) {
        reader->is_bad = 1;
        return NULL;
    }
    if (size > 0)
        reader->data = data + size;
    reader->left -= size;
    return data;
}

static inline uint64_t t5_reader_u64(t5_reader *reader) {
    const unsigned char *raw = (const unsigned char *)t5_reader_take(reader, 8);
    uint64_t number = 0;
    int i;
    for (i = 0; raw != NULL && i < 8; i++)
        number |= (uint64_t)raw[i] << (8 * i);
    return number;
}

static inline uint32_t t5_reader_u32(t5_reader *reader) {
    const unsigned char *raw = (const unsigned char *)t5_reader_take(reader, 4);
    uint32_t number = 0;
    int i;
    for (i = 0; raw != NULL && i < 4; i++)
        number |= (uint32_t)raw[i] << (8 * i);
    return number;
}

static inline int64_t t5_reader_i64(t5_reader *reader) {
    return (int64_t)t5_reader_u64(reader);
}

static inline double t5_reader_f64(t5_reader *reader) {
    const uint64_t bits = t5_reader_u64(reader);
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* A text that t5_bytes_put_text() wrote; empty when it is not whole. Lives as long as the bytes. */
static inline t5_str t5_reader_text(t5_reader *reader) {
    const uint64_t size = t5_reader_u64(reader);
    t5_str text;
    text.data = NULL;
    text.len = 0;
    if (size > reader->left) {
        reader->is_bad = 1;
        return text;
    }
    text.data = (const char *)t5_reader_take(reader, (size_t)size);
    text.len = text.data != NULL ? (size_t)size : 0;
    return text;
}

/* Whether all was read, and no more than there was. */
static inline int t5_reader_done(const t5_reader *reader) {
    return !reader->is_bad && reader->left == 0;
}

#ifdef __cplusplus
}
#endif

#endif
