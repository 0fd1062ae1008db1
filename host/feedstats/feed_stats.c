#include "feedstats/feed_stats.h"

#include "base/clock.h"
#include "feedstats/feed_stats_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024
#define FIRST_RING  8
#define LOOKED_AT   8 /* series among which the most silent one makes room */
#define WINDOW_MS   ((uint32_t)(FEED_STATS_WINDOW_NS / NS_PER_MS))

/* ---- the key and its table ---- */

/* All four numbers, exactly; false when they do not fit. */
static bool make_key(uint32_t topic, int32_t partition, uint32_t symbol_id, uint32_t time_frame_s,
                     uint64_t *key) {
    if (topic >= 1u << 5 || partition < 0 || partition >= 1 << 16 || symbol_id >= 1u << 21 ||
        time_frame_s >= 1u << 22)
        return false;
    *key = (uint64_t)topic << 59 | (uint64_t)partition << 43 | (uint64_t)symbol_id << 22 |
           time_frame_s;
    return true;
}

static uint32_t place_of(const struct feed_lane *lane, uint64_t key) {
    return (uint32_t)hash_number(key, lane->seed) & lane->slot_mask;
}

/* The key's slot, or the free one where it belongs. */
static struct slot *find_slot(const struct feed_lane *lane, uint64_t key) {
    uint32_t place = place_of(lane, key);
    while (lane->slots[place].series != 0 && lane->slots[place].key != key)
        place = (place + 1) & lane->slot_mask;
    return &lane->slots[place];
}

/* Whoever was pushed on by the one that goes moves up. */
static void remove_slot(struct feed_lane *lane, uint64_t key) {
    uint32_t hole = (uint32_t)(find_slot(lane, key) - lane->slots);
    lane->slots[hole].series = 0;
    for (uint32_t at = (hole + 1) & lane->slot_mask; lane->slots[at].series != 0;
         at = (at + 1) & lane->slot_mask) {
        const uint32_t home = place_of(lane, lane->slots[at].key);
        if (((at - home) & lane->slot_mask) < ((at - hole) & lane->slot_mask))
            continue;
        lane->slots[hole] = lane->slots[at];
        lane->slots[at].series = 0;
        hole = at;
    }
}

static bool grow_slots(struct feed_lane *lane) {
    const uint32_t count = lane->slots != NULL ? 2 * (lane->slot_mask + 1) : FIRST_SLOTS;
    struct slot *before = lane->slots;
    const uint32_t before_count = before != NULL ? lane->slot_mask + 1 : 0;
    struct slot *slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return false;
    lane->slots = slots;
    lane->slot_mask = count - 1;
    for (uint32_t i = 0; i < before_count; i++) {
        if (before[i].series != 0)
            *find_slot(lane, before[i].key) = before[i];
    }
    free(before);
    return true;
}

/* ---- a series that is new ---- */

static void empty_ring(struct feed_lane *lane, struct series *series) {
    lane->points -= series->capacity;
    free(series->times);
    series->times = NULL;
    series->capacity = series->first = 0;
    atomic_store_explicit(&series->points, 0, memory_order_relaxed);
    atomic_store_explicit(&series->newest_ms, INT64_MIN, memory_order_relaxed);
    atomic_store_explicit(&series->price, NAN, memory_order_relaxed);
}

/* The one that is silent longest among a few; false when none of them is silent enough. Looks once
 * a tick after it failed: with more series at work than there is room for, a new one every message
 * would otherwise cost far more than the message. */
static bool find_silent(struct feed_lane *lane, uint32_t tick, uint32_t *number) {
    if (lane->full_tick == tick)
        return false;
    *number = lane->hand % lane->count;
    for (uint32_t i = 1; i < LOOKED_AT; i++) {
        const uint32_t other = (lane->hand + i) % lane->count;
        if (feed_lane_series(lane, other)->touched < feed_lane_series(lane, *number)->touched)
            *number = other;
    }
    lane->hand = (lane->hand + LOOKED_AT) % lane->count;
    const uint32_t touched = feed_lane_series(lane, *number)->touched;
    if (touched <= tick && tick - touched >= FEED_STATS_SILENT_TICKS)
        return true;
    lane->full_tick = tick;
    return false;
}

