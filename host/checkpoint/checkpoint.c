#include "checkpoint/checkpoint.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/format/wire.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * magic, format (u32), size of the file (u64), a block with the head, a block for each part, and
 * the XXH3 of all before it. A block is its size (u64), its bytes, and their XXH3.
 */
#define MAGIC          "T5CHECK"
#define MAGIC_SIZE     8
/* Format 2 has `worked_ms` of each part; without any the format is 1, which older hosts can
 * read. */
#define FORM           1u
#define FORM_WORKED    2u
#define CHECK_SIZE     8
#define FRONT_SIZE     (MAGIC_SIZE + 4 + 8)
/* The fewest bytes that a position takes. */
#define POSITION_LEAST 24
/* The part of a damaged name that is worth showing. */
#define NAME_SHOWN     64

/* ---- positions ---- */

void positions_init(struct positions *positions) {
    memset(positions, 0, sizeof *positions);
}

void positions_release(struct positions *positions) {
    for (size_t i = 0; i < positions->count; i++)
        free(positions->items[i].topic);
    free(positions->items);
    positions_init(positions);
}

bool positions_add(struct positions *positions, const char *topic, int32_t partition,
                   int64_t next) {
    char *copy = text_dup(topic, strlen(topic));
    if (copy == NULL || !ARRAY_GROW(positions->items, positions->count, positions->capacity)) {
        free(copy);
        return false;
    }
    positions->items[positions->count++] =
        (struct position){.topic = copy, .partition = partition, .next = next};
    return true;
}

bool positions_add_all(struct positions *positions, const struct positions *more) {
    for (size_t i = 0; i < more->count; i++) {
        const struct position *item = &more->items[i];
        if (!positions_add(positions, item->topic, item->partition, item->next))
            return false;
    }
    return true;
}

const struct position *positions_find(const struct positions *positions, const char *topic,
                                      int32_t partition) {
    for (size_t i = 0; i < positions->count; i++) {
        const struct position *position = &positions->items[i];
        if (position->partition == partition && strcmp(position->topic, topic) == 0)
            return position;
    }
    return NULL;
}

/* ---- checkpoints ---- */

void checkpoint_init(struct checkpoint *checkpoint) {
    memset(checkpoint, 0, sizeof *checkpoint);
}

void checkpoint_part_release(struct checkpoint_part *part) {
    free(part->deployment);
    positions_release(&part->positions);
    positions_release(&part->history_to);
    state_release(&part->state);
}

void checkpoint_part_take(struct checkpoint_part *part, struct checkpoint_part *from) {
    char *name = part->deployment;
    part->deployment = NULL;
    checkpoint_part_release(part);
    *part = *from;
    part->deployment = name;
    positions_init(&from->positions);
    positions_init(&from->history_to);
    state_init(&from->state);
    from->has_state = false;
}

void checkpoint_release(struct checkpoint *checkpoint) {
    for (size_t i = 0; i < checkpoint->part_count; i++)
        checkpoint_part_release(&checkpoint->parts[i]);
    free(checkpoint->parts);
    positions_release(&checkpoint->positions);
    free(checkpoint->group);
    checkpoint_init(checkpoint);
}

/* Takes over the name, even if it fails. */
static struct checkpoint_part *add_part(struct checkpoint *checkpoint, char *deployment) {
    if (deployment == NULL ||
        !ARRAY_GROW(checkpoint->parts, checkpoint->part_count, checkpoint->part_capacity)) {
        free(deployment);
        return NULL;
    }
    struct checkpoint_part *part = &checkpoint->parts[checkpoint->part_count++];
    memset(part, 0, sizeof *part);
    part->deployment = deployment;
    positions_init(&part->positions);
    positions_init(&part->history_to);
    state_init(&part->state);
    return part;
}

struct checkpoint_part *checkpoint_add_part(struct checkpoint *checkpoint, const char *deployment) {
    return add_part(checkpoint, text_dup(deployment, strlen(deployment)));
}

