/*
 * engine/samples.h - copies of the last real messages, for rehearsals.
 *
 * A lane keeps every record while the stream is slow, and the first few of each batch when it is
 * fast, so that the copying costs next to nothing beside the decoding.
 *
 * Used by the lane; copied out on the lane by a call.
 */
#ifndef TAKE5_ENGINE_SAMPLES_H
#define TAKE5_ENGINE_SAMPLES_H

#include "message/record.h"

#include <stdbool.h>
#include <stddef.h>

#define SAMPLES_PER_BATCH 8

struct samples {
    struct record *records; /* a ring; payload and key are copies in one block each */
    size_t capacity;
    size_t count;
    size_t next;
};

bool samples_init(struct samples *samples, size_t capacity);
void samples_release(struct samples *samples);

/* Copies the record in over the oldest. Without memory the record is left out. */
void samples_add(struct samples *samples, const struct record *record);

/* Appends copies of all to `*records` (grown with realloc; free each payload, then the array),
 * oldest first. False when memory ran out; what was appended stays. */
bool samples_copy(const struct samples *samples, struct record **records, size_t *count);
void samples_free_copy(struct record *records, size_t count);

#endif