/* The number of one more; of a silent one when there may be no more. */
static bool take_series(struct feed_lane *lane, uint32_t tick, uint32_t *number) {
    if (lane->count == lane->max_series) {
        if (!find_silent(lane, tick, number))
            return false;
        remove_slot(lane, feed_lane_series(lane, *number)->key);
        return true;
    }
    struct series **chunk = &lane->chunks[lane->count / FEED_STATS_CHUNK];
    if (*chunk == NULL) {
        *chunk = aligned_alloc(_Alignof(struct series), FEED_STATS_CHUNK * sizeof **chunk);
        if (*chunk == NULL)
            return false;
        memset(*chunk, 0, FEED_STATS_CHUNK * sizeof **chunk);
    }
    *number = lane->count;
    return true;
}

static void name_series(struct series *series, const struct note *note) {
    const size_t size = note->symbol.len;
    const size_t head = size < FEED_STATS_HEAD ? size : FEED_STATS_HEAD;
    series->time_frame_s = note->time_frame_s;
    series->size = (uint32_t)size;
    memset(series->head, 0, sizeof series->head);
    memset(series->tail, 0, sizeof series->tail);
    memcpy(series->head, note->symbol.data, head);
    memcpy(series->tail, note->symbol.data + head, size - head);
}

/* An id may have been given to another symbol since. */
static bool is_named(const struct series *series, const struct note *note) {
    const size_t size = note->symbol.len;
    const size_t head = size < FEED_STATS_HEAD ? size : FEED_STATS_HEAD;
    return series->size == size && memcmp(series->head, note->symbol.data, head) == 0 &&
           (size == head || memcmp(series->tail, note->symbol.data + head, size - head) == 0);
}

/* Whoever keeps series in order looks at all of them again. */
static void rename_series(struct feed_lane *lane, struct series *series, const struct note *note) {
    empty_ring(lane, series);
    name_series(series, note);
    atomic_fetch_add_explicit(&lane->renamed, 1, memory_order_release);
}

static struct series *begin_series(struct feed_lane *lane, const struct note *note) {
    uint32_t number;
    if ((lane->slots == NULL || lane->count > lane->slot_mask / 2) && !grow_slots(lane) &&
        lane->slots == NULL)
        return NULL;
    if (lane->count == lane->max_series && lane->full_tick == note->tick)
        return NULL;
    lock_acquire(&lane->lock, feed_lane_lock);
    const bool did = take_series(lane, note->tick, &number);
    if (did) {
        struct series *series = feed_lane_series(lane, number);
        if (number < lane->count) {
            rename_series(lane, series, note);
        } else {
            empty_ring(lane, series);
            name_series(series, note);
            lane->count++;
        }
        series->key = note->key;
    }
    lock_release(&lane->lock, feed_lane_lock);
    if (!did)
        return NULL;
    *find_slot(lane, note->key) = (struct slot){note->key, number + 1};
    return feed_lane_series(lane, number);
}

/* The series that the table has for the note, or NULL; another symbol may have had its id. */
static struct series *known_series(const struct feed_lane *lane, const struct note *note) {
    const struct slot *slot = lane->slots != NULL ? find_slot(lane, note->key) : NULL;
    return slot != NULL && slot->series != 0 ? feed_lane_series(lane, slot->series - 1) : NULL;
}

static struct series *find_series(struct feed_lane *lane, const struct note *note) {
    struct series *series = known_series(lane, note);
    if (series == NULL)
        return begin_series(lane, note);
    if (__builtin_expect(is_named(series, note), 1))
        return series;
    lock_acquire(&lane->lock, feed_lane_lock);
    rename_series(lane, series, note);
    lock_release(&lane->lock, feed_lane_lock);
    return series;
}

/* ---- points ---- */

