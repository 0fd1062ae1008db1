#include "engine/observe.h"

#include "engine/observe_private.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- series ---- */

/*
 * A page out of a hundred thousand series, in order, and how many there are in all, in the time
 * that the page takes: the order is kept from one call to the next, and what came since is merged
 * into it. Names and time frames stay with a series but for a rare change, which the lane counts;
 * then all is read anew. What moves, points and times, is read for the page alone.
 *
 * A key compares without following a pointer: the head of the name is numbers that compare as its
 * bytes do. Only names that agree so far are compared further.
 */
struct key {
    uint64_t head[2];
    uint32_t time_frame_s;
    uint32_t lane, number; /* of its series */
    uint32_t tail;         /* of names that are longer than the head: its number, plus 1 */
};

#define TAIL_SIZE (OBSERVE_SYMBOL_SIZE - OBSERVE_HEAD)

_Static_assert(sizeof((struct key *)0)->head == OBSERVE_HEAD, "the head is two numbers");

struct observe_order {
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

static bool has_text(const char *data, size_t size, const char *text) {
    return strlen(text) == size && strncasecmp(data, text, size) == 0;
}

static struct observe_order *order_of(struct observer *observer) {
    if (observer->order == NULL)
        observer->order =
            calloc(1, sizeof *observer->order + observer->count * sizeof *observer->order->seen);
    return observer->order;
}

void observe_release_order(struct observer *observer) {
    if (observer->order != NULL) {
        free(observer->order->keys);
        free(observer->order->tails);
    }
    free(observer->order);
    observer->order = NULL;
}

static bool reserve(struct observe_order *order, size_t more) {
    if (order->count + more > order->capacity) {
        const size_t capacity = order->capacity / 2 + order->count + more;
        struct key *grown = reallocarray(order->keys, capacity, sizeof *grown);
        if (grown == NULL)
            return false;
        order->keys = grown;
        order->capacity = capacity;
    }
    if (order->tail_count + more > order->tail_capacity) {
        const size_t capacity = order->tail_capacity / 2 + order->tail_count + more;
        char(*grown)[TAIL_SIZE] = reallocarray(order->tails, capacity, sizeof *grown);
        if (grown == NULL)
            return false;
        order->tails = grown;
        order->tail_capacity = (uint32_t)capacity;
    }
    return true;
}

static void take_key(struct observe_order *order, const struct series *series, uint32_t lane,
                     uint32_t number) {
    if (atomic_load_explicit(&series->points, memory_order_relaxed) == 0) {
        order->is_partial = true;
        return;
    }
    struct key *key = &order->keys[order->count++];
    *key = (struct key){.time_frame_s = series->time_frame_s, .lane = lane, .number = number};
    memcpy(key->head, series->head, sizeof key->head);
    key->head[0] = be64toh(key->head[0]);
    key->head[1] = be64toh(key->head[1]);
    if (series->size > OBSERVE_HEAD) {
        memcpy(order->tails[order->tail_count++], series->tail, TAIL_SIZE);
        key->tail = order->tail_count;
    }
}

/* The series of a lane that are not seen yet. The lock is held for a chunk at a time: a series that
 * is new, and a signal, wait for it. */
static bool read_lane(struct observe_order *order, struct observe_lane *lane, uint32_t number) {
    bool is_end = false;
    while (!is_end) {
        if (!reserve(order, OBSERVE_CHUNK))
            return false;
        pthread_mutex_lock(&lane->lock);
        uint32_t at = order->seen[number].count;
        const uint32_t end = lane->count - at < OBSERVE_CHUNK ? lane->count : at + OBSERVE_CHUNK;
        is_end = end == lane->count;
        for (; at < end; at++)
            take_key(order, observe_series(lane, at), number, at);
        pthread_mutex_unlock(&lane->lock);
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
        const struct observe_order *order = context;
        const int by = memcmp(order->tails[a->tail - 1], order->tails[b->tail - 1], TAIL_SIZE);
        if (by != 0)
            return by;
    } else if (a->tail != b->tail) {
        return a->tail == 0 ? -1 : 1;
    }
    return (a->time_frame_s > b->time_frame_s) - (a->time_frame_s < b->time_frame_s);
}

/* The sorted ones up to `sorted`, and what came behind them, from the end on so that the place of
 * the first is free when it is needed. */
static bool merge(struct observe_order *order, size_t sorted) {
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

static void forget(struct observe_order *order, size_t lanes) {
    order->count = order->tail_count = 0;
    order->total = 0;
    order->is_partial = false;
    memset(order->seen, 0, lanes * sizeof *order->seen);
}

/* With the order's lock held. */
static bool update(struct observer *observer, struct observe_order *order) {
    bool is_stale = order->is_partial;
    for (size_t i = 0; i < observer->count; i++) {
        const uint32_t renamed =
            atomic_load_explicit(&observer->lanes[i].renamed, memory_order_acquire);
        is_stale |= renamed != order->seen[i].renamed;
    }
    if (is_stale)
        forget(order, observer->count);
    const size_t sorted = order->count;
    bool did = true;
    for (size_t i = 0; did && i < observer->count; i++) {
        if (is_stale)
            order->seen[i].renamed =
                atomic_load_explicit(&observer->lanes[i].renamed, memory_order_acquire);
        did = read_lane(order, &observer->lanes[i], (uint32_t)i);
    }
    if (did && merge(order, sorted))
        return true;
    order->is_partial = true; /* out of memory: from the start next time */
    return false;
}

static size_t name_of(const struct observe_order *order, const struct key *key,
                      char name[OBSERVE_SYMBOL_SIZE + 1]) {
    const uint64_t head[2] = {htobe64(key->head[0]), htobe64(key->head[1])};
    memset(name, 0, OBSERVE_SYMBOL_SIZE + 1);
    memcpy(name, head, OBSERVE_HEAD);
    if (key->tail != 0)
        memcpy(name + OBSERVE_HEAD, order->tails[key->tail - 1], TAIL_SIZE);
    return strlen(name);
}

static void add_series(const struct observer *observer, const struct key *key,
                       struct observed *item) {
    const struct series *series = observe_series(&observer->lanes[key->lane], key->number);
    const int64_t newest_ms = atomic_load_explicit(&series->newest_ms, memory_order_relaxed);
    item->points += atomic_load_explicit(&series->points, memory_order_relaxed);
    if (newest_ms > item->newest_ms)
        item->newest_ms = newest_ms;
}

/* Equal neighbours are one. */
static void take_page(const struct observer *observer, const char *symbol, size_t first,
                      size_t most, struct observed_page *page) {
    struct observe_order *order = observer->order;
    char name[OBSERVE_SYMBOL_SIZE + 1];
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
            name_of(order, key, item->symbol);
        }
        add_series(observer, key, &page->items[page->count - 1]);
    }
    if (symbol == NULL)
        page->total = order->total;
}

