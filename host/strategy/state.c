#include "strategy/state.h"

#include "base/hash.h"
#include "strategy/wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STATE_MAGIC        "T5STATE"
#define STATE_MAGIC_SIZE   8
#define STATE_FORM         1u
#define STATE_CHECK_SIZE   8 /* XXH3-64 of everything before it */
#define STATE_ALIGNMENT    8
/* The fewest bytes that a record and a timer can take in the encoded form. */
#define STATE_RECORD_LEAST 16
#define STATE_TIMER_LEAST  28

void state_init(struct state *state) {
    memset(state, 0, sizeof *state);
    text_init(&state->bytes);
}

void state_release(struct state *state) {
    free(state->strategy);
    free(state->version);
    free(state->records);
    free(state->timers);
    text_release(&state->bytes);
    state_init(state);
}

/* Makes room for one more item. */
static bool grow(void **items, size_t count, size_t *capacity, size_t item_size) {
    if (count < *capacity)
        return true;
    const size_t larger = *capacity > 0 ? *capacity * 2 : 64;
    void *moved = reallocarray(*items, larger, item_size);
    if (moved == NULL)
        return false;
    *items = moved;
    *capacity = larger;
    return true;
}

static void align_bytes(struct text *bytes) {
    static const char zeros[STATE_ALIGNMENT] = {0};
    const size_t odd = bytes->size % STATE_ALIGNMENT;
    if (odd > 0)
        text_append(bytes, zeros, STATE_ALIGNMENT - odd);
}

bool state_add_record(struct state *state, uint32_t symbol_id, uint64_t order, const char *symbol,
                      size_t symbol_size, const void *data, size_t size) {
    if (!grow((void **)&state->records, state->record_count, &state->record_capacity,
              sizeof *state->records))
        return false;
    struct state_record record = {.symbol_id = symbol_id, .order = order};
    if (symbol != NULL && symbol_size > 0) {
        record.symbol_at = state->bytes.size;
        record.symbol_size = symbol_size;
        text_append(&state->bytes, symbol, symbol_size);
    }
    align_bytes(&state->bytes);
    record.data_at = state->bytes.size;
    record.data_size = size;
    if (size > 0)
        text_append(&state->bytes, data, size);
    if (text_is_short(&state->bytes))
        return false;
    state->records[state->record_count++] = record;
    return true;
}

bool state_add_timer(struct state *state, uint32_t clock, uint64_t key, int64_t due_ns,
                     const char *symbol, size_t symbol_size) {
    if (!grow((void **)&state->timers, state->timer_count, &state->timer_capacity,
              sizeof *state->timers))
        return false;
    struct state_timer timer = {.clock = clock, .key = key, .due_ns = due_ns};
    if (symbol != NULL && symbol_size > 0) {
        timer.symbol_at = state->bytes.size;
        timer.symbol_size = symbol_size;
        text_append(&state->bytes, symbol, symbol_size);
    }
    if (text_is_short(&state->bytes))
        return false;
    state->timers[state->timer_count++] = timer;
    return true;
}

/* Records without a symbol first, then by first sight. Records of one symbol keep the order in
 * which they were added, which their place in `bytes` tells: so the order is total, and any sort is
 * stable. */
