#include "feedstats/feed_stats.h"

#include "base/array.h"
#include "feedstats/feed_stats_private.h"

#include <ctype.h>
#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- series ---- */

/*
 * A page out of a hundred thousand series, in order, and how many there are in all, in the time
 * that the page takes: the order is kept from one call to the next, and what came since is merged
 * into it. Names and time frames stay with a series but for a rare change, which the lane counts;
 * then all is read again. What moves, points and times, is read for the page alone.
 *
 * A key compares without following a pointer: the head of the name is numbers that compare as its
 * bytes do. Only names that agree so far are compared further.
 */
struct key {
    uint64_t head[2];
    uint32_t time_frame_s;
    uint32_t number; /* of its series in the lane */
    uint16_t lane;
    uint16_t size; /* of the name: NUL may be part of it, and what fills it up is NUL too */
    uint32_t tail; /* of names that are longer than the head: its number, plus 1 */
};

#define TAIL_SIZE (FEED_STATS_SYMBOL_SIZE - FEED_STATS_HEAD)

_Static_assert(sizeof((struct key *)0)->head == FEED_STATS_HEAD, "the head is two numbers");

struct feed_lane_order {
    struct key *keys;
    size_t count, capacity;
    char (*tails)[TAIL_SIZE];
    uint32_t tail_count, tail_capacity;
    bool is_partial; /* a series had no point yet */
    size_t total;    /* different ones */
    struct {
        uint32_t count, renamed;
    } seen[]; /* a lane */
};

/* In any case of ASCII's dead letters; NUL is a byte like another. */
static bool has_text(const char *data, size_t size, const t5_str *text) {
    if (text->len != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (data[i] != text->data[i] &&
            tolower((unsigned char)data[i]) != tolower((unsigned char)text->data[i]))
            return false;
    }
    return true;
}

REQUIRES(feed_order_lock) static struct feed_lane_order *order_of(struct feed_stats *feed_stats) {
    if (feed_stats->order == NULL)
        feed_stats->order = calloc(1, sizeof *feed_stats->order +
                                          feed_stats->count * sizeof *feed_stats->order->seen);
    return feed_stats->order;
}

void feed_lane_release_order(struct feed_stats *feed_stats) {
    lock_alone(feed_order_lock);
    if (feed_stats->order != NULL) {
        free(feed_stats->order->keys);
        free(feed_stats->order->tails);
    }
    free(feed_stats->order);
    feed_stats->order = NULL;
}

static bool reserve(struct feed_lane_order *order, size_t more) {
    if (order->count + more > order->capacity) {
        const size_t capacity = order->capacity / 2 + order->count + more;
        if (!ARRAY_RESIZE(order->keys, capacity))
            return false;
        order->capacity = capacity;
    }
    if (order->tail_count + more > order->tail_capacity) {
        const size_t capacity = order->tail_capacity / 2 + order->tail_count + more;
        if (!ARRAY_RESIZE(order->tails, capacity))
            return false;
        order->tail_capacity = (uint32_t)capacity;
    }
    return true;
}

static void take_key(struct feed_lane_order *order, const struct series *series, uint32_t lane,
                     uint32_t number) {
    if (atomic_load_explicit(&series->points, memory_order_relaxed) == 0) {
        order->is_partial = true;
        return;
    }
    struct key *key = &order->keys[order->count++];
    *key = (struct key){.time_frame_s = series->time_frame_s,
                        .lane = (uint16_t)lane,
                        .size = (uint16_t)series->size,
                        .number = number};
    memcpy(key->head, series->head, sizeof key->head);
    key->head[0] = be64toh(key->head[0]);
    key->head[1] = be64toh(key->head[1]);
    if (series->size > FEED_STATS_HEAD) {
        memcpy(order->tails[order->tail_count++], series->tail, TAIL_SIZE);
        key->tail = order->tail_count;
    }
}

/* The series of a lane that are not seen yet. The lock is held for a chunk at a time: a series that
 * is new, and a signal, wait for it. */
static bool read_lane(struct feed_lane_order *order, struct feed_lane *lane, uint32_t number) {
    bool is_end = false;
    while (!is_end) {
        if (!reserve(order, FEED_STATS_CHUNK))
            return false;
        lock_acquire(&lane->lock, feed_lane_lock);
        uint32_t at = order->seen[number].count;
        const uint32_t end =
            lane->count - at < FEED_STATS_CHUNK ? lane->count : at + FEED_STATS_CHUNK;
        is_end = end == lane->count;
        for (; at < end; at++)
            take_key(order, feed_lane_series(lane, at), number, at);
        lock_release(&lane->lock, feed_lane_lock);
        order->seen[number].count = end;
    }
    return true;
}

