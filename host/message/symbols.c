#include "message/symbols.h"

#include "base/array.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Shorter texts are stored in the entry itself. */
#define SMALL_TEXT_SIZE 32
#define ENTRIES_A_CHUNK 1024u
#define SLOTS_AT_FIRST  1024u
#define TOUCHED_NEVER   INT64_MAX /* does not expire until it is touched */

/* One cache line. Entries live in chunks that never move, so texts keep their address. */
struct entry {
    uint64_t hash;
    uint64_t order;
    int64_t touched;
    union {
        char small[SMALL_TEXT_SIZE]; /* NUL included */
        char *large;
        uint32_t next_free; /* while not live */
    } text;
    uint32_t size;
    uint32_t is_live;
};

_Static_assert(sizeof(struct entry) == 64, "an entry is one cache line");

struct slot {
    uint32_t id;  /* SYMBOL_NONE: empty */
    uint32_t tag; /* upper half of the hash; the lower half determines where the search begins */
};

struct symbols {
    struct slot *slots;
    uint64_t slot_mask;
    uint64_t seed; /* of the hashes: symbols come from outside */
    struct entry **chunks;
    uint32_t chunk_count;
    uint32_t max_count;
    uint32_t count;
    uint32_t bound;
    uint32_t first_free;
    uint32_t cursor; /* where symbols_expire() continues */
    uint64_t next_order;
};

static struct entry *entry_of(const struct symbols *symbols, uint32_t id) {
    return &symbols->chunks[id / ENTRIES_A_CHUNK][id % ENTRIES_A_CHUNK];
}

static const struct entry *live_entry(const struct symbols *symbols, uint32_t id) {
    if (id >= symbols->bound)
        return NULL;
    const struct entry *entry = entry_of(symbols, id);
    return entry->is_live ? entry : NULL;
}

static const char *entry_text(const struct entry *entry) {
    return entry->size < SMALL_TEXT_SIZE ? entry->text.small : entry->text.large;
}

static struct slot *slots_new(uint64_t count) {
    struct slot *slots = reallocarray(NULL, count, sizeof *slots);
    if (slots != NULL)
        memset(slots, 0xFF, count * sizeof *slots); /* every id SYMBOL_NONE */
    return slots;
}

struct symbols *symbols_new(uint32_t max_count) {
    struct symbols *symbols = calloc(1, sizeof *symbols);
    if (symbols == NULL)
        return NULL;
    symbols->max_count = max_count;
    symbols->seed = hash_seed();
    symbols->first_free = SYMBOL_NONE;
    symbols->slot_mask = SLOTS_AT_FIRST - 1;
    symbols->slots = slots_new(SLOTS_AT_FIRST);
    if (symbols->slots == NULL) {
        free(symbols);
        return NULL;
    }
    return symbols;
}

void symbols_free(struct symbols *symbols) {
    if (symbols == NULL)
        return;
    for (uint32_t id = 0; id < symbols->bound; id++) {
        struct entry *entry = entry_of(symbols, id);
        if (entry->is_live && entry->size >= SMALL_TEXT_SIZE)
            free(entry->text.large);
    }
    for (uint32_t i = 0; i < symbols->chunk_count; i++)
        free(symbols->chunks[i]);
    free(symbols->chunks);
    free(symbols->slots);
    free(symbols);
}

static uint32_t tag_of(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}

/* The slot that holds the text, or the empty one where it would go. */
static uint64_t find_slot(const struct symbols *symbols, uint64_t hash, const char *text,
                          size_t size) {
    uint32_t tag = tag_of(hash);
    uint64_t at = hash & symbols->slot_mask;
    for (;; at = (at + 1) & symbols->slot_mask) {
        struct slot slot = symbols->slots[at];
        if (slot.id == SYMBOL_NONE)
            return at;
        if (slot.tag != tag)
            continue;
        const struct entry *entry = entry_of(symbols, slot.id);
        if (entry->size == size && (size == 0 || memcmp(entry_text(entry), text, size) == 0))
            return at;
    }
}

