/*
 * Which topics there are, and the subscription to those. librdkafka checks the topics every five
 * minutes, and does not report one that was deleted: so the host checks itself. Subscribing to a
 * topic that does not exist is avoided: with batch reads it could crash 2.0.
 */
#include "base/clock.h"
#include "base/sync/thread.h"
#include "base/text.h"
#include "source/kafka/consumer_private.h"

#include <stdio.h>
#include <string.h>

#define LOOK_AGAIN_NS   (NS_PER_S)
#define LOOK_CALM_NS    (3 * NS_PER_S) /* while nothing is missing */
#define CONNECT_LOOK_NS (50 * NS_PER_MS)
/* Each answer may have to wait for one to a fetch; ending waits for one. */
#define ANSWER_MS       3000
/* A broker that has just started may not know a topic yet: after this many checks it does not
 * exist. */
#define ABSENT_LOOKS    2

/* Whether any broker has described the cluster yet. Does not ask. */
static bool topics_have_cluster(struct kafka_source *self) {
    char *cluster = rd_kafka_clusterid(self->client, 0);
    if (!cluster)
        return rd_kafka_controllerid(self->client, 0) >= 0;
    rd_kafka_mem_free(self->client, cluster);
    return true;
}

/* ---- the topics thread: the question waits for its answer ---- */

/* One topic per request: asked for several, the client lets the broker create those that do not
 * exist. False: no answer. */
static bool look_ask(struct kafka_source *self, struct kafka_topic *topic) {
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(self->client, 0, topic->handle, &metadata, ANSWER_MS);
    if (code) {
        log_debug(self->log, KAFKA_ROOM, "no metadata: %s", rd_kafka_err2str(code));
        return false;
    }
    topic->answer = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    topic->answer_count = 0;
    if (metadata->topic_cnt > 0) {
        topic->answer = metadata->topics[0].err;
        topic->answer_count = metadata->topics[0].partition_cnt;
    }
    if (!topic->answer && topic->answer_count == 0)
        topic->answer = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static bool look_ask_all(struct kafka_source *self) {
    kafka_member_ask(self);
    for (uint32_t i = 0; i < self->topic_count; i++)
        if (atomic_load(&self->is_look_ending) || !look_ask(self, &self->topics[i]) ||
            !kafka_begin_ask(self, &self->topics[i]))
            return false;
    return true;
}

static void *look_run(void *argument) {
    struct kafka_source *self = argument;
    lock_acquire(&self->look_mutex, kafka_look_lock);
    while (!atomic_load(&self->is_look_ending)) {
        if (self->look != KAFKA_LOOK_ASKED) {
            pthread_cond_wait(&self->look_changed, &self->look_mutex);
            continue;
        }
        lock_release(&self->look_mutex, kafka_look_lock);
        const bool did = look_ask_all(self);
        lock_acquire(&self->look_mutex, kafka_look_lock);
        self->look = did ? KAFKA_LOOK_ANSWERED : KAFKA_LOOK_NONE;
        kafka_wake_control(&self->source);
    }
    lock_release(&self->look_mutex, kafka_look_lock);
    return NULL;
}

bool kafka_topics_start(struct kafka_source *self, struct error *error) {
    self->has_topics_thread = thread_start(&self->topics_thread, "topics", look_run, self, error);
    return self->has_topics_thread;
}

void kafka_topics_ask_to_end(struct kafka_source *self) {
    lock_acquire(&self->look_mutex, kafka_look_lock);
    atomic_store(&self->is_look_ending, true);
    pthread_cond_signal(&self->look_changed);
    lock_release(&self->look_mutex, kafka_look_lock);
}

void kafka_topics_end(struct kafka_source *self) {
    if (!self->has_topics_thread)
        return;
    kafka_topics_ask_to_end(self);
    pthread_join(self->topics_thread, NULL);
    self->has_topics_thread = false;
}

/* ---- control ---- */

/* All answers become control's together. False: not yet. */
static bool topics_take_answers(struct kafka_source *self) {
    lock_acquire(&self->look_mutex, kafka_look_lock);
    const bool is_there = self->look == KAFKA_LOOK_ANSWERED;
    if (is_there)
        self->look = KAFKA_LOOK_NONE;
    lock_release(&self->look_mutex, kafka_look_lock);
    for (uint32_t i = 0; is_there && i < self->topic_count; i++) {
        struct kafka_topic *topic = &self->topics[i];
        topic->error = topic->answer;
        if (!topic->error)
            topic->partition_count = topic->answer_count;
    }
    return is_there;
}

/* One check at a time. */
static void topics_ask(struct kafka_source *self) {
    lock_acquire(&self->look_mutex, kafka_look_lock);
    if (self->look == KAFKA_LOOK_NONE)
        self->look = KAFKA_LOOK_ASKED;
    pthread_cond_signal(&self->look_changed);
    lock_release(&self->look_mutex, kafka_look_lock);
}

/* What the answer means. A topic that existed, and has a problem for now, stays subscribed. */
static void topics_judge(struct kafka_topic *topic) {
    const bool is_absent = topic->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!topic->error) {
        if (!topic->is_seen)
            topic->first_count = topic->absent_count > 0 ? 0 : topic->partition_count;
        if (topic->first_count > topic->partition_count)
            topic->first_count = 0; /* it was recreated between two looks */
        kafka_begin_learn(topic);
        topic->is_seen = true;
        topic->is_there = true;
        topic->absent_count = 0;
        return;
    }
    topic->absent_count = is_absent ? topic->absent_count + 1 : 0;
    if (topic->absent_count < ABSENT_LOOKS)
        return;
    topic->is_seen = true; /* and none of its partitions: it begins at its beginning */
    kafka_begin_forget(topic);
    if (!topic->is_there)
        return;
    topic->is_there = false;
    topic->partition_count = 0;
    topic->first_count = 0;
    kafka_group_forget_parts(topic);
}

