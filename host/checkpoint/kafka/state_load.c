/* What the topic has for an assigned partition number. Control. */
#include "base/clock.h"
#include "base/hash.h"
#include "checkpoint/journal_file.h"
#include "checkpoint/kafka/state_reader.h"
#include "checkpoint/kafka/state_topic_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How long to wait while nothing comes: longer than brokers need to end a transaction whose
 * producer has died (its time-out, and their check every 10 s). */
#define PATIENCE_NS (45 * NS_PER_S)
#define LOOK_NS     (10 * NS_PER_S)

/* ---- reading ---- */

/* What a partition of the topic is read into: each of them gets all records. */
struct replicas {
    struct replica *items;
    size_t count;
    int32_t partition; /* of all of them */
};

static bool add(void *context, const rd_kafka_message_t *message) {
    const struct replicas *replicas = context;
    bool did = true;
    for (size_t i = 0; did && i < replicas->count; i++)
        did = replica_add(&replicas->items[i], message->key, message->key_len, message->payload,
                          message->len);
    return did;
}

static int64_t wait_until(const struct state_topic *self, int64_t span_ns) {
    const int64_t until_ns = clock_monotonic_ns() + span_ns;
    const int64_t hurry_ns =
        self->owner.hurry_ns != NULL ? atomic_load(self->owner.hurry_ns) : INT64_MAX;
    return until_ns < hurry_ns ? until_ns : hurry_ns;
}

/* Whether there is a partition to read. `*is_none`: there is none, and never was. */
static bool look(struct state_topic *self, int32_t partition, bool *is_none, struct error *error) {
    const enum topic_answer answer = state_topic_look(self, wait_until(self, LOOK_NS), error);
    if (answer == TOPIC_IS_UNKNOWN)
        return false;
    *is_none = answer != TOPIC_IS_GOOD;
    if (answer == TOPIC_IS_NEW)
        *error = (struct error){.code = ERROR_NONE};
    if (answer == TOPIC_IS_GOOD && state_partition(partition) >= state_topic_partitions(self)) {
        *is_none = true;
        error_set(error, ERROR_INVALID,
                  "topic %s has no partition %" PRId32 ": the inputs have more now; the next start "
                  "says how to correct it",
                  self->topic, partition);
    }
    if (*is_none && error->code != ERROR_NONE)
        log_event(self->log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
                  "checkpoints are not used: %s", error->text);
    return true;
}

/* False: it could not be read. */
static bool read_once(struct state_topic *self, struct replicas *replicas, struct error *error) {
    const struct reader_options options = {.client = self->reader,
                                           .topic = self->topic,
                                           .partition = state_partition(replicas->partition),
                                           .hurry_ns = self->owner.hurry_ns,
                                           .patience_ns = PATIENCE_NS};
    bool is_none = false;
    if (!look(self, replicas->partition, &is_none, error))
        return false;
    if (is_none)
        return true;
    switch (reader_read(&options, add, replicas, error)) {
    case READER_AT_END:
        return true;
    case READER_NOTHING: /* removed meanwhile */
        state_topic_doubt(self);
        log_event(self->log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
                  "checkpoints are not used: %s", error->text);
        return look(self, replicas->partition, &is_none, error);
    default:
        return false;
    }
}

static bool must_rewind(const struct replicas *replicas) {
    bool is = false;
    for (size_t i = 0; i < replicas->count; i++)
        is |= replicas->items[i].must_rewind;
    return is;
}

static bool read_all(struct state_topic *self, struct replicas *replicas, struct error *error) {
    bool did = read_once(self, replicas, error);
    while (did && must_rewind(replicas)) {
        for (size_t i = 0; i < replicas->count; i++)
            replica_rewind(&replicas->items[i]);
        did = read_once(self, replicas, error);
    }
    return did;
}

