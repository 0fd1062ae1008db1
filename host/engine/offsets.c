#include "engine/offsets.h"

#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/lane.h"

#include <stdatomic.h>
#include <stddef.h>

/* The journals, on their way to the disk. */
struct journals {
    _Atomic uint64_t ticket; /* the last of them */
    bool is_written;
};

/* The lane's, GLOBAL's last; NULL: none has that place. */
static struct partition *partition_at(const struct lane *lane, size_t i) {
    return i < lane->partition_capacity ? lane->partitions[i] : lane->global;
}

static void hand_journals(struct lane *lane, void *argument) {
    struct journals *journals = argument;
    for (size_t i = 0; lane->options.store != NULL && i <= lane->partition_capacity; i++) {
        const uint64_t ticket = checkpointing_journal_now(lane, partition_at(lane, i));
        uint64_t last = atomic_load(&journals->ticket);
        while (ticket > last && !atomic_compare_exchange_weak(&journals->ticket, &last, ticket)) {}
    }
}

static void store_behind_journals(struct lane *lane, void *argument) {
    const struct journals *journals = argument;
    for (size_t i = 0; journals->is_written && i <= lane->partition_capacity; i++) {
        if (partition_at(lane, i) != NULL)
            checkpointing_journal_written(partition_at(lane, i));
    }
    lane_store(lane);
}

bool offsets_store_now(struct engine *engine, int64_t timeout_ns, struct error *error) {
    struct journals journals = {0};
    if (!lanes_call(engine->lanes, engine->lane_count, hand_journals, &journals, timeout_ns, error))
        return false;
    journals.is_written =
        atomic_load(&journals.ticket) != 0 &&
        checkpoint_store_await(engine->store, atomic_load(&journals.ticket), timeout_ns);
    return lanes_call(engine->lanes, engine->lane_count, store_behind_journals, &journals,
                      timeout_ns, error);
}
