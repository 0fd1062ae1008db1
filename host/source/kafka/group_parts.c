/*
 * What is known of each partition, for control and for the lanes that read it.
 */
#include "source/kafka/consumer_private.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

uint32_t kafka_group_topic(const struct kafka_source *self, const char *name) {
    uint32_t i = 0;
    while (i < self->topic_count && strcmp(self->topics[i].name, name) != 0)
        i++;
    return i;
}

static void part_init(struct kafka_owned_part *part) {
    memset(part, 0, sizeof *part);
    atomic_init(&part->given, SOURCE_NO_OFFSET);
    atomic_init(&part->committed, SOURCE_NO_OFFSET);
    atomic_init(&part->transacted, SOURCE_NO_OFFSET);
    atomic_init(&part->stored, SOURCE_NO_OFFSET);
}

/* Makes room for the partition number. */
static bool owned_grow(struct kafka_topic *topic, int32_t partition) {
    struct kafka_owned *owned = atomic_load_explicit(&topic->owned, memory_order_relaxed);
    const int32_t before = owned ? owned->count : 0;
    if (partition < before)
        return true;
    int32_t count = owned ? before : 16;
    while (count <= partition)
        count = count > INT32_MAX / 2 ? INT32_MAX : count * 2;
    struct kafka_owned *grown = calloc(1, sizeof *grown + (size_t)count * sizeof grown->parts[0]);
    struct kafka_owned_part *added =
        aligned_alloc(_Alignof(struct kafka_owned_part), (size_t)(count - before) * sizeof *added);
    if (!grown || !added) {
        free(grown);
        free(added);
        return false;
    }
    grown->older = owned;
    grown->added = added;
    grown->count = count;
    if (owned)
        memcpy(grown->parts, owned->parts, (size_t)before * sizeof grown->parts[0]);
    for (int32_t i = before; i < count; i++) {
        grown->parts[i] = &added[i - before];
        part_init(grown->parts[i]);
    }
    atomic_store_explicit(&topic->owned, grown, memory_order_release);
    return true;
}

bool kafka_group_own(struct kafka_source *self, const struct topic_partition *part) {
    struct kafka_topic *topic = &self->topics[part->topic];
    if (!owned_grow(topic, part->partition))
        return false;
    struct kafka_owned_part *owned = kafka_group_owned(topic, part->partition);
    atomic_store(&owned->given, SOURCE_NO_OFFSET);
    atomic_store(&owned->stored, SOURCE_NO_OFFSET);
    /* The beginning of a new one may not be committed yet. */
    atomic_store(&owned->committed, part->is_new ? SOURCE_NO_OFFSET : part->offset);
    atomic_store(&owned->takes_offsets, true);
    atomic_store_explicit(&owned->is_owned, true, memory_order_release);
    return true;
}

void kafka_group_disown(const struct kafka_source *self, const struct topic_partition *part) {
    struct kafka_owned_part *owned = kafka_group_owned(&self->topics[part->topic], part->partition);
    if (owned)
        atomic_store_explicit(&owned->is_owned, false, memory_order_release);
}

void kafka_group_end_offsets(const struct kafka_source *self, const struct topic_partition *part) {
    struct kafka_owned_part *owned = kafka_group_owned(&self->topics[part->topic], part->partition);
    if (owned)
        atomic_store(&owned->takes_offsets, false);
}

struct kafka_owned_part *kafka_group_owned(const struct kafka_topic *topic, int32_t partition) {
    struct kafka_owned *owned = atomic_load(&topic->owned);
    return owned && partition < owned->count ? owned->parts[partition] : NULL;
}

int64_t kafka_group_given(const struct kafka_topic *topic, int32_t partition) {
    const struct kafka_owned_part *part = kafka_group_owned(topic, partition);
    return part ? atomic_load(&part->given) : SOURCE_NO_OFFSET;
}

rd_kafka_queue_t *kafka_group_forward(struct kafka_source *self, const char *topic,
                                      int32_t partition) {
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(self->client, topic, partition);
    if (queue)
        rd_kafka_queue_forward(queue, self->lanes[(uint32_t)partition % self->lane_count].queue);
    return queue;
}

void kafka_group_forward_all(struct kafka_source *self) {
    for (int i = 0; i < self->assignment->cnt; i++) {
        const rd_kafka_topic_partition_t *part = &self->assignment->elems[i];
        rd_kafka_queue_t *queue = kafka_group_forward(self, part->topic, part->partition);
        if (queue)
            rd_kafka_queue_destroy(queue);
    }
}

/*
 * What the client reports about a partition after its revocation is in the partition's own queue,
 * which is not read, and refers to the partition. If that was deleted from the cluster, librdkafka
 * (before 2.6.1) has lost the queue: partition and message keep each other alive, and with them a
 * broker's thread, for which rd_kafka_destroy() waits forever. So the host keeps the queue, and
 * empties it when the partition is not assigned.
 */
void kafka_group_release_queue(struct kafka_part *part) {
    if (!part->queue)
        return;
    rd_kafka_queue_forward(part->queue, NULL); /* nothing of a lane's is taken */
    for (rd_kafka_message_t *message; (message = rd_kafka_consume_queue(part->queue, 0)) != NULL;)
        rd_kafka_message_destroy(message);
    rd_kafka_queue_destroy(part->queue);
    part->queue = NULL;
}

static const struct kafka_part NOTHING_KNOWN = {
    .committed_by_us = SOURCE_NO_OFFSET,
    .begun = SOURCE_NO_OFFSET,
    .committed = SOURCE_NO_OFFSET,
    .settled_from = SOURCE_NO_OFFSET,
    .settled_to = SOURCE_NO_OFFSET,
    .held_at = SOURCE_NO_OFFSET,
};

struct kafka_part *kafka_group_part(struct kafka_topic *topic, int32_t partition) {
    if (partition < topic->part_count)
        return &topic->parts[partition];
    const int32_t count = partition + 16;
    if (!ARRAY_RESIZE(topic->parts, (size_t)count))
        return NULL;
    while (topic->part_count < count)
        topic->parts[topic->part_count++] = NOTHING_KNOWN;
    return &topic->parts[partition];
}

void kafka_group_forget_parts(struct kafka_topic *topic) {
    for (int32_t i = 0; i < topic->part_count; i++) {
        rd_kafka_queue_t *queue = topic->parts[i].queue;
        topic->parts[i] = NOTHING_KNOWN;
        topic->parts[i].queue = queue;
    }
}

void kafka_group_release_parts(struct kafka_topic *topic) {
    for (int32_t i = 0; i < topic->part_count; i++)
        kafka_group_release_queue(&topic->parts[i]);
    free(topic->parts);
    topic->parts = NULL;
    topic->part_count = 0;
}

void kafka_wake_control(struct source *source) {
    struct kafka_source *self = kafka_of(source);
    rd_kafka_queue_t *queue = atomic_load(&self->control_queue);
    atomic_store(&self->is_control_woken, true);
    if (queue)
        rd_kafka_queue_yield(queue);
}
