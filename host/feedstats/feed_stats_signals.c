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

REQUIRES(feed_lane_lock) static void take_out(struct feed_lane *lane, struct latest *latest) {
    HASH_DELETE(hh, lane->signals, latest);
    lane->signal_bytes -= latest->bytes;
    delivery_release(latest->delivery);
}

REQUIRES(feed_lane_lock) static void forget(struct feed_lane *lane, struct latest *latest) {
    take_out(lane, latest);
    free(latest);
}

REQUIRES(feed_lane_lock)
static void keep(struct feed_lane *lane, const struct hash *hash, struct delivery *delivery) {
    const unsigned value = (unsigned)hash->low;
    struct latest *latest;
    HASH_FIND_BYHASHVALUE(hh, lane->signals, hash, sizeof *hash, value, latest);
    if (latest != NULL)
        take_out(lane, latest);
    else
        latest = malloc(sizeof *latest);
    if (latest == NULL)
        return;
    latest->hash = *hash;
    HASH_ADD_BYHASHVALUE(hh, lane->signals, hash, sizeof latest->hash, value, latest);
    if (latest->hh.tbl == NULL) {
        free(latest);
        return;
    }
    delivery_retain(delivery);
    latest->delivery = delivery;
    latest->since_ns = clock_monotonic_ns();
    latest->bytes = sizeof *latest + delivery->bytes;
    lane->signal_bytes += latest->bytes;
    while (HASH_COUNT(lane->signals) > lane->max_signals ||
           (lane->signal_bytes > lane->max_signal_bytes && lane->signals != latest))
        forget(lane, lane->signals);
}

void feed_lane_signal(struct feed_lane *lane, int32_t partition, const char *name, size_t name_size,
                      struct delivery *delivery) {
    struct hash hash;
    if (!make_hash(lane, partition, name, name_size, delivery, &hash))
        return;
    lock_acquire(&lane->lock, feed_lane_lock);
    keep(lane, &hash, delivery);
    lock_release(&lane->lock, feed_lane_lock);
}

void feed_lane_release_signals(struct feed_lane *lane) {
    lock_alone(feed_lane_lock);
    while (lane->signals != NULL)
        forget(lane, lane->signals);
}
