/* Checkpoints and journals as transactions. The store's thread. */
#include "base/clock.h"
#include "checkpoint/journal_file.h"
#include "checkpoint/kafka/state_topic_private.h"
#include "checkpoint/kafka/stored.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Limit of a transaction; less while the previous ones failed, so that others wait less. */
#define WRITE_NS       (20 * NS_PER_S)
#define PROBE_NS       (3 * NS_PER_S)
/* Between two attempts, while they fail. */
#define PAUSE_FIRST_NS NS_PER_S
#define PAUSE_MOST_NS  (30 * NS_PER_S)

/* ---- terms ---- */

static void begin_term(struct state_topic *self, struct state_place *place) {
    changes_reset(&place->changes);
    text_reset(&place->prefix);
    stored_put_prefix(&place->prefix, self->owner.group, place->partition, place->own);
    place->journal_index = place->journal_most = 0;
    place->journal_number = UINT64_MAX;
    lock_acquire(&self->lock, state_topic_lock);
    place->term = place->own;
    place->written = 0;
    lock_release(&self->lock, state_topic_lock);
}

/* Takes over what control has passed on. */
static bool adopt(struct state_topic *self, struct state_place *place, struct error *error) {
    lock_acquire(&self->lock, state_topic_lock);
    struct claim *claim = place->claim;
    const bool is_claimed = place->is_claimed;
    place->claim = NULL;
    lock_release(&self->lock, state_topic_lock);
    if (!is_claimed)
        return error_set(error, ERROR_STATE,
                         "topic %s: what it has of partition %" PRId32 " was not read yet",
                         self->topic, place->partition);
    if (claim == NULL)
        return true;
    place->own = claim->term;
    place->next_sequence = claim->next_sequence;
    removals_release(&place->removals);
    place->removals = claim->removals;
    claim->removals = (struct removals){0};
    text_init(&claim->removals.bytes);
    claim_free(claim);
    begin_term(self, place);
    return true;
}

static bool add_removal(struct state_place *place, void (*put)(struct text *out, uint32_t index),
                        uint32_t index) {
    struct text key;
    text_init(&key);
    text_append(&key, place->prefix.data, place->prefix.size);
    put(&key, index);
    const bool did = !text_is_oom(&key) &&
                     removals_add(&place->removals, (t5_str){.data = key.data, .len = key.size});
    text_release(&key);
    return did;
}

static void put_header_key(struct text *out, uint32_t index) {
    (void)index;
    stored_put_header_key(out);
}

/* It is not known what the topic has of this term: another one begins, and is written whole.
 * Without memory some earlier records are not removed: they are ignored. */
static void renew_term(struct state_topic *self, struct state_place *place) {
    struct text key;
    text_init(&key);
    for (size_t i = 0; i < place->changes.known.count; i++) {
        const struct state_table_entry *entry = place->changes.known.items[i];
        text_reset(&key);
        text_append(&key, place->prefix.data, place->prefix.size);
        text_append(&key, entry->key, entry->key_size);
        if (!text_is_oom(&key))
            (void)removals_add(&place->removals, (t5_str){.data = key.data, .len = key.size});
    }
    text_release(&key);
    (void)add_removal(place, put_header_key, 0);
    for (uint32_t i = 0; i < place->journal_most; i++)
        (void)add_removal(place, stored_put_journal_key, i);
    place->own.term++;
    if (place->own.base < place->tried)
        place->own.base = place->tried;
    begin_term(self, place);
}

static void renew_all(struct state_topic *self) {
    lock_acquire(&self->lock, state_topic_lock);
    struct state_place *first = self->places;
    lock_release(&self->lock, state_topic_lock);
    for (struct state_place *place = first; place != NULL; place = place->next) {
        if (place->prefix.size > 0)
            renew_term(self, place);
    }
}

/* ---- status ---- */

/* Whether another attempt makes sense now. */
static bool may_try(const struct state_topic *self, struct error *error) {
    if (clock_monotonic_ns() >= self->retry_ns)
        return true;
    *error = self->trouble;
    return false;
}

static void note_failure(struct state_topic *self, const struct error *error) {
    self->pause_ns = self->pause_ns == 0 ? PAUSE_FIRST_NS : 2 * self->pause_ns;
    if (self->pause_ns > PAUSE_MOST_NS)
        self->pause_ns = PAUSE_MOST_NS;
    self->retry_ns = clock_monotonic_ns() + self->pause_ns;
    self->trouble = *error;
    state_topic_doubt(self); /* it may have been removed */
}

