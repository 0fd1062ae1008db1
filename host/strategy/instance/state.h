/*
 * strategy/instance/state.h - the saved state of one instance: its records, its event clock, its
 * timers.
 *
 * Symbols are held by text, so the state can be moved to another symbol table. One form serves a
 * reload (in memory), a rehearsal (through a pipe) and a clean stop (a file).
 */
#ifndef TAKE5_STRATEGY_INSTANCE_STATE_H
#define TAKE5_STRATEGY_INSTANCE_STATE_H

#include "base/error.h"
#include "base/text.h"

#include <take5/codes.h>
#include <take5/state.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state_record {
    uint32_t symbol_id; /* in the table of the instance that saved; T5_NO_SYMBOL: none, or not known
                           because the state was decoded */
    uint64_t order;     /* of first sight, for records with a symbol */
    size_t symbol_at;   /* text in `bytes` */
    size_t symbol_size; /* 0: it has no symbol */
    size_t data_at;     /* in `bytes`, a multiple of 8 */
    size_t data_size;
};

struct state_timer {
    uint32_t clock; /* enum t5_clock */
    uint64_t key;
    int64_t due_ns;
    uint32_t symbol_id;            /* as of a record */
    uint64_t order;                /* among those of equal due time */
    size_t symbol_at, symbol_size; /* size 0: none */
};

struct state {
    char *strategy; /* descriptor's name */
    char *version;  /* of the strategy that saved */
    uint32_t state_version;
    int64_t event_clock_ns;       /* 0: has not moved */
    struct state_record *records; /* sorted: without symbol first, then by first sight */
    size_t record_count, record_capacity;
    struct state_timer *timers; /* sorted by due time, then by `order` */
    size_t timer_count, timer_capacity;
    struct text bytes;
};

void state_init(struct state *state);
void state_release(struct state *state);
/* `to` is initialised and empty, and is so again when memory runs out. */
bool state_copy(struct state *to, const struct state *from);
/* Empties it and keeps the memory. */
void state_reset(struct state *state);

/* How much there is in a state. */
struct state_size {
    size_t records, timers, bytes;
};
struct state_size state_size(const struct state *state);
/* Room for so much, as far as there is memory: only what goes beyond needs some. Its pages are
 * touched. */
void state_reserve(struct state *state, const struct state_size *size);

/* Adds a record; `symbol` may be NULL. False when memory ran out. */
bool state_add_record(struct state *state, uint32_t symbol_id, uint64_t order, const char *symbol,
                      size_t symbol_size, const void *data, size_t size);
/* Adds a timer; where its symbol's text lies is set here. */
bool state_add_timer(struct state *state, const struct state_timer *timer, const char *symbol,
                     size_t symbol_size);
/* Brings the records into their order, stable, and the timers into theirs. */
void state_sort_records(struct state *state);
void state_sort_timers(struct state *state);

/* To and from bytes (little endian, with a magic, a form version and an XXH3 checksum at the end);
 * records are written in the order in which they stand. Reading checks everything: damage of any
 * kind is an error, never a crash. `state` is initialised and empty, and is so again after a
 * failure. */
void state_encode(const struct state *state, struct text *out);
bool state_decode(struct state *state, const void *bytes, size_t size, struct error *error);

#endif