uint32_t symbols_find(const struct symbols *symbols, const char *text, size_t size) {
    return symbols->slots[find_slot(symbols, hash_seeded(text, size, symbols->seed), text, size)]
        .id;
}

bool symbols_is(const struct symbols *symbols, uint32_t id, const char *text, size_t size) {
    const struct entry *entry = live_entry(symbols, id);
    return entry != NULL && entry->size == size &&
           (size == 0 || memcmp(entry_text(entry), text, size) == 0);
}

uint64_t symbols_prefetch(const struct symbols *symbols, const char *text, size_t size) {
    const uint64_t hash = hash_seeded(text, size, symbols->seed);
    __builtin_prefetch(&symbols->slots[hash & symbols->slot_mask]);
    return hash;
}

uint32_t symbols_guess(const struct symbols *symbols, uint64_t hash) {
    const uint32_t tag = tag_of(hash);
    for (uint64_t at = hash & symbols->slot_mask;; at = (at + 1) & symbols->slot_mask) {
        const struct slot slot = symbols->slots[at];
        if (slot.id == SYMBOL_NONE)
            return SYMBOL_NONE;
        if (slot.tag != tag)
            continue;
        __builtin_prefetch(entry_of(symbols, slot.id), 1);
        return slot.id;
    }
}

/* Doubles the table. Without memory the old one stays. */
static bool grow_slots(struct symbols *symbols) {
    uint64_t mask = symbols->slot_mask * 2 + 1;
    struct slot *slots = slots_new(mask + 1);
    if (slots == NULL)
        return false;
    for (uint64_t i = 0; i <= symbols->slot_mask; i++) {
        struct slot slot = symbols->slots[i];
        if (slot.id == SYMBOL_NONE)
            continue;
        uint64_t at = entry_of(symbols, slot.id)->hash & mask;
        while (slots[at].id != SYMBOL_NONE)
            at = (at + 1) & mask;
        slots[at] = slot;
    }
    free(symbols->slots);
    symbols->slots = slots;
    symbols->slot_mask = mask;
    return true;
}

/* Half full at most: the search then rarely leaves its first cache line. If memory does not allow
 * that, seven eighths will do. */
static bool reserve_slot(struct symbols *symbols) {
    uint64_t slot_count = symbols->slot_mask + 1;
    if ((uint64_t)symbols->count + 1 <= slot_count / 2 || grow_slots(symbols))
        return true;
    return (uint64_t)symbols->count + 1 <= slot_count / 8 * 7;
}

static bool reserve_entry(struct symbols *symbols) {
    if (symbols->first_free != SYMBOL_NONE)
        return true;
    if (symbols->bound / ENTRIES_A_CHUNK < symbols->chunk_count)
        return true;
    if (!ARRAY_RESIZE(symbols->chunks, (size_t)symbols->chunk_count + 1))
        return false;
    struct entry *chunk = aligned_alloc(64, ENTRIES_A_CHUNK * sizeof *chunk);
    if (chunk == NULL)
        return false;
    symbols->chunks[symbols->chunk_count++] = chunk;
    return true;
}

static uint32_t take_id(struct symbols *symbols) {
    uint32_t id = symbols->first_free;
    if (id == SYMBOL_NONE)
        return symbols->bound++;
    symbols->first_free = entry_of(symbols, id)->text.next_free;
    return id;
}

static uint32_t add(struct symbols *symbols, uint64_t hash, const char *text, size_t size) {
    if (symbols->count >= symbols->max_count || size >= UINT32_MAX)
        return SYMBOL_NONE;
    if (!reserve_slot(symbols) || !reserve_entry(symbols))
        return SYMBOL_NONE;

    bool is_large = size >= SMALL_TEXT_SIZE;
    char *large = NULL;
    if (is_large && (large = malloc(size + 1)) == NULL)
        return SYMBOL_NONE;

    uint32_t id = take_id(symbols);
    struct entry *entry = entry_of(symbols, id);
    *entry = (struct entry){.hash = hash,
                            .order = symbols->next_order++,
                            .touched = TOUCHED_NEVER,
                            .size = (uint32_t)size,
                            .is_live = 1};
    if (is_large)
        entry->text.large = large;
    char *copy = is_large ? large : entry->text.small;
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';

    symbols->slots[find_slot(symbols, hash, text, size)] =
        (struct slot){.id = id, .tag = tag_of(hash)};
    symbols->count++;
    return id;
}

