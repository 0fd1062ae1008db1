/*
 * commands/operation/checkpoint_inventory.h - the checkpoints that there are, wherever [checkpoint]
 * store has them: for `take5 checkpoint`.
 */
#ifndef TAKE5_COMMANDS_OPERATION_CHECKPOINT_INVENTORY_H
#define TAKE5_COMMANDS_OPERATION_CHECKPOINT_INVENTORY_H

#include "checkpoint/checkpoint.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inventory_item {
    int32_t partition;
    uint64_t number;
    bool is_journal;
    char *name; /* a file's path; "topic take5_state[3]" */
    uint64_t size;
};

/* By partition number, then by number. */
struct inventory {
    char *place; /* "/var/lib/take5/checkpoints", "topic take5_state" */
    struct inventory_item *items;
    size_t count;
    struct state_topic_entry *entries; /* NULL: these are files */
    size_t entry_count;
};

/* Reads the directory, or the topic. False with an error. */
bool inventory_load(struct inventory *inventory, const struct config *config, struct error *error);
void inventory_release(struct inventory *inventory);

/* The checkpoint of an item that is no journal; `room` (initialised and empty) may hold it, and is
 * the caller's to release. NULL with an error. */
const struct checkpoint *inventory_read(const struct inventory *inventory, size_t item,
                                        struct checkpoint *room, struct error *error);

/* Whether all hashes are right; `*torn`: bytes at the end of a journal that a crash cut off. */
bool inventory_verify(const struct inventory *inventory, size_t item, uint64_t *torn,
                      struct error *error);

/* A host that runs removes old ones meanwhile. */
bool inventory_is_gone(const struct inventory *inventory, size_t item);

#endif
