#include "engine/observe.h"

#include "engine/observe_private.h"

#include <stdlib.h>
#include <string.h>

/* Deployment names hold no NUL, so the parts cannot run into each other but for symbol and name,
 * which their sizes part. */
static bool make_hash(int32_t partition, const char *name, size_t name_size,
                      const struct parcel *parcel, struct hash *hash) {
    char buffer[1024];
    const size_t deployment = strlen(parcel->deployment) + 1;
    const size_t sizes[2] = {parcel->key_size, name_size};
    char *to = buffer;
    if (deployment + parcel->key_size + name_size + sizeof sizes + sizeof partition > sizeof buffer)
        return false;
    to = mempcpy(to, parcel->deployment, deployment);
    to = mempcpy(to, &partition, sizeof partition);
    to = mempcpy(to, sizes, sizeof sizes);
    if (parcel->key_size > 0)
        to = mempcpy(to, parcel->key, parcel->key_size);
    to = mempcpy(to, name, name_size);
    *hash = hash_bytes(buffer, (size_t)(to - buffer));
    return true;
}

static struct latest **bucket_of(struct observe_lane *lane, const struct hash *hash) {
    return &lane->buckets[hash->low % OBSERVE_BUCKETS];
}

static void unlink_age(struct observe_lane *lane, struct latest *latest) {
    if (latest->older != NULL)
        latest->older->newer = latest->newer;
    else
        lane->oldest = latest->newer;
    if (latest->newer != NULL)
        latest->newer->older = latest->older;
    else
        lane->newest = latest->older;
}

static void link_newest(struct observe_lane *lane, struct latest *latest) {
    latest->newer = NULL;
    latest->older = lane->newest;
    if (lane->newest != NULL)
        lane->newest->newer = latest;
    else
        lane->oldest = latest;
    lane->newest = latest;
}

static void forget(struct observe_lane *lane, struct latest *latest) {
    struct latest **link = bucket_of(lane, &latest->hash);
    while (*link != latest)
        link = &(*link)->next;
    *link = latest->next;
    unlink_age(lane, latest);
    lane->signal_count--;
    lane->signal_bytes -= latest->bytes;
    parcel_release(latest->parcel);
    free(latest);
}

static struct latest *find(struct observe_lane *lane, const struct hash *hash) {
    struct latest *latest = *bucket_of(lane, hash);
    while (latest != NULL && !hash_equal(latest->hash, *hash))
        latest = latest->next;
    return latest;
}

static struct latest *add(struct observe_lane *lane, const struct hash *hash) {
    struct latest *latest = calloc(1, sizeof *latest);
    if (latest == NULL)
        return NULL;
    latest->hash = *hash;
    latest->next = *bucket_of(lane, hash);
    *bucket_of(lane, hash) = latest;
    lane->signal_count++;
    return latest;
}

/* About what the parcel holds; headers are few and short. */
static size_t bytes_of(const struct parcel *parcel) {
    return sizeof(struct latest) + sizeof *parcel + parcel->key_size + parcel->value_size +
           (parcel->line != NULL ? strlen(parcel->line) : 0) + 256;
}

static void keep(struct observe_lane *lane, const struct hash *hash, int32_t partition,
                 struct parcel *parcel) {
    struct latest *latest = find(lane, hash);
    if (latest != NULL) {
        unlink_age(lane, latest);
        lane->signal_bytes -= latest->bytes;
        parcel_release(latest->parcel);
    } else {
        latest = add(lane, hash);
        if (latest == NULL)
            return;
    }
    parcel_retain(parcel);
    latest->parcel = parcel;
    latest->partition = partition;
    latest->bytes = bytes_of(parcel);
    lane->signal_bytes += latest->bytes;
    link_newest(lane, latest);
    while (lane->signal_count > lane->max_signals ||
           (lane->signal_bytes > lane->max_signal_bytes && lane->oldest != latest))
        forget(lane, lane->oldest);
}

void observe_signal(struct observe_lane *lane, int32_t partition, const char *name,
                    size_t name_size, struct parcel *parcel) {
    struct hash hash;
    if (!make_hash(partition, name, name_size, parcel, &hash))
        return;
    pthread_mutex_lock(&lane->lock);
    if (lane->buckets == NULL)
        lane->buckets = calloc(OBSERVE_BUCKETS, sizeof *lane->buckets);
    if (lane->buckets != NULL)
        keep(lane, &hash, partition, parcel);
    pthread_mutex_unlock(&lane->lock);
}

void observe_release_signals(struct observe_lane *lane) {
    while (lane->oldest != NULL)
        forget(lane, lane->oldest);
    free(lane->buckets);
    lane->buckets = NULL;
}
