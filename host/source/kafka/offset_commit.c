/*
 * Offsets on their way to the group.
 *
 * Lanes store what is done; control commits it every auto.commit.interval.ms. librdkafka could do
 * both, but it would continue to commit while no coordinator answers, keep what it could not send,
 * and send it after it has rejoined as a new member: a broker fences a static member for that,
 * which ends the client. So there is one commit at a time, and none while no broker answers.
 */
#include "base/clock.h"
#include "source/kafka/consumer_private.h"

/* What a rebalance causes is over by then. */
#define PASSES_NS (60 * NS_PER_S)

/* ---- lanes ---- */

bool kafka_commit_store(struct kafka_topic *topic, int32_t partition, int64_t next) {
    struct kafka_owned_part *part = kafka_group_owned(topic, partition);
    if (!part || !atomic_load_explicit(&part->takes_offsets, memory_order_acquire))
        return false;
    atomic_store_explicit(&part->stored, next, memory_order_release);
    return true;
}

void kafka_commit_note_transaction(struct kafka_topic *topic, int32_t partition, int64_t next) {
    struct kafka_owned_part *part = kafka_group_owned(topic, partition);
    if (!part)
        return;
    atomic_store(&part->transacted, next);
    atomic_store(&part->committed, next);
}

/* ---- what is committed ---- */

void kafka_commit_learn(struct kafka_topic *topic, int32_t partition) {
    const struct kafka_owned_part *owned = kafka_group_owned(topic, partition);
    struct kafka_part *part = kafka_group_part(topic, partition);
    const int64_t transacted = owned ? atomic_load(&owned->transacted) : SOURCE_NO_OFFSET;
    if (part && transacted != SOURCE_NO_OFFSET)
        part->committed = part->committed_by_us = transacted;
}

int64_t kafka_commit_by_us(const struct kafka_source *self, uint32_t topic, int32_t partition) {
    const struct kafka_topic *known = &self->topics[topic];
    return partition < known->part_count ? known->parts[partition].committed_by_us
                                         : SOURCE_NO_OFFSET;
}

/* An offset that is not noted only makes a later start begin without state. */
static void note_committed(struct kafka_source *self, const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];
        uint32_t topic = kafka_group_topic(self, entry->topic);
        if (entry->err || entry->offset < 0 || entry->partition < 0 || topic == self->topic_count)
            continue;
        atomic_store(&self->commit_ns, clock_monotonic_ns());
        struct kafka_part *part = kafka_group_part(&self->topics[topic], entry->partition);
        if (!part)
            continue;
        part->committed_by_us = part->committed = entry->offset;
        part->had_offset = true;
        struct kafka_owned_part *owned = kafka_group_owned(&self->topics[topic], entry->partition);
        if (owned)
            atomic_store(&owned->committed, entry->offset);
    }
}

/* One partition's refusal counts: its offset did not move. */
static rd_kafka_resp_err_t outcome(rd_kafka_resp_err_t code,
                                   const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; !code && list && i < list->cnt; i++)
        code = list->elems[i].err;
    return code;
}

/* ---- commits ---- */

/* What was stored and differs from what is committed; it may be lower if the topic was recreated.
 * NULL: nothing. */
static rd_kafka_topic_partition_list_t *list_stored(const struct kafka_source *self) {
    rd_kafka_topic_partition_list_t *list = NULL;
    for (int i = 0; i < self->assignment->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &self->assignment->elems[i];
        const struct kafka_topic *topic = &self->topics[kafka_group_topic(self, entry->topic)];
        const struct kafka_owned_part *part = kafka_group_owned(topic, entry->partition);
        const int64_t stored =
            part ? atomic_load_explicit(&part->stored, memory_order_acquire) : SOURCE_NO_OFFSET;
        if (stored == SOURCE_NO_OFFSET || stored == atomic_load(&part->committed))
            continue;
        list = list ? list : rd_kafka_topic_partition_list_new(self->assignment->cnt);
        rd_kafka_topic_partition_list_add(list, entry->topic, entry->partition)->offset = stored;
    }
    return list;
}

