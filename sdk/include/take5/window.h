/*
 * take5/window.h - points in order of event time, over a span of time.
 *
 * A window keeps points (a time and an item of the strategy's own) sorted by time. A point older
 * than `newest - span` is dropped; one exactly that old stays. A late point takes its place, after
 * the points of equal time; one that would be dropped at once is refused.
 *
 *   typedef struct { double close; double volume; } bar;
 *
 *   t5_window window;
 *   t5_window_init(&window, 30 * T5_MINUTE_NS, sizeof(bar));
 *   bar b = {message->close, message->volume};
 *   switch (t5_window_add(&window, message->event_time_ns, &b)) { ... }
 *   const bar *bars = (const bar *)t5_window_items(&window);  // bars[0 .. count-1], oldest first
 *   t5_window_release(&window);
 *
 * Invariants: times never fall from one point to the next; no point is older than newest - span;
 * times lie one after the other in memory, and so do items (each array can be handed to a numeric
 * routine as it is). Pointers into it are valid until the next add, drop, load or release.
 * Times are nanoseconds since 1970 (any other unit will do, if it is always the same).
 * Memory: 8 bytes and an item for each point, up to twice that in reserve.
 *
 * One of the helpers that are not part of the ABI: it is compiled into the strategy.
 */
#ifndef TAKE5_WINDOW_H
#define TAKE5_WINDOW_H

#include "bytes.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define T5_SECOND_NS INT64_C(1000000000)
#define T5_MINUTE_NS (60 * T5_SECOND_NS)
#define T5_HOUR_NS   (60 * T5_MINUTE_NS)

/* A span that drops nothing. */
#define T5_WINDOW_NO_END INT64_MAX

/* What became of a point. */
enum t5_window_answer {
    T5_WINDOW_NEWEST = 1,   /* it is the newest, or as new as the newest was */
    T5_WINDOW_LATE = 2,     /* older than the newest: it took its place */
    T5_WINDOW_TOO_OLD = 3,  /* older than newest - span: not taken */
    T5_WINDOW_NO_MEMORY = 4 /* not taken; the window is as it was */
};

typedef struct t5_window {
    int64_t span_ns;
    size_t item_size;
    size_t first; /* of the oldest point in the arrays */
    size_t count;
    size_t capacity; /* 0 or a power of two */
    int64_t *times;  /* one allocation: `capacity` times, then `capacity` items */
    unsigned char *items;
} t5_window;

/*
 * `span_ns` 0 or more (0 keeps the points of the newest time alone). `item_size` in bytes, may be
 * 0; an item is aligned as an array of its type needs, up to 16 bytes. Allocates nothing. O(1).
 */
static inline void t5_window_init(t5_window *window, int64_t span_ns, size_t item_size) {
    memset(window, 0, sizeof *window);
    window->span_ns = span_ns > 0 ? span_ns : 0;
    window->item_size = item_size;
}

/* Frees the points; the window is empty and can be used again. */
static inline void t5_window_release(t5_window *window) {
    free(window->times);
    t5_window_init(window, window->span_ns, window->item_size);
}

/* How many points there are. */
static inline size_t t5_window_count(const t5_window *window) {
    return window->count;
}

/* The times of all points, oldest first. NULL while nothing was ever added. O(1). */
static inline const int64_t *t5_window_times(const t5_window *window) {
    return window->times != NULL ? window->times + window->first : NULL;
}

/* The items of all points, oldest first. NULL while nothing was ever added. O(1). */
static inline void *t5_window_items(const t5_window *window) {
    return window->items != NULL ? window->items + window->first * window->item_size : NULL;
}

/* Time of point number `index`, 0 being the oldest; index < count. O(1). */
static inline int64_t t5_window_time(const t5_window *window, size_t index) {
    return window->times[window->first + index];
}

/* Item of point number `index`, to be read or changed in place; index < count. O(1). */
static inline void *t5_window_at(const t5_window *window, size_t index) {
    return window->items + (window->first + index) * window->item_size;
}