static int compare_records(const void *left, const void *right) {
    const struct state_record *a = left, *b = right;
    const int a_has = a->symbol_size > 0, b_has = b->symbol_size > 0;
    if (a_has != b_has)
        return a_has - b_has;
    if (a_has && a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return (a->data_at > b->data_at) - (a->data_at < b->data_at);
}

void state_sort(struct state *state) {
    bool is_sorted = true;
    for (size_t i = 1; i < state->record_count && is_sorted; i++)
        is_sorted = compare_records(&state->records[i - 1], &state->records[i]) <= 0;
    if (!is_sorted)
        qsort(state->records, state->record_count, sizeof *state->records, compare_records);
}

void state_encode(const struct state *state, struct text *out) {
    const size_t begin = out->size;
    text_append(out, STATE_MAGIC, STATE_MAGIC_SIZE);
    wire_put_u32(out, STATE_FORM);
    wire_put_u32(out, state->state_version);
    wire_put_i64(out, state->event_clock_ns);
    wire_put_string(out, state->strategy != NULL ? state->strategy : "");
    wire_put_string(out, state->version != NULL ? state->version : "");
    wire_put_u64(out, state->record_count);
    for (size_t i = 0; i < state->record_count; i++) {
        const struct state_record *record = &state->records[i];
        wire_put_bytes(out, state->bytes.data + record->symbol_at, record->symbol_size);
        wire_put_bytes(out, state->bytes.data + record->data_at, record->data_size);
    }
    wire_put_u64(out, state->timer_count);
    for (size_t i = 0; i < state->timer_count; i++) {
        const struct state_timer *timer = &state->timers[i];
        wire_put_u32(out, timer->clock);
        wire_put_u64(out, timer->key);
        wire_put_i64(out, timer->due_ns);
        wire_put_bytes(out, state->bytes.data + timer->symbol_at, timer->symbol_size);
    }
    wire_put_u64(out, hash_key(out->data + begin, out->size - begin));
}

static bool decode_frame(struct wire_reader *reader, const void *bytes, size_t size,
                         struct error *error) {
    const size_t least = STATE_MAGIC_SIZE + 4 + STATE_CHECK_SIZE;
    if (size < least)
        return error_set(error, ERROR_INVALID,
                         "saved state is damaged: %zu bytes, it has at least %zu", size, least);
    if (memcmp(bytes, STATE_MAGIC, STATE_MAGIC_SIZE) != 0)
        return error_set(error, ERROR_INVALID,
                         "not a saved state: it does not begin with \"" STATE_MAGIC "\"");
    wire_open(reader, (const char *)bytes + STATE_MAGIC_SIZE, 4);
    const uint32_t form = wire_u32(reader);
    if (form != STATE_FORM)
        return error_set(error, ERROR_INVALID,
                         "saved state has form %" PRIu32 ", this host reads form %u: it was written"
                         " by another release",
                         form, STATE_FORM);
    const size_t checked = size - STATE_CHECK_SIZE;
    wire_open(reader, (const char *)bytes + checked, STATE_CHECK_SIZE);
    const uint64_t said = wire_u64(reader);
    const uint64_t found = hash_key(bytes, checked);
    if (said != found)
        return error_set(error, ERROR_INVALID,
                         "saved state is damaged: its checksum is %016" PRIx64
                         ", its bytes give %016" PRIx64,
                         said, found);
    wire_open(reader, (const char *)bytes + STATE_MAGIC_SIZE + 4, checked - STATE_MAGIC_SIZE - 4);
    return true;
}

static bool decode_records(struct state *state, struct wire_reader *reader) {
    const size_t count = wire_count(reader, STATE_RECORD_LEAST);
    for (size_t i = 0; i < count; i++) {
        const t5_str symbol = wire_bytes(reader);
        const t5_str data = wire_bytes(reader);
        if (reader->is_bad)
            return true;
        if (!state_add_record(state, T5_NO_SYMBOL, i, symbol.data, symbol.len, data.data, data.len))
            return false;
    }
    return true;
}

static bool decode_timers(struct state *state, struct wire_reader *reader) {
    const size_t count = wire_count(reader, STATE_TIMER_LEAST);
    for (size_t i = 0; i < count; i++) {
        const uint32_t clock = wire_u32(reader);
        const uint64_t key = wire_u64(reader);
        const int64_t due_ns = wire_i64(reader);
        const t5_str symbol = wire_bytes(reader);
        if (clock != T5_CLOCK_EVENT && clock != T5_CLOCK_WALL)
            reader->is_bad = true;
        if (reader->is_bad)
            return true;
        if (!state_add_timer(state, clock, key, due_ns, symbol.data, symbol.len))
            return false;
    }
    return true;
}

bool state_decode(struct state *state, const void *bytes, size_t size, struct error *error) {
    struct wire_reader reader;
    if (!decode_frame(&reader, bytes, size, error))
        return false;
    state->state_version = wire_u32(&reader);
    state->event_clock_ns = wire_i64(&reader);
    state->strategy = wire_string(&reader);
    state->version = wire_string(&reader);
    if (!decode_records(state, &reader) || !decode_timers(state, &reader)) {
        state_release(state);
        return error_set_memory(error, size, "a saved state");
    }
    if (reader.is_bad || state->strategy == NULL || state->version == NULL ||
        wire_left(&reader) > 0) {
        state_release(state);
        return error_set(error, ERROR_INVALID,
                         "saved state is damaged: its lengths do not add up to its %zu bytes",
                         size);
    }
    return true;
}
