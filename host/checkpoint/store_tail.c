/* The tails of journals (order_tail.h), for users of a store. */
#include "checkpoint/store.h"

#include "base/text.h"
#include "checkpoint/checkpoint_files.h"
#include "checkpoint/journal_file.h"
#include "checkpoint/store_private.h"

#include <inttypes.h>
#include <stdlib.h>

static struct journal_owner owner_of(const struct checkpoint_store *store, const char *group,
                                     int32_t partition) {
    return (struct journal_owner){.partition = partition,
                                  .group = group,
                                  .topics = (const char *const *)store->topics,
                                  .topic_count = store->topic_count};
}

static char *tail_path(const char *state_dir, int32_t partition) {
    char place[FILES_PLACE_SIZE];
    return text_format("%s/checkpoints/%s/order.tail", state_dir, files_place(partition, place));
}

/* How many streams the checkpoint, and the order after it, have. */
static size_t count_streams(const struct checkpoint_store *store, const struct checkpoint *from,
                            const struct order *order) {
    size_t numbers = 1;
    for (size_t i = 0; from->partition < 0 && i < from->positions.count; i++) {
        if ((size_t)from->positions.items[i].partition >= numbers)
            numbers = (size_t)from->positions.items[i].partition + 1;
    }
    size_t count = numbers * store->topic_count;
    for (uint64_t i = order_begin(order); i < order_end(order); i++) {
        if (order_at(order, i)->stream != ORDER_CLOCK && order_at(order, i)->stream >= count)
            count = (size_t)order_at(order, i)->stream + 1;
    }
    return count;
}

/* Up to where the order, or the checkpoint itself, has each stream. */
static void find_known(const struct checkpoint_store *store, const struct checkpoint *from,
                       const struct order *order, int64_t *known, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int32_t number =
            from->partition < 0 ? (int32_t)(i / store->topic_count) : from->partition;
        const struct position *position =
            positions_find(&from->positions, store->topics[i % store->topic_count], number);
        known[i] = position != NULL ? position->next : 0;
    }
    for (uint64_t i = order_begin(order); i < order_end(order); i++) {
        const struct order_run *run = order_at(order, i);
        if (run->stream != ORDER_CLOCK && run->from + run->span > known[run->stream])
            known[run->stream] = run->from + run->span;
    }
}

/* False: out of memory; the order is broken there. */
static bool read_tail(const struct checkpoint_store *store, const char *state_dir,
                      const char *group, const struct checkpoint *from, struct order *order) {
    const struct journal_owner owner = owner_of(store, group, from->partition);
    const size_t count = count_streams(store, from, order);
    int64_t *known = calloc(count + 1, sizeof *known);
    char *path = tail_path(state_dir, from->partition);
    const bool did = known != NULL && path != NULL;
    if (!did) {
        order_break(order);
    } else if (from->number != 0) {
        find_known(store, from, order, known, count);
        order_tail_read(path, &owner, known, (uint32_t)count, order);
    }
    free(known);
    free(path);
    return did;
}

void checkpoint_store_read_tail(struct checkpoint_store *store, const struct checkpoint *from,
                                struct order *order) {
    (void)read_tail(store, store->state_dir, store->group, from, order); /* or it is broken */
}

bool store_read_tail_of(const struct checkpoint_store *store, const struct backend_look *look) {
    struct order *order = look->order;
    if (order == NULL || look->checkpoint.number == 0)
        return true;
    /* Nothing of its journal was written: the tail belongs behind it all the same. */
    if (order->segments[order->segment_count - 1].number < look->checkpoint.number &&
        !order_begin_segment(order, look->checkpoint.number))
        return false;
    return read_tail(store, look->state_dir, look->group, &look->checkpoint, order);
}

struct order_tail *checkpoint_store_new_tail(struct checkpoint_store *store, int32_t partition,
                                             const struct order *order) {
    const struct journal_owner owner = owner_of(store, store->group, partition);
    struct order_tail *tail = NULL;
    struct error error;
    char *path = tail_path(store->state_dir, partition);
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