struct checkpoint_part *checkpoint_part(const struct checkpoint *checkpoint,
                                        const char *deployment) {
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        if (strcmp(checkpoint->parts[i].deployment, deployment) == 0)
            return &checkpoint->parts[i];
    }
    return NULL;
}

int64_t checkpoint_worked_ms(const struct checkpoint *checkpoint, const char *deployment) {
    const struct checkpoint_part *part = checkpoint_part(checkpoint, deployment);
    if (part == NULL)
        return 0;
    return part->worked_ms != 0 ? part->worked_ms : checkpoint->taken_ms;
}

static const struct position *first_above(const struct positions *positions,
                                          const struct positions *committed) {
    for (size_t i = 0; i < positions->count; i++) {
        const struct position *position = &positions->items[i];
        const struct position *limit =
            positions_find(committed, position->topic, position->partition);
        if (limit != NULL && position->next > limit->next)
            return position;
    }
    return NULL;
}

bool checkpoint_is_usable(const struct checkpoint *checkpoint, const struct positions *committed,
                          const struct position **why) {
    const struct position *above = first_above(&checkpoint->positions, committed);
    for (size_t i = 0; i < checkpoint->part_count && above == NULL; i++)
        above = first_above(&checkpoint->parts[i].positions, committed);
    if (why != NULL)
        *why = above;
    return above == NULL;
}

void checkpoint_explain(const struct checkpoint *checkpoint, const struct position *above,
                        const struct positions *committed, struct text *out) {
    text_printf(out, "checkpoint %" PRIu64 ", taken ", checkpoint->number);
    text_time_ns(out, clock_ms_ns(checkpoint->taken_ms));
    text_printf(out, ", stands at %s[%" PRId32 "] %" PRId64 ", above the committed %" PRId64,
                above->topic, above->partition, above->next,
                positions_find(committed, above->topic, above->partition)->next);
}

/* ---- encoding ---- */

static void set_u64(struct text *out, size_t at, uint64_t number) {
    for (size_t i = 0; i < 8 && !text_is_oom(out); i++)
        out->data[at + i] = (char)(number >> (8 * i));
}

static size_t begin_block(struct text *out) {
    wire_put_u64(out, 0);
    return out->size;
}

static void end_block(struct text *out, size_t begin) {
    if (text_is_oom(out))
        return;
    set_u64(out, begin - 8, out->size - begin);
    wire_put_u64(out, hash_key(out->data + begin, out->size - begin));
}

static void put_positions(struct text *out, const struct positions *positions) {
    wire_put_u64(out, positions->count);
    for (size_t i = 0; i < positions->count; i++) {
        wire_put_string(out, positions->items[i].topic);
        wire_put_i64(out, positions->items[i].partition);
        wire_put_i64(out, positions->items[i].next);
    }
}

static void put_head(struct text *out, const struct checkpoint *checkpoint) {
    wire_put_u64(out, checkpoint->number);
    wire_put_i64(out, checkpoint->partition);
    wire_put_i64(out, checkpoint->taken_ms);
    wire_put_string(out, checkpoint->group != NULL ? checkpoint->group : "");
    put_positions(out, &checkpoint->positions);
    wire_put_u64(out, checkpoint->part_count);
}

static uint32_t form_of(const struct checkpoint *checkpoint) {
    uint32_t form = FORM;
    for (size_t i = 0; i < checkpoint->part_count; i++)
        form = checkpoint->parts[i].worked_ms != 0 ? FORM_WORKED : form;
    return form;
}

static void put_part(struct text *out, const struct checkpoint_part *part, uint32_t form) {
    wire_put_string(out, part->deployment);
    put_positions(out, &part->positions);
    put_positions(out, &part->history_to);
    if (form == FORM_WORKED)
        wire_put_i64(out, part->worked_ms);
    wire_put_u32(out, part->has_state);
    if (part->has_state)
        state_encode(&part->state, out);
}

