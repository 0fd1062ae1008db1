#include "checkpoint/kafka/table.h"

#include "base/array.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64

void table_init(struct table *table, size_t item_size) {
    *table = (struct table){.item_size = item_size, .seed = hash_seed()};
}

void table_release(struct table *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->items[i]);
    free(table->items);
    free(table->buckets);
    table_init(table, table->item_size);
}

static struct table_entry **bucket_of(const struct table *table, uint64_t hash) {
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static struct table_entry *find(const struct table *table, const void *key, size_t size,
                                uint64_t hash) {
    if (table->bucket_count == 0)
        return NULL;
    for (struct table_entry *entry = *bucket_of(table, hash); entry != NULL; entry = entry->next) {
        if (entry->hash == hash && entry->key_size == size && memcmp(entry->key, key, size) == 0)
            return entry;
    }
    return NULL;
}

void *table_find(const struct table *table, const void *key, size_t size) {
    return find(table, key, size, hash_seeded(key, size, table->seed));
}

/* False: out of memory. */
static bool spread(struct table *table) {
    if (table->count < table->bucket_count)
        return true;
    const size_t count = table->bucket_count > 0 ? 2 * table->bucket_count : FIRST_BUCKETS;
    struct table_entry **buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL)
        return false;
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
    for (size_t i = 0; i < table->count; i++) {
        struct table_entry **bucket = bucket_of(table, table->items[i]->hash);
        table->items[i]->next = *bucket;
        *bucket = table->items[i];
    }
    return true;
}

void *table_add(struct table *table, const void *key, size_t size) {
    const uint64_t hash = hash_seeded(key, size, table->seed);
    struct table_entry *entry = find(table, key, size, hash);
    if (entry != NULL)
        return entry;
    if (!spread(table) || !ARRAY_GROW(table->items, table->count, table->capacity))
        return NULL;
    char *item = calloc(1, table->item_size + size);
    if (item == NULL)
        return NULL;
    memcpy(item + table->item_size, key, size);
    entry = (struct table_entry *)item;
    struct table_entry **bucket = bucket_of(table, hash);
    *entry = (struct table_entry){.next = *bucket,
                                  .at = table->count,
                                  .hash = hash,
                                  .key_size = size,
                                  .key = item + table->item_size};
    *bucket = entry;
    table->items[table->count++] = entry;
    return entry;
}

void table_remove(struct table *table, struct table_entry *entry) {
    struct table_entry **link = bucket_of(table, entry->hash);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    struct table_entry *last = table->items[--table->count];
    table->items[entry->at] = last;
    last->at = entry->at;
    free(entry);
}