static bool look(struct state_topic *self, int64_t until_ns, struct error *error) {
    switch (state_topic_look(self, until_ns, error)) {
    case TOPIC_IS_NEW:
        renew_all(self);
        return error_set(
            error, ERROR_SYSTEM,
            "topic %s was deleted and created again: all is written again with the next "
            "checkpoint",
            self->topic);
    case TOPIC_IS_GOOD:
        return true;
    default:
        return false;
    }
}

static enum transaction_outcome run(struct state_topic *self, const struct batch *batch,
                                    struct error *error) {
    const int64_t until_ns = clock_monotonic_ns() + (self->pause_ns == 0 ? WRITE_NS : PROBE_NS);
    enum transaction_outcome outcome = TRANSACTION_ABORTED;
    if (batch_size(batch) == SIZE_MAX) {
        error_set_memory(error, "a checkpoint");
        return outcome;
    }
    if (!may_try(self, error))
        return outcome;
    if (look(self, until_ns, error))
        outcome = transactions_write(&self->transactions, batch, until_ns, error);
    if (outcome == TRANSACTION_COMMITTED)
        self->pause_ns = 0;
    else
        note_failure(self, error);
    return outcome;
}

/* The offsets began anew: what was written earlier is lost. */
static bool is_still_there(struct state_topic *self, struct error *error) {
    if (!self->transactions.was_recreated)
        return true;
    self->transactions.was_recreated = false;
    state_topic_doubt(self);
    renew_all(self);
    return error_set(error, ERROR_SYSTEM,
                     "topic %s was deleted and created again: all is written again with the next "
                     "checkpoint",
                     self->topic);
}

/* ---- checkpoints ---- */

static bool add_removals(struct state_topic *self, const struct state_place *place) {
    size_t begin = 0;
    for (size_t i = 0; i < place->removals.count; i++) {
        const size_t end = place->removals.ends[i];
        if (!batch_begin(&self->batch, state_partition(place->partition)))
            return false;
        text_append(&self->batch.bytes, place->removals.bytes.data + begin, end - begin);
        batch_end_tombstone(&self->batch);
        begin = end;
    }
    return true;
}

/* A copy that shares everything but the states. */
static bool add_header(struct state_topic *self, const struct state_place *place,
                       const struct checkpoint *checkpoint) {
    struct stored_header header = {.sequence = place->journal_number == checkpoint->number
                                                   ? place->journal_begin
                                                   : place->next_sequence,
                                   .count = place->changes.count,
                                   .sum = place->changes.sum,
                                   .checkpoint = *checkpoint};
    struct checkpoint_part *parts = calloc(checkpoint->part_count + 1, sizeof *parts);
    if (parts == NULL || !batch_begin(&self->batch, state_partition(place->partition))) {
        free(parts);
        return false;
    }
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        parts[i] = checkpoint->parts[i];
        parts[i].has_state = false;
    }
    header.checkpoint.parts = parts;
    text_append(&self->batch.bytes, place->prefix.data, place->prefix.size);
    stored_put_header_key(&self->batch.bytes);
    batch_end_key(&self->batch);
    stored_put_header(&self->batch.bytes, &header);
    batch_end(&self->batch);
    free(parts);
    return true;
}

/* Those that are `same_as` another one must be in this term. */
static bool check_parts(struct state_topic *self, struct state_place *place,
                        const struct checkpoint *checkpoint, struct error *error) {
    lock_acquire(&self->lock, state_topic_lock);
    const uint64_t written = place->written;
    lock_release(&self->lock, state_topic_lock);
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        const uint64_t number = checkpoint->parts[i].same_as;
        if (number != 0 && number != written)
            return error_set(error, ERROR_STATE,
                             "topic %s: checkpoint %" PRIu64 " of partition %" PRId32
                             ", which this one extends, is missing: the next one is complete",
                             self->topic, number, checkpoint->partition);
    }
    return true;
}

static bool fill(struct state_topic *self, struct state_place *place,
                 const struct checkpoint *checkpoint, struct error *error) {
    const t5_str prefix = {.data = place->prefix.data, .len = place->prefix.size};
    batch_reset(&self->batch);
    if (add_removals(self, place) &&
        changes_collect(&place->changes, checkpoint, prefix, &self->batch) &&
        add_header(self, place, checkpoint))
        return true;
    changes_discard(&place->changes);
    return error_set_memory(error, "a checkpoint");
}

