/*
 * The control thread's side of the group: partitions are assigned and revoked.
 */
#include "base/text.h"
#include "source/kafka/consumer_private.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* How long an assignment waits for the committed offsets, and a revocation for its commit. Both are
 * far below any sensible max.poll.interval.ms, and above a slow answer of a broker. */
#define COMMITTED_TIMEOUT_MS 10000
/* Exactly once, it waits until the transaction of a host that died is aborted: the brokers check
 * for those every ten seconds. */
#define STABLE_TIMEOUT_MS    25000
#define REVOKE_TIMEOUT_MS    5000

/* "bar_trends 0-3 7, historic_stats 0-3" */
static void group_names(const rd_kafka_topic_partition_list_t *list, struct text *text) {
    rd_kafka_topic_partition_list_t *sorted = rd_kafka_topic_partition_list_copy(list);
    rd_kafka_topic_partition_list_sort(sorted, NULL, NULL);
    const char *topic = NULL;
    for (int i = 0; i < sorted->cnt; i++) {
        const rd_kafka_topic_partition_t *first = &sorted->elems[i];
        if (!topic || strcmp(topic, first->topic) != 0)
            text_printf(text, "%s%s", topic ? ", " : "", first->topic);
        topic = first->topic;
        int last = i;
        while (last + 1 < sorted->cnt && strcmp(sorted->elems[last + 1].topic, topic) == 0 &&
               sorted->elems[last + 1].partition == sorted->elems[last].partition + 1)
            last++;
        text_printf(text, " %d", (int)first->partition);
        if (last > i)
            text_printf(text, "-%d", (int)sorted->elems[last].partition);
        i = last;
    }
    rd_kafka_topic_partition_list_destroy(sorted);
}

static void group_log(struct kafka_source *self, enum log_level level, const char *event,
                      const char *what, const rd_kafka_topic_partition_list_t *list) {
    struct text names;
    text_init(&names);
    group_names(list, &names);
    log_change_event(self->log, level, KAFKA_ROOM, event, "%s: %d partition%s%s%s", what, list->cnt,
                     list->cnt == 1 ? "" : "s", list->cnt > 0 ? ": " : "", names.data);
    text_release(&names);
}

/* The parts of a list that belong to our topics (all do); NULL: out of memory. */
static struct topic_partition *group_parts(const struct kafka_source *self,
                                           const rd_kafka_topic_partition_list_t *list,
                                           size_t *count) {
    struct topic_partition *parts = calloc((size_t)list->cnt + 1, sizeof *parts);
    *count = 0;
    for (int i = 0; parts && i < list->cnt; i++) {
        uint32_t topic = kafka_group_topic(self, list->elems[i].topic);
        if (topic < self->topic_count)
            parts[(*count)++] = (struct topic_partition){
                .topic = topic, .partition = list->elems[i].partition, .offset = SOURCE_NO_OFFSET};
    }
    return parts;
}

/* What the group committed. If the broker does not answer in time, the offsets stay unknown: the
 * listener then trusts no state, and librdkafka asks again by itself. */
