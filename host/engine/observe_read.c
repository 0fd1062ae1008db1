#include "engine/observe.h"

#include "engine/observe_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- series ---- */

struct reading {
    struct observed *items;
    size_t count, capacity;
};

static bool has_text(const char *data, size_t size, const char *text) {
    return strlen(text) == size && strncasecmp(data, text, size) == 0;
}

static bool reserve(struct reading *reading, size_t more) {
    if (reading->count + more <= reading->capacity)
        return true;
    const size_t capacity = reading->count + more;
    struct observed *grown = realloc(reading->items, (capacity + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    reading->items = grown;
    reading->capacity = capacity;
    return true;
}

static void read_one(struct reading *reading, const struct series *series, const char *symbol) {
    const uint32_t points = atomic_load_explicit(&series->points, memory_order_relaxed);
    char name[OBSERVE_SYMBOL_SIZE];
    if (points == 0)
        return;
    const size_t size = observe_name(series, name);
    if (symbol != NULL && !has_text(name, size, symbol))
        return;
    struct observed *item = &reading->items[reading->count++];
    item->time_frame_s = series->time_frame_s;
    item->points = points;
    item->newest_ms = atomic_load_explicit(&series->newest_ms, memory_order_relaxed);
    memcpy(item->symbol, name, size);
    item->symbol[size] = '\0';
}

/* The names are copied with the lock held, which holds up no more than a series that is new. */
static bool read_lane(struct reading *reading, struct observe_lane *lane, const char *symbol) {
    pthread_mutex_lock(&lane->lock);
    const bool did = reserve(reading, lane->count);
    for (uint32_t i = 0; did && i < lane->count; i++)
        read_one(reading, observe_series(lane, i), symbol);
    pthread_mutex_unlock(&lane->lock);
    return did;
}

static int compare_observed(const void *left, const void *right) {
    const struct observed *a = left, *b = right;
    const int by = strcmp(a->symbol, b->symbol);
    if (by != 0)
        return by;
    return (a->time_frame_s > b->time_frame_s) - (a->time_frame_s < b->time_frame_s);
}

/* Equal neighbours become one. */
static void merge(struct reading *reading) {
    size_t kept = 0;
    for (size_t i = 0; i < reading->count; i++) {
        struct observed *last = kept > 0 ? &reading->items[kept - 1] : NULL;
        const struct observed *item = &reading->items[i];
        if (last == NULL || compare_observed(last, item) != 0) {
            reading->items[kept++] = *item;
            continue;
        }
        last->points += item->points;
        if (item->newest_ms > last->newest_ms)
            last->newest_ms = item->newest_ms;
    }
    reading->count = kept;
}

struct observed *observer_series(struct observer *observer, const char *symbol, size_t *count) {
    struct reading reading = {0};
    *count = 0;
    for (size_t i = 0; i < observer->count; i++) {
        if (!read_lane(&reading, &observer->lanes[i], symbol)) {
            free(reading.items);
            return NULL;
        }
    }
    if (reading.items == NULL)
        return calloc(1, sizeof *reading.items);
    qsort(reading.items, reading.count, sizeof *reading.items, compare_observed);
    merge(&reading);
    *count = reading.count;
    return reading.items;
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
