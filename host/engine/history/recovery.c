#include "engine/history/recovery_private.h"

#include "checkpoint/store.h"
#include "engine/core/core.h"

#include <stdlib.h>
#include <string.h>

/* ---- find ---- */

bool recovery_can_feed(const struct engine *engine) {
    return engine->store != NULL && engine->options.source->ops->history != NULL;
}

bool recovery_list_committed(const struct engine *engine, const struct topic_partition *parts,
                             size_t count, struct positions *committed) {
    for (size_t i = 0; i < count; i++) {
        if (parts[i].offset != SOURCE_NO_OFFSET &&
            !positions_add(committed, topics_name(engine->topics, parts[i].topic),
                           parts[i].partition, parts[i].offset))
            return false;
    }
    return true;
}

/* Unknown offsets are above nothing: no checkpoint can be trusted. */
static bool knows_all(const struct topic_partition *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (parts[i].offset == SOURCE_NO_OFFSET && !parts[i].is_new)
            return false;
    }
    return true;
}

void recovery_log_not_found(struct engine *engine, int32_t number, const char *why) {
    if (why[0] != '\0')
        gather_add(&engine->gather, LOG_LEVEL_WARNING, "state.discarded", number, why,
                   "starting without state, as no checkpoint fits the committed offsets; to use "
                   "one, stop the hosts of the group, set its offsets to where a checkpoint stands "
                   "(`take5 checkpoint list`), and restart them");
}

bool recovery_is_exact(const struct checkpoint *checkpoint, const struct positions *committed) {
    for (size_t i = 0; i < committed->count; i++) {
        const struct position *item = &committed->items[i];
        const struct position *position =
            positions_find(&checkpoint->positions, item->topic, item->partition);
        if (position != NULL && position->next != item->next)
            return false;
    }
    return true;
}

bool recovery_is_whole(const struct checkpoint *checkpoint, const struct positions *committed) {
    for (size_t i = 0; checkpoint->partition == PARTITION_GLOBAL && i < checkpoint->positions.count;
         i++) {
        const struct position *item = &checkpoint->positions.items[i];
        if (positions_find(committed, item->topic, item->partition) == NULL)
            return false;
    }
    return true;
}

static bool find(struct engine *engine, int32_t number, const struct positions *committed,
                 struct checkpoint *checkpoint, struct text *why, struct error *error) {
    error->code = ERROR_NONE;
    bool is_found = checkpoint_store_find(engine->store, number, committed, checkpoint, why, error);
    if (!is_found && error->code == ERROR_NONE && why->size == 0)
        is_found = checkpoint_store_find_old(engine->store, number, committed, checkpoint, error);
    if (!is_found)
        return error->code == ERROR_NONE;
    const bool can_feed = engine->options.source->ops->history != NULL;
    if (!can_feed && !recovery_is_exact(checkpoint, committed)) {
        text_puts(why,
                  "the offsets of the last checkpoint do not match the committed ones, and the "
                  "messages between them cannot be read again");
        checkpoint_release(checkpoint);
    } else if (!recovery_is_whole(checkpoint, committed)) {
        text_puts(why, "the last checkpoint is of partitions that this host was not given");
        checkpoint_release(checkpoint);
    }
    return true;
}

/* The checkpoint is empty if there is none to continue with, and the log says why. False: it could
 * not be found out. */
static bool find_for(struct engine *engine, int32_t number, const struct topic_partition *parts,
                     size_t count, struct checkpoint *checkpoint, struct error *error) {
    struct positions committed;
    struct text why;
    positions_init(&committed);
    text_init(&why);
    bool did = recovery_list_committed(engine, parts, count, &committed) ||
               error_set_memory(error, "committed offsets");
    if (did && !knows_all(parts, count)) {
        text_puts(&why, "the committed offsets are not known");
        did = checkpoint_store_resume(engine->store, number, error);
    } else if (did)
        did = find(engine, number, &committed, checkpoint, &why, error);
    if (did && checkpoint->number == 0 && checkpoint->part_count == 0)
        recovery_log_not_found(engine, number, why.data);
    positions_release(&committed);
    text_release(&why);
    return did;
}

