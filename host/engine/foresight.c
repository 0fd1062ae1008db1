#include "engine/foresight.h"

/* Fewer symbols of a partition number stay in the caches by themselves. */
#define WORTH_IT 1024u

static const struct partition *partition_of(const struct lane *lane, const struct record *record) {
    const struct partition *partition = lane_partition(lane, record->partition);
    const bool is_worth_it =
        partition != NULL && symbols_count(partition->symbols) >= WORTH_IT && record->key_size > 0;
    return is_worth_it ? partition : NULL;
}

void foresee(struct foresight *foresight, const struct lane *lane, const struct record *records,
             size_t count, size_t at) {
    if (at + FORESIGHT_FAR < count) {
        const struct record *record = &records[at + FORESIGHT_FAR];
        const struct partition *partition = partition_of(lane, record);
        if (partition != NULL)
            foresight->hashes[at % FORESIGHT_FAR] =
                symbols_prefetch(partition->symbols, record->key, record->key_size);
    }
    if (at < FORESIGHT_FAR - FORESIGHT_NEAR || at + FORESIGHT_NEAR >= count)
        return; /* its hash was not noted */
    const struct partition *partition = partition_of(lane, &records[at + FORESIGHT_NEAR]);
    if (partition == NULL)
        return;
    const uint64_t hash = foresight->hashes[(at + FORESIGHT_NEAR) % FORESIGHT_FAR];
    const uint32_t id = symbols_guess(partition->symbols, hash);
    if (id < partition->route_capacity)
        __builtin_prefetch(&partition->route_by_symbol[id]);
}
