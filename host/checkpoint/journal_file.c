#include "checkpoint/journal_file.h"

#include "base/format/wire.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A header: magic, format (u32), and a block: its size (u64), its bytes, and their XXH3. */
#define MAGIC       "T5ORDER"
#define MAGIC_SIZE  8
#define FORM        1u
/* The fewest bytes that a topic takes. */
#define TOPIC_LEAST 8

void journal_put_header(struct text *out, const struct journal_owner *owner) {
    struct text block;
    text_init(&block);
    wire_put_i64(&block, owner->partition);
    wire_put_u64(&block, owner->number);
    wire_put_string(&block, owner->group);
    wire_put_u64(&block, owner->topic_count);
    for (size_t i = 0; i < owner->topic_count; i++)
        wire_put_string(&block, owner->topics[i]);
    text_append(out, MAGIC, MAGIC_SIZE);
    wire_put_u32(out, FORM);
    wire_put_bytes(out, block.data, block.size);
    wire_put_u64(out, hash_key(block.data, block.size));
    out->is_oom |= text_is_oom(&block);
    text_release(&block);
}

/* The block of the header at the reader, which advances past it. False: there is none, or it is
 * incomplete; `error` says which. */
static bool next_header(struct wire_reader *reader, struct wire_reader *header, bool *is_torn,
                        struct error *error) {
    struct wire_reader at = *reader;
    if (wire_left(&at) < MAGIC_SIZE || memcmp(at.at, MAGIC, MAGIC_SIZE) != 0)
        return error_set(error, ERROR_INVALID,
                         "not a journal: it does not begin with \"" MAGIC "\"");
    at.at += MAGIC_SIZE;
    const uint32_t form = wire_u32(&at);
    if (!at.is_bad && form != FORM)
        return error_set(error, ERROR_STATE,
                         "journal has form %" PRIu32
                         ", this host reads form %u: it was written by another release",
                         form, FORM);
    const t5_str block = wire_bytes(&at);
    const uint64_t check = wire_u64(&at);
    *is_torn = at.is_bad;
    if (at.is_bad || check != hash_key(block.data, block.len))
        return error_set(error, ERROR_INVALID, "journal is damaged: the hash of a header differs");
    wire_open(header, block.data, block.len);
    *reader = at;
    return true;
}

static bool is_text(t5_str text, const char *other) {
    return text.len == strlen(other) && (text.len == 0 || memcmp(text.data, other, text.len) == 0);
}

static uint32_t topic_here(const struct journal_owner *owner, t5_str topic) {
    for (size_t i = 0; owner != NULL && i < owner->topic_count; i++) {
        if (is_text(topic, owner->topics[i]))
            return (uint32_t)i;
    }
    return UINT32_MAX;
}

struct topics {
    uint32_t *here; /* index in the owner's, by the file's; UINT32_MAX: not among them */
    uint32_t count;
};

/* Reads a header's block; the caller frees `topics` even if it fails. */
static bool read_header(struct wire_reader *header, const struct journal_owner *owner,
                        struct topics *topics, struct error *error) {
    const int64_t partition = wire_i64(header);
    const uint64_t number = wire_u64(header);
    const t5_str group = wire_bytes(header);
    const size_t count = wire_count(header, TOPIC_LEAST);
    if (header->is_bad || count > UINT32_MAX)
        return error_set(error, ERROR_INVALID, "journal is damaged: a header does not add up");
    if (owner != NULL && (partition != owner->partition || number != owner->number))
        return error_set(error, ERROR_INVALID,
                         "journal is number %" PRIu64 " of partition %" PRId64
                         ", and is named %" PRIu64 " of %" PRId32,
                         number, partition, owner->number, owner->partition);
    if (owner != NULL && owner->group != NULL && !is_text(group, owner->group))
        return error_set(error, ERROR_INVALID,
                         "journal is of the group \"%.*s\", and this host's group.id is \"%s\"",
                         (int)(group.len < 256 ? group.len : 256), group.data, owner->group);
    topics->here = calloc(count + 1, sizeof *topics->here);
    if (topics->here == NULL)
        return error_set_memory(error, "a journal's topics");
    topics->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        topics->here[i] = topic_here(owner, wire_bytes(header));
    return (!header->is_bad && wire_left(header) == 0) ||
           error_set(error, ERROR_INVALID, "journal is damaged: a header does not add up");
}

/* A header and its frames. */
static bool read_section(struct wire_reader *reader, const struct journal_owner *owner,
                         struct order *order, struct journal_shape *shape, struct error *error) {
    struct wire_reader header;
    struct topics topics = {0};
    if (!next_header(reader, &header, &shape->is_torn, error) ||
        !read_header(&header, owner, &topics, error)) {
        free(topics.here);
        return false;
    }
    const size_t whole = order_whole_size(reader->at, wire_left(reader), &shape->is_torn);
    const uint32_t stride = owner != NULL ? (uint32_t)owner->topic_count : 0;
    const bool did =
        order == NULL || order_read(order, reader->at, whole, topics.here, topics.count, stride);
    free(topics.here);
    reader->at += whole;
    return did || error_set_memory(error, "a journal's runs");
}

bool journal_read(const void *bytes, size_t size, const struct journal_owner *owner,
                  struct order *order, struct journal_shape *shape, struct error *error) {
    struct wire_reader reader;
    wire_open(&reader, bytes, size);
    *shape = (struct journal_shape){.whole = 0};
    if (!read_section(&reader, owner, order, shape, error))
        return false;
    shape->whole = size - wire_left(&reader);
    while (wire_left(&reader) >= MAGIC_SIZE && memcmp(reader.at, MAGIC, MAGIC_SIZE) == 0) {
        if (!read_section(&reader, owner, order, shape, error))
            return error->code == ERROR_INVALID; /* a header that was cut off ends it as well */
        shape->whole = size - wire_left(&reader);
    }
    return true;
}
