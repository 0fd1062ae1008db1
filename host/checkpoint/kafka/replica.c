#include "checkpoint/kafka/replica.h"

#include "base/array.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A record as it is now, and as it was at the best header; they may be the same. */
struct value {
    size_t size;
    char bytes[];
};

struct replica_item {
    struct state_table_entry entry; /* by the whole key */
    struct stored_term term;
    enum stored_kind kind;
    struct value *now, *best; /* NULL: none */
    uint64_t sum;             /* of `now` */
    bool is_counted;          /* in the replica's count and sum */
    bool is_touched;
};

/* ---- life ---- */

void replica_init(struct replica *replica, const char *group, int32_t partition,
                  const struct positions *committed) {
    *replica = (struct replica){.group = group, .partition = partition, .committed = committed};
    state_table_init(&replica->items, sizeof(struct replica_item));
    checkpoint_init(&replica->best.checkpoint);
    text_init(&replica->why);
}

static void set_best(struct replica_item *item, struct value *value) {
    if (item->best != item->now && item->best != value)
        free(item->best);
    item->best = value;
}

static void set_now(struct replica_item *item, struct value *value) {
    if (item->now != item->best)
        free(item->now);
    item->now = value;
}

static void drop_frames(struct replica *replica, size_t count) {
    for (size_t i = 0; i < count; i++)
        free((char *)replica->frames[i].frames.section.data);
    replica->frame_count -= count;
    if (count > 0 && replica->frame_count > 0)
        memmove(replica->frames, replica->frames + count,
                replica->frame_count * sizeof *replica->frames);
}

static void release_all_but_terms(struct replica *replica) {
    for (size_t i = 0; i < replica->items.count; i++) {
        struct replica_item *item = (struct replica_item *)replica->items.items[i];
        set_now(item, NULL);
        set_best(item, NULL);
    }
    state_table_release(&replica->items);
    free(replica->touched);
    drop_frames(replica, replica->frame_count);
    free(replica->frames);
    checkpoint_release(&replica->best.checkpoint);
    text_release(&replica->why);
}

void replica_release(struct replica *replica) {
    release_all_but_terms(replica);
    free(replica->terms);
    replica_init(replica, replica->group, replica->partition, replica->committed);
}

void replica_rewind(struct replica *replica) {
    struct stored_term *terms = replica->terms;
    const size_t count = replica->term_count, capacity = replica->term_capacity;
    const uint64_t below = replica->below;
    const bool keeps_former = replica->keeps_former;
    release_all_but_terms(replica);
    replica_init(replica, replica->group, replica->partition, replica->committed);
    replica->below = below;
    replica->keeps_former = keeps_former;
    replica->terms = terms;
    replica->term_count = count;
    replica->term_capacity = capacity;
}

/* ---- terms ---- */

/* A new term names the checkpoint that it continued with: later ones must not be taken any more. */
static bool begin_term(struct replica *replica, struct stored_term term) {
    replica->term = term;
    replica->count = replica->sum = 0;
    if (replica->best.checkpoint.number > term.base)
        replica->must_rewind = true;
    size_t at = replica->term_at;
    while (at < replica->term_count && !stored_is_same_term(replica->terms[at], term))
        at++;
    if (at == replica->term_count) {
        if (!ARRAY_GROW(replica->terms, replica->term_count, replica->term_capacity))
            return false;
        replica->terms[replica->term_count++] = term;
    }
    replica->term_at = at + 1;
    return true;
}

/* `*is_in_force`: the record counts. */
static bool follow_term(struct replica *replica, struct stored_term term, bool *is_in_force) {
    if (term.term > replica->highest_term)
        replica->highest_term = term.term;
    if (term.term > replica->term.term && !begin_term(replica, term))
        return false;
    *is_in_force = stored_is_same_term(term, replica->term);
    return true;
}

static bool is_eligible(const struct replica *replica, uint64_t number) {
    bool is_eligible = true;
    for (size_t i = replica->term_at; i < replica->term_count; i++)
        is_eligible &= number <= replica->terms[i].base;
    return is_eligible;
}

/* ---- records of states ---- */

static bool touch(struct replica *replica, struct replica_item *item) {
    if (item->is_touched)
        return true;
    if (!ARRAY_GROW(replica->touched, replica->touched_count, replica->touched_capacity))
        return false;
    replica->touched[replica->touched_count++] = item;
    item->is_touched = true;
    return true;
}

