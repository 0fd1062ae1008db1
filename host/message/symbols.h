/*
 * message/symbols.h - the symbol table of one partition number: text <-> dense id.
 *
 * Ids are 0, 1, 2, ... in order of first appearance, and are reused only after symbols_expire()
 * freed them. One thread at a time. Look-up is open addressing over 64-bit hashes with a seed of
 * the table's own: usually one cache line of the table and one comparison of the text, even if an
 * attacker chose the symbols.
 */
#ifndef TAKE5_MESSAGE_SYMBOLS_H
#define TAKE5_MESSAGE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOL_NONE UINT32_MAX

struct symbols;

/* NULL: out of memory. `max_count`: no more ids are given. */
struct symbols *symbols_new(uint32_t max_count);
void symbols_free(struct symbols *symbols);

/* The id of the text, assigned if it has none (`*is_new` is then true; may be NULL). SYMBOL_NONE:
 * the table is full, or out of memory. */
uint32_t symbols_intern(struct symbols *symbols, const char *text, size_t size, bool *is_new);
/* The id, or SYMBOL_NONE if the text is not known. */
uint32_t symbols_find(const struct symbols *symbols, const char *text, size_t size);
/* Whether that live id is the text's: cheaper than a look-up. Any id is allowed. */
bool symbols_is(const struct symbols *symbols, uint32_t id, const char *text, size_t size);
/*
 * Prefetching for a text that will be looked up soon; it changes no result. symbols_prefetch()
 * begins to fetch the text's line of the table, and returns its hash; symbols_guess(), some time
 * later, returns the id that the table has for the hash (most likely the text's; SYMBOL_NONE: none)
 * and begins to fetch that id's entry. `text` is not kept.
 */
uint64_t symbols_prefetch(const struct symbols *symbols, const char *text, size_t size);
uint32_t symbols_guess(const struct symbols *symbols, uint64_t hash);
/* Text of a live id, NUL-terminated, or NULL. Valid until the id expires. `size` may be NULL. */
const char *symbols_text(const struct symbols *symbols, uint32_t id, size_t *size);

/* Whether symbols_intern() refuses new texts because of their number, and not for lack of
 * memory. */
bool symbols_is_full(const struct symbols *symbols);
/* Live symbols. */
uint32_t symbols_count(const struct symbols *symbols);
/* One above the highest id ever assigned: the length of arrays by id. */
uint32_t symbols_bound(const struct symbols *symbols);

/* Position of a live id in order of first appearance: reused ids sort by their newer life. */
uint64_t symbols_order(const struct symbols *symbols, uint32_t id);

/* How many slots of the table the slowest look-up of a symbol visits. Scans the table. */
uint64_t symbols_longest_search(const struct symbols *symbols);

/* Marks the id as used at `tick` (any clock that does not go back). An id that was never touched
 * does not expire. */
void symbols_touch(struct symbols *symbols, uint32_t id, int64_t tick);
/* Calls `expired` (may be NULL) for live ids last touched before `tick`, then frees them. Visits
 * `most` ids at most, so that a call has a bounded cost; the next one continues where this one
 * stopped. Returns how many expired. `expired` may read the table and intern, but not expire. */
uint32_t symbols_expire(struct symbols *symbols, int64_t tick, uint32_t most,
                        void (*expired)(void *context, uint32_t id, const char *text, size_t size),
                        void *context);

#endif
