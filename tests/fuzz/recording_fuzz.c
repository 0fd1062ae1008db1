/*
 * A recorded file of any kind: lines, packed, CSV. What comes of it lies within its block, is the
 * same when it is read once more and when reading begins at any of its lines, and an end that is
 * none has a reason. The first byte of an input says whether there is a mapping; a packed copy of
 * the rest gives the same lines.
 */
#include "fuzz.h"

#include "base/hash.h"
#include "base/text.h"
#include "recording/packing.h"
#include "recording/reader.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_SIZE 4096

static const char *const mappings[] = {"symbol:A", "timestamp=t", "p.close=c"};

/* What a reading came to. */
struct outcome {
    uint64_t lines, bad_lines, hash;
    uint64_t middle_at, middle_lines; /* behind the first line */
    uint64_t rest_hash;               /* of the lines from there on */
    enum recording_result result;
};

static struct outcome read_file(const char *path, struct recording_options options) {
    struct outcome outcome = {0};
    struct error error = {0};
    struct recording_entry entry;
    options.pool = recording_pool_new();
    struct recording_reader *reader = recording_reader_open(path, &options, &error);
    FUZZ_CHECK(options.pool != NULL && reader != NULL, "%s", error.text);
    while ((outcome.result = recording_reader_next(reader, &entry, &error)) == RECORDING_ENTRY) {
        const struct recording_block *block = entry.block;
        FUZZ_CHECK(entry.text >= block->input &&
                       entry.text + entry.text_size <= block->input + block->capacity,
                   "a line outside of its block");
        uint64_t hash = hash_key(entry.text, entry.text_size) + entry.number;
        if (entry.line.payload != NULL)
            hash ^= hash_key(entry.line.payload, entry.line.payload_size) << 1;
        outcome.hash = outcome.hash * 31 + hash;
        if (outcome.lines++ == 0) {
            outcome.middle_at = recording_reader_at(reader);
            outcome.middle_lines = recording_reader_lines(reader);
        } else {
            outcome.rest_hash = outcome.rest_hash * 31 + hash;
        }
    }
    FUZZ_CHECK(outcome.result == RECORDING_END || error.text[0] != '\0', "failed without a reason");
    outcome.bad_lines = recording_reader_bad_lines(reader);
    recording_reader_close(reader);
    FUZZ_CHECK(recording_pool_held(options.pool) == 0, "a block is still held");
    recording_pool_free(options.pool);
    return outcome;
}

static int file_of(const char *bytes, size_t size, char path[32]) {
    const int fd = memfd_create("fuzz", 0);
    FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "no file in memory");
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static void check_packed(const char *bytes, size_t size, const struct recording_options *options,
                         const struct outcome *plain) {
    for (int i = RECORDING_GZIP; i <= RECORDING_ZSTD; i++) {
        char path[32];
        struct text packed;
        text_init(&packed);
        FUZZ_CHECK(recording_pack((enum recording_packing)i, bytes, size / 2, &packed) &&
                       recording_pack((enum recording_packing)i, bytes + size / 2, size - size / 2,
                                      &packed),
                   "out of memory");
        const int fd = file_of(packed.data, packed.size, path);
        const struct outcome outcome = read_file(path, *options);
        FUZZ_CHECK(outcome.hash == plain->hash && outcome.lines == plain->lines &&
                       outcome.bad_lines == plain->bad_lines && outcome.result == plain->result,
                   "%s gives other lines", recording_packing_name((enum recording_packing)i));
        close(fd);
        text_release(&packed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[32];
    if (size == 0 || size > MAX_SIZE)
        return 0;
    const bool is_csv = (data[0] & 1) != 0;
    const struct recording_options options = {
        .max_line = 1000,
        .mappings = mappings,
        .mapping_count = is_csv ? sizeof mappings / sizeof *mappings : 0,
    };
    const char *bytes = (const char *)data + 1;
    const int fd = file_of(bytes, size - 1, path);
    const struct outcome first = read_file(path, options), again = read_file(path, options);
    FUZZ_CHECK(first.hash == again.hash && first.result == again.result, "read twice, two results");
    if (recording_packing_of(bytes, size - 1) == RECORDING_PLAIN)
        check_packed(bytes, size - 1, &options, &first);
    if (first.lines > 1 && !is_csv) {
        struct recording_options rest = options;
        rest.begin_at = first.middle_at;
        rest.begin_lines = first.middle_lines;
        const struct outcome outcome = read_file(path, rest);
        FUZZ_CHECK(outcome.hash == first.rest_hash, "begun at the second line, other lines");
    }
    close(fd);
    return 0;
}
