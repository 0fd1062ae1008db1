#include "checkpoint/kafka/stored.h"

#include "base/format/wire.h"
#include "base/hash.h"
#include "checkpoint/checkpoint_files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FORM   1u
#define DIGITS 16

/* ---- keys ---- */

void stored_put_prefix(struct text *out, const char *group, int32_t partition,
                       struct stored_term term) {
    char place[FILES_PLACE_SIZE];
    const size_t begin = out->size;
    files_place(partition, place);
    text_append(out, group, strlen(group) + 1);
    text_append(out, place, strlen(place) + 1);
    text_printf(out, "%016" PRIx64 "%016" PRIx64 "%016" PRIx64, term.term, term.writer, term.base);
    if (!text_is_oom(out))
        text_printf(out, "%016" PRIx64, hash_key(out->data + begin, out->size - begin));
}

void stored_put_header_key(struct text *out) {
    text_putc(out, STORED_HEADER);
}

void stored_put_deployment_key(struct text *out, const char *deployment) {
    text_putc(out, STORED_DEPLOYMENT);
    text_puts(out, deployment);
}

void stored_put_state_key(struct text *out, const char *deployment, uint32_t ordinal,
                          uint32_t chunk, t5_str symbol) {
    text_putc(out, STORED_STATE);
    text_append(out, deployment, strlen(deployment) + 1);
    wire_put_u32(out, ordinal);
    wire_put_u32(out, chunk);
    text_append(out, symbol.data, symbol.len);
}

void stored_put_journal_key(struct text *out, uint32_t index) {
    text_putc(out, STORED_JOURNAL);
    wire_put_u32(out, index);
}

/* The text up to the NUL; `*at` is after it then. NULL: none. */
static const char *next_text(const char **at, const char *end) {
    const char *text = *at;
    const char *nul = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    if (nul == NULL)
        return NULL;
    *at = nul + 1;
    return text;
}

static bool next_number(const char **at, const char *end, uint64_t *number) {
    if (end - *at < DIGITS)
        return false;
    *number = 0;
    for (int i = 0; i < DIGITS; i++) {
        const char digit = (*at)[i];
        const bool is_decimal = digit >= '0' && digit <= '9';
        if (!is_decimal && (digit < 'a' || digit > 'f'))
            return false;
        *number = *number << 4 | (uint64_t)(is_decimal ? digit - '0' : digit - 'a' + 10);
    }
    *at += DIGITS;
    return true;
}

static bool parse_rest(struct stored_key *key, const char *at, const char *end) {
    struct wire_reader numbers;
    key->rest = (t5_str){at, (size_t)(end - at)};
    if (at == end)
        return false;
    key->kind = (enum stored_kind) * at++;
    const char *deployment;
    switch (key->kind) {
    case STORED_HEADER:
        return at == end;
    case STORED_DEPLOYMENT:
        key->deployment = (t5_str){at, (size_t)(end - at)};
        return at < end;
    case STORED_JOURNAL:
        return end - at == 4;
    case STORED_STATE:
        deployment = next_text(&at, end);
        if (deployment == NULL || end - at < 8)
            return false;
        key->deployment = (t5_str){deployment, strlen(deployment)};
        wire_open(&numbers, at, 8);
        key->ordinal = wire_u32(&numbers);
        key->chunk = wire_u32(&numbers);
        key->symbol = (t5_str){at + 8, (size_t)(end - at) - 8};
        return true;
    default:
        return false;
    }
}

bool stored_parse_owner(const void *bytes, size_t size, const char **group, const char **place) {
    const char *at = bytes;
    const char *end = at + size;
    int32_t partition;
    *group = size > 0 ? next_text(&at, end) : NULL;
    *place = *group != NULL ? next_text(&at, end) : NULL;
    return *place != NULL && files_place_parse(*place, &partition);
}

