/*
 * engine/lane/samples.h - copies of the last real messages, for rehearsals.
 *
 * A lane keeps every record while the stream is slow, and the first few of each batch when it is
 * fast, so that copying costs little compared with decoding.
 *
 * They belong to the lane. A reload borrows all of them, by exchanging them on the lane for an
 * empty set, which takes no longer than that; and gives them back.
 */
#ifndef TAKE5_ENGINE_LANE_SAMPLES_H
#define TAKE5_ENGINE_LANE_SAMPLES_H

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

/* Copies the record in, over the oldest. Without memory the record is left out. */
void samples_add(struct samples *samples, const struct record *record);

void samples_exchange(struct samples *a, struct samples *b);
/* Moves the newer ones behind the older, over the oldest of those. `newer` is empty afterwards. */
void samples_join(struct samples *older, struct samples *newer);

/* Appends all to `*records` (grown, free() it), oldest first; their memory stays with the samples.
 * False: out of memory. */
bool samples_list(const struct samples *samples, struct record **records, size_t *count);

#endif
