/*
 * base/hash.h - content hashes (xxHash XXH3, 128 bits), for names of copies and "did it change".
 * Not a protection against someone who wants a collision: strict modes are. Also hashes for tables.
 */
#ifndef TAKE5_BASE_HASH_H
#define TAKE5_BASE_HASH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash {
    uint64_t high, low;
};

#define HASH_TEXT_SIZE 33

struct hash hash_bytes(const void *data, size_t size);
bool hash_file(const char *path, struct hash *hash, struct error *error);
/* 32 hexadecimal digits and a NUL. */
void hash_text(struct hash hash, char text[HASH_TEXT_SIZE]);
bool hash_equal(struct hash a, struct hash b);

/* XXH3, 64 bits: the same everywhere and always, for checksums and for what must come out alike. */
uint64_t hash_key(const void *data, size_t size);

/*
 * For tables that others can fill: a user who knows where a key goes can choose keys that all go to
 * one place, and make each look-up as slow as a list. A seed is taken once a table, from the
 * system's random numbers; where a key lies is then nobody's to know, and must show in no result.
 */
uint64_t hash_seed(void);
uint64_t hash_seeded(const void *data, size_t size, uint64_t seed);
struct hash hash_bytes_seeded(const void *data, size_t size, uint64_t seed);
/* Of a number; all of its bits are good. */
static inline uint64_t hash_number(uint64_t number, uint64_t seed) {
    const uint64_t odd = seed << 1 | 1;
    unsigned __int128 product = (unsigned __int128)(number ^ seed) * odd;
    number = (uint64_t)product ^ (uint64_t)(product >> 64);
    product = (unsigned __int128)number * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif
