/*
 * take5/symbols.h - state for each symbol, by the host's symbol id.
 *
 *   typedef struct { double last; uint64_t count; } memory;
 *
 *   t5_symbols memories;                              // in create
 *   t5_symbols_init(&memories, sizeof(memory), NULL);
 *   memory *m = (memory *)t5_symbols_get(&memories, message->symbol_id);   // in on_message
 *   if (m == NULL)
 *       return t5_fail(host, "out of memory for symbol %u", message->symbol_id);
 *   return t5_symbols_save(&memories, host);          // in save
 *   return t5_symbols_load(&memories, host);          // in load
 *   t5_symbols_drop(&memories, event->symbol_id);     // in on_event, T5_EVENT_SYMBOL_EXPIRED
 *   t5_symbols_release(&memories);                    // in destroy
 *
 * The host numbers symbols densely, so a table is an array. An item is made (all bytes zero, then
 * `init`) the first time its symbol is asked for, and stays at its address until it is dropped.
 * Ids hold while the instance lives and are never saved: a record names its symbol by text, and the
 * host gives it the id of its new home when it is loaded.
 *
 * One of the helpers that are not part of the ABI: it is compiled into the strategy.
 */
#ifndef TAKE5_SYMBOLS_H
#define TAKE5_SYMBOLS_H

#include "bytes.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What items are made of. Every member may be NULL; so may the whole.
 *
 * Without `save` and `load` the item's bytes are its record: right for a flat struct without
 * pointers, whose padding is zero as long as it is only assigned to member by member.
 */
typedef struct t5_symbols_type {
    /* Completes a new item, whose bytes are zero. T5_ERROR: it could not (memory). */
    int32_t (*init)(void *context, uint32_t symbol_id, void *item);
    /* Frees what the item holds, not the item. */
    void (*release)(void *context, void *item);
    /* Appends the item. */
    void (*save)(void *context, const void *item, t5_bytes *out);
    /* Takes what save wrote into a new item. T5_ERROR: it is not what save wrote, or no memory. */
    int32_t (*load)(void *context, void *item, t5_reader *in);
    void *context; /* first argument of all four */
} t5_symbols_type;

typedef struct t5_symbols {
    void **items;   /* by symbol id; NULL: none */
    uint32_t bound; /* length of `items` */
    uint32_t count; /* items that are there */
    size_t item_size;
    t5_symbols_type type;
} t5_symbols;

/* `item_size` at least 1; `type` may be NULL and is copied. Allocates nothing. */
static inline void t5_symbols_init(t5_symbols *symbols, size_t item_size,
                                   const t5_symbols_type *type) {
    memset(symbols, 0, sizeof *symbols);
    symbols->item_size = item_size;
    if (type != NULL)
        symbols->type = *type;
}

/* The symbol's item, or NULL when it has none. O(1). */
static inline void *t5_symbols_find(const t5_symbols *symbols, uint32_t symbol_id) {
    return symbol_id < symbols->bound ? symbols->items[symbol_id] : NULL;
}

/* Makes `items` long enough for the id. 0: no memory. (Internal.) */
static inline int t5_symbols_reach(t5_symbols *symbols, uint32_t symbol_id) {
    size_t bound = symbols->bound < 16 ? 16 : symbols->bound;
    void **items;
    if (symbol_id < symbols->bound)
        return 1;
    while (bound <= symbol_id)
        bound *= 2;
    if (bound > UINT32_MAX)
        bound = UINT32_MAX; /* the last id stands for no symbol */
    if (bound > SIZE_MAX / sizeof *items)
        return 0;
    items = (void **)realloc(symbols->items, bound * sizeof *items);
    if (items == NULL)
        return 0;
    memset(items + symbols->bound, 0, (bound - symbols->bound) * sizeof *items);
    symbols->items = items;
    symbols->bound = (uint32_t)bound;
    return 1;
}

/* The symbol's item, made now if it has none. NULL: no memory, `init` refused, or T5_NO_SYMBOL.
 * Amortised O(1). */
static inline void *t5_symbols_get(t5_symbols *symbols, uint32_t symbol_id) {
    void *item = t5_symbols_find(symbols, symbol_id);
    if (item != NULL)
        return item;
    if (symbol_id == T5_NO_SYMBOL || !t5_symbols_reach(symbols, symbol_id))
        return NULL;
    item = calloc(1, symbols->item_size);
    if (item == NULL)
        return NULL;
    if (symbols->type.init != NULL &&
        symbols->type.init(symbols->type.context, symbol_id, item) != T5_OK) {
        free(item);
        return NULL;
    }
    symbols->items[symbol_id] = item;
    symbols->count++;
    return item;
}

