/*
 * This host as a static member of its group (group.instance.id): the group keeps the partitions for
 * the name when its process ends, for at most session.timeout.ms, and gives them to the next
 * process with that name. Of two at a time the newer one has them: the other is fenced.
 */
#include "base/clock.h"
#include "source/kafka/consumer_private.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS     3000
#define LEAVE_POLL_MS 20
/* After the name in the member id that a broker makes: "-" and a UUID. */
#define UUID_SIZE     36

/* ---- what the group knows of the name ---- */

static bool is_of_instance(const char *member_id, const char *instance) {
    const size_t size = strlen(instance);
    return strncmp(member_id, instance, size) == 0 && member_id[size] == '-' &&
           strlen(member_id) == size + 1 + UUID_SIZE;
}

/* Asks the coordinator; NULL: no member has the name, or no answer. Release the list in any
 * case. */
static const struct rd_kafka_group_member_info *
ask_group(struct kafka_source *self, const struct rd_kafka_group_list **list,
          const struct rd_kafka_group_info **group) {
    *list = NULL;
    *group = NULL;
    const rd_kafka_resp_err_t code =
        rd_kafka_list_groups(self->client, self->group, list, ANSWER_MS);
    if (code)
        log_debug(self->log, KAFKA_ROOM, "cannot describe group \"%s\": %s", self->group,
                  rd_kafka_err2str(code));
    for (int g = 0; *list && g < (*list)->group_cnt; g++) {
        *group = &(*list)->groups[g];
        for (int m = 0; m < (*group)->member_cnt; m++)
            if (is_of_instance((*group)->members[m].member_id, self->instance))
                return &(*group)->members[m];
    }
    return NULL;
}

static void release_group(const struct rd_kafka_group_list *list) {
    if (list)
        rd_kafka_group_list_destroy(list);
}

/* Brokers say "/10.0.0.7". */
static const char *host_of(const struct rd_kafka_group_member_info *member) {
    const char *host = member->client_host ? member->client_host : "";
    return host[0] == '/' ? host + 1 : host;
}

/* ---- what the group has assigned ---- */

struct cursor {
    const char *at;
    size_t left;
};

static bool take(struct cursor *cursor, void *out, size_t size) {
    if (cursor->left < size)
        return false;
    memcpy(out, cursor->at, size);
    cursor->at += size;
    cursor->left -= size;
    return true;
}

static bool take_number(struct cursor *cursor, int32_t *number) {
    uint32_t raw;
    if (!take(cursor, &raw, sizeof raw))
        return false;
    *number = (int32_t)be32toh(raw);
    return true;
}

static bool take_text(struct cursor *cursor, char *text, size_t size) {
    uint16_t raw;
    if (!take(cursor, &raw, sizeof raw) || be16toh(raw) >= size)
        return false;
    text[be16toh(raw)] = '\0';
    return take(cursor, text, be16toh(raw));
}

/* Adds a member's assignment in the consumer protocol: version, topics with their partitions, and
 * further data. False: it is none. */
static bool read_assignment(const struct rd_kafka_group_member_info *member, bool is_own,
                            rd_kafka_topic_partition_list_t *parts) {
    const int size = member->member_assignment_size;
    struct cursor cursor = {member->member_assignment, size > 0 ? (size_t)size : 0};
    uint16_t version;
    int32_t topic_count, count, partition;
    char topic[256];
    if (!take(&cursor, &version, sizeof version) || !take_number(&cursor, &topic_count))
        return false;
    for (int32_t t = 0; t < topic_count; t++) {
        if (!take_text(&cursor, topic, sizeof topic) || !take_number(&cursor, &count))
            return false;
        for (int32_t i = 0; i < count; i++) {
            if (!take_number(&cursor, &partition))
                return false;
            rd_kafka_topic_partition_list_add(parts, topic, partition)->opaque =
                is_own ? parts : NULL;
        }
    }
    return true;
}

/* All assignments; those of `own` have an opaque. NULL: not known, as while the group is
 * rebalancing; then it will assign again anyway. */
static rd_kafka_topic_partition_list_t *read_group(const struct rd_kafka_group_info *group,
                                                   const struct rd_kafka_group_member_info *own) {
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(64);
    bool did = group->state && strcmp(group->state, "Stable") == 0;
    for (int i = 0; did && i < group->member_cnt; i++)
        did = read_assignment(&group->members[i], &group->members[i] == own, parts);
    if (did)
        return parts;
    rd_kafka_topic_partition_list_destroy(parts);
    return NULL;
}

void kafka_member_ask(struct kafka_source *self) {
    const struct rd_kafka_group_list *list;
    if (!self->instance || self->has_asked_former)
        return;
    self->has_asked_former = true;
    const struct rd_kafka_group_info *group;
    const struct rd_kafka_group_member_info *member = ask_group(self, &list, &group);
    if (member) {
        snprintf(self->former_host, sizeof self->former_host, "%s", host_of(member));
        self->former_parts = read_group(group, member);
    }
    release_group(list);
}

