/*
 * feedstats/feed_stats_private.h - inside the feed_stats: feed_stats.c has the points,
 * feed_stats_signals.c the signals, feed_stats_read.c what others see.
 */
#ifndef TAKE5_FEEDSTATS_FEED_STATS_PRIVATE_H
#define TAKE5_FEEDSTATS_FEED_STATS_PRIVATE_H

#include "base/hash.h"
#include "base/sync/locks.h"
#include "base/table.h"
#include "feedstats/feed_stats.h"

#include <pthread.h>
#include <stdatomic.h>

#define FEED_STATS_CHUNK 1024

#define FEED_STATS_HEAD 16

/* One (topic, partition, symbol, time frame). What a point touches is one cache line. */
struct series {
    /* Others read `newest_ms`, `points` and `price` without the lock; the rest of what moves is the
     * lane's own. Times are in ms, modulo 2^32, in order; a ring. */
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
    _Atomic float price; /* the newest point's that has one; NAN: none */
    char head[FEED_STATS_HEAD];
    char tail[FEED_STATS_SYMBOL_SIZE - FEED_STATS_HEAD];
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
    float price; /* NAN: none */
    uint32_t time_frame_s;
    uint32_t tick;
};

#define FEED_STATS_NOTES 64

/* A signal that has not been entered yet: a reference. */
struct signal_note {
    struct hash hash; /* of deployment, partition, symbol and name */
    struct delivery *delivery;
};

struct latest {
    UT_hash_handle hh;
    struct hash hash;
    struct delivery *delivery;
    size_t bytes;
    int64_t since_ns; /* monotonic: when it was entered */
    struct latest *older, *newer;
};

LOCK_CLASS(feed_lane_lock);
struct feed_lane {
    pthread_mutex_t lock;
    /* Guarded by the lock for others; the lane reads them without. */
    struct series *chunks[FEED_STATS_MAX_SERIES / FEED_STATS_CHUNK];
    uint32_t count;
    /* The lane's own. */
    struct note notes[FEED_STATS_NOTES];
    uint32_t note_count;
    struct signal_note signal_notes[FEED_STATS_NOTES];
    uint32_t signal_note_count;
    struct slot *slots; /* open addressing, by key */
    uint32_t slot_mask;
    uint64_t seed; /* of the slots and of the signals' hashes */
    uint32_t max_series;
    uint32_t hand;               /* where the search for a silent series goes on */
    uint32_t full_tick;          /* when it last found none */
    uint64_t max_points, points; /* room in all rings */
    _Atomic uint64_t missed;
    _Atomic uint32_t renamed; /* how often a series became another one, under the lock */
    /* Signals, guarded by the lock. */
    struct latest *signals GUARDED_BY(feed_lane_lock); /* a table */
    struct latest *oldest GUARDED_BY(feed_lane_lock), *newest GUARDED_BY(feed_lane_lock);
    size_t signal_bytes GUARDED_BY(feed_lane_lock);
    size_t max_signals, max_signal_bytes;
};

struct feed_lane_order; /* feed_stats_read.c: the series in order, as they were seen last */

LOCK_CLASS(feed_order_lock);
struct feed_stats {
    struct feed_lane *lanes;
    size_t count;
    pthread_mutex_t order_lock; /* never taken by a lane */
    struct feed_lane_order *order GUARDED_BY(feed_order_lock);
};

void feed_lane_release_order(struct feed_stats *feed_stats);

void feed_lane_enter_signals(struct feed_lane *lane);
void feed_lane_release_signals(struct feed_lane *lane);

static inline struct series *feed_lane_series(const struct feed_lane *lane, uint32_t number) {
    return &lane->chunks[number / FEED_STATS_CHUNK][number % FEED_STATS_CHUNK];
}

#endif