static bool load(struct state_topic *self, struct replica *replica, struct error *error) {
    const int64_t begin_ns = clock_monotonic_ns();
    struct replicas alone = {.items = replica, .count = 1, .partition = replica->partition};
    if (!read_all(self, &alone, error))
        return false;
    if (replica->malformed > 0)
        log_warning(self->log, "kafka",
                    "topic %s[%" PRId32 "] has %" PRIu64
                    " records that are not state: is the topic used for something else as well?",
                    self->topic, state_partition(replica->partition), replica->malformed);
    if (replica->damaged_number > 0)
        log_event(self->log, LOG_LEVEL_ERROR, "engine", "checkpoint.rejected",
                  "not used: topic %s[%" PRId32 "], %s", self->topic,
                  state_partition(replica->partition), replica->damaged.text);
    log_debug(self->log, "kafka", "topic %s[%" PRId32 "]: read in %" PRId64 " ms", self->topic,
              state_partition(replica->partition),
              (int64_t)((clock_monotonic_ns() - begin_ns) / NS_PER_MS));
    return true;
}

/* ---- claims ---- */

static bool add_removal(void *context, t5_str key) {
    return removals_add(context, key);
}

/* A term begins above all that was read. */
static struct claim *claim_new(const struct replica *replica, uint64_t base) {
    struct claim *claim = calloc(1, sizeof *claim);
    if (claim == NULL)
        return NULL;
    claim->term = (struct stored_term){
        .term = replica->highest_term + 1, .writer = hash_seed(), .base = base};
    claim->next_sequence = replica->next_sequence;
    text_init(&claim->removals.bytes);
    if (replica_each_key(replica, add_removal, &claim->removals))
        return claim;
    claim_free(claim);
    return NULL;
}

static void set_claim(struct state_topic *self, struct state_place *place, struct claim *claim,
                      uint64_t highest) {
    lock_acquire(&self->lock, state_topic_lock);
    struct claim *old = place->claim;
    place->claim = claim;
    place->is_claimed = true;
    place->written = 0;
    if (place->highest < highest)
        place->highest = highest;
    lock_release(&self->lock, state_topic_lock);
    claim_free(old);
}

static void keep_read(struct state_place *place, struct replica *replica) {
    if (place->read != NULL) {
        replica_release(place->read);
        free(place->read);
    }
    place->read = replica;
}

static struct replica *replica_new(const struct state_topic *self, int32_t partition,
                                   const struct positions *committed) {
    struct replica *replica = malloc(sizeof *replica);
    if (replica != NULL)
        replica_init(replica, self->owner.group, partition, committed);
    return replica;
}

static void replica_free(struct replica *replica) {
    if (replica != NULL)
        replica_release(replica);
    free(replica);
}

/* ---- finding ---- */

/* A checkpoint whose records do not add up, although their hash is right, is from another
 * release. */
static bool get(struct state_topic *self, const struct replica *replica,
                struct checkpoint *checkpoint, struct text *why, struct error *error) {
    if (replica_get(replica, checkpoint, error))
        return true;
    if (error->code == ERROR_MEMORY)
        return false;
    log_event(self->log, LOG_LEVEL_ERROR, "engine", "checkpoint.rejected",
              "not used: topic %s[%" PRId32 "], checkpoint %" PRIu64 ": %s", self->topic,
              state_partition(replica->partition), replica->best.checkpoint.number, error->text);
    if (why != NULL)
        text_puts(why, error->text);
    error->code = ERROR_NONE;
    return true;
}

bool state_topic_find(struct store_backend *backend, int32_t partition,
                      const struct positions *committed, struct checkpoint *checkpoint,
                      struct text *why, struct backend_found *found, struct error *error) {
    struct state_topic *self = (struct state_topic *)backend;
    struct state_place *place = state_place(self, partition);
    struct replica *replica = place != NULL ? replica_new(self, partition, committed) : NULL;
    struct claim *claim = NULL;
    if (replica == NULL) {
        error_set_memory(error, "a partition's checkpoints");
        return false;
    }
    bool did = load(self, replica, error);
    if (did) {
        if (why != NULL)
            text_append(why, replica->why.data, replica->why.size);
        did = get(self, replica, checkpoint, why, error);
    }
    if (did) {
        claim = claim_new(replica, checkpoint->number);
        did = claim != NULL || error_set_memory(error, "a partition's checkpoints");
    }
    if (!did) {
        checkpoint_release(checkpoint);
        replica_free(replica);
        return false;
    }
    *error = (struct error){.code = ERROR_NONE}; /* its text was logged */
    *found = (struct backend_found){.oldest = checkpoint->number,
                                    .highest = replica->highest_number,
                                    .is_without_order = checkpoint->number == 0};
    set_claim(self, place, claim, replica->highest_number);
    replica->committed = NULL; /* the caller's */
    const bool is_found = checkpoint->number != 0;
    if (is_found && partition >= 0) {
        keep_read(place, replica);
    } else {
        keep_read(place, NULL);
        replica_free(replica);
    }
    return is_found;
}

bool state_topic_find_before(struct store_backend *backend, int32_t partition, uint64_t number,
                             const struct positions *committed, struct checkpoint *checkpoint,
                             struct error *error) {
    struct state_topic *self = (struct state_topic *)backend;
    struct replica *replica = replica_new(self, partition, committed);
    if (replica == NULL)
        return error_set_memory(error, "a partition's checkpoints");
    replica->below = number;
    const bool did = load(self, replica, error) && get(self, replica, checkpoint, NULL, error);
    replica_free(replica);
    return did;
}

/* ---- assigned again ---- */

/* Whether the latest that was written is this process's own. */
static bool is_own(struct state_topic *self, struct state_place *place,
                   const struct replica *replica, uint64_t *written) {
    lock_acquire(&self->lock, state_topic_lock);
    const bool is_own = place->is_claimed && place->claim == NULL &&
                        stored_is_same_term(place->term, replica->term);
    *written = place->written;
    lock_release(&self->lock, state_topic_lock);
    return is_own;
}

bool state_topic_resume(struct store_backend *backend, int32_t partition,
                        struct backend_found *found, struct error *error) {
    struct state_topic *self = (struct state_topic *)backend;
    struct state_place *place = state_place(self, partition);
    struct replica *replica = place != NULL ? replica_new(self, partition, NULL) : NULL;
    if (replica == NULL)
        return error_set_memory(error, "a partition's checkpoints");
    bool did = load(self, replica, error);
    if (did) {
        *found = (struct backend_found){.oldest = replica->best.checkpoint.number,
                                        .highest = replica->highest_number};
        if (!is_own(self, place, replica, &found->number)) {
            found->number = 0;
            struct claim *claim = claim_new(replica, replica->highest_number);
            if (claim != NULL)
                set_claim(self, place, claim, replica->highest_number);
            did = claim != NULL || error_set_memory(error, "a partition's checkpoints");
        }
    }
    replica_free(replica);
    return did;
}

bool state_topic_highest(struct store_backend *backend, int32_t partition, uint64_t *number,
                         struct error *error) {
    struct state_topic *self = (struct state_topic *)backend;
    struct state_place *place = state_place(self, partition);
    if (place == NULL)
        return error_set_memory(error, "a partition's checkpoints");
    lock_acquire(&self->lock, state_topic_lock);
    const bool is_known = place->is_claimed;
    *number = place->highest;
    lock_release(&self->lock, state_topic_lock);
    return is_known || error_set(error, ERROR_STATE,
                                 "topic %s: what it has of partition %" PRId32 " was not read yet",
                                 self->topic, partition);
}

/* ---- the order ---- */

static void log_order_unknown(const struct state_topic *self, int32_t partition, const char *why) {
    log_event(self->log, LOG_LEVEL_ERROR, "engine", "checkpoint.order_unknown",
              "partition %" PRId32 ": the order in which messages of different topics were "
              "processed is not known any more: %s",
              partition, why);
}

