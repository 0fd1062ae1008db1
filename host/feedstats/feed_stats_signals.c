#include "feedstats/feed_stats.h"

#include "base/clock.h"
#include "feedstats/feed_stats_private.h"

#include <stdlib.h>
#include <string.h>

/* Deployment names hold no NUL, so the parts cannot run into each other but for symbol and name,
 * which their sizes part. */
static bool make_hash(const struct feed_lane *lane, int32_t partition, const char *name,
                      size_t name_size, const struct delivery *delivery, struct hash *hash) {
    char buffer[1024];
    const size_t deployment = strlen(delivery->deployment) + 1;
    const size_t sizes[2] = {delivery->key_size, name_size};
    char *to = buffer;
    if (deployment + delivery->key_size + name_size + sizeof sizes + sizeof partition >
        sizeof buffer)
        return false;
    to = mempcpy(to, delivery->deployment, deployment);
    to = mempcpy(to, &partition, sizeof partition);
    to = mempcpy(to, sizes, sizeof sizes);
    if (delivery->key_size > 0)
        to = mempcpy(to, delivery->key, delivery->key_size);
    to = mempcpy(to, name, name_size);
    *hash = hash_bytes_seeded(buffer, (size_t)(to - buffer), lane->seed);
    return true;
}

/* ---- in the order in which they came ---- */

REQUIRES(feed_lane_lock) static void remove_from_order(struct feed_lane *lane, struct latest *at) {
    *(at->older != NULL ? &at->older->newer : &lane->oldest) = at->newer;
    *(at->newer != NULL ? &at->newer->older : &lane->newest) = at->older;
}

REQUIRES(feed_lane_lock) static void append_to_order(struct feed_lane *lane, struct latest *at) {
    at->older = lane->newest;
    at->newer = NULL;
    *(lane->newest != NULL ? &lane->newest->newer : &lane->oldest) = at;
    lane->newest = at;
}

/* ---- the table ---- */

REQUIRES(feed_lane_lock) static void forget(struct feed_lane *lane, struct latest *latest) {
    HASH_DELETE(hh, lane->signals, latest);
    remove_from_order(lane, latest);
    lane->signal_bytes -= latest->bytes;
    delivery_release(latest->delivery);
    free(latest);
}

/* With nothing but its hash, in no order yet. NULL when memory runs out. */
REQUIRES(feed_lane_lock)
static struct latest *add(struct feed_lane *lane, const struct hash *hash) {
    struct latest *latest = malloc(sizeof *latest);
    if (latest == NULL)
        return NULL;
    latest->hash = *hash;
    HASH_ADD_BYHASHVALUE(hh, lane->signals, hash, sizeof latest->hash, (unsigned)hash->low, latest);
    if (latest->hh.tbl != NULL)
        return latest;
    free(latest);
    return NULL;
}

/* Takes the note's reference over. */
REQUIRES(feed_lane_lock)
static void enter(struct feed_lane *lane, const struct signal_note *note, int64_t now_ns) {
    struct latest *latest;
    HASH_FIND_BYHASHVALUE(hh, lane->signals, &note->hash, sizeof note->hash,
                          (unsigned)note->hash.low, latest);
    if (latest != NULL) {
        remove_from_order(lane, latest);
        lane->signal_bytes -= latest->bytes;
        delivery_release(latest->delivery);
    } else if ((latest = add(lane, &note->hash)) == NULL) {
        delivery_release(note->delivery);
        return;
    }
    append_to_order(lane, latest);
    latest->delivery = note->delivery;
    latest->since_ns = now_ns;
    latest->bytes = sizeof *latest + note->delivery->bytes;
    lane->signal_bytes += latest->bytes;
    while (HASH_COUNT(lane->signals) > lane->max_signals ||
           (lane->signal_bytes > lane->max_signal_bytes && lane->oldest != latest))
        forget(lane, lane->oldest);
}

/* First where all of them are to be found, then what is found there. */
REQUIRES(feed_lane_lock) static void fetch_all(const struct feed_lane *lane) {
    if (lane->signals == NULL)
        return;
    const UT_hash_table *table = lane->signals->hh.tbl;
    const UT_hash_bucket *buckets[FEED_STATS_NOTES];
    for (uint32_t i = 0; i < lane->signal_note_count; i++) {
        const unsigned value = (unsigned)lane->signal_notes[i].hash.low;
        buckets[i] = &table->buckets[value & (table->num_buckets - 1)];
        __builtin_prefetch(buckets[i]);
    }
    for (uint32_t i = 0; i < lane->signal_note_count; i++) {
        if (buckets[i]->hh_head == NULL)
            continue;
        const struct latest *head = ELMT_FROM_HH(table, buckets[i]->hh_head);
        __builtin_prefetch(&head->hh, 1);
        __builtin_prefetch(&head->newer, 1);
    }
}

/* The time is read under the lock: who asks for what came until now misses none. */
void feed_lane_enter_signals(struct feed_lane *lane) {
    if (lane->signal_note_count == 0)
        return;
    lock_acquire(&lane->lock, feed_lane_lock);
    const int64_t now_ns = clock_monotonic_ns();
    fetch_all(lane);
    for (uint32_t i = 0; i < lane->signal_note_count; i++)
        enter(lane, &lane->signal_notes[i], now_ns);
    lock_release(&lane->lock, feed_lane_lock);
    lane->signal_note_count = 0;
}

void feed_lane_signal(struct feed_lane *lane, int32_t partition, const char *name, size_t name_size,
                      struct delivery *delivery) {
    struct signal_note *note = &lane->signal_notes[lane->signal_note_count];
    if (!make_hash(lane, partition, name, name_size, delivery, &note->hash))
        return;
    delivery_retain(delivery);
    note->delivery = delivery;
    if (++lane->signal_note_count == FEED_STATS_NOTES)
        feed_lane_enter_signals(lane);
}

void feed_lane_release_signals(struct feed_lane *lane) {
    lock_alone(feed_lane_lock);
    while (lane->signals != NULL)
        forget(lane, lane->signals);
    for (; lane->signal_note_count > 0; lane->signal_note_count--)
        delivery_release(lane->signal_notes[lane->signal_note_count - 1].delivery);
}