/* See partition.h. */
static uint32_t stream_of(const struct engine *engine, int32_t number,
                          const struct topic_partition *part) {
    return number == PARTITION_GLOBAL
               ? (uint32_t)part->partition * (uint32_t)engine->topics->count + part->topic
               : part->topic;
}

/* The checkpoint whose journal is read first: a deployment that was behind when it was taken, or
 * has the state of an older one, continues with messages that the others got before it. Those from
 * another worker are not in this one's journals. */
static uint64_t order_from(const struct engine *engine, int32_t number,
                           const struct recovery *recovery) {
    const struct checkpoint *checkpoint = &recovery->checkpoint;
    bool has_behind = false;
    for (size_t i = 0; i < checkpoint->part_count; i++)
        has_behind |= checkpoint->parts[i].positions.count > 0 &&
                      !moved_has(&recovery->moved, checkpoint->parts[i].deployment);
    if (!has_behind || checkpoint_store_is_shared(engine->store))
        return checkpoint->number;
    const uint64_t oldest = checkpoint_store_oldest(engine->store, number);
    return oldest != 0 && oldest < checkpoint->number ? oldest : checkpoint->number;
}

bool recovery_make_order(struct engine *engine, int32_t number, struct recovery *recovery,
                         struct error *error) {
    const struct topic_partition *parts = recovery->parts;
    if (engine->store == NULL)
        return true;
    const uint64_t from = order_from(engine, number, recovery);
    recovery->order = calloc(1, sizeof *recovery->order);
    if (recovery->order == NULL || !order_init(recovery->order, from)) {
        free(recovery->order);
        recovery->order = NULL;
        return error_set_memory(error, "a journal");
    }
    recovery->order->keeps_clocks = true;
    if (recovery->checkpoint.number != 0) {
        checkpoint_store_read_order(engine->store, number, from, recovery->order);
        checkpoint_store_read_tail(engine->store, &recovery->checkpoint, recovery->order);
    }
    /* A topic without a committed offset may have been recreated. */
    for (size_t i = 0; i < recovery->part_count; i++) {
        if (parts[i].is_new && parts[i].offset != SOURCE_NO_OFFSET)
            order_cut(recovery->order, stream_of(engine, number, &parts[i]), parts[i].offset);
    }
    recovery->tail = checkpoint_store_new_tail(engine->store, number, recovery->order);
    return true;
}

bool recovery_find_moved(struct engine *engine, int32_t partition, struct topic_partition *parts,
                         size_t count, struct recovery *recovery, struct error *error) {
    if (!moved_find(engine, partition, parts, count, &recovery->moved, error))
        return false;
    moved_begin(engine, partition, &recovery->moved, parts, count);
    /* A checkpoint that includes them here would be above offsets that the group has not committed,
     * and unusable. */
    const struct source *source = engine->options.source;
    if (recovery->moved.count > 0 && source->ops->commit_begins != NULL)
        source->ops->commit_begins(engine->options.source, parts, count);
    return true;
}

bool recovery_find(struct engine *engine, const struct partition *partition,
                   const struct topic_partition *parts, size_t count, struct recovery *recovery,
                   struct error *error) {
    recovery->parts = parts;
    recovery->part_count = count;
    if (engine->store == NULL)
        return engine->options.beginning == NULL ||
               engine->options.beginning(engine->options.beginning_context, partition->number,
                                         &recovery->checkpoint, error);
    return find_for(engine, partition->number, parts, count, &recovery->checkpoint, error) &&
           (moved_join(&recovery->moved, &recovery->checkpoint) ||
            error_set_memory(error, "what comes from another worker"));
}

bool recovery_resume(struct engine *engine, const struct partition *partition,
                     struct error *error) {
    return engine->store == NULL ||
           checkpoint_store_resume(engine->store, partition->number, error);
}

void recovery_release(struct recovery *recovery) {
    checkpoint_release(&recovery->checkpoint);
    moved_release(&recovery->moved);
    for (size_t i = 0; i < recovery->refusal_count; i++)
        free(recovery->refusals[i].kept);
    free(recovery->refusals);
    recovery->refusals = NULL;
    recovery->refusal_count = 0;
    recovery->is_oom = false;
    order_free(recovery->order);
    recovery->order = NULL;
    order_tail_free(recovery->tail);
    recovery->tail = NULL;
}