static bool grow_ring(struct feed_lane *lane, struct series *series) {
    const uint32_t capacity = series->capacity > 0 ? 2 * series->capacity : FIRST_RING;
    const uint64_t more = capacity - series->capacity;
    if (capacity > FEED_STATS_MAX_RING || lane->points + more > lane->max_points)
        return false;
    uint32_t *times = malloc(capacity * sizeof *times);
    if (times == NULL)
        return false;
    for (uint32_t i = 0; i < series->capacity; i++)
        times[i] = series->times[(series->first + i) & (series->capacity - 1)];
    free(series->times);
    series->times = times;
    series->first = 0;
    series->capacity = capacity;
    lane->points += more;
    return true;
}

/* Puts a late time at its place, behind those of equal time. All lie within the window of the
 * newest, so that 32 bits order them. */
static void insert_late(struct series *series, uint32_t points, uint32_t newest, uint32_t time) {
    const uint32_t mask = series->capacity - 1;
    uint32_t at = points;
    for (; at > 0; at--) {
        const uint32_t before = series->times[(series->first + at - 1) & mask];
        if (newest - before >= newest - time)
            break;
        series->times[(series->first + at) & mask] = before;
    }
    series->times[(series->first + at) & mask] = time;
}

static void drop_first(struct series *series) {
    series->first = (series->first + 1) & (series->capacity - 1);
    series->oldest = series->times[series->first];
}

static void add_point(struct feed_lane *lane, struct series *series, int64_t time_ms, float price) {
    const int64_t before_ms = atomic_load_explicit(&series->newest_ms, memory_order_relaxed);
    uint32_t points = atomic_load_explicit(&series->points, memory_order_relaxed);
    const int64_t newest_ms = time_ms > before_ms ? time_ms : before_ms;
    if (newest_ms - time_ms > WINDOW_MS)
        return; /* older than the window */
    if (points > 0 && newest_ms - before_ms > WINDOW_MS)
        points = 0; /* all of them are */
    const uint32_t newest = (uint32_t)newest_ms, time = (uint32_t)time_ms;
    for (; points > 0 && newest - series->oldest > WINDOW_MS; points--)
        drop_first(series);
    if (points == series->capacity && !grow_ring(lane, series)) {
        if (points == 0) {
            atomic_fetch_add_explicit(&lane->missed, 1, memory_order_relaxed);
            return;
        }
        drop_first(series);
        points--;
    }
    if (time_ms >= before_ms || points == 0)
        series->times[(series->first + points) & (series->capacity - 1)] = time;
    else
        insert_late(series, points, newest, time);
    if (points == 0 || newest - time > newest - series->oldest)
        series->oldest = time;
    if (time_ms >= before_ms && !isnan(price))
        atomic_store_explicit(&series->price, price, memory_order_relaxed);
    atomic_store_explicit(&series->points, points + 1, memory_order_relaxed);
    atomic_store_explicit(&series->newest_ms, newest_ms, memory_order_relaxed);
}

/* ---- notes ---- */

/* How many notes ahead each step is made: the place in the table, the series, its ring. */
enum { SERIES_AHEAD = 8, RING_AHEAD = 4 };

static void fetch_slot(const struct feed_lane *lane, const struct note *note) {
    if (lane->slots != NULL)
        __builtin_prefetch(&lane->slots[place_of(lane, note->key)]);
}

static void fetch_series(const struct feed_lane *lane, const struct note *note) {
    const struct series *series = known_series(lane, note);
    if (series != NULL)
        __builtin_prefetch(series, 1);
}

static void fetch_ring(const struct feed_lane *lane, const struct note *note) {
    const struct series *series = known_series(lane, note);
    if (series != NULL && series->times != NULL)
        __builtin_prefetch(
            &series->times[(series->first + series->points) & (series->capacity - 1)], 1);
}

static void enter(struct feed_lane *lane, const struct note *note) {
    struct series *series = find_series(lane, note);
    if (series == NULL) {
        atomic_fetch_add_explicit(&lane->missed, 1, memory_order_relaxed);
        return;
    }
    series->touched = note->tick;
    add_point(lane, series, note->time_ms, note->price);
}

