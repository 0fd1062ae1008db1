#include "base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(hash, same_bytes_same_hash) {
    struct hash a = hash_bytes("abc", 3), b = hash_bytes("abc", 3), c = hash_bytes("abd", 3);
    cr_assert(hash_equal(a, b));
    cr_assert_not(hash_equal(a, c));
    cr_assert_not(hash_equal(a, hash_bytes("ab", 2)));
    cr_assert(hash_equal(hash_bytes(NULL, 0), hash_bytes("", 0)));
}

Test(hash, one_half_alone_does_not_make_equal) {
    struct hash a = {.high = 1, .low = 2};
    cr_assert_not(hash_equal(a, (struct hash){.high = 1, .low = 3}));
    cr_assert_not(hash_equal(a, (struct hash){.high = 3, .low = 2}));
}

/* The published test value of XXH3 (128 bits, no seed) for no input: names of copies must be the
 * same on every machine. */
Test(hash, text_is_32_digits_high_half_first) {
    char text[HASH_TEXT_SIZE];
    hash_text((struct hash){.high = 0x0123456789abcdefULL, .low = 0x2}, text);
    cr_assert_str_eq(text, "0123456789abcdef0000000000000002");
    hash_text(hash_bytes("", 0), text);
    cr_assert_str_eq(text, "99aa06d3014798d86001c324468d497f");
}

Test(hash, file_is_hashed_as_its_bytes) {
    char path[] = "/tmp/take5-hash-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    size_t size = 3 * 65536 + 17; /* several blocks and a rest */
    char *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 31 % 251);
    cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);

    struct error error = {0};
    struct hash hash;
    cr_assert(hash_file(path, &hash, &error), "%s", error.text);
    cr_assert(hash_equal(hash, hash_bytes(bytes, size)));
    unlink(path);
    free(bytes);
}

Test(hash, file_that_is_none_is_refused_with_its_name) {
    struct error error = {0};
    struct hash hash;
    cr_assert_not(hash_file("/nonexistent/take5", &hash, &error));
    cr_assert_eq(error.code, ERROR_SYSTEM);
    cr_assert_str_eq(error.text, "cannot open /nonexistent/take5: No such file or directory");
    cr_assert_not(hash_file("/tmp", &hash, &error));
    cr_assert_str_eq(error.text, "/tmp is not a regular file");
}

Test(hash, fifo_is_refused_and_not_waited_for) {
    char directory[] = "/tmp/take5-hash-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    char path[64];
    snprintf(path, sizeof path, "%s/fifo", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct error error = {0};
    struct hash hash;
    cr_assert_not(hash_file(path, &hash, &error));
    cr_assert_eq(error.code, ERROR_INVALID);
    unlink(path);
    rmdir(directory);
}

Test(hash, keys_differ) {
    cr_assert_eq(hash_key("QQQ", 3), hash_key("QQQ", 3));
    cr_assert_neq(hash_key("QQQ", 3), hash_key("QQR", 3));
    cr_assert_eq(hash_key(NULL, 0), hash_key("", 0));
}

Test(hash, a_seed_moves_keys_and_none_moves_checksums) {
    const uint64_t a = hash_seed(), b = hash_seed();
    cr_expect_neq(a, b);
    cr_expect_neq(hash_seeded("QQQ", 3, a), hash_seeded("QQQ", 3, b));
    cr_expect_eq(hash_seeded("QQQ", 3, a), hash_seeded("QQQ", 3, a));
    cr_expect_not(hash_equal(hash_bytes_seeded("QQQ", 3, a), hash_bytes_seeded("QQQ", 3, b)));
    cr_expect_neq(hash_number(7, a), hash_number(7, b));
    /* XXH3's published value of nothing: states of other machines are read by it. */
    cr_expect_eq(hash_key(NULL, 0), UINT64_C(0x2D06800538D394C2));
}

/* Numbers with a common step, which a multiplication alone would put side by side. */
Test(hash, numbers_in_a_row_are_scattered) {
    enum { COUNT = 4096 };
    for (uint64_t step = 1; step < UINT64_C(1) << 52; step <<= 7) {
        static unsigned char used[COUNT];
        size_t places = 0;
        const uint64_t seed = hash_seed();
        memset(used, 0, sizeof used);
        for (uint64_t i = 0; i < COUNT; i++) {
            const uint64_t place = hash_number(i * step, seed) % COUNT;
            places += used[place] == 0;
            used[place] = 1;
        }
        cr_expect_gt(places, COUNT / 2, "step %llu: %zu", (unsigned long long)step, places);
    }
}