bool observer_series(struct observer *observer, const char *symbol, size_t first, size_t most,
                     struct observed_page *page) {
    *page = (struct observed_page){0};
    pthread_mutex_lock(&observer->order_lock);
    struct observe_order *order = order_of(observer);
    if (order != NULL && update(observer, order)) {
        page->items = calloc((most < order->total ? most : order->total) + 1, sizeof *page->items);
        if (page->items != NULL)
            take_page(observer, symbol, first, most, page);
    }
    pthread_mutex_unlock(&observer->order_lock);
    return page->items != NULL;
}

/* ---- signals ---- */

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size) {
    const size_t size = a_size < b_size ? a_size : b_size;
    const int by = size > 0 ? memcmp(a, b, size) : 0;
    return by != 0 ? by : (a_size > b_size) - (a_size < b_size);
}

/* The value begins with the id, which holds deployment, topic, partition and offset. */
static int compare_signals(const void *left, const void *right) {
    const struct parcel *a = *(struct parcel *const *)left, *b = *(struct parcel *const *)right;
    int by = compare_bytes(a->key, a->key_size, b->key, b->key_size);
    if (by == 0)
        by = strcmp(a->deployment, b->deployment);
    return by != 0 ? by : compare_bytes(a->value, a->value_size, b->value, b->value_size);
}

static bool collect(struct observe_lane *lane, const char *symbol, struct parcel ***list,
                    size_t *count) {
    pthread_mutex_lock(&lane->lock);
    struct parcel **grown = realloc(*list, (*count + lane->signal_count + 1) * sizeof *grown);
    if (grown != NULL)
        *list = grown;
    for (struct latest *at = grown != NULL ? lane->oldest : NULL; at != NULL; at = at->newer) {
        if (symbol != NULL && !has_text(at->parcel->key, at->parcel->key_size, symbol))
            continue;
        parcel_retain(at->parcel);
        grown[(*count)++] = at->parcel;
    }
    pthread_mutex_unlock(&lane->lock);
    return grown != NULL;
}

struct parcel **observer_signals(struct observer *observer, const char *symbol, size_t *count) {
    struct parcel **list = NULL;
    *count = 0;
    for (size_t i = 0; i < observer->count; i++) {
        if (collect(&observer->lanes[i], symbol, &list, count))
            continue;
        observer_release_signals(list, *count);
        *count = 0;
        return NULL;
    }
    if (list != NULL)
        qsort(list, *count, sizeof *list, compare_signals);
    return list;
}

void observer_release_signals(struct parcel **signals, size_t count) {
    for (size_t i = 0; i < count; i++)
        parcel_release(signals[i]);
    free(signals);
}

uint64_t observer_missed(const struct observer *observer) {
    uint64_t sum = 0;
    for (size_t i = 0; i < observer->count; i++)
        sum += atomic_load_explicit(&observer->lanes[i].missed, memory_order_relaxed);
    return sum;
}
