#include "checkpoint/kafka/changes.h"

#include "checkpoint/kafka/stored.h"

#include <string.h>

struct known {
    struct state_table_entry entry;
    uint64_t sum;  /* of the record that the topic has */
    uint64_t next; /* of the collected one */
    uint64_t turn; /* when it was last collected */
    bool is_there; /* the topic has it */
};

void changes_init(struct changes *changes) {
    *changes = (struct changes){0};
    state_table_init(&changes->known, sizeof(struct known));
}

void changes_release(struct changes *changes) {
    state_table_release(&changes->known);
}

void changes_reset(struct changes *changes) {
    changes_release(changes);
    changes_init(changes);
}

struct collecting {
    struct changes *changes;
    t5_str prefix;
    int32_t partition; /* of the state topic */
    struct batch *batch;
};

static void count(struct changes *changes, uint64_t sum) {
    changes->count++;
    changes->sum += sum;
}

static bool begin(struct collecting *collecting) {
    if (!batch_begin(collecting->batch, collecting->partition))
        return false;
    text_append(&collecting->batch->bytes, collecting->prefix.data, collecting->prefix.len);
    return true;
}

/* The batch's last record is complete: it stays if the topic has another one, or none. */
static bool end(struct collecting *collecting) {
    struct batch *batch = collecting->batch;
    struct changes *changes = collecting->changes;
    batch_end(batch);
    if (text_is_oom(&batch->bytes))
        return false;
    const struct batch_record *record = &batch->records[batch->count - 1];
    const char *bytes = batch->bytes.data;
    const t5_str rest = {.data = bytes + record->key_at + collecting->prefix.len,
                         .len = record->key_size - collecting->prefix.len};
    struct known *known = state_table_add(&changes->known, rest.data, rest.len);
    if (known == NULL)
        return false;
    known->next = stored_sum(rest, bytes + record->value_at, record->value_size);
    known->turn = changes->turn;
    count(changes, known->next);
    if (known->is_there && known->next == known->sum)
        batch_drop_last(batch);
    return true;
}

/* ---- one part ---- */

static bool collect_deployment(struct collecting *collecting, const struct checkpoint_part *part) {
    struct state bare = part->state; /* everything but the records */
    bare.record_count = 0;
    if (!begin(collecting))
        return false;
    stored_put_deployment_key(&collecting->batch->bytes, part->deployment);
    batch_end_key(collecting->batch);
    state_encode(&bare, &collecting->batch->bytes);
    return end(collecting);
}

static bool collect_piece(struct collecting *collecting, const char *deployment, uint32_t ordinal,
                          uint32_t chunk, t5_str symbol, const struct stored_piece *piece) {
    if (!begin(collecting))
        return false;
    stored_put_state_key(&collecting->batch->bytes, deployment, ordinal, chunk, symbol);
    batch_end_key(collecting->batch);
    stored_put_piece(&collecting->batch->bytes, piece);
    return end(collecting);
}

static bool collect_record(struct collecting *collecting, const struct checkpoint_part *part,
                           const struct state_record *record, uint32_t ordinal) {
    const char *bytes = part->state.bytes.data;
    const t5_str symbol = {.data = bytes + record->symbol_at, .len = record->symbol_size};
    const uint32_t chunks =
        record->data_size > 0 ? (uint32_t)((record->data_size - 1) / STORED_CHUNK + 1) : 1;
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        const size_t at = (size_t)chunk * STORED_CHUNK;
        const size_t left = record->data_size - at;
        const struct stored_piece piece = {
            .order = record->symbol_size > 0 ? record->order : 0,
            .chunks = chunks,
            .data = {.data = bytes + record->data_at + at,
                     .len = left < STORED_CHUNK ? left : STORED_CHUNK}};
        if (!collect_piece(collecting, part->deployment, ordinal, chunk, symbol, &piece))
            return false;
    }
    return true;
}

static bool is_same_symbol(const struct state *state, const struct state_record *a,
                           const struct state_record *b) {
    return a->symbol_size == b->symbol_size &&
           (a->symbol_size == 0 || memcmp(state->bytes.data + a->symbol_at,
                                          state->bytes.data + b->symbol_at, a->symbol_size) == 0);
}

/* The records of one symbol are consecutive. */
static bool collect_part(struct collecting *collecting, const struct checkpoint_part *part) {
    const struct state *state = &part->state;
    uint32_t ordinal = 0;
    if (!collect_deployment(collecting, part))
        return false;
    for (size_t i = 0; i < state->record_count; i++) {
        const struct state_record *record = &state->records[i];
        ordinal = i > 0 && is_same_symbol(state, record, record - 1) ? ordinal + 1 : 0;
        if (!collect_record(collecting, part, record, ordinal))
            return false;
    }
    return true;
}

/* ---- what was not collected ---- */

static const struct checkpoint_part *part_of(const struct checkpoint *checkpoint,
                                             const struct known *known) {
    char name[256];
    const char *at = known->entry.key + 1;
    const size_t size = known->entry.key_size - 1;
    const size_t length = known->entry.key[0] == STORED_STATE ? strlen(at) : size;
    if (length >= sizeof name)
        return NULL;
    memcpy(name, at, length);
    name[length] = '\0';
    return checkpoint_part(checkpoint, name);
}

static bool remove_record(struct collecting *collecting, const struct known *known) {
    if (!begin(collecting))
        return false;
    text_append(&collecting->batch->bytes, known->entry.key, known->entry.key_size);
    batch_end_tombstone(collecting->batch);
    return !text_is_oom(&collecting->batch->bytes);
}

/* Those of unchanged parts stay; the others are gone. */
static bool sweep(struct collecting *collecting, const struct checkpoint *checkpoint) {
    struct changes *changes = collecting->changes;
    for (size_t i = 0; i < changes->known.count; i++) {
        struct known *known = (struct known *)changes->known.items[i];
        if (!known->is_there || known->turn == changes->turn)
            continue;
        const struct checkpoint_part *part = part_of(checkpoint, known);
        if (part == NULL || part->same_as == 0) {
            if (!remove_record(collecting, known))
                return false;
            continue;
        }
        known->turn = changes->turn;
        known->next = known->sum;
        count(changes, known->sum);
    }
    return true;
}

bool changes_collect(struct changes *changes, const struct checkpoint *checkpoint, t5_str prefix,
                     struct batch *batch) {
    struct collecting collecting = {.changes = changes,
                                    .prefix = prefix,
                                    .partition =
                                        checkpoint->partition >= 0 ? checkpoint->partition : 0,
                                    .batch = batch};
    changes->turn++;
    changes->count = changes->sum = 0;
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        const struct checkpoint_part *part = &checkpoint->parts[i];
        if (part->has_state && part->same_as == 0 && !collect_part(&collecting, part))
            return false;
    }
    return sweep(&collecting, checkpoint);
}

void changes_keep(struct changes *changes) {
    for (size_t i = changes->known.count; i > 0; i--) {
        struct known *known = (struct known *)changes->known.items[i - 1];
        if (known->turn != changes->turn) {
            state_table_remove(&changes->known, &known->entry);
            continue;
        }
        known->sum = known->next;
        known->is_there = true;
    }
}

void changes_discard(struct changes *changes) {
    for (size_t i = changes->known.count; i > 0; i--) {
        struct known *known = (struct known *)changes->known.items[i - 1];
        if (!known->is_there)
            state_table_remove(&changes->known, &known->entry);
    }
}
