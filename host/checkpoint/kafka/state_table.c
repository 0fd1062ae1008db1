#include "checkpoint/kafka/state_table.h"

#include "base/array.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

void state_table_init(struct state_table *table, size_t item_size) {
    *table = (struct state_table){.item_size = item_size, .seed = hash_seed()};
}

void state_table_release(struct state_table *table) {
    HASH_CLEAR(hh, table->entries);
    for (size_t i = 0; i < table->count; i++)
        free(table->items[i]);
    free(table->items);
    state_table_init(table, table->item_size);
}

static struct state_table_entry *find(const struct state_table *table, const void *key, size_t size,
                                      unsigned hash) {
    struct state_table_entry *entry;
    HASH_FIND_BYHASHVALUE(hh, table->entries, key, size, hash, entry);
    return entry;
}

void *state_table_find(const struct state_table *table, const void *key, size_t size) {
    return find(table, key, size, (unsigned)hash_seeded(key, size, table->seed));
}

void *state_table_add(struct state_table *table, const void *key, size_t size) {
    const unsigned hash = (unsigned)hash_seeded(key, size, table->seed);
    struct state_table_entry *entry = find(table, key, size, hash);
    if (entry != NULL)
        return entry;
    if (!ARRAY_GROW(table->items, table->count, table->capacity))
        return NULL;
    char *item = calloc(1, table->item_size + size);
    if (item == NULL)
        return NULL;
    memcpy(item + table->item_size, key, size);
    entry = (struct state_table_entry *)item;
    entry->at = table->count;
    entry->key = item + table->item_size;
    entry->key_size = size;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, table->entries, entry->key, size, hash, entry);
    if (entry->hh.tbl == NULL) {
        free(item);
        return NULL;
    }
    table->items[table->count++] = entry;
    return entry;
}

void state_table_remove(struct state_table *table, struct state_table_entry *entry) {
    HASH_DELETE(hh, table->entries, entry);
    struct state_table_entry *last = table->items[--table->count];
    table->items[entry->at] = last;
    last->at = entry->at;
    free(entry);
}
