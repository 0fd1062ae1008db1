#include "published/published.h"

#include "base/hash.h"
#include "base/sync/counter.h"
#include "base/sync/locks.h"
#include "base/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LOOKED_AT   8  /* series among which the most silent one makes room */
#define SILENT_TURN 64 /* it is silent when so many points for each series came since */

struct slot {
    _Atomic int64_t time_ns;
    _Atomic uint64_t bits; /* of the double */
};

/* The names change under the lock; the points are the lane's, and read without it. */
struct ring {
    struct hash hash; /* of the names: the key */
    UT_hash_handle hh;
    uint64_t touched;       /* the lane's count of points then */
    _Atomic uint64_t total; /* points that were stored */
    char deployment[PUBLISHED_NAME_SIZE], series[PUBLISHED_SERIES_SIZE];
    char symbol[PUBLISHED_SYMBOL_SIZE + 1];
    size_t symbol_size;
    uint32_t time_frame_s;
    struct slot slots[PUBLISHED_POINTS];
};

LOCK_CLASS(published_lock);
struct published_lane {
    pthread_mutex_t lock; /* also over the rings' names */
    struct ring **rings GUARDED_BY(published_lock);
    size_t count GUARDED_BY(published_lock);
    size_t most;
    _Atomic uint64_t missed;
    /* The lane's own. */
    struct ring *table;
    uint64_t seed;
    uint64_t points;
    uint64_t full_until; /* `points` when the next search for a silent one may be */
    size_t hand;
};

struct published {
    struct published_lane *lanes;
    size_t count;
};

/* ---- life ---- */

static bool lane_init(struct published_lane *lane, size_t most) {
    pthread_mutex_init(&lane->lock, NULL);
    lock_alone(published_lock);
    lane->most = most;
    lane->seed = hash_seed();
    lane->rings = calloc(most, sizeof *lane->rings);
    return lane->rings != NULL;
}

static void lane_release(struct published_lane *lane) {
    lock_alone(published_lock);
    HASH_CLEAR(hh, lane->table);
    for (size_t i = 0; i < lane->count; i++)
        free(lane->rings[i]);
    free(lane->rings);
    pthread_mutex_destroy(&lane->lock);
}

struct published *published_new(size_t lanes, struct error *error) {
    struct published *published = calloc(1, sizeof *published);
    if (published != NULL)
        published->lanes = calloc(lanes, sizeof *published->lanes);
    bool did = published != NULL && published->lanes != NULL;
    for (size_t i = 0; did && i < lanes; i++, published->count++)
        did = lane_init(&published->lanes[i], PUBLISHED_MAX_SERIES / lanes + 1);
    if (did)
        return published;
    error_set_memory(error, "the published series");
    published_free(published);
    return NULL;
}

void published_free(struct published *published) {
    if (published == NULL)
        return;
    for (size_t i = 0; i < published->count; i++)
        lane_release(&published->lanes[i]);
    free(published->lanes);
    free(published);
}

struct published_lane *published_lane(struct published *published, size_t index) {
    return &published->lanes[index];
}

/* ---- the lane: names ---- */

/* A deployment's name holds no NUL; the sizes part the others. */
static bool make_hash(const struct published_lane *lane, const struct published_key *key,
                      struct hash *hash) {
    char buffer[512];
    const size_t sizes[3] = {key->series.len, key->symbol.len, key->time_frame_s};
    const size_t deployment = strlen(key->deployment);
    if (key->symbol.len > PUBLISHED_SYMBOL_SIZE || key->series.len >= PUBLISHED_SERIES_SIZE ||
        deployment + key->series.len + key->symbol.len + sizeof sizes > sizeof buffer)
        return false;
    char *to = mempcpy(buffer, sizes, sizeof sizes);
    to = mempcpy(to, key->series.data, key->series.len);
    if (key->symbol.len > 0)
        to = mempcpy(to, key->symbol.data, key->symbol.len);
    to = mempcpy(to, key->deployment, deployment);
    *hash = hash_bytes_seeded(buffer, (size_t)(to - buffer), lane->seed);
    return true;
}

static void copy_name(char *to, size_t size, const char *from, size_t length) {
    const size_t copied = length < size ? length : size - 1;
    memset(to, 0, size);
    if (copied > 0)
        memcpy(to, from, copied);
}

static void name_ring(struct ring *ring, const struct published_key *key) {
    copy_name(ring->deployment, sizeof ring->deployment, key->deployment, strlen(key->deployment));
    copy_name(ring->series, sizeof ring->series, key->series.data, key->series.len);
    copy_name(ring->symbol, sizeof ring->symbol, key->symbol.data, key->symbol.len);
    ring->symbol_size = key->symbol.len;
    ring->time_frame_s = key->time_frame_s;
    atomic_store_explicit(&ring->total, 0, memory_order_release);
}

/* ---- the lane: a series that is new ---- */

/* The one that is silent longest among a few; NULL when none of them is silent enough, and then for
 * a while: with more series at work than there is room for, each point would search otherwise. */
static struct ring *find_silent(struct published_lane *lane) {
    const uint64_t silent = (uint64_t)lane->most * SILENT_TURN;
    lock_only_writer(published_lock);
    if (lane->points < lane->full_until)
        return NULL;
    struct ring *oldest = lane->rings[lane->hand % lane->count];
    for (size_t i = 1; i < LOOKED_AT; i++) {
        struct ring *other = lane->rings[(lane->hand + i) % lane->count];
        if (other->touched < oldest->touched)
            oldest = other;
    }
    lane->hand = (lane->hand + LOOKED_AT) % lane->count;
    if (lane->points - oldest->touched >= silent)
        return oldest;
    lane->full_until = lane->points + LOOKED_AT;
    return NULL;
}

