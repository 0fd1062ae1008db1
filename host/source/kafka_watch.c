/*
 * Connection and topics, each change said once. librdkafka tells when all brokers are gone, but not
 * when one is back: that is seen in metadata answers and in the statistics.
 */
#include "base/clock.h"
#include "base/text.h"
#include "source/kafka_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_NS     (NS_PER_S)
#define CONNECT_LOOK_NS   (50 * NS_PER_MS)
#define FORWARD_AGAIN_NS  (NS_PER_S)
/* The first metadata request waits so long, later ones twice as long each, since control has other
 * things to do meanwhile. */
#define METADATA_FIRST_MS 500
#define METADATA_MOST_MS  8000

void kafka_watch_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    struct kafka_source *self = rd_kafka_opaque(client);
    enum log_level ours = level <= 2   ? LOG_LEVEL_CRITICAL
                          : level == 3 ? LOG_LEVEL_ERROR
                          : level == 4 ? LOG_LEVEL_WARNING
                          : level <= 6 ? LOG_LEVEL_INFO
                                       : LOG_LEVEL_DEBUG;
    /* Connection failures: kafka_watch_error() hears of them too, and says what changes. */
    if (strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0)
        ours = LOG_LEVEL_DEBUG;
    /* Without a broker or without partitions no commit can succeed: that was said already. */
    if (strcmp(facility, "COMMITFAIL") == 0 &&
        (!atomic_load(&self->is_connected) || !atomic_load(&self->has_partitions)))
        ours = LOG_LEVEL_DEBUG;
    if (log_is_on(self->log, KAFKA_ROOM, ours))
        log_write(self->log, ours, KAFKA_ROOM, "%s: %s", facility, text);
}

/* Without "(after 0ms in state CONNECT, 3 identical error(s) suppressed)", which differs each time
 * and tells nothing. */
static void watch_trim(const char *reason, char *text, size_t size) {
    const char *end = strstr(reason, " (after ");
    int length = end ? (int)(end - reason) : (int)strlen(reason);
    snprintf(text, size, "%.*s", length, reason);
}

static void watch_trouble(struct kafka_source *self, const char *text) {
    pthread_mutex_lock(&self->mutex);
    snprintf(self->trouble, sizeof self->trouble, "%s", text);
    pthread_mutex_unlock(&self->mutex);
}

static void watch_lost(struct kafka_source *self) {
    bool was_connected = atomic_exchange(&self->is_connected, false);
    self->down_ns = clock_monotonic_ns();
    self->silent_count = 0;
    self->is_trouble_new = false;
    if (self->is_down_said)
        return;
    self->is_down_said = true;
    /* `trouble` is written by this thread alone. */
    log_warning(self->log, KAFKA_ROOM, "%s %s%s%s; trying on",
                was_connected ? "lost the connection to" : "cannot reach", self->servers,
                self->trouble[0] ? ": " : "", self->trouble);
}

void kafka_watch_connected(struct kafka_source *self) {
    self->silent_count = 0;
    if (atomic_exchange(&self->is_connected, true))
        return;
    log_info(self->log, KAFKA_ROOM, "connected to %s%s", self->servers,
             self->was_connected ? " again" : "");
    self->was_connected = true;
    self->is_down_said = false;
    self->refused[0] = '\0';
    self->is_trouble_new = false;
    watch_trouble(self, "");
}

void kafka_watch_brokers(struct kafka_source *self, bool is_any_up, int64_t time_ns) {
    if (is_any_up) {
        /* Statistics from before the loss may arrive after it. */
        if (time_ns > self->down_ns)
            kafka_watch_connected(self);
        /* One broker of several may be away while others answer. */
        if (self->is_trouble_new)
            log_info(self->log, KAFKA_ROOM, "%s", self->trouble);
        self->is_trouble_new = false;
        return;
    }
    /* Once may be a moment between two connections. */
    if (atomic_load(&self->is_connected) && ++self->silent_count >= 3)
        watch_lost(self);
}

static void watch_fatal(struct kafka_source *self) {
    char text[512];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(self->client, text, sizeof text);
    if (self->fatal.code == ERROR_NONE)
        error_set(&self->fatal, ERROR_STATE, "Kafka consumer group \"%s\": %s (%s)", self->group,
                  text, rd_kafka_err2name(code));
}

void kafka_watch_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    (void)client;
    struct kafka_source *self = opaque;
    char text[sizeof self->trouble];
    watch_trim(reason, text, sizeof text);

    switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
        watch_fatal(self);
        break;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        watch_lost(self);
        break;
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        /* Not for now as a broker that restarts is: someone has to do something. */
        if (strcmp(text, self->refused) != 0)
            log_error(self->log, KAFKA_ROOM, "%s", text);
        snprintf(self->refused, sizeof self->refused, "%s", text);
        watch_trouble(self, text);
        break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        self->is_trouble_new = atomic_load(&self->is_connected);
        watch_trouble(self, text);
        break;
    default:
        log_warning(self->log, KAFKA_ROOM, "%s (%s)", text, rd_kafka_err2name(code));
    }
}

/* Whether any broker has told about the cluster yet. Does not ask. */
static bool watch_has_cluster(struct kafka_source *self) {
    char *cluster = rd_kafka_clusterid(self->client, 0);
    if (!cluster)
        return rd_kafka_controllerid(self->client, 0) >= 0;
    rd_kafka_mem_free(self->client, cluster);
    return true;
}