bool state_order_add(const char *topic, const struct replica *replica,
                     const struct replica_frames *frames, const char *const *topics,
                     size_t topic_count, struct order *order, struct error *error) {
    const uint64_t number = frames->frames.number;
    const uint64_t last = order->segments[order->segment_count - 1].number;
    const struct journal_owner owner = {.partition = replica->partition,
                                        .number = number,
                                        .group = replica->group,
                                        .topics = topics,
                                        .topic_count = topic_count};
    const t5_str section = frames->frames.section;
    struct journal_shape shape = {0};
    if (number < last)
        return error_set(error, ERROR_INVALID,
                         "another host has worked on it, behind checkpoint %" PRIu64, last);
    if (number > last && !order_begin_segment(order, number))
        return error_set_memory(error, "a journal");
    if (frames->is_behind_gap)
        return error_set(error, ERROR_INVALID,
                         "topic %s[%" PRId32 "]: part of its journal is missing", topic,
                         state_partition(replica->partition));
    return journal_read(section.data, section.len, &owner, order, &shape, error) &&
           (shape.whole == section.len ||
            error_set(error, ERROR_INVALID, "topic %s[%" PRId32 "]: part of its journal is damaged",
                      topic, state_partition(replica->partition)));
}

/* The order continues with the frames, or is broken there. */
static void add_frames(const struct state_topic *self, const struct replica *replica,
                       const struct replica_frames *frames, struct order *order) {
    struct error error;
    if (state_order_add(self->topic, replica, frames, self->owner.topics, self->owner.topic_count,
                        order, &error))
        return;
    if (!order->is_broken)
        log_order_unknown(self, replica->partition, error.text);
    order_break(order);
}

void state_topic_read_order(struct store_backend *backend, int32_t partition, uint64_t number,
                            struct order *order) {
    struct state_topic *self = (struct state_topic *)backend;
    struct state_place *place = state_place(self, partition);
    struct replica *replica = place != NULL ? place->read : NULL;
    if (replica == NULL || replica->best.checkpoint.number != number) {
        log_order_unknown(self, partition, "it was not read");
        order_break(order);
        return;
    }
    for (size_t i = 0; i < replica->frame_count; i++)
        add_frames(self, replica, &replica->frames[i], order);
    keep_read(place, NULL);
}

/* ---- examining those of others ---- */

/* One that does not add up counts as absent. False: out of memory. */
static bool take_look(const struct state_topic *self, const struct replica *replica,
                      struct backend_look *look, struct error *error) {
    if (replica_get(replica, &look->checkpoint, error)) {
        for (size_t i = 0; look->order != NULL && i < replica->frame_count; i++)
            add_frames(self, replica, &replica->frames[i], look->order);
        return true;
    }
    if (error->code == ERROR_MEMORY)
        return false;
    log_event(self->log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
              "not used: topic %s[%" PRId32 "], checkpoint %" PRIu64 " of group %s: %s",
              self->topic, state_partition(replica->partition), replica->best.checkpoint.number,
              look->group, error->text);
    return true;
}

bool state_topic_look_at(struct store_backend *backend, int32_t partition,
                         struct backend_look *looks, size_t count, struct error *error) {
    struct state_topic *self = (struct state_topic *)backend;
    struct replicas replicas = {
        .items = calloc(count + 1, sizeof *replicas.items), .count = count, .partition = partition};
    if (replicas.items == NULL)
        return error_set_memory(error, "checkpoints of other workers");
    for (size_t i = 0; i < count; i++) {
        replica_init(&replicas.items[i], looks[i].group, partition, looks[i].committed);
        replicas.items[i].keeps_former = looks[i].order != NULL;
    }
    bool did = read_all(self, &replicas, error);
    for (size_t i = 0; did && i < count; i++)
        did = take_look(self, &replicas.items[i], &looks[i], error);
    for (size_t i = 0; i < count; i++)
        replica_release(&replicas.items[i]);
    free(replicas.items);
    if (did)
        error->code = ERROR_NONE; /* its text was logged */
    return did;
}
