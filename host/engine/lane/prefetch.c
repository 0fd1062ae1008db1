#include "engine/lane/prefetch.h"

/* Fewer symbols of a partition number stay in the caches anyway. */
#define WORTH_IT 1024u

static const struct partition *partition_of(const struct lane *lane, const struct record *record) {
    const struct partition *partition = lane_partition(lane, record->partition);
    const bool is_worth_it =
        partition != NULL && symbols_count(partition->symbols) >= WORTH_IT && record->key_size > 0;
    return is_worth_it ? partition : NULL;
}

void prefetch_records(struct prefetch *prefetch, const struct lane *lane,
                      const struct record *records, size_t count, size_t at) {
    if (at + PREFETCH_FAR < count) {
        const struct record *record = &records[at + PREFETCH_FAR];
        const struct partition *partition = partition_of(lane, record);
        if (partition != NULL)
            prefetch->hashes[at % PREFETCH_FAR] =
                symbols_prefetch(partition->symbols, record->key, record->key_size);
    }
    if (at < PREFETCH_FAR - PREFETCH_NEAR || at + PREFETCH_NEAR >= count)
        return; /* its hash was not noted */
    const struct partition *partition = partition_of(lane, &records[at + PREFETCH_NEAR]);
    if (partition == NULL)
        return;
    const uint64_t hash = prefetch->hashes[(at + PREFETCH_NEAR) % PREFETCH_FAR];
    const uint32_t id = symbols_guess(partition->symbols, hash);
    if (id < partition->route_capacity)
        __builtin_prefetch(&partition->route_by_symbol[id]);
}
