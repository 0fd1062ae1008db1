/*
 * A running count a symbol, with save and load: the state of good.c and recorder.c.
 */
#ifndef TAKE5_TESTS_COUNTS_H
#define TAKE5_TESTS_COUNTS_H

#include <take5/take5.h>

#include <stdlib.h>

#define COUNTS_STATE_VERSION 1

struct counts {
    uint64_t *by_symbol;
    uint32_t capacity;
};

/* NULL when memory runs out. */
static inline uint64_t *counts_of(struct counts *counts, uint32_t symbol_id) {
    if (symbol_id >= counts->capacity) {
        uint32_t capacity = counts->capacity > 0 ? counts->capacity : 64;
        while (capacity <= symbol_id)
            capacity *= 2;
        uint64_t *larger = (uint64_t *)realloc(counts->by_symbol, capacity * sizeof *larger);
        if (larger == NULL)
            return NULL;
        memset(larger + counts->capacity, 0, (capacity - counts->capacity) * sizeof *larger);
        counts->by_symbol = larger;
        counts->capacity = capacity;
    }
    return &counts->by_symbol[symbol_id];
}

static inline int32_t counts_save(const struct counts *counts, t5_host *host) {
    for (uint32_t id = 0; id < counts->capacity; id++) {
        const uint64_t count = counts->by_symbol[id];
        if (count > 0 && t5_record_write(host, id, &count, sizeof count) != T5_OK)
            return T5_ERROR;
    }
    return T5_OK;
}

static inline int32_t counts_load(struct counts *counts, t5_host *host, const t5_load_args *args) {
    t5_record record;
    if (args->state_version != COUNTS_STATE_VERSION)
        return t5_fail(host, "state version %u is unknown", args->state_version);
    while (t5_record_read(host, &record) == T5_OK) {
        if (record.symbol_id == T5_NO_SYMBOL)
            return t5_fail(host, "a record without a symbol is no count");
        uint64_t *count = counts_of(counts, record.symbol_id);
        if (count == NULL || record.data_size != sizeof *count)
            return t5_fail(host, "a record of %zu bytes is no count", record.data_size);
        memcpy(count, record.data, sizeof *count);
    }
    return T5_OK;
}

#endif