/* Logged once: strategies that relate topics see them apart. */
static void topics_compare(struct kafka_source *self) {
    char counts[sizeof self->uneven] = "";
    size_t size = 0;
    int32_t first = 0;
    bool is_uneven = false;
    for (uint32_t i = 0; i < self->topic_count; i++) {
        const struct kafka_topic *topic = &self->topics[i];
        if (!topic->is_there)
            continue;
        first = first == 0 ? topic->partition_count : first;
        is_uneven = is_uneven || topic->partition_count != first;
        if (size < sizeof counts)
            size +=
                (size_t)snprintf(counts + size, sizeof counts - size, "%s%s %d",
                                 size > 0 ? ", " : "", topic->name, (int)topic->partition_count);
    }
    if (is_uneven && strcmp(counts, self->uneven) != 0)
        log_event(self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "topics.uneven",
                  "the topics' partition counts differ (%s): a symbol's messages may lie in "
                  "different partition numbers, and strategies that join topics then see them "
                  "separately; give all topics the same number of partitions",
                  counts);
    snprintf(self->uneven, sizeof self->uneven, "%s", is_uneven ? counts : "");
}

static void topics_list_missing(struct kafka_source *self) {
    struct text missing;
    text_init(&missing);
    for (uint32_t i = 0; i < self->topic_count; i++) {
        const struct kafka_topic *topic = &self->topics[i];
        if (topic->is_there)
            continue;
        text_printf(&missing, "%s%s", missing.size ? ", " : "", topic->name);
        if (topic->error && topic->error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            text_printf(&missing, " (%s)", rd_kafka_err2str(topic->error));
    }
    char text[sizeof self->missing];
    snprintf(text, sizeof text, "%s", missing.data);
    text_release(&missing);
    if (strcmp(text, self->missing) == 0)
        return;
    if (text[0])
        log_change_event(self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "topics.waiting",
                         "waiting for topics that do not exist: %s", text);
    else
        log_change_event(self->log, LOG_LEVEL_INFO, KAFKA_ROOM, "topics.complete",
                         "all topics exist");
    lock_acquire(&self->mutex, kafka_lock);
    memcpy(self->missing, text, sizeof text);
    lock_release(&self->mutex, kafka_lock);
}

static void topics_unsubscribe(struct kafka_source *self) {
    if (self->is_subscribed)
        rd_kafka_unsubscribe(self->client);
    self->is_subscribed = false;
    for (uint32_t i = 0; i < self->topic_count; i++)
        self->topics[i].is_subscribed = false;
    kafka_joining_note(self, false);
}

static void log_joining(struct kafka_source *self) {
    const bool is_back = !self->has_joined && self->former_host[0] != '\0';
    log_change_event(self->log, LOG_LEVEL_INFO, KAFKA_ROOM, "group.joining",
                     "joining group \"%s\" on %s%s%s%s%s%s", self->group, self->servers,
                     self->instance ? " as " : "", self->instance ? self->instance : "",
                     is_back ? ", in place of the process at " : "",
                     is_back ? self->former_host : "",
                     is_back ? ": if that is another host and still runs, it is shut out, since "
                               "they have the same [take5] host_id"
                             : "");
}

static void topics_subscribe(struct kafka_source *self) {
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)self->topic_count);
    for (uint32_t i = 0; i < self->topic_count; i++) {
        struct kafka_topic *topic = &self->topics[i];
        topic->is_subscribed = topic->is_there;
        if (topic->is_there)
            rd_kafka_topic_partition_list_add(list, topic->name, RD_KAFKA_PARTITION_UA);
    }
    if (!self->has_joined)
        kafka_member_subscribing(self);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(self->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        error_set(&self->fatal, ERROR_STATE, "subscribing: %s", rd_kafka_err2str(code));
        return;
    }
    if (!self->is_subscribed)
        log_joining(self);
    self->is_subscribed = true;
    self->has_joined = true;
    kafka_joining_note(self, atomic_load(&self->is_assigned));
}