void feed_lane_flush(struct feed_lane *lane) {
    if (lane == NULL)
        return;
    const uint32_t count = lane->note_count;
    for (uint32_t i = 0; i < count && i < SERIES_AHEAD; i++)
        fetch_series(lane, &lane->notes[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (i + SERIES_AHEAD < count)
            fetch_series(lane, &lane->notes[i + SERIES_AHEAD]);
        if (i + RING_AHEAD < count)
            fetch_ring(lane, &lane->notes[i + RING_AHEAD]);
        enter(lane, &lane->notes[i]);
    }
    lane->note_count = 0;
    feed_lane_enter_signals(lane);
}

void feed_lane_message(struct feed_lane *lane, uint32_t topic, int32_t partition,
                       uint32_t symbol_id, t5_str symbol, const t5_message *message,
                       uint32_t tick) {
    if ((message->flags & (T5_MESSAGE_HAS_TIME_FRAME | T5_MESSAGE_TIME_SUSPECT)) !=
            T5_MESSAGE_HAS_TIME_FRAME ||
        message->time_frame_s == 0)
        return;
    struct note *note = &lane->notes[lane->note_count];
    if (symbol.len > FEED_STATS_SYMBOL_SIZE ||
        !make_key(topic, partition, symbol_id, message->time_frame_s, &note->key)) {
        atomic_fetch_add_explicit(&lane->missed, 1, memory_order_relaxed);
        return;
    }
    note->time_ms = message->event_time_ns / NS_PER_MS;
    note->symbol = symbol;
    note->price = (message->flags & T5_MESSAGE_HAS_PRICE) != 0 ? (float)message->price : NAN;
    note->time_frame_s = message->time_frame_s;
    note->tick = tick;
    fetch_slot(lane, note);
    if (++lane->note_count == FEED_STATS_NOTES)
        feed_lane_flush(lane);
}

/* ---- life ---- */

struct feed_stats *feed_stats_new(size_t lanes, struct error *error) {
    struct feed_stats *feed_stats = calloc(1, sizeof *feed_stats);
    struct feed_lane *parts = calloc(lanes + 1, sizeof *parts);
    if (feed_stats == NULL || parts == NULL) {
        free(feed_stats);
        free(parts);
        error_set_memory(error, "the feed statistics");
        return NULL;
    }
    feed_stats->lanes = parts;
    feed_stats->count = lanes;
    pthread_mutex_init(&feed_stats->order_lock, NULL);
    for (size_t i = 0; i < lanes; i++) {
        pthread_mutex_init(&parts[i].lock, NULL);
        parts[i].seed = hash_seed();
        parts[i].max_series = (uint32_t)(FEED_STATS_MAX_SERIES / lanes);
        parts[i].max_points = FEED_STATS_MAX_POINTS / lanes;
        parts[i].max_signals = FEED_STATS_MAX_SIGNALS / lanes;
        parts[i].max_signal_bytes = FEED_STATS_MAX_SIGNAL_BYTES / lanes;
    }
    return feed_stats;
}

static void release_lane(struct feed_lane *lane) {
    for (uint32_t i = 0; i < lane->count; i++)
        free(feed_lane_series(lane, i)->times);
    for (size_t i = 0; i < sizeof lane->chunks / sizeof *lane->chunks; i++)
        free(lane->chunks[i]);
    free(lane->slots);
    feed_lane_release_signals(lane);
    pthread_mutex_destroy(&lane->lock);
}

void feed_stats_free(struct feed_stats *feed_stats) {
    if (feed_stats == NULL)
        return;
    for (size_t i = 0; i < feed_stats->count; i++)
        release_lane(&feed_stats->lanes[i]);
    feed_lane_release_order(feed_stats);
    pthread_mutex_destroy(&feed_stats->order_lock);
    free(feed_stats->lanes);
    free(feed_stats);
}

struct feed_lane *feed_stats_lane(struct feed_stats *feed_stats, size_t index) {
    return &feed_stats->lanes[index];
}
