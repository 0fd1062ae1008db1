/*
 * base/hash.h - content hashes (xxHash XXH3, 128 bits), for names of copies and "did it change".
 * Not a protection against someone who wants a collision: strict modes are.
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

/* XXH3, 64 bits: for tables. */
uint64_t hash_key(const void *data, size_t size);

#endif