static int compare_keys(const void *left, const void *right, void *context) {
    const struct key *a = left, *b = right;
    if (a->head[0] != b->head[0])
        return a->head[0] < b->head[0] ? -1 : 1;
    if (a->head[1] != b->head[1])
        return a->head[1] < b->head[1] ? -1 : 1;
    if (a->tail != 0 && b->tail != 0) {
        const struct feed_lane_order *order = context;
        const int by = memcmp(order->tails[a->tail - 1], order->tails[b->tail - 1], TAIL_SIZE);
        if (by != 0)
            return by;
    } else if (a->tail != b->tail) {
        return a->tail == 0 ? -1 : 1;
    }
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return (a->time_frame_s > b->time_frame_s) - (a->time_frame_s < b->time_frame_s);
}

/* The sorted ones up to `sorted`, and what came behind them, from the end on so that the place of
 * the first is free when it is needed. */
static bool merge(struct feed_lane_order *order, size_t sorted) {
    size_t more = order->count - sorted;
    if (more == 0)
        return true;
    struct key *news = &order->keys[sorted];
    qsort_r(news, more, sizeof *news, compare_keys, order);
    if (sorted > 0 && compare_keys(news - 1, news, order) > 0) {
        struct key *copy = reallocarray(NULL, more, sizeof *copy);
        if (copy == NULL)
            return false;
        memcpy(copy, news, more * sizeof *copy);
        for (size_t at = order->count; more > 0; at--) {
            const bool is_old =
                sorted > 0 && compare_keys(&order->keys[sorted - 1], &copy[more - 1], order) > 0;
            order->keys[at - 1] = is_old ? order->keys[--sorted] : copy[--more];
        }
        free(copy);
    }
    order->total = 0;
    for (size_t i = 0; i < order->count; i++)
        order->total +=
            i == 0 || compare_keys(&order->keys[i - 1], &order->keys[i], order) != 0 ? 1 : 0;
    return true;
}

static void forget(struct feed_lane_order *order, size_t lanes) {
    order->count = order->tail_count = 0;
    order->total = 0;
    order->is_partial = false;
    memset(order->seen, 0, lanes * sizeof *order->seen);
}

/* With the order's lock held. */
static bool update(struct feed_stats *feed_stats, struct feed_lane_order *order) {
    bool is_stale = order->is_partial;
    for (size_t i = 0; i < feed_stats->count; i++) {
        const uint32_t renamed =
            atomic_load_explicit(&feed_stats->lanes[i].renamed, memory_order_acquire);
        is_stale |= renamed != order->seen[i].renamed;
    }
    if (is_stale)
        forget(order, feed_stats->count);
    const size_t sorted = order->count;
    bool did = true;
    for (size_t i = 0; did && i < feed_stats->count; i++) {
        if (is_stale)
            order->seen[i].renamed =
                atomic_load_explicit(&feed_stats->lanes[i].renamed, memory_order_acquire);
        did = read_lane(order, &feed_stats->lanes[i], (uint32_t)i);
    }
    if (did && merge(order, sorted))
        return true;
    order->is_partial = true; /* out of memory: from the start next time */
    return false;
}

static size_t name_of(const struct feed_lane_order *order, const struct key *key,
                      char name[FEED_STATS_SYMBOL_SIZE + 1]) {
    const uint64_t head[2] = {htobe64(key->head[0]), htobe64(key->head[1])};
    memset(name, 0, FEED_STATS_SYMBOL_SIZE + 1);
    memcpy(name, head, FEED_STATS_HEAD);
    if (key->tail != 0)
        memcpy(name + FEED_STATS_HEAD, order->tails[key->tail - 1], TAIL_SIZE);
    return key->size;
}

static void add_series(const struct feed_stats *feed_stats, const struct key *key,
                       struct observed *item) {
    const struct series *series = feed_lane_series(&feed_stats->lanes[key->lane], key->number);
    const int64_t newest_ms = atomic_load_explicit(&series->newest_ms, memory_order_relaxed);
    const float price = atomic_load_explicit(&series->price, memory_order_relaxed);
    item->points += atomic_load_explicit(&series->points, memory_order_relaxed);
    if (!isnan(price) && (isnan(item->price) || newest_ms > item->newest_ms))
        item->price = price;
    if (newest_ms > item->newest_ms)
        item->newest_ms = newest_ms;
}

/* Equal neighbours are one. */
REQUIRES(feed_order_lock)
static void take_page(const struct feed_stats *feed_stats, const t5_str *symbol, size_t first,
                      size_t most, struct observed_page *page) {
    struct feed_lane_order *order = feed_stats->order;
    char name[FEED_STATS_SYMBOL_SIZE + 1];
    for (size_t i = 0; i < order->count; i++) {
        const struct key *key = &order->keys[i];
        if (symbol == NULL && page->total > first && page->total - first > most)
            break; /* the rest is counted already */
        if (symbol != NULL && !has_text(name, name_of(order, key, name), symbol))
            continue;
        const bool is_new = i == 0 || compare_keys(key - 1, key, order) != 0;
        page->total += is_new ? 1 : 0;
        if (page->total <= first || page->total - first > most)
            continue;
        if (is_new) {
            struct observed *item = &page->items[page->count++];
            item->time_frame_s = key->time_frame_s;
            item->newest_ms = INT64_MIN;
            item->price = NAN;
            item->size = name_of(order, key, item->symbol);
        }
        add_series(feed_stats, key, &page->items[page->count - 1]);
    }
    if (symbol == NULL)
        page->total = order->total;
}

