/*
 * checkpoint/kafka/state_table.h - a hash table (uthash) from byte keys to items, which can be
 * iterated by index. An item is a struct that begins with a `struct state_table_entry`; it is
 * zeroed at first, and its address is fixed until it is removed. For this room only. One thread at
 * a time.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_STATE_TABLE_H
#define TAKE5_CHECKPOINT_KAFKA_STATE_TABLE_H

#include "base/table.h"

#include <stddef.h>
#include <stdint.h>

struct state_table_entry {
    UT_hash_handle hh;
    size_t at;       /* index into the table's items */
    const char *key; /* the entry's own copy */
    size_t key_size;
};

struct state_table {
    struct state_table_entry **items; /* in no order */
    size_t count, capacity;
    struct state_table_entry *entries; /* uthash */
    size_t item_size;
    uint64_t seed;
};

void state_table_init(struct state_table *table, size_t item_size);
/* Items hold nothing of their own by then. Empty afterwards. */
void state_table_release(struct state_table *table);
/* NULL: not found. */
void *state_table_find(const struct state_table *table, const void *key, size_t size);
/* Found, or made. NULL: out of memory. */
void *state_table_add(struct state_table *table, const void *key, size_t size);
/* The last item takes its index. */
void state_table_remove(struct state_table *table, struct state_table_entry *entry);

#endif