/* And the hash of all from `begin` to there. */
static bool parse_term(struct stored_term *term, const char *begin, const char **at,
                       const char *end) {
    uint64_t check;
    if (!next_number(at, end, &term->term) || !next_number(at, end, &term->writer) ||
        !next_number(at, end, &term->base))
        return false;
    const size_t size = (size_t)(*at - begin);
    return next_number(at, end, &check) && check == hash_key(begin, size);
}

enum stored_is stored_parse_key(struct stored_key *key, const void *bytes, size_t size,
                                const char *group, int32_t partition) {
    const char *owner, *place;
    char own[FILES_PLACE_SIZE];
    *key = (struct stored_key){0};
    if (!stored_parse_owner(bytes, size, &owner, &place))
        return STORED_MALFORMED;
    if (strcmp(owner, group) != 0 || strcmp(place, files_place(partition, own)) != 0)
        return STORED_OF_OTHERS;
    const char *at = place + strlen(place) + 1;
    const char *end = (const char *)bytes + size;
    return parse_term(&key->term, bytes, &at, end) && parse_rest(key, at, end) ? STORED_OURS
                                                                               : STORED_MALFORMED;
}

/* ---- values ---- */

uint64_t stored_sum(t5_str rest, const void *value, size_t size) {
    return hash_number(hash_key(rest.data, rest.len), hash_key(value, size));
}

void stored_put_piece(struct text *out, const struct stored_piece *piece) {
    wire_put_u64(out, piece->order);
    wire_put_u32(out, piece->chunks);
    text_append(out, piece->data.data, piece->data.len);
}

bool stored_get_piece(struct stored_piece *piece, const void *value, size_t size) {
    struct wire_reader reader;
    wire_open(&reader, value, size);
    piece->order = wire_u64(&reader);
    piece->chunks = wire_u32(&reader);
    piece->data = (t5_str){(const char *)reader.at, wire_left(&reader)};
    return !reader.is_bad && piece->chunks > 0;
}

void stored_put_frames(struct text *out, const struct stored_frames *frames) {
    wire_put_u64(out, frames->number);
    wire_put_u64(out, frames->sequence);
    text_append(out, frames->section.data, frames->section.len);
}

bool stored_get_frames(struct stored_frames *frames, const void *value, size_t size) {
    struct wire_reader reader;
    wire_open(&reader, value, size);
    frames->number = wire_u64(&reader);
    frames->sequence = wire_u64(&reader);
    frames->section = (t5_str){(const char *)reader.at, wire_left(&reader)};
    return !reader.is_bad;
}

/* Format (u32), sequence, count, sum (u64), the checkpoint without states (checkpoint.h), XXH3 of
 * all before. */
void stored_put_header(struct text *out, const struct stored_header *header) {
    const size_t begin = out->size;
    struct text inner;
    text_init(&inner);
    checkpoint_encode(&header->checkpoint, &inner);
    wire_put_u32(out, FORM);
    wire_put_u64(out, header->sequence);
    wire_put_u64(out, header->count);
    wire_put_u64(out, header->sum);
    wire_put_bytes(out, inner.data, inner.size);
    out->is_oom |= text_is_oom(&inner);
    text_release(&inner);
    if (!text_is_oom(out))
        wire_put_u64(out, hash_key(out->data + begin, out->size - begin));
}

bool stored_get_header(struct stored_header *header, const void *value, size_t size,
                       struct error *error) {
    struct wire_reader reader;
    wire_open(&reader, value, size);
    const uint32_t form = wire_u32(&reader);
    if (!reader.is_bad && form != FORM)
        return error_set(error, ERROR_STATE,
                         "header has form %" PRIu32
                         ", this host reads form %u: it was written by another release",
                         form, FORM);
    header->sequence = wire_u64(&reader);
    header->count = wire_u64(&reader);
    header->sum = wire_u64(&reader);
    const t5_str inner = wire_bytes(&reader);
    const uint64_t check = wire_u64(&reader);
    if (reader.is_bad || wire_left(&reader) > 0 || check != hash_key(value, size - 8))
        return error_set(error, ERROR_INVALID, "header is damaged: its hash differs");
    return checkpoint_decode(&header->checkpoint, inner.data, inner.len, error);
}