bool feed_stats_series(struct feed_stats *feed_stats, const t5_str *symbol, size_t first,
                       size_t most, struct observed_page *page) {
    *page = (struct observed_page){0};
    lock_acquire(&feed_stats->order_lock, feed_order_lock);
    struct feed_lane_order *order = order_of(feed_stats);
    if (order != NULL && update(feed_stats, order)) {
        page->items = calloc((most < order->total ? most : order->total) + 1, sizeof *page->items);
        if (page->items != NULL)
            take_page(feed_stats, symbol, first, most, page);
    }
    lock_release(&feed_stats->order_lock, feed_order_lock);
    return page->items != NULL;
}

/* ---- signals ---- */

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size) {
    const size_t size = a_size < b_size ? a_size : b_size;
    const int by = size > 0 ? memcmp(a, b, size) : 0;
    return by != 0 ? by : (a_size > b_size) - (a_size < b_size);
}

static int compare_integers(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* In the order of their causes. */
static int compare_causes(const struct signal *a, const struct signal *b) {
    int by = compare_bytes(a->topic.data, a->topic.len, b->topic.data, b->topic.len);
    if (by == 0)
        by = compare_integers(a->partition, b->partition);
    if (by == 0)
        by = compare_integers(a->offset, b->offset);
    return by != 0 ? by : compare_integers(a->ordinal, b->ordinal);
}

static int compare_signals(const void *left, const void *right) {
    const struct delivery *a = *(struct delivery *const *)left,
                          *b = *(struct delivery *const *)right;
    int by = compare_bytes(a->key, a->key_size, b->key, b->key_size);
    if (by == 0)
        by = strcmp(a->deployment, b->deployment);
    return by != 0 ? by : compare_causes(a->signal, b->signal);
}

static bool collect(struct feed_lane *lane, const t5_str *symbol, struct delivery ***list,
                    size_t *count) {
    lock_acquire(&lane->lock, feed_lane_lock);
    const bool has_room = ARRAY_RESIZE(*list, *count + HASH_COUNT(lane->signals) + 1);
    for (struct latest *at = has_room ? lane->oldest : NULL; at != NULL; at = at->newer) {
        if (symbol != NULL && !has_text(at->delivery->key, at->delivery->key_size, symbol))
            continue;
        delivery_retain(at->delivery);
        (*list)[(*count)++] = at->delivery;
    }
    lock_release(&lane->lock, feed_lane_lock);
    return has_room;
}

struct delivery **feed_stats_signals(struct feed_stats *feed_stats, const t5_str *symbol,
                                     size_t *count) {
    struct delivery **list = NULL;
    *count = 0;
    for (size_t i = 0; i < feed_stats->count; i++) {
        if (collect(&feed_stats->lanes[i], symbol, &list, count))
            continue;
        feed_stats_release_signals(list, *count);
        *count = 0;
        return NULL;
    }
    if (list != NULL)
        qsort(list, *count, sizeof *list, compare_signals);
    return list;
}

/* A lane has them in the order in which they came: those that are asked for stand at its end. */
REQUIRES(feed_lane_lock)
static size_t take_new(const struct feed_lane *lane, int64_t since_ns, int64_t until_ns,
                       size_t most, struct delivery **list) {
    size_t count = 0;
    const struct latest *at = lane->newest;
    for (; at != NULL && at->since_ns >= since_ns && count < most; at = at->older) {
        if (at->since_ns >= until_ns)
            continue;
        delivery_retain(at->delivery);
        list[count++] = at->delivery;
    }
    for (size_t i = 0; i < count / 2; i++) {
        struct delivery *other = list[i];
        list[i] = list[count - 1 - i];
        list[count - 1 - i] = other;
    }
    return count;
}

struct delivery **feed_stats_new_signals(struct feed_stats *feed_stats, int64_t since_ns,
                                         int64_t until_ns, size_t most, size_t *count) {
    struct delivery **list = calloc(feed_stats->count * most + 1, sizeof *list);
    *count = 0;
    for (size_t i = 0; list != NULL && i < feed_stats->count; i++) {
        struct feed_lane *lane = &feed_stats->lanes[i];
        lock_acquire(&lane->lock, feed_lane_lock);
        *count += take_new(lane, since_ns, until_ns, most, list + *count);
        lock_release(&lane->lock, feed_lane_lock);
    }
    return list;
}

void feed_stats_release_signals(struct delivery **signals, size_t count) {
    for (size_t i = 0; i < count; i++)
        delivery_release(signals[i]);
    free(signals);
}

uint64_t feed_stats_missed(const struct feed_stats *feed_stats) {
    uint64_t sum = 0;
    for (size_t i = 0; i < feed_stats->count; i++)
        sum += atomic_load_explicit(&feed_stats->lanes[i].missed, memory_order_relaxed);
    return sum;
}