/* Whether every partition of the subscribed topics is assigned, and none of another topic to this
 * host. */
static bool is_as_subscribed(const struct kafka_source *self,
                             rd_kafka_topic_partition_list_t *parts) {
    for (uint32_t i = 0; i < self->topic_count; i++) {
        const struct kafka_topic *topic = &self->topics[i];
        for (int32_t p = 0; topic->is_subscribed && p < topic->partition_count; p++)
            if (!rd_kafka_topic_partition_list_find(parts, topic->name, p))
                return false;
    }
    for (int i = 0; i < parts->cnt; i++) {
        const uint32_t topic = kafka_group_topic(self, parts->elems[i].topic);
        const bool is_subscribed = topic < self->topic_count && self->topics[topic].is_subscribed;
        if (parts->elems[i].opaque && !is_subscribed)
            return false;
    }
    return true;
}

void kafka_member_subscribing(struct kafka_source *self) {
    rd_kafka_topic_partition_list_t *parts = self->former_parts;
    self->former_parts = NULL;
    self->member =
        parts && !is_as_subscribed(self, parts) ? KAFKA_MEMBER_STALE : KAFKA_MEMBER_CURRENT;
    if (parts)
        rd_kafka_topic_partition_list_destroy(parts);
}

void kafka_member_free(struct kafka_source *self) {
    if (self->former_parts)
        rd_kafka_topic_partition_list_destroy(self->former_parts);
    free(self->instance);
}

/* ---- fenced ---- */

void kafka_member_lost(struct kafka_source *self) {
    atomic_store(&self->lost_ns, clock_monotonic_ns());
}

/* A client that lost its session joins as a new member. An earlier request that is processed after
 * that, for example by a broker that was frozen, then fences the client itself. */
static bool is_by_itself(const struct kafka_source *self) {
    const int64_t lost_ns = atomic_load(&self->lost_ns);
    const bool is_back = self->assigned_ns > lost_ns;
    return lost_ns != 0 &&
           (!is_back || clock_monotonic_ns() - self->assigned_ns < 2 * self->session_ns);
}

void kafka_member_fenced(struct kafka_source *self) {
    const struct rd_kafka_group_list *list;
    const struct rd_kafka_group_info *group;
    if (is_by_itself(self)) {
        self->fatal.code = ERROR_STATE;
        log_event(self->log, LOG_LEVEL_ERROR, KAFKA_ROOM, "group.session_mixed",
                  "group \"%s\" has mixed up the session that this host lost with the one after "
                  "it, which librdkafka does not survive: this host ends, and has its partitions "
                  "again when it is restarted",
                  self->group);
        return;
    }
    self->fatal.code = ERROR_INVALID;
    const struct rd_kafka_group_member_info *member = ask_group(self, &list, &group);
    log_event(self->log, LOG_LEVEL_ERROR, KAFKA_ROOM, "group.fenced",
              "another process%s%s joined group \"%s\" as \"%s\", and the group keeps the newer "
              "one: this host has lost its partitions and ends; give each host of the group its "
              "own [take5] host_id, then start this one again",
              member ? " at " : "", member ? host_of(member) : "", self->group, self->instance);
    release_group(list);
}

/* ---- leaving permanently ---- */

bool kafka_member_keeps(const struct kafka_source *self) {
    return self->instance && !self->leaves && self->fatal.code == ERROR_NONE;
}

void kafka_member_log_kept(struct kafka_source *self, int count) {
    log_change_event(self->log, LOG_LEVEL_INFO, KAFKA_ROOM, "partitions.kept",
                     "%d partition%s wait%s for the next start of this host as \"%s\", for at "
                     "most %lld s ([kafka] session.timeout.ms); `take5 ctl stop --leave` gives "
                     "them to other hosts at once",
                     count, count == 1 ? "" : "s", count == 1 ? "s" : "", self->instance,
                     (long long)(self->session_ns / NS_PER_S));
}

/* The name is the client's until it has asked the group to forget it. */
static bool has_left(struct kafka_source *self) {
    char *id = rd_kafka_memberid(self->client);
    const bool has = !id || id[0] == '\0';
    if (id)
        rd_kafka_mem_free(self->client, id);
    return has;
}

/*
 * When closing, librdkafka leaves the partitions of a static member with the group; when
 * unsubscribing, it does not. The revocation that follows is served here; closing waits for the
 * answer.
 */
void kafka_member_leave(struct kafka_source *self) {
    if (!self->instance || !self->leaves || self->fatal.code != ERROR_NONE || !self->is_subscribed)
        return;
    if (rd_kafka_unsubscribe(self->client) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    self->is_subscribed = false;
    while (!has_left(self) && atomic_load(&self->is_connected) &&
           clock_monotonic_ns() < self->close_ns) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(self->client, LEAVE_POLL_MS);
        if (message)
            rd_kafka_message_destroy(message);
    }
}
