/* The tails of journals (order_tail.h), for who has a store. */
#include "checkpoint/store.h"

#include "base/text.h"
#include "checkpoint/files.h"
#include "checkpoint/journal.h"
#include "checkpoint/store_private.h"

#include <inttypes.h>
#include <stdlib.h>

static struct journal_owner owner_of(const struct checkpoint_store *store, int32_t partition) {
    return (struct journal_owner){.partition = partition,
                                  .group = store->group,
                                  .topics = (const char *const *)store->topics,
                                  .topic_count = store->topic_count};
}

static char *tail_path(const struct checkpoint_store *store, int32_t partition) {
    char place[FILES_PLACE_SIZE];
    return text_format("%s/checkpoints/%s/order.tail", store->state_dir,
                       files_place(partition, place));
}

/* Of each stream, up to where the order, or the checkpoint itself, has it. */
static void find_known(const struct checkpoint_store *store, const struct checkpoint *from,
                       const struct order *order, int64_t *known) {
    for (size_t i = 0; i < store->topic_count; i++) {
        const struct position *position =
            positions_find(&from->positions, store->topics[i], from->partition);
        known[i] = position != NULL ? position->next : 0;
    }
    for (uint64_t i = order_begin(order); i < order_end(order); i++) {
        const struct order_run *run = order_at(order, i);
        if (run->from + run->span > known[run->stream])
            known[run->stream] = run->from + run->span;
    }
}

void checkpoint_store_read_tail(struct checkpoint_store *store, const struct checkpoint *from,
                                struct order *order) {
    const struct journal_owner owner = owner_of(store, from->partition);
    int64_t *known = calloc(store->topic_count + 1, sizeof *known);
    char *path = tail_path(store, from->partition);
    if (known == NULL || path == NULL) {
        order_break(order);
    } else if (from->number != 0) {
        find_known(store, from, order, known);
        order_tail_read(path, &owner, known, (uint32_t)store->topic_count, order);
    }
    free(known);
    free(path);
}

struct order_tail *checkpoint_store_new_tail(struct checkpoint_store *store, int32_t partition,
                                             const struct order *order) {
    const struct journal_owner owner = owner_of(store, partition);
    struct order_tail *tail = NULL;
    struct error error;
    char *path = tail_path(store, partition);
    if (path == NULL)
        error_set_memory(&error, "a path");
    else if (files_make_directory(store->state_dir, partition, &error))
        tail = order_tail_new(path, &owner, order, &error);
    free(path);
    if (tail == NULL)
        log_event(store->log, LOG_LEVEL_WARNING, "engine", "checkpoint.order_volatile",
                  "partition %" PRId32
                  ": after a kill, strategies that relate topics may repeat the "
                  "signals of the last 0.2 s with other content: %s",
                  partition, error.text);
    return tail;
}
