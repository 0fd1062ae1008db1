/*
 * message/record.h - one record as a source returns it: bytes and coordinates, nothing decoded.
 *
 * The memory belongs to the source, and is valid until the record is given back to it.
 */
#ifndef TAKE5_MESSAGE_RECORD_H
#define TAKE5_MESSAGE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_NO_TIME INT64_MIN

struct record_header {
    const char *name;  /* NUL-terminated */
    const void *value; /* NULL: a null header */
    size_t value_size;
};

struct record {
    const char *payload; /* NULL with size 0: a tombstone */
    size_t payload_size;
    const char *key; /* NULL: no key; may be empty and not NULL */
    size_t key_size;
    int64_t kafka_time_ms; /* RECORD_NO_TIME: none */
    int64_t offset;
    int32_t partition;
    uint32_t topic; /* index into the configuration's topics */
    void *handle;   /* the source's own */
};

#endif
