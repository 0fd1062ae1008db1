/* What is known about each partition number, and about the topic: shared by control and the store's
 * thread. */
#include "checkpoint/kafka/state_topic_private.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* ---- removals ---- */

void removals_release(struct removals *removals) {
    text_release(&removals->bytes);
    free(removals->ends);
    *removals = (struct removals){0};
    text_init(&removals->bytes);
}

bool removals_add(struct removals *removals, t5_str key) {
    if (!ARRAY_GROW(removals->ends, removals->count, removals->capacity))
        return false;
    text_append(&removals->bytes, key.data, key.len);
    removals->ends[removals->count++] = removals->bytes.size;
    return !text_is_oom(&removals->bytes);
}

void claim_free(struct claim *claim) {
    if (claim == NULL)
        return;
    removals_release(&claim->removals);
    free(claim);
}

/* ---- partition numbers ---- */

REQUIRES(state_topic_lock)
static struct state_place *place_new(struct state_topic *self, int32_t partition) {
    struct state_place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return NULL;
    place->partition = partition;
    text_init(&place->prefix);
    text_init(&place->removals.bytes);
    changes_init(&place->changes);
    place->next = self->places;
    self->places = place;
    return place;
}

struct state_place *state_place(struct state_topic *self, int32_t partition) {
    lock_acquire(&self->lock, state_topic_lock);
    struct state_place *place = self->places;
    while (place != NULL && place->partition != partition)
        place = place->next;
    if (place == NULL)
        place = place_new(self, partition);
    lock_release(&self->lock, state_topic_lock);
    return place;
}

void state_place_free(struct state_place *place) {
    lock_alone(state_topic_lock);
    claim_free(place->claim);
    text_release(&place->prefix);
    changes_release(&place->changes);
    removals_release(&place->removals);
    if (place->read != NULL)
        replica_release(place->read);
    free(place->read);
    free(place);
}

/* ---- the topic ---- */

int32_t state_topic_partitions(struct state_topic *self) {
    lock_acquire(&self->lock, state_topic_lock);
    const int32_t partitions = self->partitions;
    lock_release(&self->lock, state_topic_lock);
    return partitions;
}

static void set_partitions(struct state_topic *self, int32_t partitions) {
    lock_acquire(&self->lock, state_topic_lock);
    self->partitions = partitions;
    lock_release(&self->lock, state_topic_lock);
}

void state_topic_doubt(struct state_topic *self) {
    set_partitions(self, 0);
}

enum topic_answer state_topic_look(struct state_topic *self, int64_t until_ns,
                                   struct error *error) {
    const struct topic_question question = {.client = self->reader,
                                            .topic = self->topic,
                                            .servers = self->servers,
                                            .inputs = self->owner.topics,
                                            .input_count = self->owner.topic_count,
                                            .log = self->log};
    int32_t partitions;
    if (state_topic_partitions(self) > 0)
        return TOPIC_IS_GOOD;
    const enum topic_answer answer = topic_check(&question, until_ns, &partitions, error);
    if (answer == TOPIC_IS_GOOD || answer == TOPIC_IS_NEW)
        set_partitions(self, partitions);
    return answer;
}
