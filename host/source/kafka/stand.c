/*
 * Partitions that stand still. The client returns an error in place of records that it cannot
 * return: a batch that is damaged in the log, one that is too large, a topic without read
 * permission. It asks for the same again and again, so the error comes many times; it is logged
 * once, and stays in the status until a later record of that partition was returned.
 */
#include "source/kafka/consumer_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What to do about it; empty: no advice. */
static const char *stand_advice(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
        return "the batch in the broker's log is corrupt: restore it from a replica; or stop the "
               "hosts of the group, set the offset after the batch (kafka-consumer-groups.sh "
               "--reset-offsets --to-offset) and restart them";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return "raise [kafka] receive.message.max.bytes and fetch.message.max.bytes";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "grant the user READ on the topic (kafka-acls.sh)";
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return "the group has no valid offset, and [kafka] auto.offset.reset "
               "makes that an error: set it to earliest or latest and restart the host; or "
               "stop the hosts of the group, set the offset (kafka-consumer-groups.sh "
               "--reset-offsets "
               "--to-earliest --execute) and restart them";
    default:
        return "";
    }
}

/* "at offset 7", or that it is not known. */
static const char *stand_where(int64_t offset, char text[40]) {
    if (offset < 0)
        return "at an unknown offset";
    snprintf(text, 40, "at offset %" PRId64, offset);
    return text;
}

/* NULL: none; with the mutex held. */
REQUIRES(kafka_lock)
static struct kafka_stand *stand_find(struct kafka_source *self, uint32_t topic,
                                      int32_t partition) {
    for (size_t i = 0; i < self->stand_count; i++)
        if (self->stands[i].topic == topic && self->stands[i].partition == partition)
            return &self->stands[i];
    return NULL;
}

REQUIRES(kafka_lock)
static void stand_remove(struct kafka_source *self, struct kafka_stand *stand) {
    const size_t index = (size_t)(stand - self->stands);
    self->stand_count--;
    memmove(stand, stand + 1, (self->stand_count - index) * sizeof *stand);
}

/* Whether it is new; with the mutex held. */
REQUIRES(kafka_lock)
static bool stand_enter(struct kafka_source *self, uint32_t topic,
                        const rd_kafka_message_t *message) {
    struct kafka_stand *stand = stand_find(self, topic, message->partition);
    const bool is_known = stand && stand->offset == message->offset && stand->code == message->err;
    if (!stand && self->stand_count < KAFKA_STANDS)
        stand = &self->stands[self->stand_count++];
    if (!stand)
        return true;
    *stand = (struct kafka_stand){.topic = topic,
                                  .partition = message->partition,
                                  .offset = message->offset,
                                  .code = message->err};
    snprintf(stand->reason, sizeof stand->reason, "%s", rd_kafka_message_errstr(message));
    return !is_known;
}

void kafka_stand_note(struct kafka_source *self, const rd_kafka_message_t *message) {
    const char *name = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    const uint32_t topic = kafka_group_topic(self, name);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return;
    if (topic == self->topic_count || message->partition < 0) {
        log_warning(self->log, KAFKA_ROOM, "%s%s%s (%s)", name, name[0] ? ": " : "",
                    rd_kafka_message_errstr(message), rd_kafka_err2name(message->err));
        return;
    }
    lock_acquire(&self->mutex, kafka_lock);
    const bool is_new = stand_enter(self, topic, message);
    lock_release(&self->mutex, kafka_lock);
    if (!is_new)
        return;
    const char *advice = stand_advice(message->err);
    char where[40];
    log_event(self->log, LOG_LEVEL_ERROR, KAFKA_ROOM, "partition.stuck",
              "%s [%" PRId32 "] is stuck %s: %s (%s)%s%s", name, message->partition,
              stand_where(message->offset, where), rd_kafka_message_errstr(message),
              rd_kafka_err2name(message->err), advice[0] ? "; " : "", advice);
}

void kafka_stand_passed(struct kafka_source *self, uint32_t topic, int32_t partition,
                        int64_t next) {
    int64_t offset = -1;
    lock_acquire(&self->mutex, kafka_lock);
    struct kafka_stand *stand = stand_find(self, topic, partition);
    /* No new error means nothing: perhaps nothing is fetched. */
    if (stand && next >= 0 && next > stand->offset) {
        offset = stand->offset;
        stand_remove(self, stand);
    }
    lock_release(&self->mutex, kafka_lock);
    if (offset >= 0)
        log_event(self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "partition.continued",
                  "%s [%" PRId32 "] continues after offset %" PRId64 ", at %" PRId64
                  "; the unreadable messages are skipped",
                  self->topics[topic].name, partition, offset, next);
}

void kafka_stand_forget(struct kafka_source *self, uint32_t topic, int32_t partition) {
    lock_acquire(&self->mutex, kafka_lock);
    struct kafka_stand *stand = stand_find(self, topic, partition);
    if (stand)
        stand_remove(self, stand);
    lock_release(&self->mutex, kafka_lock);
}

void kafka_stand_describe(const struct kafka_source *self, char *text, size_t size) {
    text[0] = '\0';
    if (self->stand_count == 0)
        return;
    const struct kafka_stand *first = &self->stands[0];
    const char *advice = stand_advice(first->code);
    char others[64] = "";
    if (self->stand_count > 1)
        snprintf(others, sizeof others, "; %zu more partitions are stuck", self->stand_count - 1);
    char where[40];
    snprintf(text, size, "%s [%" PRId32 "] is stuck %s: %s%s%s%s", self->topics[first->topic].name,
             first->partition, stand_where(first->offset, where), first->reason,
             advice[0] ? "; " : "", advice, others);
}
