/*
 * engine/observe_private.h - inside the observer: observe.c has the points, observe_signals.c the
 * signals, observe_read.c what others see.
 */
#ifndef TAKE5_ENGINE_OBSERVE_PRIVATE_H
#define TAKE5_ENGINE_OBSERVE_PRIVATE_H

#include "base/hash.h"
#include "engine/observe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define OBSERVE_CHUNK 1024

#define OBSERVE_HEAD 16

/* One (topic, partition, symbol, time frame). What a point touches is one cache line. */
struct series {
    /* Others read `newest_ms` and `points` without the lock; the rest of what moves is the lane's
     * own. Times are in ms, modulo 2^32, in order; a ring. */
    _Atomic int64_t newest_ms;
    _Atomic uint32_t points;
    uint32_t first;
    uint32_t *times;
    uint32_t capacity; /* 0, or a power of two */
    uint32_t oldest;   /* times[first] */
    uint32_t touched;
    /* Changed under the lock. The symbol is in two pieces, each filled up with zeros. */
    uint32_t time_frame_s;
    uint32_t size;
    uint32_t unused;
    char head[OBSERVE_HEAD];
    char tail[OBSERVE_SYMBOL_SIZE - OBSERVE_HEAD];
    uint64_t key;
} __attribute__((aligned(64)));

struct slot {
    uint64_t key;
    uint32_t series; /* its number, plus 1; 0: the slot is free */
};

/* A message that has not been entered yet. */
struct note {
    uint64_t key;
    int64_t time_ms;
    t5_str symbol;
    uint32_t time_frame_s;
    uint32_t tick;
};

#define OBSERVE_NOTES 64

struct latest {
    struct latest *older, *newer; /* by when it came */
    struct latest *next;          /* of the same bucket */
    struct hash hash;             /* of deployment, partition, symbol and name */
    int32_t partition;
    size_t bytes;
    struct parcel *parcel;
};

#define OBSERVE_BUCKETS 4096

struct observe_lane {
    pthread_mutex_t lock;
    /* Guarded by the lock for others; the lane reads them without. */
    struct series *chunks[OBSERVE_MAX_SERIES / OBSERVE_CHUNK];
    uint32_t count;
    /* The lane's own. */
    struct note notes[OBSERVE_NOTES];
    uint32_t note_count;
    struct slot *slots; /* open addressing, by key */
    uint32_t slot_mask;
    uint32_t max_series;
    uint32_t hand;               /* where the search for a silent series goes on */
    uint32_t full_tick;          /* when it last found none */
    uint64_t max_points, points; /* room in all rings */
    _Atomic uint64_t missed;
    _Atomic uint32_t renamed; /* how often a series became another one, under the lock */
    /* Signals, guarded by the lock. */
    struct latest **buckets; /* OBSERVE_BUCKETS, made with the first signal */
    struct latest *oldest, *newest;
    size_t signal_count, signal_bytes, max_signals, max_signal_bytes;
};

struct observe_order; /* observe_read.c: the series in order, as they were seen last */

struct observer {
    struct observe_lane *lanes;
    size_t count;
    pthread_mutex_t order_lock; /* never taken by a lane */
    struct observe_order *order;
};

void observe_release_order(struct observer *observer);

/* The symbol's text; gives its size. */
static inline size_t observe_name(const struct series *series, char name[OBSERVE_SYMBOL_SIZE]) {
    memcpy(name, series->head, OBSERVE_HEAD);
    memcpy(name + OBSERVE_HEAD, series->tail, sizeof series->tail);
    return series->size;
}

void observe_release_signals(struct observe_lane *lane);

static inline struct series *observe_series(const struct observe_lane *lane, uint32_t number) {
    return &lane->chunks[number / OBSERVE_CHUNK][number % OBSERVE_CHUNK];
}

#endif
