/*
 * recording/line.h - one line of a recorded file, read without building a tree.
 *
 * A line is either *recorded*: an object in the form of `kcat -J`, {"topic", "partition", "offset",
 * "tstype", "ts", "broker", "headers", "key", "payload"}, in any order, or with "key_base64" and
 * "payload_base64" for bytes that are no UTF-8 (take5 record writes those); kcat's own output has
 * such bytes raw in the string, and they are taken as they are. Or it is *plain*: a message's value
 * itself. A line whose first member is none of that form's and one that has no payload is plain.
 *
 * A payload that is an object or array instead of a string is taken as its text.
 *
 * Only what is needed is checked: the outer object of a recorded line in full, of a plain line that
 * its brackets and strings close; the decoder judges the rest.
 */
#ifndef TAKE5_RECORDING_LINE_H
#define TAKE5_RECORDING_LINE_H

#include "message/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDING_NO_PARTITION (-1)
#define RECORDING_NO_OFFSET    (-1)

struct recording_line {
    bool is_plain;
    bool is_row;       /* of CSV: plain, and about prices (reader.h) */
    const char *topic; /* NULL: the line names none */
    size_t topic_size;
    const char *key; /* NULL: none; may be empty and not NULL */
    size_t key_size;
    const char *payload; /* NULL: a tombstone; may be empty and not NULL */
    size_t payload_size;
    int64_t time_ms; /* RECORD_NO_TIME: none */
    int64_t offset;
    int32_t partition;
};

/* The bytes at `scratch` that recording_line_scan() may need for a line of that size. */
static inline size_t recording_line_scratch(size_t size) {
    return size + 64;
}

/*
 * Scans one line, without its line break. LENIENT_SLACK readable bytes must follow it. Spans
 * point into the line or to `scratch`, of which `*used` bytes were taken. NULL when it is good,
 * else what is wrong, as a constant text; then `result` means nothing.
 */
const char *recording_line_scan(const char *line, size_t size, char *scratch, size_t *used,
                                struct recording_line *result);

/* What is needed of a message's members before it is decoded. */
struct recording_shape {
    const char *symbol; /* NULL: absent, empty or no text */
    size_t symbol_size;
    const char *role; /* as decode_shape(); NULL: none follows from it */
};

/* As above, for a message's value. False when it is not one object whose brackets and strings
 * close. */
bool recording_shape_scan(const char *value, size_t size, char *scratch, size_t *used,
                          struct recording_shape *shape);

#endif
