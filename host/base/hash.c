#include "base/hash.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

static struct hash from_xxh(XXH128_hash_t hash) {
    return (struct hash){.high = hash.high64, .low = hash.low64};
}

struct hash hash_bytes(const void *data, size_t size) {
    return from_xxh(XXH3_128bits(size > 0 ? data : "", size));
}

static bool hash_stream(int fd, const char *path, struct hash *hash, struct error *error) {
    bool is_done = false;
    XXH3_state_t *state = XXH3_createState();
    unsigned char *block = malloc(BLOCK_SIZE);
    if (state == NULL || block == NULL) {
        error_set_memory(error, "hashing a file");
        goto done;
    }

    XXH3_128bits_reset(state);
    for (;;) {
        ssize_t size = read(fd, block, BLOCK_SIZE);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) {
            error_set_errno(error, errno, "cannot read %s", path);
            goto done;
        }
        if (size == 0)
            break;
        XXH3_128bits_update(state, block, (size_t)size);
    }
    *hash = from_xxh(XXH3_128bits_digest(state));
    is_done = true;

done:
    free(block);
    XXH3_freeState(state);
    return is_done;
}

bool hash_file(const char *path, struct hash *hash, struct error *error) {
    /* Not blocking, so that a FIFO in the way is refused instead of waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot open %s", path);

    bool is_done = false;
    struct stat status;
    if (fstat(fd, &status) != 0)
        error_set_errno(error, errno, "cannot stat %s", path);
    else if (!S_ISREG(status.st_mode))
        error_set(error, ERROR_INVALID, "%s is not a regular file", path);
    else
        is_done = hash_stream(fd, path, hash, error);
    close(fd);
    return is_done;
}

void hash_text(struct hash hash, char text[HASH_TEXT_SIZE]) {
    snprintf(text, HASH_TEXT_SIZE, "%016llx%016llx", (unsigned long long)hash.high,
             (unsigned long long)hash.low);
}

bool hash_equal(struct hash a, struct hash b) {
    return a.high == b.high && a.low == b.low;
}

uint64_t hash_key(const void *data, size_t size) {
    return XXH3_64bits(size > 0 ? data : "", size);
}

uint64_t hash_seed(void) {
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        return seed;
    /* An old kernel, or one that has just booted: what it gave this process at its start, and the
     * time, so that tables differ. */
    const void *given = (const void *)getauxval(AT_RANDOM);
    if (given != NULL)
        memcpy(&seed, given, sizeof seed);
    else
        seed = (uint64_t)(uintptr_t)&seed;
    return hash_number(seed, (uint64_t)clock_monotonic_ns());
}

uint64_t hash_seeded(const void *data, size_t size, uint64_t seed) {
    return XXH3_64bits_withSeed(size > 0 ? data : "", size, seed);
}

struct hash hash_bytes_seeded(const void *data, size_t size, uint64_t seed) {
    return from_xxh(XXH3_128bits_withSeed(size > 0 ? data : "", size, seed));
}