uint32_t symbols_intern(struct symbols *symbols, const char *text, size_t size, bool *is_new) {
    uint64_t hash = hash_seeded(text, size, symbols->seed);
    uint32_t id = symbols->slots[find_slot(symbols, hash, text, size)].id;
    bool is_known = id != SYMBOL_NONE;
    if (!is_known)
        id = add(symbols, hash, text, size);
    if (is_new != NULL)
        *is_new = !is_known && id != SYMBOL_NONE;
    return id;
}

const char *symbols_text(const struct symbols *symbols, uint32_t id, size_t *size) {
    const struct entry *entry = live_entry(symbols, id);
    if (entry == NULL)
        return NULL;
    if (size != NULL)
        *size = entry->size;
    return entry_text(entry);
}

bool symbols_is_full(const struct symbols *symbols) {
    return symbols->count >= symbols->max_count;
}

uint32_t symbols_count(const struct symbols *symbols) {
    return symbols->count;
}

uint32_t symbols_bound(const struct symbols *symbols) {
    return symbols->bound;
}

uint64_t symbols_order(const struct symbols *symbols, uint32_t id) {
    const struct entry *entry = live_entry(symbols, id);
    return entry != NULL ? entry->order : UINT64_MAX;
}

void symbols_touch(struct symbols *symbols, uint32_t id, int64_t tick) {
    if (id < symbols->bound)
        entry_of(symbols, id)->touched = tick;
}

/* Empties a slot and moves the following ones forward, so that no search meets a hole before its
 * goal: without tombstones, the table is like new after any number of expiries. */
static void empty_slot(struct symbols *symbols, uint64_t hole) {
    uint64_t mask = symbols->slot_mask;
    for (uint64_t at = (hole + 1) & mask; symbols->slots[at].id != SYMBOL_NONE;
         at = (at + 1) & mask) {
        uint64_t home = entry_of(symbols, symbols->slots[at].id)->hash & mask;
        bool may_move = ((at - home) & mask) >= ((at - hole) & mask);
        if (!may_move)
            continue;
        symbols->slots[hole] = symbols->slots[at];
        hole = at;
    }
    symbols->slots[hole].id = SYMBOL_NONE;
}

static void release_id(struct symbols *symbols, uint32_t id) {
    struct entry *entry = entry_of(symbols, id);
    empty_slot(symbols, find_slot(symbols, entry->hash, entry_text(entry), entry->size));
    if (entry->size >= SMALL_TEXT_SIZE)
        free(entry->text.large);
    entry->is_live = 0;
    entry->text.next_free = symbols->first_free;
    symbols->first_free = id;
    symbols->count--;
}

uint32_t symbols_expire(struct symbols *symbols, int64_t tick, uint32_t most,
                        void (*expired)(void *context, uint32_t id, const char *text, size_t size),
                        void *context) {
    uint32_t count = 0;
    uint32_t left = most < symbols->bound ? most : symbols->bound;
    for (; left > 0; left--) {
        uint32_t id = symbols->cursor < symbols->bound ? symbols->cursor : 0;
        symbols->cursor = id + 1;
        const struct entry *entry = entry_of(symbols, id);
        if (!entry->is_live || entry->touched >= tick || entry->touched == TOUCHED_NEVER)
            continue;
        if (expired != NULL)
            expired(context, id, entry_text(entry), entry->size);
        release_id(symbols, id);
        count++;
    }
    return count;
}

uint64_t symbols_longest_search(const struct symbols *symbols) {
    uint64_t longest = 0;
    for (uint64_t at = 0; at <= symbols->slot_mask; at++) {
        if (symbols->slots[at].id == SYMBOL_NONE)
            continue;
        const uint64_t home = entry_of(symbols, symbols->slots[at].id)->hash;
        const uint64_t steps = ((at - home) & symbols->slot_mask) + 1;
        longest = steps > longest ? steps : longest;
    }
    return longest;
}