/* The oldest and the newest item, or NULL when the window is empty. O(1). */
static inline void *t5_window_oldest(const t5_window *window) {
    return window->count > 0 ? t5_window_at(window, 0) : NULL;
}

static inline void *t5_window_newest(const t5_window *window) {
    return window->count > 0 ? t5_window_at(window, window->count - 1) : NULL;
}

/* Times of the oldest and the newest point; only for a window that is not empty. O(1). */
static inline int64_t t5_window_oldest_time(const t5_window *window) {
    return t5_window_time(window, 0);
}

static inline int64_t t5_window_newest_time(const t5_window *window) {
    return t5_window_time(window, window->count - 1);
}

/* Index of the first point with time >= time_ns; count when there is none. O(log n). */
static inline size_t t5_window_lower_bound(const t5_window *window, int64_t time_ns) {
    size_t low = 0, high = window->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (t5_window_time(window, middle) < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Index of the first point with time > time_ns; count when there is none. O(log n). */
static inline size_t t5_window_upper_bound(const t5_window *window, int64_t time_ns) {
    size_t low = 0, high = window->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (t5_window_time(window, middle) <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The oldest time that a window with this newest time keeps. */
static inline int64_t t5_window_horizon(const t5_window *window, int64_t newest_ns) {
    return newest_ns < INT64_MIN + window->span_ns ? INT64_MIN : newest_ns - window->span_ns;
}

/* Drops the `count` oldest points (all, if there are not so many). O(1). */
static inline void t5_window_drop(t5_window *window, size_t count) {
    if (count >= window->count) {
        window->first = 0;
        window->count = 0;
        return;
    }
    window->first += count;
    window->count -= count;
}

/* Drops the points with time < time_ns and gives how many they were. O(log n). */
static inline size_t t5_window_expire(t5_window *window, int64_t time_ns) {
    const size_t count = t5_window_lower_bound(window, time_ns);
    t5_window_drop(window, count);
    return count;
}

/* Moves the points from number `skip` on to the front of arrays of `capacity` points. 0: no
 * memory, nothing changed. (Internal.) */
static inline int t5_window_move(t5_window *window, size_t capacity, size_t skip) {
    const size_t kept = window->count - skip;
    const size_t from = window->first + skip;
    int64_t *times;
    unsigned char *items;
    if (capacity > SIZE_MAX / 2 / (sizeof(int64_t) + window->item_size))
        return 0;
    times = (int64_t *)malloc(capacity * (sizeof(int64_t) + window->item_size));
    if (times == NULL)
        return 0;
    items = (unsigned char *)(times + capacity);
    if (kept > 0) {
        memcpy(times, window->times + from, kept * sizeof(int64_t));
        memcpy(items, window->items + from * window->item_size, kept * window->item_size);
    }
    free(window->times);
    window->times = times;
    window->items = items;
    window->capacity = capacity;
    window->first = 0;
    window->count = kept;
    return 1;
}

/*
 * Makes room for one point behind the last, and drops the `skip` oldest points. 0: no memory,
 * nothing changed. Amortised O(1): points move to the front only when that frees at least half of
 * the arrays, which grow by doubling; they shrink when seven eighths stand empty. (Internal.)
 */
static inline int t5_window_make_room(t5_window *window, size_t skip) {
    const size_t kept = window->count - skip;
    if (window->first + window->count < window->capacity) {
        t5_window_drop(window, skip);
        return 1;
    }
    if (window->capacity > 64 && kept < window->capacity / 8 &&
        t5_window_move(window, window->capacity / 4, skip))
        return 1;
    if (window->capacity > 0 && kept <= window->capacity / 2) {
        const size_t from = window->first + skip;
        memmove(window->times, window->times + from, kept * sizeof(int64_t));
        memmove(window->items, window->items + from * window->item_size, kept * window->item_size);
        window->first = 0;
        window->count = kept;
        return 1;
    }
    return t5_window_move(window, window->capacity > 0 ? 2 * window->capacity : 4, skip);
}

/*
 * Adds a point and drops those that are older than newest - span by then. `item` is copied; it may
 * be NULL when items have no size, and must not point into the window. Gives enum t5_window_answer.
 * The newest: amortised O(1) and a walk over what expires. A late one: O(log n) to find its place,
 * and a move of what is newer.
 */
static inline int t5_window_add(t5_window *window, int64_t time_ns, const void *item) {
    const int is_newest = window->count == 0 || time_ns >= t5_window_newest_time(window);
    size_t place = window->count, skip = 0, newer;
    if (is_newest) {
        const int64_t horizon = t5_window_horizon(window, time_ns);
        while (skip < window->count && t5_window_time(window, skip) < horizon)
            skip++;
    } else if (time_ns < t5_window_horizon(window, t5_window_newest_time(window))) {
        return T5_WINDOW_TOO_OLD;
    } else {
        place = t5_window_upper_bound(window, time_ns);
    }
    if (!t5_window_make_room(window, skip))
        return T5_WINDOW_NO_MEMORY;
    place -= skip;
    newer = window->count - place;
    window->count++;
    if (newer > 0) {
        int64_t *time = window->times + window->first + place;
        unsigned char *at = (unsigned char *)t5_window_at(window, place);
        memmove(time + 1, time, newer * sizeof(int64_t));
        memmove(at + window->item_size, at, newer * window->item_size);
    }
    window->times[window->first + place] = time_ns;
    if (window->item_size > 0)
        memcpy(t5_window_at(window, place), item, window->item_size);
    return is_newest ? T5_WINDOW_NEWEST : T5_WINDOW_LATE;
}

/*
 * Appends a snapshot: item size, count, times, items as they lie in memory (so an item must not
 * hold pointers, and its padding, if it has any, should be zero). O(n).
 */
static inline void t5_window_save(const t5_window *window, t5_bytes *out) {
    size_t i;
    t5_bytes_put_u64(out, window->item_size);
    t5_bytes_put_u64(out, window->count);
    for (i = 0; i < window->count; i++)
        t5_bytes_put_i64(out, t5_window_time(window, i));
    if (window->count > 0)
        t5_bytes_put(out, t5_window_items(window), window->count * window->item_size);
}

/*
 * Takes a snapshot in place of what the window holds, and drops what is too old for its span (which
 * may have become shorter). T5_OK; T5_ERROR when memory ran out or the bytes are no snapshot of
 * such a window: then it is as it was. O(n).
 */
static inline int32_t t5_window_load(t5_window *window, t5_reader *in) {
    const uint64_t item_size = t5_reader_u64(in);
    const uint64_t count = t5_reader_u64(in);
    t5_window fresh;
    size_t i, n, capacity = 4;
    const void *items;
    t5_window_init(&fresh, window->span_ns, window->item_size);
    if (in->is_bad || item_size != window->item_size ||
        count > in->left / (sizeof(int64_t) + window->item_size)) {
        in->is_bad = 1;
        return T5_ERROR;
    }
    n = (size_t)count;
    while (capacity < n)
        capacity *= 2;
    if (n > 0 && !t5_window_move(&fresh, capacity, 0))
        return T5_ERROR;
    for (i = 0; i < n; i++) {
        fresh.times[i] = t5_reader_i64(in);
        if (i > 0 && fresh.times[i] < fresh.times[i - 1]) {
            in->is_bad = 1;
            t5_window_release(&fresh);
            return T5_ERROR;
        }
    }
    items = t5_reader_take(in, n * window->item_size);
    if (n > 0 && window->item_size > 0)
        memcpy(fresh.items, items, n * window->item_size);
    fresh.count = n;
    if (n > 0)
        (void)t5_window_expire(&fresh, t5_window_horizon(&fresh, fresh.times[n - 1]));
    t5_window_release(window);
    *window = fresh;
    return T5_OK;
}

#ifdef __cplusplus
}
#endif

#endif