static void keep(struct state_topic *self, struct state_place *place, uint64_t number) {
    changes_keep(&place->changes);
    removals_release(&place->removals);
    lock_acquire(&self->lock, state_topic_lock);
    place->written = number;
    if (place->highest < number)
        place->highest = number;
    lock_release(&self->lock, state_topic_lock);
}

bool state_topic_write(struct store_backend *backend, struct checkpoint *checkpoint, uint64_t *size,
                       struct error *error) {
    struct state_topic *self = (struct state_topic *)backend;
    struct state_place *place = state_place(self, checkpoint->partition);
    if (place == NULL)
        return error_set_memory(error, "a checkpoint");
    if (!adopt(self, place, error) || !check_parts(self, place, checkpoint, error) ||
        !fill(self, place, checkpoint, error))
        return false;
    *size = batch_size(&self->batch);
    if (place->tried < checkpoint->number)
        place->tried = checkpoint->number;
    switch (run(self, &self->batch, error)) {
    case TRANSACTION_COMMITTED:
        if (!is_still_there(self, error))
            return false;
        keep(self, place, checkpoint->number);
        return true;
    case TRANSACTION_ABORTED:
        changes_discard(&place->changes);
        return false;
    default:
        renew_term(self, place);
        return false;
    }
}

/* The brokers remove what is not needed. */
void state_topic_prune(struct store_backend *backend, struct checkpoint *checkpoint,
                       struct backend_pruning *pruning) {
    (void)backend;
    (void)checkpoint;
    pruning->kept[0] = pruning->oldest = pruning->written;
}

/* ---- journals ---- */

static bool add_frames(struct state_topic *self, struct state_place *place, uint64_t number,
                       const struct text *frames, bool has_holes) {
    const struct journal_owner owner = {.partition = place->partition,
                                        .number = number,
                                        .group = self->owner.group,
                                        .topics = self->owner.topics,
                                        .topic_count = self->owner.topic_count};
    struct text section;
    if (!batch_begin(&self->journals, state_partition(place->partition)))
        return false;
    text_init(&section);
    journal_put_header(&section, &owner);
    if (has_holes)
        order_put_break(&section);
    text_append(&section, frames->data, frames->size);
    const struct stored_frames record = {
        .number = number,
        .sequence = place->next_sequence,
        .section = {.data = section.data, .len = section.size},
    };
    text_append(&self->journals.bytes, place->prefix.data, place->prefix.size);
    stored_put_journal_key(&self->journals.bytes, place->journal_index);
    batch_end_key(&self->journals);
    stored_put_frames(&self->journals.bytes, &record);
    batch_end(&self->journals);
    const bool did = !text_is_oom(&section) && !text_is_oom(&self->journals.bytes);
    text_release(&section);
    return did;
}

bool state_topic_append(struct store_backend *backend, int32_t partition, uint64_t number,
                        const struct text *frames, bool has_holes, struct error *error) {
    struct state_topic *self = (struct state_topic *)backend;
    if (frames->size == 0 && !has_holes)
        return true;
    struct state_place *place = state_place(self, partition);
    if (place == NULL)
        return error_set_memory(error, "a journal");
    if (!adopt(self, place, error))
        return false;
    if (place->journal_number != number) {
        place->journal_number = number;
        place->journal_begin = place->next_sequence;
        place->journal_index = 0;
    }
    if (!add_frames(self, place, number, frames, has_holes))
        return error_set_memory(error, "a journal");
    place->next_sequence++;
    if (++place->journal_index > place->journal_most)
        place->journal_most = place->journal_index;
    place->is_pending = true;
    return true;
}

void state_topic_sync(struct store_backend *backend,
                      void (*report)(void *context, int32_t partition, uint64_t size,
                                     const struct error *error),
                      void *context) {
    struct state_topic *self = (struct state_topic *)backend;
    struct error error;
    if (self->journals.count == 0)
        return;
    const uint64_t size = batch_size(&self->journals);
    const bool did =
        run(self, &self->journals, &error) == TRANSACTION_COMMITTED && is_still_there(self, &error);
    batch_reset(&self->journals);
    lock_acquire(&self->lock, state_topic_lock);
    struct state_place *first = self->places;
    lock_release(&self->lock, state_topic_lock);
    for (struct state_place *place = first; place != NULL; place = place->next) {
        if (place->is_pending)
            report(context, place->partition, size, did ? NULL : &error);
        place->is_pending = false;
    }
}

/* A term of its own has begun: earlier ones are ignored. */
void state_topic_remove_journals(struct store_backend *backend, int32_t partition) {
    (void)backend;
    (void)partition;
}
