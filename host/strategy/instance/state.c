#include "strategy/instance/state.h"

#include "base/array.h"
#include "base/format/wire.h"
#include "base/hash.h"

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

static void *copy_items(const void *items, size_t count, size_t size) {
    void *copy = malloc(count * size + 1);
    if (copy != NULL && count > 0)
        memcpy(copy, items, count * size);
    return copy;
}

bool state_copy(struct state *to, const struct state *from) {
    to->strategy = from->strategy != NULL ? strdup(from->strategy) : NULL;
    to->version = from->version != NULL ? strdup(from->version) : NULL;
    to->state_version = from->state_version;
    to->event_clock_ns = from->event_clock_ns;
    to->records = copy_items(from->records, from->record_count, sizeof *from->records);
    to->timers = copy_items(from->timers, from->timer_count, sizeof *from->timers);
    text_append(&to->bytes, from->bytes.data, from->bytes.size);
    if ((from->strategy != NULL && to->strategy == NULL) ||
        (from->version != NULL && to->version == NULL) || to->records == NULL ||
        to->timers == NULL || text_is_oom(&to->bytes)) {
        state_release(to);
        return false;
    }
    to->record_count = to->record_capacity = from->record_count;
    to->timer_count = to->timer_capacity = from->timer_count;
    return true;
}

void state_reset(struct state *state) {
    free(state->strategy);
    free(state->version);
    state->strategy = state->version = NULL;
    state->state_version = 0;
    state->event_clock_ns = 0;
    state->record_count = state->timer_count = 0;
    text_reset(&state->bytes);
}

struct state_size state_size(const struct state *state) {
    return (struct state_size){state->record_count, state->timer_count, state->bytes.size};
}

#define RESERVE(items, count, capacity, size)                                                      \
    do {                                                                                           \
        if ((size) > (capacity) && ARRAY_RESIZE(items, size)) {                                    \
            (capacity) = (size);                                                                   \
            memset((items) + (count), 0, ((capacity) - (count)) * sizeof *(items));                \
        }                                                                                          \
    } while (0)

void state_reserve(struct state *state, const struct state_size *size) {
    RESERVE(state->records, state->record_count, state->record_capacity, size->records);
    RESERVE(state->timers, state->timer_count, state->timer_capacity, size->timers);
    text_reserve(&state->bytes, size->bytes);
}

static void align_bytes(struct text *bytes) {
    static const char zeros[STATE_ALIGNMENT] = {0};
    const size_t odd = bytes->size % STATE_ALIGNMENT;
    if (odd > 0)
        text_append(bytes, zeros, STATE_ALIGNMENT - odd);
}

bool state_add_record(struct state *state, uint32_t symbol_id, uint64_t order, const char *symbol,
                      size_t symbol_size, const void *data, size_t size) {
    if (!ARRAY_GROW(state->records, state->record_count, state->record_capacity))
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
    if (text_is_oom(&state->bytes))
        return false;
    state->records[state->record_count++] = record;
    return true;
}

bool state_add_timer(struct state *state, const struct state_timer *timer, const char *symbol,
                     size_t symbol_size) {
    if (!ARRAY_GROW(state->timers, state->timer_count, state->timer_capacity))
        return false;
    struct state_timer *added = &state->timers[state->timer_count];
    *added = *timer;
    added->symbol_at = added->symbol_size = 0;
    if (symbol != NULL && symbol_size > 0) {
        added->symbol_at = state->bytes.size;
        added->symbol_size = symbol_size;
        text_append(&state->bytes, symbol, symbol_size);
    }
    if (text_is_oom(&state->bytes))
        return false;
    state->timer_count++;
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

static int compare_timers(const void *left, const void *right) {
    const struct state_timer *a = left, *b = right;
    if (a->due_ns != b->due_ns)
        return a->due_ns < b->due_ns ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* Mostly they are sorted, which is seen sooner than sorted again. */
static void sort(void *items, size_t count, size_t size,
                 int (*compare)(const void *left, const void *right)) {
    for (size_t i = 1; i < count; i++) {
        const char *item = (const char *)items + i * size;
        if (compare(item - size, item) > 0) {
            qsort(items, count, size, compare);
            return;
        }
    }
}

void state_sort_records(struct state *state) {
    sort(state->records, state->record_count, sizeof *state->records, compare_records);
}

void state_sort_timers(struct state *state) {
    sort(state->timers, state->timer_count, sizeof *state->timers, compare_timers);
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
                         "saved state is corrupt: %zu bytes, expected at least %zu", size, least);
    if (memcmp(bytes, STATE_MAGIC, STATE_MAGIC_SIZE) != 0)
        return error_set(error, ERROR_INVALID,
                         "not a saved state: it does not start with \"" STATE_MAGIC "\"");
    wire_open(reader, (const char *)bytes + STATE_MAGIC_SIZE, 4);
    const uint32_t form = wire_u32(reader);
    if (form != STATE_FORM)
        return error_set(error, ERROR_INVALID,
                         "saved state has format %" PRIu32
                         ", this host reads format %u: it was written"
                         " by another release",
                         form, STATE_FORM);
    const size_t checked = size - STATE_CHECK_SIZE;
    wire_open(reader, (const char *)bytes + checked, STATE_CHECK_SIZE);
    const uint64_t sum = wire_u64(reader);
    const uint64_t found = hash_key(bytes, checked);
    if (sum != found)
        return error_set(error, ERROR_INVALID,
                         "saved state is corrupt: its checksum is %016" PRIx64
                         ", computed %016" PRIx64,
                         sum, found);
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
        const struct state_timer timer = {
            .clock = clock, .key = key, .due_ns = due_ns, .symbol_id = T5_NO_SYMBOL, .order = i};
        if (!state_add_timer(state, &timer, symbol.data, symbol.len))
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
    if (reader.is_oom || !decode_records(state, &reader) || !decode_timers(state, &reader)) {
        state_release(state);
        return error_set_memory(error, "a saved state");
    }
    if (reader.is_bad || state->strategy == NULL || state->version == NULL ||
        wire_left(&reader) > 0) {
        state_release(state);
        return error_set(error, ERROR_INVALID,
                         "saved state is corrupt: its lengths do not add up to its %zu bytes",
                         size);
    }
    return true;
}