rd_kafka_resp_err_t kafka_commit_list(struct kafka_source *self,
                                      const rd_kafka_topic_partition_list_t *list, int timeout_ms) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(self->client);
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(self->client, list, queue, NULL, NULL);
    rd_kafka_event_t *event = code ? NULL : rd_kafka_queue_poll(queue, timeout_ms);
    if (event) {
        const rd_kafka_topic_partition_list_t *answer = rd_kafka_event_topic_partition_list(event);
        code = rd_kafka_event_error(event);
        if (!code)
            note_committed(self, answer);
        code = outcome(code, answer);
        rd_kafka_event_destroy(event);
    } else if (!code) {
        code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    rd_kafka_queue_destroy(queue);
    return code;
}

bool kafka_commit_now(struct kafka_source *self, int timeout_ms, struct error *error) {
    if (!self->client || self->is_transactional || atomic_load(&self->is_broken))
        return true;
    rd_kafka_topic_partition_list_t *list = list_stored(self);
    if (!list)
        return true;
    const rd_kafka_resp_err_t code = kafka_commit_list(self, list, timeout_ms);
    rd_kafka_topic_partition_list_destroy(list);
    if (!code)
        return true;
    return error_set(error, code == RD_KAFKA_RESP_ERR__TIMED_OUT ? ERROR_TIMEOUT : ERROR_SYSTEM,
                     "group \"%s\": offsets not committed within %d ms: %s", self->group,
                     timeout_ms, rd_kafka_err2str(code));
}

/* ---- in the background ---- */

/* What a rebalance or an unreachable broker causes, and what ends with it: that is logged. */
static bool is_passing(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case RD_KAFKA_RESP_ERR__DESTROY:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__NO_OFFSET:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        return true;
    default:
        return false;
    }
}

void kafka_commit_answered(rd_kafka_t *client, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque) {
    struct kafka_source *self = opaque;
    (void)client;
    self->is_committing = false;
    if (!code)
        note_committed(self, list);
    code = outcome(code, list);
    self->commit_code = code;
    if (!code)
        self->waiting_ns = 0;
    if (code && !is_passing(code))
        log_change_event(self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "commit.failing",
                         "group \"%s\": offsets are not committed, and messages since the last "
                         "commit would be read again: %s; retrying",
                         self->group, rd_kafka_err2str(code));
}

static bool can_commit(const struct kafka_source *self) {
    return !self->is_committing && !self->is_closed && !atomic_load(&self->is_broken) &&
           atomic_load(&self->is_connected) && !rd_kafka_assignment_lost(self->client);
}

/* Whatever prevents commits while brokers answer is logged once a minute. */
static void log_waiting(struct kafka_source *self, int64_t now_ns) {
    if (!atomic_load(&self->is_connected))
        self->waiting_ns = 0;
    if (self->waiting_ns == 0 || now_ns - self->waiting_ns < PASSES_NS)
        return;
    const rd_kafka_resp_err_t code = self->commit_code;
    log_change_event(self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "commit.failing",
                     "group \"%s\": offsets have not been committed for %d s, and messages since "
                     "the last commit would be read again: %s; retrying",
                     self->group, (int)(PASSES_NS / NS_PER_S),
                     self->is_committing ? "the last commit has no answer yet"
                     : code              ? rd_kafka_err2str(code)
                                         : "the assignment is lost");
    self->waiting_ns = now_ns;
}

int64_t kafka_commit_poll(struct kafka_source *self, int64_t now_ns) {
    if (self->is_transactional || self->commit_interval_ns <= 0)
        return INT64_MAX;
    if (self->assignment->cnt == 0) {
        self->commit_due_ns = now_ns + self->commit_interval_ns; /* of the next assignment */
        self->waiting_ns = 0;
        return INT64_MAX;
    }
    if (now_ns < self->commit_due_ns)
        return self->commit_due_ns;
    self->commit_due_ns = now_ns + self->commit_interval_ns;
    rd_kafka_topic_partition_list_t *list = list_stored(self);
    if (list) {
        self->waiting_ns = self->waiting_ns ? self->waiting_ns : now_ns;
        if (can_commit(self))
            self->is_committing = rd_kafka_commit(self->client, list, true) == 0;
        rd_kafka_topic_partition_list_destroy(list);
    }
    log_waiting(self, now_ns);
    return self->commit_due_ns;
}