/* Updates the subscription to existing topics, if any deployment runs. */
static void topics_follow(struct kafka_source *self) {
    lock_only_writer(kafka_lock); /* of `missing` */
    bool is_any_there = false, is_other = false;
    for (uint32_t i = 0; i < self->topic_count; i++) {
        is_any_there = is_any_there || self->topics[i].is_there;
        is_other = is_other || self->topics[i].is_there != self->topics[i].is_subscribed;
    }
    if (atomic_load(&self->is_unattended) || !is_any_there)
        topics_unsubscribe(self);
    else if (!self->has_joined && self->missing[0] && self->look_count <= ABSENT_LOOKS)
        return; /* they are being created: each that comes later costs the group a rebalance */
    else if (is_other || !self->is_subscribed)
        topics_subscribe(self);
}

static void topics_learn(struct kafka_source *self) {
    self->has_looked = true;
    self->look_count++;
    kafka_connection_connected(self);
    for (uint32_t i = 0; i < self->topic_count; i++)
        topics_judge(&self->topics[i]);
    topics_compare(self);
    topics_list_missing(self);
    topics_follow(self);
}

/* Whether a check could bring anything. */
static bool topics_can_look(struct kafka_source *self) {
    return self->has_looked ? atomic_load(&self->is_connected) : topics_have_cluster(self);
}

/* Whether no topic has a lasting problem. */
static bool topics_are_calm(const struct kafka_source *self) {
    for (uint32_t i = 0; i < self->topic_count; i++)
        if (!self->topics[i].is_there || self->topics[i].error)
            return false;
    return true;
}

void kafka_topics_poll(struct kafka_source *self, int64_t now_ns) {
    if (self->fatal.code != ERROR_NONE)
        return;
    if (self->should_rejoin) {
        self->should_rejoin = false;
        topics_unsubscribe(self);
        topics_follow(self);
    }
    if (topics_take_answers(self)) {
        topics_learn(self);
        self->look_ns = now_ns + (topics_are_calm(self) ? LOOK_CALM_NS : LOOK_AGAIN_NS);
    }
    if (now_ns < self->look_ns)
        return;
    const bool can_look = topics_can_look(self);
    if (can_look)
        topics_ask(self);
    self->look_ns = now_ns + (can_look || self->has_looked ? LOOK_AGAIN_NS : CONNECT_LOOK_NS);
}

void kafka_topics_attend(struct kafka_source *self, bool is_anybody) {
    if (atomic_exchange(&self->is_unattended, !is_anybody) == !is_anybody)
        return;
    if (self->client && self->has_looked && !self->is_closed)
        topics_follow(self);
}