static void group_committed(struct kafka_source *self, struct topic_partition *parts,
                            size_t count) {
    if (count == 0)
        return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, self->topics[parts[i].topic].name,
                                          parts[i].partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(
        self->client, list, self->is_transactional ? STABLE_TIMEOUT_MS : COMMITTED_TIMEOUT_MS);
    if (code)
        log_warning(self->log, KAFKA_ROOM, "cannot get the committed offsets: %s",
                    rd_kafka_err2str(code));
    for (size_t i = 0; !code && i < count; i++) {
        const rd_kafka_topic_partition_t *answer = rd_kafka_topic_partition_list_find(
            list, self->topics[parts[i].topic].name, parts[i].partition);
        if (!answer || answer->err)
            continue;
        parts[i].is_new = answer->offset < 0;
        if (parts[i].is_new)
            continue;
        parts[i].offset = answer->offset;
        if (answer->metadata_size > 0)
            parts[i].note = strndup(answer->metadata, answer->metadata_size);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* What the lag counts from until the first commit. */
static void group_note_begin(struct kafka_source *self, const struct topic_partition *part) {
    struct kafka_part *known = kafka_group_part(&self->topics[part->topic], part->partition);
    if (!known)
        return;
    known->committed = part->offset;
    known->settled_from = known->settled_to = SOURCE_NO_OFFSET;
    known->held_at = SOURCE_NO_OFFSET;
    known->held_ms = 0;
    kafka_group_release_queue(known); /* of the previous assignment; what is left in it is stale */
}

static void group_keep_queue(struct kafka_topic *topic, int32_t partition,
                             rd_kafka_queue_t *queue) {
    struct kafka_part *part = kafka_group_part(topic, partition);
    if (part)
        part->queue = queue;
    else if (queue)
        rd_kafka_queue_destroy(queue);
}

static void group_fail(struct kafka_source *self, const char *what, const char *why) {
    if (self->fatal.code == ERROR_NONE)
        error_set(&self->fatal, ERROR_STATE, "%s: %s", what, why);
}

static bool group_is_cooperative(const struct kafka_source *self) {
    const char *protocol = rd_kafka_rebalance_protocol(self->client);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

/* Gives the partitions to librdkafka to fetch, or takes them from it. */
static void group_hand_over(struct kafka_source *self, rd_kafka_topic_partition_list_t *list,
                            bool is_assign) {
    rd_kafka_error_t *error = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (group_is_cooperative(self))
        error = is_assign ? rd_kafka_incremental_assign(self->client, list)
                          : rd_kafka_incremental_unassign(self->client, list);
    else
        code = rd_kafka_assign(self->client, is_assign ? list : NULL);
    if (error) {
        group_fail(self, is_assign ? "assigning" : "unassigning", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    } else if (code) {
        group_fail(self, is_assign ? "assigning" : "unassigning", rd_kafka_err2str(code));
    }
}

static void group_assign(struct kafka_source *self, rd_kafka_topic_partition_list_t *list) {
    group_log(self, LOG_LEVEL_INFO, "partitions.assigned", "assigned", list);
    size_t count;
    struct topic_partition *parts = group_parts(self, list, &count);
    if (!parts) {
        group_fail(self, "assigning", "out of memory");
        return;
    }
    group_committed(self, parts, count);
    kafka_begin_find(self, parts, count);
    if (self->listener.assigned)
        self->listener.assigned(self->listener.context, parts, count);
    kafka_begin_commit(self, parts, count);

    for (size_t i = 0; i < count; i++) {
        const char *topic = self->topics[parts[i].topic].name;
        rd_kafka_topic_partition_t *entry =
            rd_kafka_topic_partition_list_find(list, topic, parts[i].partition);
        if (entry)
            entry->offset = parts[i].offset >= 0 ? parts[i].offset : RD_KAFKA_OFFSET_INVALID;
        if (!kafka_group_own(self, &parts[i]))
            group_fail(self, "assigning", "out of memory");
        group_note_begin(self, &parts[i]);
        rd_kafka_topic_partition_list_del(self->assignment, topic, parts[i].partition);
        rd_kafka_topic_partition_list_add(self->assignment, topic, parts[i].partition);
        /* Before fetching begins; librdkafka then keeps the forwarding. It undoes it itself when
         * the partition is unassigned. */
        group_keep_queue(&self->topics[parts[i].topic], parts[i].partition,
                         kafka_group_forward(self, topic, parts[i].partition));
    }
    atomic_store(&self->has_partitions, self->assignment->cnt > 0);
    group_hand_over(self, list, true);
    kafka_joining_note(self, true);
    for (size_t i = 0; i < count; i++)
        free((char *)parts[i].note);
    free(parts);
}

/* How long the commit of a revocation may take; the end of closing is sooner. */
static int revoke_timeout_ms(const struct kafka_source *self) {
    if (!self->is_closed)
        return REVOKE_TIMEOUT_MS;
    int64_t remains_ms = (self->close_ns - clock_monotonic_ns()) / NS_PER_MS;
    return remains_ms > REVOKE_TIMEOUT_MS ? REVOKE_TIMEOUT_MS
           : remains_ms > 0               ? (int)remains_ms
                                          : 0;
}

static void group_revoke(struct kafka_source *self, rd_kafka_topic_partition_list_t *list) {
    bool is_lost = rd_kafka_assignment_lost(self->client) != 0;
    group_log(self, is_lost ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              is_lost ? "partitions.lost" : "partitions.revoked", is_lost ? "lost" : "revoked",
              list);
    size_t count;
    struct topic_partition *parts = group_parts(self, list, &count);
    if (!parts) {
        group_fail(self, "revoking", "out of memory");
        group_hand_over(self, list, false);
        return;
    }
    /* First, so that no lane gets another record of these while the listener finishes. */
    for (size_t i = 0; i < count; i++)
        kafka_group_disown(self, &parts[i]);
    if (self->listener.revoked)
        self->listener.revoked(self->listener.context, parts, count, is_lost);

    if (is_lost && !rd_kafka_fatal_error(self->client, NULL, 0))
        kafka_member_lost(self);
    struct error error;
    if (!is_lost && !kafka_commit_now(self, revoke_timeout_ms(self), &error)) {
        self->is_uncommitted = self->is_closed;
        log_warning(self->log, KAFKA_ROOM,
                    "%s; records since the last commit will be read again by the next owner",
                    error.text);
    }
    for (size_t i = 0; i < count; i++) {
        kafka_group_end_offsets(self, &parts[i]);
        rd_kafka_topic_partition_list_del(self->assignment, self->topics[parts[i].topic].name,
                                          parts[i].partition);
        kafka_lag_forget(self, parts[i].topic, parts[i].partition);
        kafka_stand_forget(self, parts[i].topic, parts[i].partition);
    }
    atomic_store(&self->has_partitions, self->assignment->cnt > 0);
    group_hand_over(self, list, false);
    /* Until the group assigns again, nothing is held. */
    if (self->assignment->cnt == 0)
        kafka_joining_note(self, false);
    free(parts);
}

/* An assignment while the group is being left, or the revocation of a declined one: no lane works
 * on it. */
static void group_decline(struct kafka_source *self, bool is_assign) {
    rd_kafka_topic_partition_list_t *nothing = rd_kafka_topic_partition_list_new(0);
    group_hand_over(self, nothing, is_assign);
    rd_kafka_topic_partition_list_destroy(nothing);
}

/* The broker assigns again when the group is rejoined as a new member. */
static void group_decline_stale(struct kafka_source *self) {
    log_event(
        self->log, LOG_LEVEL_INFO, KAFKA_ROOM, "group.rejoining",
        "topics or partitions have changed since the group assigned them: leaving and rejoining "
        "it");
    group_decline(self, true);
    self->member = KAFKA_MEMBER_DECLINED;
    self->should_rejoin = true;
    kafka_wake_control(&self->source);
}

static void group_take(struct kafka_source *self, rd_kafka_topic_partition_list_t *list) {
    self->member = KAFKA_MEMBER_CURRENT;
    group_assign(self, list);
}

void kafka_group_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque) {
    (void)client;
    struct kafka_source *self = opaque;
    self->was_rebalanced = true;
    switch (code) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        if (self->is_closed)
            group_decline(self, true);
        else if (self->member == KAFKA_MEMBER_STALE)
            group_decline_stale(self);
        else
            group_take(self, list);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        if (self->member == KAFKA_MEMBER_DECLINED)
            group_decline(self, false);
        else
            group_revoke(self, list);
        break;
    default:
        log_change_event(self->log, LOG_LEVEL_ERROR, KAFKA_ROOM, "group.rebalance_failed",
                         "rebalance failed: %s", rd_kafka_err2str(code));
        rd_kafka_assign(self->client, NULL);
        kafka_joining_note(self, false);
    }
}
