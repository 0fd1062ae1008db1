/*
 * engine/lane/prefetch.h - what a lane will need for the next records of its batch, fetched ahead.
 *
 * A record's symbol is found by a chain of look-ups, each of which waits for memory once there are
 * more symbols than the caches hold. The symbol is known before the record is decoded: it normally
 * is the Kafka key. So each look-up is begun some records early. Nothing here changes any result,
 * whatever the key is. Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_PREFETCH_H
#define TAKE5_ENGINE_LANE_PREFETCH_H

#include "engine/lane/lane_state.h"

#define PREFETCH_FAR  4 /* records ahead: the line of the symbol table */
#define PREFETCH_NEAR 2 /* the symbol's entry and route */

struct prefetch {
    uint64_t hashes[PREFETCH_FAR]; /* of the next keys, by number in the batch */
};

/* To be called before record `at` of the batch is handled. */
void prefetch_records(struct prefetch *prefetch, const struct lane *lane,
                      const struct record *records, size_t count, size_t at);

#endif