/* One that stands in no table: a new one, or the one that makes room. */
static struct ring *take_ring(struct published_lane *lane) {
    lock_only_writer(published_lock);
    if (lane->count < lane->most)
        return calloc(1, sizeof(struct ring));
    struct ring *ring = find_silent(lane);
    if (ring != NULL && ring->hh.tbl != NULL)
        HASH_DELETE(hh, lane->table, ring);
    return ring;
}

/* Readers find it by its names from now on. */
static void show_ring(struct published_lane *lane, struct ring *ring,
                      const struct published_key *key) {
    lock_acquire(&lane->lock, published_lock);
    name_ring(ring, key);
    if (lane->count < lane->most)
        lane->rings[lane->count++] = ring;
    lock_release(&lane->lock, published_lock);
}

/* Without memory for the table it is there, empty, until it makes room. */
static struct ring *begin_ring(struct published_lane *lane, const struct published_key *key,
                               const struct hash *hash) {
    struct ring *ring = take_ring(lane);
    if (ring == NULL)
        return NULL;
    show_ring(lane, ring, key);
    ring->hash = *hash;
    ring->hh.tbl = NULL;
    HASH_ADD_BYHASHVALUE(hh, lane->table, hash, sizeof ring->hash, (unsigned)hash->low, ring);
    return ring->hh.tbl != NULL ? ring : NULL;
}

static struct ring *find_ring(struct published_lane *lane, const struct published_key *key) {
    struct hash hash;
    struct ring *ring;
    if (!make_hash(lane, key, &hash))
        return NULL;
    HASH_FIND_BYHASHVALUE(hh, lane->table, &hash, sizeof hash, (unsigned)hash.low, ring);
    return ring != NULL ? ring : begin_ring(lane, key, &hash);
}

/* ---- the lane: a point ---- */

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double value_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Who sees what is stored here also sees that all before it was counted: so a reader knows which
 * slots may have been stored into again under its eyes. */
static void store(struct ring *ring, int64_t event_time_ns, double value) {
    const uint64_t total = atomic_load_explicit(&ring->total, memory_order_relaxed);
    struct slot *slot = &ring->slots[total % PUBLISHED_POINTS];
    atomic_store_explicit(&slot->time_ns, event_time_ns, memory_order_release);
    atomic_store_explicit(&slot->bits, bits_of(value), memory_order_release);
    atomic_store_explicit(&ring->total, total + 1, memory_order_release);
}

void published_lane_add(struct published_lane *lane, const struct published_key *key,
                        int64_t event_time_ns, double value) {
    struct ring *ring = find_ring(lane, key);
    lane->points++;
    if (ring == NULL) {
        counter_add(&lane->missed, 1);
        return;
    }
    ring->touched = lane->points;
    store(ring, event_time_ns, value);
}

/* ---- any thread ---- */

static void copy_points(const struct ring *ring, struct published_series *series) {
    const uint64_t total = atomic_load_explicit(&ring->total, memory_order_acquire);
    uint64_t from = total > PUBLISHED_POINTS ? total - PUBLISHED_POINTS : 0;
    struct published_value copy[PUBLISHED_POINTS];
    for (uint64_t i = from; i < total; i++) {
        const struct slot *slot = &ring->slots[i % PUBLISHED_POINTS];
        copy[i - from].event_time_ns = atomic_load_explicit(&slot->time_ns, memory_order_acquire);
        copy[i - from].value = value_of(atomic_load_explicit(&slot->bits, memory_order_acquire));
    }
    /* The lane may be storing into the slot behind the last one that it has counted. */
    const uint64_t now = atomic_load_explicit(&ring->total, memory_order_acquire);
    const uint64_t first = now >= PUBLISHED_POINTS ? now - PUBLISHED_POINTS + 1 : 0;
    const uint64_t skipped = first > from ? first - from : 0;
    series->total = total;
    series->count = total - from > skipped ? (size_t)(total - from - skipped) : 0;
    memcpy(series->points, copy + skipped, series->count * sizeof *copy);
}

/* With the lock: the lane cannot give the ring another name meanwhile. */
static bool copy_ring(const struct ring *ring, const t5_str *symbol,
                      struct published_series *series) {
    if (symbol != NULL && !t5_str_equal(*symbol, (t5_str){ring->symbol, ring->symbol_size}))
        return false;
    memcpy(series->deployment, ring->deployment, sizeof series->deployment);
    memcpy(series->series, ring->series, sizeof series->series);
    memcpy(series->symbol, ring->symbol, sizeof series->symbol);
    series->symbol_size = ring->symbol_size;
    series->time_frame_s = ring->time_frame_s;
    copy_points(ring, series);
    return true;
}

/* False: there is none of that number. */
static bool read_ring(struct published_lane *lane, size_t index, const t5_str *symbol,
                      struct published_series *series, bool *is_wanted) {
    lock_acquire(&lane->lock, published_lock);
    const bool is_there = index < lane->count;
    *is_wanted = is_there && copy_ring(lane->rings[index], symbol, series);
    lock_release(&lane->lock, published_lock);
    return is_there;
}

void published_visit(struct published *published, const t5_str *symbol,
                     void (*visit)(void *context, const struct published_series *series),
                     void *context) {
    struct published_series series;
    bool is_wanted;
    for (size_t i = 0; i < published->count; i++) {
        struct published_lane *lane = &published->lanes[i];
        for (size_t n = 0; read_ring(lane, n, symbol, &series, &is_wanted); n++)
            if (is_wanted)
                visit(context, &series);
    }
}

uint64_t published_missed(const struct published *published) {
    uint64_t missed = 0;
    for (size_t i = 0; i < published->count; i++)
        missed += counter_read(&published->lanes[i].missed);
    return missed;
}