static void uncount(struct replica *replica, struct replica_item *item) {
    if (item->is_counted && stored_is_same_term(item->term, replica->term)) {
        replica->count--;
        replica->sum -= item->sum;
    }
    item->is_counted = false;
}

static bool set_item(struct replica *replica, struct replica_item *item, t5_str rest,
                     const void *bytes, size_t size, bool is_in_force) {
    struct value *value = malloc(sizeof *value + size);
    if (value == NULL || !touch(replica, item)) {
        free(value);
        return false;
    }
    value->size = size;
    if (size > 0)
        memcpy(value->bytes, bytes, size);
    uncount(replica, item);
    set_now(item, value);
    const bool is_state = item->kind == STORED_STATE || item->kind == STORED_DEPLOYMENT;
    if (is_state && is_in_force) {
        item->sum = stored_sum(rest, bytes, size);
        item->is_counted = true;
        replica->count++;
        replica->sum += item->sum;
    }
    return true;
}

static bool remove_record(struct replica *replica, const void *key, size_t size) {
    struct replica_item *item = state_table_find(&replica->items, key, size);
    if (item == NULL)
        return true;
    uncount(replica, item);
    set_now(item, NULL);
    return touch(replica, item);
}

/* ---- journal ---- */

static bool add_frames(struct replica *replica, const void *bytes, size_t size) {
    struct stored_frames frames;
    if (!stored_get_frames(&frames, bytes, size))
        return true; /* the gap is noticed */
    if (!ARRAY_GROW(replica->frames, replica->frame_count, replica->frame_capacity))
        return false;
    char *copy = malloc(frames.section.len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, frames.section.data, frames.section.len);
    frames.section.data = copy;
    replica->frames[replica->frame_count++] = (struct replica_frames){
        .frames = frames, .is_behind_gap = frames.sequence != replica->next_sequence};
    replica->next_sequence = frames.sequence + 1;
    return true;
}

/* ---- headers ---- */

static void take_header(struct replica *replica, struct stored_header *header) {
    const bool has_former = replica->keeps_former && replica->best.checkpoint.number != 0;
    const uint64_t first = has_former ? replica->best.sequence : header->sequence;
    size_t before = 0;
    while (before < replica->frame_count && replica->frames[before].frames.sequence < first)
        before++;
    drop_frames(replica, before);
    if (replica->frame_count > 0)
        replica->frames[0].is_behind_gap = replica->frames[0].frames.sequence != first;
    else
        replica->next_sequence = header->sequence;
    checkpoint_release(&replica->best.checkpoint);
    replica->best = *header;
    checkpoint_init(&header->checkpoint);
    replica->best_term = replica->term;
    for (size_t i = 0; i < replica->touched_count; i++) {
        struct replica_item *item = replica->touched[i];
        set_best(item, item->now);
        item->is_touched = false;
    }
    replica->touched_count = 0;
    replica->damaged_number = 0;
    text_reset(&replica->why);
}

static void note_damaged(struct replica *replica, uint64_t number, const struct error *error) {
    replica->damaged_number = number;
    replica->damaged = *error;
    error_prefix(&replica->damaged, "checkpoint %" PRIu64 ": ", number);
    text_reset(&replica->why);
    text_puts(&replica->why, replica->damaged.text);
}

static bool is_whole(const struct replica *replica, const struct stored_header *header,
                     struct error *error) {
    if (header->count == replica->count && header->sum == replica->sum)
        return true;
    return header->count != replica->count
               ? error_set(error, ERROR_INVALID,
                           "damaged: it has %" PRIu64 " records, and its header states %" PRIu64,
                           replica->count, header->count)
               : error_set(error, ERROR_INVALID,
                           "damaged: the hash of its %" PRIu64 " records differs", header->count);
}

/* Whether it is the newest usable one. */
static bool judge(struct replica *replica, const struct stored_header *header) {
    const struct checkpoint *checkpoint = &header->checkpoint;
    const struct position *above;
    struct error error;
    if (!is_eligible(replica, checkpoint->number) ||
        (replica->below != 0 && checkpoint->number >= replica->below))
        return false;
    if (!is_whole(replica, header, &error)) {
        note_damaged(replica, checkpoint->number, &error);
        return false;
    }
    if (replica->committed == NULL || checkpoint_is_usable(checkpoint, replica->committed, &above))
        return true;
    text_reset(&replica->why);
    checkpoint_explain(checkpoint, above, replica->committed, &replica->why);
    return false;
}