/* Releases and frees the symbol's item, if it has one. O(1). */
static inline void t5_symbols_drop(t5_symbols *symbols, uint32_t symbol_id) {
    void *item = t5_symbols_find(symbols, symbol_id);
    if (item == NULL)
        return;
    if (symbols->type.release != NULL)
        symbols->type.release(symbols->type.context, item);
    free(item);
    symbols->items[symbol_id] = NULL;
    symbols->count--;
}

/*
 * Goes through the items by rising id:
 *   uint32_t id = T5_NO_SYMBOL;
 *   while ((m = (memory *)t5_symbols_next(&memories, &id)) != NULL) { ... }
 * Items may be dropped on the way. O(highest id) for the whole.
 */
static inline void *t5_symbols_next(const t5_symbols *symbols, uint32_t *symbol_id) {
    uint32_t id = *symbol_id == T5_NO_SYMBOL ? 0 : *symbol_id + 1;
    for (; id < symbols->bound; id++) {
        if (symbols->items[id] != NULL) {
            *symbol_id = id;
            return symbols->items[id];
        }
    }
    return NULL;
}

/* Releases and frees everything; the table is empty and can be used again. */
static inline void t5_symbols_release(t5_symbols *symbols) {
    const t5_symbols_type type = symbols->type;
    uint32_t id;
    for (id = 0; id < symbols->bound; id++)
        t5_symbols_drop(symbols, id);
    free(symbols->items);
    t5_symbols_init(symbols, symbols->item_size, &type);
}

/* Writes one record for each symbol. For use in `save`; T5_ERROR has its reason set. */
static inline int32_t t5_symbols_save(const t5_symbols *symbols, t5_host *host) {
    uint32_t id = T5_NO_SYMBOL;
    int32_t code = T5_OK;
    const void *item;
    t5_bytes out;
    t5_bytes_init(&out);
    while (code == T5_OK && (item = t5_symbols_next(symbols, &id)) != NULL) {
        t5_bytes_reset(&out);
        if (symbols->type.save != NULL)
            symbols->type.save(symbols->type.context, item, &out);
        else
            t5_bytes_put(&out, item, symbols->item_size);
        code = t5_bytes_record(&out, host, id);
    }
    t5_bytes_release(&out);
    return code;
}

/* Takes one record in place of what its symbol has. For a strategy that has other records too
 * and reads them all itself. T5_ERROR has its reason set. */
static inline int32_t t5_symbols_load_record(t5_symbols *symbols, t5_host *host,
                                             const t5_record *record) {
    const int shown = record->symbol.len < 64 ? (int)record->symbol.len : 64;
    int32_t code = T5_OK;
    t5_reader in;
    void *item;
    if (record->symbol_id == T5_NO_SYMBOL)
        return t5_fail(host, "the state has a record without a symbol (%zu bytes): not one of ours",
                       record->data_size);
    t5_reader_init(&in, record->data, record->data_size);
    t5_symbols_drop(symbols, record->symbol_id);
    item = t5_symbols_get(symbols, record->symbol_id);
    if (item == NULL)
        return t5_fail(
            host, "no item for the record of symbol \"%.*s\" (%zu bytes): out of memory?", shown,
            record->symbol.data != NULL ? record->symbol.data : "", record->data_size);
    if (symbols->type.load != NULL) {
        code = symbols->type.load(symbols->type.context, item, &in);
    } else {
        const void *bytes = t5_reader_take(&in, symbols->item_size);
        if (bytes != NULL)
            memcpy(item, bytes, symbols->item_size);
    }
    if (code == T5_OK && t5_reader_done(&in))
        return T5_OK;
    t5_symbols_drop(symbols, record->symbol_id);
    return t5_fail(host,
                   "the record of symbol \"%.*s\" (%zu bytes) is not one of ours, or memory ran "
                   "out",
                   shown, record->symbol.data != NULL ? record->symbol.data : "",
                   record->data_size);
}

/* Takes all records of the state. For use in `load`; T5_ERROR has its reason set. */
static inline int32_t t5_symbols_load(t5_symbols *symbols, t5_host *host) {
    t5_record record;
    int32_t code;
    while ((code = t5_record_read(host, &record)) == T5_OK) {
        code = t5_symbols_load_record(symbols, host, &record);
        if (code != T5_OK)
            return code;
    }
    return code == T5_END ? T5_OK : t5_fail(host, "the state ends early (code %d)", (int)code);
}

#ifdef __cplusplus
}
#endif

#endif
