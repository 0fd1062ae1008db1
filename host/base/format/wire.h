/*
 * base/format/wire.h - numbers and texts to and from bytes: little endian, lengths before contents.
 *
 * Writing goes into a `struct text`, whose `is_oom` is tested once at the end. A reader checks
 * every length against what is left; the first one that does not fit makes it bad, and from then on
 * it gives zeros and empty spans: read freely, test `is_bad` before anything is believed.
 */
#ifndef TAKE5_BASE_FORMAT_WIRE_H
#define TAKE5_BASE_FORMAT_WIRE_H

#include "base/text.h"

#include <take5/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void wire_put_u32(struct text *out, uint32_t number);
void wire_put_u64(struct text *out, uint64_t number);
void wire_put_i64(struct text *out, int64_t number);
void wire_put_bytes(struct text *out, const void *data, size_t size);
/* NUL-terminated, or NULL, which stays apart from "". */
void wire_put_string(struct text *out, const char *string);

struct wire_reader {
    const unsigned char *at, *end;
    bool is_bad;
    bool is_oom; /* bad for lack of memory, not for its bytes */
};

void wire_open(struct wire_reader *reader, const void *bytes, size_t size);
size_t wire_left(const struct wire_reader *reader);
uint32_t wire_u32(struct wire_reader *reader);
uint64_t wire_u64(struct wire_reader *reader);
int64_t wire_i64(struct wire_reader *reader);
/* Points into the bytes that are read. */
t5_str wire_bytes(struct wire_reader *reader);
/* A copy to be freed, or NULL when NULL was written. A text with a NUL inside makes the reader bad,
 * as does a failed allocation. */
char *wire_string(struct wire_reader *reader);
/* A count of things that take at least `least` bytes each: more than can be there is bad. */
size_t wire_count(struct wire_reader *reader, size_t least);

#endif