static bool is_of_here(const struct replica *replica, const struct stored_header *header,
                       struct error *error) {
    return (header->checkpoint.partition == replica->partition &&
            strcmp(header->checkpoint.group, replica->group) == 0) ||
           error_set(error, ERROR_INVALID,
                     "damaged: its key is of group \"%s\", partition %" PRId32
                     ", and its content is of \"%s\", %" PRId32,
                     replica->group, replica->partition, header->checkpoint.group,
                     header->checkpoint.partition);
}

static bool add_header(struct replica *replica, const void *bytes, size_t size, bool is_in_force) {
    struct stored_header header;
    struct error error;
    checkpoint_init(&header.checkpoint);
    if (!stored_get_header(&header, bytes, size, &error)) {
        if (is_in_force && error.code != ERROR_MEMORY)
            note_damaged(replica, replica->highest_number + 1, &error);
        return error.code != ERROR_MEMORY;
    }
    if (header.checkpoint.number > replica->highest_number)
        replica->highest_number = header.checkpoint.number;
    if (!is_of_here(replica, &header, &error))
        note_damaged(replica, header.checkpoint.number, &error);
    else if (is_in_force && judge(replica, &header))
        take_header(replica, &header);
    checkpoint_release(&header.checkpoint);
    return true;
}

/* ---- any record ---- */

bool replica_add(struct replica *replica, const void *key, size_t key_size, const void *value,
                 size_t value_size) {
    struct stored_key parsed;
    bool is_in_force;
    const enum stored_is is =
        stored_parse_key(&parsed, key, key_size, replica->group, replica->partition);
    replica->malformed += is == STORED_MALFORMED;
    if (is != STORED_OURS)
        return true;
    if (value == NULL)
        return remove_record(replica, key, key_size);
    if (!follow_term(replica, parsed.term, &is_in_force))
        return false;
    struct replica_item *item = state_table_add(&replica->items, key, key_size);
    if (item == NULL)
        return false;
    item->term = parsed.term;
    item->kind = parsed.kind;
    const bool is_state = parsed.kind == STORED_STATE || parsed.kind == STORED_DEPLOYMENT;
    if (!set_item(replica, item, parsed.rest, value, is_state ? value_size : 0, is_in_force))
        return false;
    if (parsed.kind == STORED_HEADER)
        return add_header(replica, value, value_size, is_in_force);
    return parsed.kind != STORED_JOURNAL || !is_in_force || add_frames(replica, value, value_size);
}

bool replica_each_key(const struct replica *replica, bool (*visit)(void *context, t5_str key),
                      void *context) {
    for (size_t i = 0; i < replica->items.count; i++) {
        const struct replica_item *item = (const struct replica_item *)replica->items.items[i];
        const t5_str key = {.data = item->entry.key, .len = item->entry.key_size};
        if (item->now != NULL && !visit(context, key))
            return false;
    }
    return true;
}

uint64_t replica_size(const struct replica *replica) {
    uint64_t size = 0;
    for (size_t i = 0; i < replica->items.count; i++) {
        const struct replica_item *item = (const struct replica_item *)replica->items.items[i];
        if (item->best != NULL && stored_is_same_term(item->term, replica->best_term))
            size += item->entry.key_size + item->best->size;
    }
    return size;
}

/* ---- the checkpoint ---- */

struct piece_of {
    struct stored_key key;
    struct stored_piece piece;
};

/* In the order of the state: without symbol first, then by first appearance. */
static int compare_pieces(const void *left, const void *right) {
    const struct piece_of *a = left, *b = right;
    if ((a->key.symbol.len > 0) != (b->key.symbol.len > 0))
        return a->key.symbol.len > 0 ? 1 : -1;
    if (a->piece.order != b->piece.order)
        return a->piece.order < b->piece.order ? -1 : 1;
    if (a->key.ordinal != b->key.ordinal)
        return a->key.ordinal < b->key.ordinal ? -1 : 1;
    return (a->key.chunk > b->key.chunk) - (a->key.chunk < b->key.chunk);
}

struct pieces {
    struct piece_of *items;
    size_t count, capacity;
};

