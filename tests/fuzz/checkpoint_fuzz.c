/*
 * Checkpoints and journals: what is read comes out the same when it is written, what is not read is
 * refused with a reason. Since nothing gets past the hashes by chance, the input is read as it is,
 * and once more with all hashes and sizes of a checkpoint, and those of a journal's frame, made
 * right.
 */
#include "fuzz.h"

#include "base/format/wire.h"
#include "base/hash.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/journal_file.h"

#include <stdlib.h>
#include <string.h>

#define FRONT_SIZE 20

static bool read_checkpoint(const char *bytes, size_t size, bool must_be_same) {
    struct checkpoint checkpoint;
    struct error error = {0};
    char *copy = fuzz_copy(bytes, size);
    checkpoint_init(&checkpoint);
    const bool did = checkpoint_decode(&checkpoint, copy, size, &error);
    FUZZ_CHECK(did || error.text[0] != '\0', "refused without a reason");
    FUZZ_CHECK(did || (checkpoint.part_count == 0 && checkpoint.group == NULL),
               "refused, and not empty");
    if (did) {
        struct text again;
        text_init(&again);
        checkpoint_encode(&checkpoint, &again);
        FUZZ_CHECK(!must_be_same || (again.size == size && memcmp(again.data, bytes, size) == 0),
                   "%zu bytes became %zu others", size, again.size);
        text_release(&again);
    }
    checkpoint_release(&checkpoint);
    free(copy);
    return did;
}

static void put_block(struct text *out, const void *data, size_t size) {
    wire_put_bytes(out, data, size);
    wire_put_u64(out, hash_key(data, size));
}

/* The blocks of a checkpoint with their sizes and hashes, and the state of a part with its own. */
static void repair_checkpoint(const char *bytes, size_t size, struct text *out) {
    struct wire_reader reader;
    const size_t begin = size < FRONT_SIZE ? size : FRONT_SIZE;
    wire_open(&reader, bytes + begin, size - begin);
    text_append(out, "T5CHECK\0\1\0\0\0\0\0\0\0\0\0\0\0", FRONT_SIZE);
    while (wire_left(&reader) > 8) { /* the hash over all */
        uint64_t length = wire_u64(&reader);
        length = length < wire_left(&reader) ? length : wire_left(&reader);
        char *block = fuzz_copy(reader.at, length);
        if (length > 8) { /* a state ends with its hash */
            for (size_t at = 0; at + 16 <= length; at++) {
                if (memcmp(block + at, "T5STATE", 8) != 0)
                    continue;
                const uint64_t check = hash_key(block + at, length - 8 - at);
                for (size_t i = 0; i < 8; i++)
                    block[length - 8 + i] = (char)(check >> (8 * i));
                break;
            }
        }
        put_block(out, block, length);
        free(block);
        reader.at += length;
        wire_u64(&reader);
    }
    const uint64_t whole = out->size + 8;
    for (size_t i = 0; i < 8; i++)
        out->data[12 + i] = (char)(whole >> (8 * i));
    wire_put_u64(out, hash_key(out->data, out->size));
}

static void read_journal(const char *bytes, size_t size) {
    static const char *const topics[] = {"a", "b"};
    const struct journal_owner owner = {
        .partition = 3, .number = 1, .topics = topics, .topic_count = 2};
    struct journal_shape shape, again;
    struct order order;
    struct error error = {0};
    char *copy = fuzz_copy(bytes, size);
    FUZZ_CHECK(order_init(&order, 1), "out of memory");
    const bool is_whole = journal_read(copy, size, NULL, NULL, &shape, &error);
    FUZZ_CHECK(is_whole || error.text[0] != '\0', "refused without a reason");
    FUZZ_CHECK(!is_whole || shape.whole <= size, "%zu of %zu bytes", shape.whole, size);
    if (journal_read(copy, size, &owner, &order, &again, &error)) {
        FUZZ_CHECK(is_whole && again.whole == shape.whole, "read otherwise than looked at");
        for (size_t i = 0; i < order.count; i++)
            FUZZ_CHECK(order.runs[i].span > 0 && order.runs[i].from >= 0, "an empty run");
    }
    order_release(&order);
    free(copy);
}

static void read_frame(const char *bytes, size_t size) {
    static const char *const topics[] = {"a", "b"};
    const struct journal_owner owner = {
        .partition = 3, .number = 1, .topics = topics, .topic_count = 2};
    struct text journal;
    text_init(&journal);
    journal_put_header(&journal, &owner);
    wire_put_u32(&journal, (uint32_t)size);
    wire_put_u32(&journal, (uint32_t)hash_key(bytes, size));
    text_append(&journal, bytes, size);
    read_journal(journal.data, journal.size);
    text_release(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct text repaired;
    const char *bytes = (const char *)data;
    read_checkpoint(bytes, size, true);
    text_init(&repaired);
    repair_checkpoint(bytes, size, &repaired);
    read_checkpoint(repaired.data, repaired.size, false);
    text_release(&repaired);
    read_journal(bytes, size);
    read_frame(bytes, size);
    return 0;
}
