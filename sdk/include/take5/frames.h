/*
 * take5/frames.h - state for each symbol and time frame.
 *
 *   typedef struct { double average; uint64_t count; } memory;
 *
 *   t5_frames memories;                                // in create
 *   t5_frames_init(&memories, sizeof(memory), NULL);
 *   memory *m = (memory *)t5_frames_get(&memories, message->symbol_id, message->time_frame_s);
 *   if (m == NULL)                                     // in on_message
 *       return t5_fail(host, "out of memory for symbol %u", message->symbol_id);
 *   return t5_frames_save(&memories, host);            // in save
 *   return t5_frames_load(&memories, host);            // in load
 *   t5_frames_drop(&memories, event->symbol_id);       // in on_event, T5_EVENT_SYMBOL_EXPIRED
 *   t5_frames_release(&memories);                      // in destroy
 *
 * The feed brings several time frames of one symbol, each a series by itself: what is remembered of
 * a symbol alone mixes them. A message without a time frame has time frame 0 here, one of its own.
 *
 * An item is made (all bytes zero, then `init`) the first time it is asked for, and stays at its
 * address until its symbol is dropped. The time frames of a symbol can be gone through in rising
 * order. Finding one takes a step for each time frame of the symbol below it.
 *
 * One of the helpers that are not part of the ABI: it is compiled into the strategy.
 */
#ifndef TAKE5_FRAMES_H
#define TAKE5_FRAMES_H

#include "symbols.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What items are made of. Every member may be NULL; so may the whole.
 *
 * Without `save` and `load` the item's bytes are what is saved: right for a flat struct without
 * pointers, whose padding is zero as long as it is only assigned to member by member.
 */
typedef struct t5_frames_type {
    /* Completes a new item, whose bytes are zero. T5_ERROR: it could not (memory). */
    int32_t (*init)(void *context, uint32_t symbol_id, uint32_t time_frame_s, void *item);
    /* Frees what the item holds, not the item. */
    void (*release)(void *context, void *item);
    /* Appends the item. */
    void (*save)(void *context, const void *item, t5_bytes *out);
    /* Takes what save wrote into a new item. T5_ERROR: it is not what save wrote, or no memory. */
    int32_t (*load)(void *context, void *item, t5_reader *in);
    void *context; /* first argument of all four */
} t5_frames_type;

/* One time frame of a symbol. */
typedef struct t5_frame {
    uint32_t time_frame_s;
    void *item;
} t5_frame;

/* The time frames of one symbol, in rising order. */
typedef struct t5_frames_of_symbol {
    t5_frame *frames;
    uint32_t count;
    uint32_t capacity;
} t5_frames_of_symbol;

typedef struct t5_frames {
    t5_symbols symbols; /* a t5_frames_of_symbol each */
    size_t item_size;
    t5_frames_type type;
} t5_frames;

/* ---- of one symbol (internal) ---- */

static inline void t5_frames_release_symbol(void *context, void *item) {
    const t5_frames *frames = (const t5_frames *)context;
    t5_frames_of_symbol *own = (t5_frames_of_symbol *)item;
    uint32_t i;
    for (i = 0; i < own->count; i++) {
        if (frames->type.release != NULL)
            frames->type.release(frames->type.context, own->frames[i].item);
        free(own->frames[i].item);
    }
    free(own->frames);
}

static inline void t5_frames_save_symbol(void *context, const void *item, t5_bytes *out) {
    const t5_frames *frames = (const t5_frames *)context;
    const t5_frames_of_symbol *own = (const t5_frames_of_symbol *)item;
    uint32_t i;
    t5_bytes_put_u64(out, own->count);
    for (i = 0; i < own->count; i++) {
        t5_bytes_put_u32(out, own->frames[i].time_frame_s);
        if (frames->type.save != NULL)
            frames->type.save(frames->type.context, own->frames[i].item, out);
        else
            t5_bytes_put(out, own->frames[i].item, frames->item_size);
    }
}

/* Where the time frame is, or would be. */
static inline uint32_t t5_frames_place(const t5_frames_of_symbol *own, uint32_t time_frame_s) {
    uint32_t place = 0;
    while (place < own->count && own->frames[place].time_frame_s < time_frame_s)
        place++;
    return place;
}

/* A new item, completed. NULL: no memory, or `init` refused. */
static inline void *t5_frames_make_item(const t5_frames *frames, uint32_t symbol_id,
                                        uint32_t time_frame_s) {
    void *item = calloc(1, frames->item_size);
    if (item == NULL)
        return NULL;
    if (frames->type.init != NULL &&
        frames->type.init(frames->type.context, symbol_id, time_frame_s, item) != T5_OK) {
        free(item);
        return NULL;
    }
    return item;
}

static inline int t5_frames_reach(t5_frames_of_symbol *own) {
    const uint32_t capacity = own->capacity > 0 ? 2 * own->capacity : 4;
    t5_frame *larger;
    if (own->count < own->capacity)
        return 1;
    larger = (t5_frame *)realloc(own->frames, capacity * sizeof *larger);
    if (larger == NULL)
        return 0;
    own->frames = larger;
    own->capacity = capacity;
    return 1;
}

static inline void *t5_frames_insert(const t5_frames *frames, t5_frames_of_symbol *own,
                                     uint32_t place, uint32_t symbol_id, uint32_t time_frame_s) {
    void *item;
    if (!t5_frames_reach(own))
        return NULL;
    item = t5_frames_make_item(frames, symbol_id, time_frame_s);
    if (item == NULL)
        return NULL;
    memmove(own->frames + place + 1, own->frames + place,
            (own->count - place) * sizeof *own->frames);
    own->frames[place].time_frame_s = time_frame_s;
    own->frames[place].item = item;
    own->count++;
    return item;
}

