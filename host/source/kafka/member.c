/*
 * This host as a static member of its group (group.instance.id): the group keeps the partitions for
 * the name when its process ends, for at most session.timeout.ms, and gives them to the next
 * process that comes under the name. Of two at a time the newer one has them: the other is fenced.
 */
#include "base/clock.h"
#include "source/kafka/private.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS     3000
#define LEAVE_POLL_MS 20
/* Behind the name in the member id that a broker makes: "-" and a UUID. */
#define UUID_SIZE     36

/* ---- what the group knows of the name ---- */

static bool is_of_instance(const char *member_id, const char *instance) {
    const size_t size = strlen(instance);
    return strncmp(member_id, instance, size) == 0 && member_id[size] == '-' &&
           strlen(member_id) == size + 1 + UUID_SIZE;
}

static const struct rd_kafka_group_member_info *find_member(const struct rd_kafka_group_list *list,
                                                            const char *instance) {
    for (int g = 0; g < list->group_cnt; g++)
        for (int m = 0; m < list->groups[g].member_cnt; m++)
            if (is_of_instance(list->groups[g].members[m].member_id, instance))
                return &list->groups[g].members[m];
    return NULL;
}

/* Asks the coordinator; NULL: nobody has the name, or no answer. Release the list in any case. */
static const struct rd_kafka_group_member_info *ask_group(struct kafka_source *self,
                                                          const struct rd_kafka_group_list **list) {
    *list = NULL;
    const rd_kafka_resp_err_t code =
        rd_kafka_list_groups(self->client, self->group, list, ANSWER_MS);
    if (code)
        log_debug(self->log, KAFKA_ROOM, "cannot describe group \"%s\": %s", self->group,
                  rd_kafka_err2str(code));
    return *list ? find_member(*list, self->instance) : NULL;
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

/* ---- what the process before was subscribed to ---- */

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

static bool take_count(struct cursor *cursor, int32_t *count) {
    uint32_t raw;
    if (!take(cursor, &raw, sizeof raw))
        return false;
    *count = (int32_t)be32toh(raw);
    return true;
}

static bool take_text(struct cursor *cursor, char *text, size_t size) {
    uint16_t raw;
    if (!take(cursor, &raw, sizeof raw) || be16toh(raw) >= size)
        return false;
    text[be16toh(raw)] = '\0';
    return take(cursor, text, be16toh(raw));
}

/* A member's subscription in the consumer protocol: version, topics, and what else there is. NULL:
 * it is none, as while the group is rebalancing. */
static rd_kafka_topic_partition_list_t *read_topics(const void *metadata, int size) {
    struct cursor cursor = {metadata, size > 0 ? (size_t)size : 0};
    uint16_t version;
    int32_t count;
    char topic[256];
    if (!take(&cursor, &version, sizeof version) || !take_count(&cursor, &count))
        return NULL;
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(8);
    for (int32_t i = 0; i < count; i++) {
        if (!take_text(&cursor, topic, sizeof topic)) {
            rd_kafka_topic_partition_list_destroy(topics);
            return NULL;
        }
        rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    }
    return topics;
}

void kafka_member_ask(struct kafka_source *self) {
    const struct rd_kafka_group_list *list;
    if (!self->instance || self->has_asked_former)
        return;
    self->has_asked_former = true;
    const struct rd_kafka_group_member_info *member = ask_group(self, &list);
    if (member) {
        snprintf(self->former_host, sizeof self->former_host, "%s", host_of(member));
        self->former_topics = read_topics(member->member_metadata, member->member_metadata_size);
    }
    release_group(list);
}

void kafka_member_subscribing(struct kafka_source *self,
                              const rd_kafka_topic_partition_list_t *topics) {
    const rd_kafka_topic_partition_list_t *former = self->former_topics;
    bool is_same = !former || former->cnt == topics->cnt;
    for (int i = 0; former && is_same && i < topics->cnt; i++)
        is_same = rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)former,
                                                     topics->elems[i].topic,
                                                     RD_KAFKA_PARTITION_UA) != NULL;
    self->member = is_same ? KAFKA_MEMBER_CURRENT : KAFKA_MEMBER_STALE;
    if (self->former_topics)
        rd_kafka_topic_partition_list_destroy(self->former_topics);
    self->former_topics = NULL;
}

void kafka_member_free(struct kafka_source *self) {
    if (self->former_topics)
        rd_kafka_topic_partition_list_destroy(self->former_topics);
    free(self->instance);
}

/* ---- fenced ---- */

void kafka_member_fenced(struct kafka_source *self) {
    const struct rd_kafka_group_list *list;
    const struct rd_kafka_group_member_info *member = ask_group(self, &list);
    char *own = rd_kafka_memberid(self->client);
    /* librdkafka 2.0.2 may send a request of before its session ended behind its new joining. */
    const bool is_self = member && own && strcmp(member->member_id, own) == 0;
    self->fatal.code = is_self ? ERROR_STATE : ERROR_INVALID;
    if (!is_self)
        log_event(
            self->log, LOG_LEVEL_ERROR, KAFKA_ROOM, "group.fenced",
            "another process%s%s joined group \"%s\" as \"%s\", and the group keeps the newer "
            "one: this host has lost its partitions and ends; give each host of the group "
            "its own [take5] host_id, then start this one again",
            member ? " at " : "", member ? host_of(member) : "", self->group, self->instance);
    if (own)
        rd_kafka_mem_free(self->client, own);
    release_group(list);
}

/* ---- leaving for good ---- */

bool kafka_member_keeps(const struct kafka_source *self) {
    return self->instance && !self->leaves && self->fatal.code == ERROR_NONE;
}

void kafka_member_say_kept(struct kafka_source *self, int count) {
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
 * Closing, librdkafka leaves the partitions of a static member with the group; unsubscribing, it
 * does not. The revocation that this brings is served here; the answer to the leaving is awaited
 * by the closing.
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