void checkpoint_encode(const struct checkpoint *checkpoint, struct text *out) {
    const size_t begin = out->size;
    const uint32_t form = form_of(checkpoint);
    text_append(out, MAGIC, MAGIC_SIZE);
    wire_put_u32(out, form);
    wire_put_u64(out, 0);
    const size_t head = begin_block(out);
    put_head(out, checkpoint);
    end_block(out, head);
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        const size_t part = begin_block(out);
        put_part(out, &checkpoint->parts[i], form);
        end_block(out, part);
    }
    if (text_is_oom(out))
        return;
    set_u64(out, begin + MAGIC_SIZE + 4, out->size - begin + CHECK_SIZE);
    wire_put_u64(out, hash_key(out->data + begin, out->size - begin));
}

/* ---- decoding ---- */

static bool is_damaged(struct error *error, const char *what) {
    return error_set(error, ERROR_INVALID, "checkpoint is damaged: %s", what);
}

static bool read_front(struct wire_reader *reader, const char *bytes, size_t size, uint32_t *form,
                       struct error *error) {
    if (size < MAGIC_SIZE || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return error_set(error, ERROR_INVALID,
                         "not a checkpoint: it does not begin with \"" MAGIC "\"");
    wire_open(reader, bytes + MAGIC_SIZE, size - MAGIC_SIZE);
    *form = wire_u32(reader);
    if (!reader->is_bad && *form != FORM && *form != FORM_WORKED)
        return error_set(error, ERROR_STATE,
                         "checkpoint has form %" PRIu32
                         ", this host reads forms %u and %u: it was written by another release",
                         *form, FORM, FORM_WORKED);
    const uint64_t whole = wire_u64(reader);
    if (reader->is_bad || whole > size)
        return error_set(error, ERROR_INVALID,
                         "checkpoint is damaged: it is cut off at %zu bytes of %" PRIu64, size,
                         reader->is_bad ? (uint64_t)FRONT_SIZE + CHECK_SIZE : whole);
    if (whole < size || size < FRONT_SIZE + CHECK_SIZE)
        return error_set(error, ERROR_INVALID,
                         "checkpoint is damaged: it has %zu bytes, and its header states %" PRIu64,
                         size, whole);
    wire_open(reader, bytes + FRONT_SIZE, size - FRONT_SIZE - CHECK_SIZE);
    return true;
}

/* The bytes of a block; `*is_whole`: its hash is right. */
static t5_str read_block(struct wire_reader *reader, bool *is_whole) {
    const t5_str block = wire_bytes(reader);
    const uint64_t check = wire_u64(reader);
    *is_whole = !reader->is_bad && check == hash_key(block.data, block.len);
    return block;
}

static int32_t read_partition(struct wire_reader *reader) {
    const int64_t partition = wire_i64(reader);
    if (partition < -1 || partition > INT32_MAX)
        reader->is_bad = true;
    return (int32_t)partition;
}

/* False: out of memory. */
static bool read_positions(struct wire_reader *reader, struct positions *positions) {
    const size_t count = wire_count(reader, POSITION_LEAST);
    for (size_t i = 0; i < count && !reader->is_bad; i++) {
        char *topic = wire_string(reader);
        const int32_t partition = read_partition(reader);
        const int64_t next = wire_i64(reader);
        if (topic == NULL || reader->is_bad)
            reader->is_bad = true;
        else if (!positions_add(positions, topic, partition, next))
            reader->is_bad = reader->is_oom = true;
        free(topic);
    }
    return !reader->is_oom;
}

static bool read_head(struct checkpoint *checkpoint, struct wire_reader *reader, size_t *part_count,
                      struct error *error) {
    bool is_whole;
    const t5_str block = read_block(reader, &is_whole);
    if (!is_whole)
        return is_damaged(error, "the hash of its head differs");
    struct wire_reader head;
    wire_open(&head, block.data, block.len);
    checkpoint->number = wire_u64(&head);
    checkpoint->partition = read_partition(&head);
    checkpoint->taken_ms = wire_i64(&head);
    checkpoint->group = wire_string(&head);
    if (!read_positions(&head, &checkpoint->positions) || head.is_oom)
        return error_set_memory(error, "a checkpoint's head");
    const uint64_t count = wire_u64(&head);
    /* A part takes more than its hash. */
    if (head.is_bad || wire_left(&head) > 0 || checkpoint->group == NULL ||
        checkpoint->number == 0 || count > wire_left(reader) / CHECK_SIZE)
        return is_damaged(error, "its head does not add up");
    *part_count = (size_t)count;
    return true;
}

static bool is_damaged_part(struct error *error, size_t at, t5_str block) {
    struct wire_reader reader;
    wire_open(&reader, block.data, block.len);
    const t5_str name = wire_bytes(&reader);
    return error_set(error, ERROR_INVALID,
                     "checkpoint is damaged: the hash of its part %zu, of \"%.*s\", differs",
                     at + 1, (int)(name.len < NAME_SHOWN ? name.len : NAME_SHOWN),
                     name.data != NULL ? name.data : "");
}

/* In order of the names, without duplicates. */
static bool is_behind(const struct checkpoint *checkpoint, const char *deployment) {
    return checkpoint->part_count == 0 ||
           strcmp(checkpoint->parts[checkpoint->part_count - 1].deployment, deployment) < 0;
}

static bool read_part(struct checkpoint *checkpoint, struct wire_reader *reader, uint32_t form,
                      struct error *error) {
    bool is_whole;
    const t5_str block = read_block(reader, &is_whole);
    if (!is_whole)
        return is_damaged_part(error, checkpoint->part_count, block);
    struct wire_reader body;
    wire_open(&body, block.data, block.len);
    char *deployment = wire_string(&body);
    if (body.is_oom)
        return error_set_memory(error, "a checkpoint's part");
    if (deployment == NULL || !is_behind(checkpoint, deployment)) {
        free(deployment);
        return is_damaged(error, "its parts are not in the order of their names");
    }
    struct checkpoint_part *part = add_part(checkpoint, deployment);
    if (part == NULL || !read_positions(&body, &part->positions) ||
        !read_positions(&body, &part->history_to))
        return error_set_memory(error, "a checkpoint's part");
    if (form == FORM_WORKED)
        part->worked_ms = wire_i64(&body);
    const uint32_t has_state = wire_u32(&body);
    if (body.is_bad || has_state > 1 || (has_state == 0 && wire_left(&body) > 0))
        return error_set(error, ERROR_INVALID,
                         "checkpoint is damaged: its part of \"%s\" does not add up",
                         part->deployment);
    part->has_state = has_state == 1;
    return !part->has_state || state_decode(&part->state, body.at, wire_left(&body), error) ||
           error_prefix(error, "checkpoint's part of \"%s\": ", part->deployment);
}

static bool read_all(struct checkpoint *checkpoint, const char *bytes, size_t size,
                     struct error *error) {
    struct wire_reader reader;
    size_t part_count = 0;
    uint32_t form = FORM;
    if (!read_front(&reader, bytes, size, &form, error) ||
        !read_head(checkpoint, &reader, &part_count, error))
        return false;
    for (size_t i = 0; i < part_count; i++) {
        if (!read_part(checkpoint, &reader, form, error))
            return false;
    }
    if (wire_left(&reader) > 0)
        return is_damaged(error, "more follows its last part");
    wire_open(&reader, bytes + size - CHECK_SIZE, CHECK_SIZE);
    if (wire_u64(&reader) != hash_key(bytes, size - CHECK_SIZE))
        return is_damaged(error, "the hash over all differs");
    return true;
}

bool checkpoint_decode(struct checkpoint *checkpoint, const void *bytes, size_t size,
                       struct error *error) {
    const bool did = read_all(checkpoint, bytes, size, error);
    if (!did)
        checkpoint_release(checkpoint);
    return did;
}