static void watch_uneven(struct kafka_source *self) {
    struct text counts;
    text_init(&counts);
    bool is_uneven = false;
    for (uint32_t i = 0; i < self->topic_count; i++) {
        text_printf(&counts, "%s%s %d", i ? ", " : "", self->topics[i].name,
                    (int)self->topics[i].partition_count);
        is_uneven = is_uneven || self->topics[i].partition_count != self->topics[0].partition_count;
    }
    if (is_uneven)
        log_warning(self->log, KAFKA_ROOM,
                    "the topics' partition counts differ (%s): a symbol's messages may lie in "
                    "different partition numbers, and strategies that relate topics then see them "
                    "apart; give all topics the same number of partitions",
                    counts.data);
    text_release(&counts);
}

static void watch_subscribe(struct kafka_source *self) {
    watch_uneven(self);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)self->topic_count);
    for (uint32_t i = 0; i < self->topic_count; i++)
        rd_kafka_topic_partition_list_add(list, self->topics[i].name, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(self->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        error_set(&self->fatal, ERROR_INVALID, "subscribing: %s", rd_kafka_err2str(code));
        return;
    }
    self->is_subscribed = true;
    pthread_mutex_lock(&self->mutex);
    self->waiting[0] = '\0';
    pthread_mutex_unlock(&self->mutex);
    log_info(self->log, KAFKA_ROOM, "joining group \"%s\" on %s", self->group, self->servers);
}

/* Notes the topic's partitions; when it cannot be read yet, adds its name and why. */
static void watch_topic(struct kafka_source *self, struct kafka_topic *topic,
                        const rd_kafka_metadata_t *metadata, struct text *missing) {
    (void)self;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *found = &metadata->topics[i];
        if (strcmp(found->topic, topic->name) != 0)
            continue;
        code = found->err;
        if (!code && found->partition_cnt == 0)
            code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        topic->partition_count = code ? 0 : found->partition_cnt;
    }
    if (!code)
        return;
    text_printf(missing, "%s%s", missing->size ? ", " : "", topic->name);
    if (code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        text_printf(missing, " (%s)", rd_kafka_err2str(code));
}

static void watch_missing(struct kafka_source *self, const struct text *missing) {
    char text[sizeof self->waiting];
    snprintf(text, sizeof text, "waiting for topics: %s", missing->data);
    if (strcmp(text, self->waiting) == 0)
        return;
    log_warning(self->log, KAFKA_ROOM, "waiting for topics that are not there: %s", missing->data);
    pthread_mutex_lock(&self->mutex);
    memcpy(self->waiting, text, sizeof text);
    pthread_mutex_unlock(&self->mutex);
}

/* Subscribing to a topic that is not there is avoided: with batch reads it could crash 2.0. */
static void watch_look(struct kafka_source *self) {
    if (self->metadata_timeout_ms == 0)
        self->metadata_timeout_ms = METADATA_FIRST_MS;
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(self->client, 0 /* ours only */, NULL, &metadata,
                                                 self->metadata_timeout_ms);
    if (code) {
        if (self->metadata_timeout_ms < METADATA_MOST_MS)
            self->metadata_timeout_ms *= 2;
        log_debug(self->log, KAFKA_ROOM, "no metadata: %s", rd_kafka_err2str(code));
        return;
    }
    kafka_watch_connected(self);
    struct text missing;
    text_init(&missing);
    for (uint32_t i = 0; i < self->topic_count; i++)
        watch_topic(self, &self->topics[i], metadata, &missing);
    rd_kafka_metadata_destroy(metadata);
    if (missing.size == 0)
        watch_subscribe(self);
    else
        watch_missing(self, &missing);
    text_release(&missing);
}

void kafka_watch_poll(struct kafka_source *self) {
    int64_t now = clock_monotonic_ns();
    if (now >= self->forward_ns) {
        /* librdkafka drops the forwarding when it stops a partition, on a thread of its own. It
         * does so before it assigns anew, so this changes nothing; were it ever late, the partition
         * would stand still without a word. Records and their order are kept either way. */
        kafka_group_forward_all(self);
        self->forward_ns = now + FORWARD_AGAIN_NS;
    }
    if (self->is_subscribed || now < self->look_ns || self->fatal.code != ERROR_NONE)
        return;
    if (!watch_has_cluster(self)) {
        self->look_ns = now + CONNECT_LOOK_NS;
        return;
    }
    watch_look(self);
    self->look_ns = clock_monotonic_ns() + LOOK_AGAIN_NS;
}

void kafka_watch_status(struct kafka_source *self, struct source_status *status) {
    status->is_connected = atomic_load(&self->is_connected);
    status->is_assigned = atomic_load(&self->is_assigned);
    pthread_mutex_lock(&self->mutex);
    if (!status->is_connected && self->trouble[0])
        snprintf(status->detail, sizeof status->detail, "cannot reach %.60s: %.170s", self->servers,
                 self->trouble);
    else if (!status->is_connected)
        snprintf(status->detail, sizeof status->detail, "connecting to %.200s", self->servers);
    else if (self->waiting[0])
        snprintf(status->detail, sizeof status->detail, "%s", self->waiting);
    else if (!status->is_assigned)
        snprintf(status->detail, sizeof status->detail, "joining group %.200s", self->group);
    else
        snprintf(status->detail, sizeof status->detail, "connected to %.200s", self->servers);
    pthread_mutex_unlock(&self->mutex);
}