static bool is_of(t5_str name, const char *deployment) {
    return name.len == strlen(deployment) && memcmp(name.data, deployment, name.len) == 0;
}

/* The pieces of the deployment's records, and its other data (NULL: no state). */
static bool gather(const struct replica *replica, const char *deployment, struct pieces *pieces,
                   const struct value **bare, struct error *error) {
    *bare = NULL;
    for (size_t i = 0; i < replica->items.count; i++) {
        const struct replica_item *item = (const struct replica_item *)replica->items.items[i];
        struct piece_of piece;
        if (item->best == NULL || !stored_is_same_term(item->term, replica->best_term) ||
            stored_parse_key(&piece.key, item->entry.key, item->entry.key_size, replica->group,
                             replica->partition) != STORED_OURS ||
            !is_of(piece.key.deployment, deployment))
            continue;
        if (item->kind == STORED_DEPLOYMENT)
            *bare = item->best;
        if (item->kind != STORED_STATE)
            continue;
        if (!stored_get_piece(&piece.piece, item->best->bytes, item->best->size))
            return error_set(error, ERROR_INVALID, "a record of \"%s\" does not add up",
                             deployment);
        if (!ARRAY_GROW(pieces->items, pieces->count, pieces->capacity))
            return error_set_memory(error, "a checkpoint");
        pieces->items[pieces->count++] = piece;
    }
    if (pieces->count > 0)
        qsort(pieces->items, pieces->count, sizeof *pieces->items, compare_pieces);
    return true;
}

/* Joins the pieces of one record, from `*at` on. */
static bool add_record(const struct pieces *pieces, size_t *at, struct state *state,
                       struct error *error) {
    const struct piece_of *first = &pieces->items[*at];
    const uint32_t chunks = first->piece.chunks;
    struct text data;
    text_init(&data);
    bool did = chunks <= pieces->count - *at;
    for (uint32_t i = 0; did && i < chunks; i++) {
        const struct piece_of *piece = &pieces->items[*at + i];
        did = piece->key.chunk == i && piece->piece.chunks == chunks;
        text_append(&data, piece->piece.data.data, piece->piece.data.len);
    }
    if (!did)
        error_set(error, ERROR_INVALID, "a record in pieces does not add up");
    else if (text_is_oom(&data) ||
             !state_add_record(state, T5_NO_SYMBOL, first->piece.order, first->key.symbol.data,
                               first->key.symbol.len, data.data, data.size))
        did = error_set_memory(error, "a checkpoint");
    text_release(&data);
    *at += chunks;
    return did;
}

static bool get_part(const struct replica *replica, struct checkpoint_part *part,
                     struct error *error) {
    struct pieces pieces = {0};
    const struct value *bare;
    bool did = gather(replica, part->deployment, &pieces, &bare, error);
    part->has_state = did && bare != NULL;
    did = did && (bare == NULL || state_decode(&part->state, bare->bytes, bare->size, error));
    for (size_t i = 0; did && bare != NULL && i < pieces.count;)
        did = add_record(&pieces, &i, &part->state, error);
    free(pieces.items);
    return did;
}

static bool copy_head(struct checkpoint *to, const struct checkpoint *from) {
    to->number = from->number;
    to->partition = from->partition;
    to->taken_ms = from->taken_ms;
    to->group = strdup(from->group);
    bool did = to->group != NULL && positions_add_all(&to->positions, &from->positions);
    for (size_t i = 0; did && i < from->part_count; i++) {
        struct checkpoint_part *part = checkpoint_add_part(to, from->parts[i].deployment);
        did = part != NULL && positions_add_all(&part->positions, &from->parts[i].positions) &&
              positions_add_all(&part->history_to, &from->parts[i].history_to);
        if (did)
            part->worked_ms = from->parts[i].worked_ms;
    }
    return did;
}

bool replica_get(const struct replica *replica, struct checkpoint *checkpoint,
                 struct error *error) {
    const struct checkpoint *best = &replica->best.checkpoint;
    if (best->number == 0)
        return true;
    bool did = copy_head(checkpoint, best) || error_set_memory(error, "a checkpoint");
    for (size_t i = 0; did && i < checkpoint->part_count; i++)
        did = get_part(replica, &checkpoint->parts[i], error);
    if (!did)
        checkpoint_release(checkpoint);
    return did;
}