static inline int32_t t5_frames_load_item(const t5_frames *frames, void *item, t5_reader *in) {
    const void *bytes;
    if (frames->type.load != NULL)
        return frames->type.load(frames->type.context, item, in);
    bytes = t5_reader_take(in, frames->item_size);
    if (bytes == NULL)
        return T5_ERROR;
    memcpy(item, bytes, frames->item_size);
    return T5_OK;
}

/* `init` of an item that is loaded gets T5_NO_SYMBOL. */
static inline int32_t t5_frames_load_symbol(void *context, void *symbol, t5_reader *in) {
    const t5_frames *frames = (const t5_frames *)context;
    t5_frames_of_symbol *own = (t5_frames_of_symbol *)symbol;
    const uint64_t count = t5_reader_u64(in);
    uint64_t i;
    for (i = 0; i < count; i++) {
        const uint32_t time_frame_s = t5_reader_u32(in);
        void *item;
        if (in->is_bad ||
            (own->count > 0 && time_frame_s <= own->frames[own->count - 1].time_frame_s))
            return T5_ERROR;
        item = t5_frames_insert(frames, own, own->count, T5_NO_SYMBOL, time_frame_s);
        if (item == NULL || t5_frames_load_item(frames, item, in) != T5_OK)
            return T5_ERROR;
    }
    return T5_OK;
}

/* The table may have moved since: what its callbacks get is set again. */
static inline t5_symbols *t5_frames_symbols(t5_frames *frames) {
    frames->symbols.type.context = frames;
    return &frames->symbols;
}

/* ---- for strategies ---- */

/* `item_size` at least 1; `type` may be NULL and is copied. Allocates nothing. */
static inline void t5_frames_init(t5_frames *frames, size_t item_size, const t5_frames_type *type) {
    t5_symbols_type own;
    memset(&own, 0, sizeof own);
    own.release = t5_frames_release_symbol;
    own.save = t5_frames_save_symbol;
    own.load = t5_frames_load_symbol;
    memset(frames, 0, sizeof *frames);
    t5_symbols_init(&frames->symbols, sizeof(t5_frames_of_symbol), &own);
    frames->item_size = item_size;
    if (type != NULL)
        frames->type = *type;
}

/* The item, or NULL when it has none. */
static inline void *t5_frames_find(const t5_frames *frames, uint32_t symbol_id,
                                   uint32_t time_frame_s) {
    const t5_frames_of_symbol *own =
        (const t5_frames_of_symbol *)t5_symbols_find(&frames->symbols, symbol_id);
    uint32_t place;
    if (own == NULL)
        return NULL;
    place = t5_frames_place(own, time_frame_s);
    return place < own->count && own->frames[place].time_frame_s == time_frame_s
               ? own->frames[place].item
               : NULL;
}

/* The item, made now if it has none. NULL: no memory, `init` refused, or T5_NO_SYMBOL. */
static inline void *t5_frames_get(t5_frames *frames, uint32_t symbol_id, uint32_t time_frame_s) {
    t5_frames_of_symbol *own =
        (t5_frames_of_symbol *)t5_symbols_get(t5_frames_symbols(frames), symbol_id);
    uint32_t place;
    if (own == NULL)
        return NULL;
    place = t5_frames_place(own, time_frame_s);
    if (place < own->count && own->frames[place].time_frame_s == time_frame_s)
        return own->frames[place].item;
    return t5_frames_insert(frames, own, place, symbol_id, time_frame_s);
}

/* How many time frames the symbol has. */
static inline uint32_t t5_frames_count(const t5_frames *frames, uint32_t symbol_id) {
    const t5_frames_of_symbol *own =
        (const t5_frames_of_symbol *)t5_symbols_find(&frames->symbols, symbol_id);
    return own != NULL ? own->count : 0;
}

/* One of them, in rising order of time frame; its item is NULL beyond the last. */
static inline t5_frame t5_frames_at(const t5_frames *frames, uint32_t symbol_id, uint32_t index) {
    const t5_frames_of_symbol *own =
        (const t5_frames_of_symbol *)t5_symbols_find(&frames->symbols, symbol_id);
    t5_frame none;
    memset(&none, 0, sizeof none);
    return own != NULL && index < own->count ? own->frames[index] : none;
}

/* Releases and frees all that the symbol has. For T5_EVENT_SYMBOL_EXPIRED. */
static inline void t5_frames_drop(t5_frames *frames, uint32_t symbol_id) {
    t5_symbols_drop(t5_frames_symbols(frames), symbol_id);
}

/* Releases and frees everything; the table is empty and can be used again. */
static inline void t5_frames_release(t5_frames *frames) {
    t5_symbols_release(t5_frames_symbols(frames));
}

/* Writes one record for each symbol. For use in `save`; T5_ERROR has its reason set. */
static inline int32_t t5_frames_save(const t5_frames *frames, t5_host *host) {
    t5_frames table = *frames; /* of which nothing changes: for what the callbacks get */
    return t5_symbols_save(t5_frames_symbols(&table), host);
}

/* Takes one record in place of what its symbol has. For a strategy that has other records too
 * and reads them all itself. T5_ERROR has its reason set. */
static inline int32_t t5_frames_load_record(t5_frames *frames, t5_host *host,
                                            const t5_record *record) {
    return t5_symbols_load_record(t5_frames_symbols(frames), host, record);
}

/* Takes all records of the state. For use in `load`; T5_ERROR has its reason set. */
static inline int32_t t5_frames_load(t5_frames *frames, t5_host *host) {
    return t5_symbols_load(t5_frames_symbols(frames), host);
}

#ifdef __cplusplus
}
#endif

#endif
