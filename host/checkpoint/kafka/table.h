/*
 * checkpoint/kafka/table.h - a hash table from keys of bytes to items. An item is a struct that
 * begins with a `struct table_entry`; it is made zeroed, and stays where it is until it is removed.
 * For this room alone. One thread at a time.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_TABLE_H
#define TAKE5_CHECKPOINT_KAFKA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_entry {
    struct table_entry *next; /* of its bucket */
    size_t at;                /* index into the table's items */
    uint64_t hash;
    size_t key_size;
    const char *key; /* the entry's own copy */
};

struct table {
    struct table_entry **items; /* in no order */
    size_t count, capacity;
    struct table_entry **buckets;
    size_t bucket_count; /* a power of two; 0: none yet */
    size_t item_size;
    uint64_t seed;
};

void table_init(struct table *table, size_t item_size);
/* Items hold nothing of their own by then. Empty afterwards. */
void table_release(struct table *table);
/* NULL: it is not there. */
void *table_find(const struct table *table, const void *key, size_t size);
/* Found, or made. NULL: out of memory. */
void *table_add(struct table *table, const void *key, size_t size);
/* The last item takes its index. */
void table_remove(struct table *table, struct table_entry *entry);

#endif
