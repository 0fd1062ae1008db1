/*
 * The lanes' side: one librdkafka queue per lane, into which the partitions' queues are forwarded.
 * A record is the client's message, seen through spans; nothing is copied.
 */
#include "source/kafka/consumer.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "config/schema/items.h"
#include "source/kafka/client_properties.h"
#include "source/kafka/consumer_private.h"

#include <stdlib.h>
#include <string.h>

/* The first librdkafka that can destroy a client before its first assignment, see close.c. */
#define ASSIGNOR_STATE_SINCE 0x020300ff
/* How many messages one read takes at most. */
#define KAFKA_BATCH          1024
/* Lanes with shorter queues keep up. */
#define REFILL_LEAST         8192
/* A broker's pause is not silence yet; and a host without partitions only gets answers about
 * topics, every three seconds (topics.c). */
#define SILENCE_LEAST_NS     (8 * NS_PER_S)

/* A client with partitions that asks for metadata this often has an answer with each statistics; a
 * second more is allowed. */
#define ASKS_OFTEN_NS  (250 * NS_PER_MS)
#define QUIET_LEAST_NS NS_PER_S

/* The slow way, taken when the topic changes between two messages. */
static bool kafka_lane_see(struct kafka_source *self, struct kafka_lane *lane,
                           const rd_kafka_topic_t *handle) {
    for (uint32_t i = 0; i < self->topic_count; i++) {
        if (self->topics[i].handle == handle) {
            lane->seen_topic = i;
            lane->seen = handle;
            return true;
        }
    }
    lane->seen = NULL;
    lane->seen_topic = kafka_group_topic(self, rd_kafka_topic_name(handle));
    return lane->seen_topic < self->topic_count;
}

/* False: no record for the lane, and the message is gone. */
static bool kafka_lane_take(struct kafka_source *self, struct kafka_lane *lane,
                            rd_kafka_message_t *message, struct record *record) {
    if (message->err) {
        kafka_stand_note(self, message);
        goto drop;
    }
    if (message->rkt != lane->seen && !kafka_lane_see(self, lane, message->rkt))
        goto drop;

    /* What was fetched for a revoked partition belongs to its next owner: it is read again from the
     * committed offset, here or elsewhere. */
    const struct kafka_owned *owned =
        atomic_load_explicit(&self->topics[lane->seen_topic].owned, memory_order_acquire);
    if (!owned || message->partition >= owned->count ||
        !atomic_load_explicit(&owned->parts[message->partition]->is_owned, memory_order_acquire))
        goto drop;

    *record = kafka_record(message, lane->seen_topic);
    return true;

drop:
    rd_kafka_message_destroy(message);
    return false;
}

/* How far a lane has come in a partition, for the lag. */
static void kafka_note_given(struct kafka_source *self, const struct record *record) {
    struct kafka_owned *owned =
        atomic_load_explicit(&self->topics[record->topic].owned, memory_order_acquire);
    atomic_store_explicit(&owned->parts[record->partition]->given, record->offset + 1,
                          memory_order_relaxed);
}

static bool is_same_part(const struct record *a, const struct record *b) {
    return a->partition == b->partition && a->topic == b->topic;
}

static size_t kafka_read(struct source *source, uint32_t index, struct record *records, size_t most,
                         int timeout_ms) {
    struct kafka_source *self = kafka_of(source);
    struct kafka_lane *lane = &self->lanes[index];
    if (most > lane->batch_size)
        most = lane->batch_size;

    /* A batch call that may wait does so until the batch is full. So take what is there, and only
     * if there is nothing, wait for one and take what came with it. */
    ssize_t count = rd_kafka_consume_batch_queue(lane->queue, 0, lane->batch, most);
    if (count <= 0) {
        /* The empty batch call swallows librdkafka's own wake-up, hence ours. */
        if (atomic_exchange(&lane->is_woken, false) || timeout_ms <= 0)
            return 0;
        lane->batch[0] = rd_kafka_consume_queue(lane->queue, timeout_ms);
        if (!lane->batch[0])
            return 0;
        count =
            most > 1 ? rd_kafka_consume_batch_queue(lane->queue, 0, lane->batch + 1, most - 1) : 0;
        count = count < 0 ? 1 : count + 1;
    }

    if ((size_t)count == most)
        kafka_refill(self, self->client, lane->queue, &lane->peak, REFILL_LEAST);
    size_t filled = 0;
    for (ssize_t i = 0; i < count; i++) {
        if (!kafka_lane_take(self, lane, lane->batch[i], &records[filled]))
            continue;
        if (filled > 0 && !is_same_part(&records[filled - 1], &records[filled]))
            kafka_note_given(self, &records[filled - 1]);
        filled++;
    }
    if (filled > 0)
        kafka_note_given(self, &records[filled - 1]);
    return filled;
}

static void kafka_release(struct source *source, uint32_t index, struct record *records,
                          size_t count) {
    (void)source;
    (void)index;
    for (size_t i = 0; i < count; i++)
        rd_kafka_message_destroy(records[i].handle);
}

static size_t kafka_headers(struct source *source, const struct record *record,
                            struct record_header *headers, size_t most) {
    (void)source;
    rd_kafka_headers_t *list;
    if (rd_kafka_message_headers(record->handle, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    size_t count = rd_kafka_header_cnt(list);
    for (size_t i = 0; i < count && i < most; i++) {
        if (rd_kafka_header_get_all(list, i, &headers[i].name, &headers[i].value,
                                    &headers[i].value_size) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return i;
    }
    return count;
}

/* Both are cached by the client: the high one with each fetch, the low one with the statistics. */
static bool kafka_range(struct source *source, uint32_t topic, int32_t partition, int64_t *low,
                        int64_t *high) {
    struct kafka_source *self = kafka_of(source);
    if (rd_kafka_get_watermark_offsets(self->client, self->topics[topic].name, partition, low,
                                       high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        *high < 0)
        return false;
    if (*low < 0)
        *low = 0;
    return true;
}

static int64_t kafka_committed(struct source *source, uint32_t topic, int32_t partition) {
    if (kafka_of(source)->is_transactional)
        kafka_commit_learn(&kafka_of(source)->topics[topic], partition);
    return kafka_commit_by_us(kafka_of(source), topic, partition);
}

static int32_t kafka_partitions(struct source *source, uint32_t topic) {
    return kafka_of(source)->topics[topic].partition_count;
}

static void kafka_wake(struct source *source, uint32_t index) {
    struct kafka_lane *lane = &kafka_of(source)->lanes[index];
    atomic_store(&lane->is_woken, true);
    rd_kafka_queue_yield(lane->queue);
}

static bool kafka_store(struct source *source, uint32_t topic, int32_t partition, int64_t next) {
    struct kafka_source *self = kafka_of(source);
    if (atomic_load_explicit(&self->is_broken, memory_order_relaxed))
        return false;
    if (self->is_transactional) {
        kafka_commit_note_transaction(&self->topics[topic], partition, next);
        return true;
    }
    return kafka_commit_store(&self->topics[topic], partition, next);
}

/*
 * A record on the consumer's own queue. The forwarding is set before fetching begins, so there
 * should be none; handing one to the lane now could put it behind later ones, which would move the
 * offset past it. So nothing is stored from here on, and the source ends: what was in flight is
 * read again.
 */
static void kafka_stray(struct kafka_source *self, const rd_kafka_message_t *message) {
    atomic_store(&self->is_broken, true);
    error_set(
        &self->fatal, ERROR_STATE,
        "%s [%d] offset %lld arrived outside the queue of its lane; stopping before its offset is "
        "committed; restart to read it",
        rd_kafka_topic_name(message->rkt), (int)message->partition, (long long)message->offset);
}

static void kafka_event(struct kafka_source *self, const rd_kafka_message_t *message) {
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        kafka_stray(self, message);
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
        kafka_connection_fatal(self);
        break;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
        log_change_event(self->log, LOG_LEVEL_ERROR, KAFKA_ROOM, "group.poll_late",
                         "no poll for longer than max.poll.interval.ms: the group revoked the "
                         "partitions; rejoining");
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        /* It concerns the whole topic, though it comes with a partition number. */
        log_change_event(self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "topic.deleted",
                         "%s: the topic was deleted; its partitions are given up, other topics "
                         "are read on; it is read from its beginning when it exists again",
                         message->rkt ? rd_kafka_topic_name(message->rkt)
                                      : rd_kafka_message_errstr(message));
        break;
    default:
        kafka_stand_note(self, message);
    }
}

static bool kafka_poll(struct source *source, int timeout_ms, struct error *error) {
    struct kafka_source *self = kafka_of(source);
    if (self->is_closed)
        return true;
    kafka_history_poll(self);
    timeout_ms = kafka_poll_due(self, timeout_ms);
    /* librdkafka's own wake-up may have been swallowed by the polls for what is there. */
    if (atomic_exchange(&self->is_control_woken, false))
        timeout_ms = 0;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(self->client, timeout_ms);
    while (message) {
        kafka_event(self, message);
        rd_kafka_message_destroy(message);
        message = rd_kafka_consumer_poll(self->client, 0);
    }
    if (self->fatal.code == ERROR_NONE)
        return true;
    if (self->is_fenced)
        kafka_member_fenced(self);
    self->is_fenced = false;
    *error = self->fatal;
    return false;
}

static void kafka_commit_begins(struct source *source, const struct topic_partition *parts,
                                size_t count) {
    kafka_begin_commit((struct kafka_source *)source, parts, count);
}

static void kafka_attend(struct source *source, bool is_anybody) {
    kafka_topics_attend(kafka_of(source), is_anybody);
}

static bool kafka_commit(struct source *source, int timeout_ms, struct error *error) {
    return kafka_commit_now(kafka_of(source), timeout_ms, error);
}

static void kafka_leave(struct source *source) {
    kafka_of(source)->leaves = true;
}

static void kafka_status(struct source *source, struct source_status *status) {
    kafka_connection_status(kafka_of(source), status);
}

static size_t kafka_lag(struct source *source, struct source_lag *lags, size_t most) {
    return kafka_lag_fill(kafka_of(source), lags, most);
}

static bool kafka_lanes_new(struct kafka_source *self, struct error *error) {
    for (uint32_t i = 0; i < self->lane_count; i++) {
        struct kafka_lane *lane = &self->lanes[i];
        lane->queue = rd_kafka_queue_new(self->client);
        lane->batch = calloc(KAFKA_BATCH, sizeof *lane->batch);
        lane->batch_size = KAFKA_BATCH;
        if (!lane->queue || !lane->batch)
            return error_set_memory(error, "a lane's batch");
    }
    return true;
}

static bool kafka_topics_new(struct kafka_source *self, struct error *error) {
    for (uint32_t i = 0; i < self->topic_count; i++) {
        struct kafka_topic *topic = &self->topics[i];
        topic->handle = rd_kafka_topic_new(self->client, topic->name, NULL);
        if (!topic->handle)
            return error_set(error, ERROR_INVALID, "topic \"%s\": %s", topic->name,
                             rd_kafka_err2str(rd_kafka_last_error()));
    }
    return true;
}

static bool kafka_start(struct source *source, const struct source_listener *listener,
                        struct error *error) {
    struct kafka_source *self = kafka_of(source);
    if (!self->conf)
        return error_set(error, ERROR_STATE, "the Kafka source has already been started");
    self->listener = *listener;

    char text[512];
    self->client = rd_kafka_new(RD_KAFKA_CONSUMER, self->conf, text, sizeof text);
    if (!self->client)
        return error_set(error, ERROR_INVALID, "[kafka]: librdkafka rejects the settings: %s",
                         text);
    self->conf = NULL; /* now the client's */

    rd_kafka_resp_err_t code = rd_kafka_poll_set_consumer(self->client);
    if (code)
        return error_set(error, ERROR_SYSTEM, "Kafka consumer: %s", rd_kafka_err2str(code));
    atomic_store(&self->control_queue, rd_kafka_queue_get_consumer(self->client));
    return kafka_lanes_new(self, error) && kafka_topics_new(self, error) &&
           kafka_topics_start(self, error);
}

static const struct source_ops KAFKA_OPS = {
    .start = kafka_start,
    .read = kafka_read,
    .release = kafka_release,
    .headers = kafka_headers,
    .range = kafka_range,
    .committed = kafka_committed,
    .committed_of = kafka_other_group_committed,
    .commit_begins = kafka_commit_begins,
    .attend = kafka_attend,
    .partitions = kafka_partitions,
    .wake = kafka_wake,
    .store = kafka_store,
    .poll = kafka_poll,
    .wake_control = kafka_wake_control,
    .commit = kafka_commit,
    .status = kafka_status,
    .lag = kafka_lag,
    .history = &KAFKA_HISTORY_OPS,
    .leave = kafka_leave,
    .close = kafka_close,
    .free = kafka_free,
};

static const char *kafka_setting(const struct config *config, const char *name,
                                 const char *otherwise) {
    const struct config_item *item = config_items_find(&config->kafka, name);
    return item ? item->text : otherwise;
}

static int64_t kafka_setting_ns(const struct config *config, const char *name, int64_t otherwise) {
    int64_t ms;
    return (parse_integer(kafka_setting(config, name, ""), &ms) ? ms : otherwise) * NS_PER_MS;
}

/* The settings of librdkafka that the host depends on too. */
static void kafka_read_settings(struct kafka_source *self, const struct config *config) {
    self->reset = kafka_begin_policy(kafka_setting(config, "auto.offset.reset", "earliest"));
    self->session_ns = kafka_setting_ns(config, "session.timeout.ms", 45000);
    self->commit_interval_ns = kafka_setting_ns(config, "auto.commit.interval.ms", 1000);
    /* Heartbeats and fetches are each answered sooner. */
    const int64_t beats_ns = 3 * kafka_setting_ns(config, "heartbeat.interval.ms", 3000);
    const int64_t waits_ns = 4 * kafka_setting_ns(config, "fetch.wait.max.ms", 500);
    self->silence_ns = SILENCE_LEAST_NS;
    if (self->silence_ns < beats_ns)
        self->silence_ns = beats_ns;
    if (self->silence_ns < waits_ns)
        self->silence_ns = waits_ns;
}

/* A property as the client has it; 0: none, or switched off. */
static int64_t kafka_property_ns(const rd_kafka_conf_t *conf, const char *name) {
    char text[32];
    size_t size = sizeof text;
    int64_t ms;
    return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK &&
                   parse_integer(text, &ms) && ms > 0
               ? ms * NS_PER_MS
               : 0;
}

static void kafka_read_pace(struct kafka_source *self) {
    const int64_t asks_ns = kafka_property_ns(self->conf, "topic.metadata.refresh.interval.ms");
    const bool asks_often = asks_ns > 0 && asks_ns <= ASKS_OFTEN_NS;
    self->quiet_ns = kafka_property_ns(self->conf, "statistics.interval.ms") +
                     (asks_often ? QUIET_LEAST_NS : self->silence_ns);
}

static bool kafka_copy(struct kafka_source *self, const struct config *config) {
    kafka_read_settings(self, config);
    self->keeps_assignor_state = config->assignor && strstr(config->assignor, "sticky") != NULL &&
                                 rd_kafka_version() < ASSIGNOR_STATE_SINCE;
    self->is_transactional = config->delivery == DELIVERY_EXACTLY_ONCE;
    self->lane_count = config->lanes > 0 ? (uint32_t)config->lanes : 1;
    self->topic_count = (uint32_t)config->topic_count;
    self->lanes = aligned_alloc(64, self->lane_count * sizeof *self->lanes);
    if (self->lanes)
        memset(self->lanes, 0, self->lane_count * sizeof *self->lanes);
    self->topics = calloc(config->topic_count, sizeof *self->topics);
    self->servers = strdup(config->bootstrap_servers ? config->bootstrap_servers : "");
    self->group = strdup(config->group_id);
    const char *instance = kafka_setting(config, "group.instance.id", "");
    self->instance = instance[0] != '\0' ? strdup(instance) : NULL;
    self->assignment = rd_kafka_topic_partition_list_new(16);
    if (!self->lanes || !self->topics || !self->servers || !self->group || !self->assignment ||
        (instance[0] != '\0' && !self->instance))
        return false;
    for (size_t i = 0; i < config->topic_count; i++) {
        self->topics[i].name = strdup(config->topics[i].name);
        if (!self->topics[i].name)
            return false;
    }
    return true;
}

struct source *kafka_source_new(const struct config *config, struct log *log, struct error *error) {
    struct kafka_source *self = calloc(1, sizeof *self);
    if (!self) {
        error_set_memory(error, "the Kafka source");
        return NULL;
    }
    self->source.ops = &KAFKA_OPS;
    self->log = log;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_mutex_init(&self->look_mutex, NULL);
    pthread_cond_init(&self->look_changed, NULL);
    if (!kafka_copy(self, config) || !kafka_refill_init(self, config)) {
        error_set_memory(error, "the Kafka source");
        goto failed;
    }
    self->conf = kafka_properties_make(config, log, error);
    if (!self->conf || !kafka_history_init(self, config, error))
        goto failed;
    kafka_read_pace(self);
    rd_kafka_conf_set_opaque(self->conf, self);
    rd_kafka_conf_set_rebalance_cb(self->conf, kafka_group_rebalance);
    rd_kafka_conf_set_offset_commit_cb(self->conf, kafka_commit_answered);
    rd_kafka_conf_set_error_cb(self->conf, kafka_connection_error);
    rd_kafka_conf_set_log_cb(self->conf, kafka_connection_log);
    rd_kafka_conf_set_stats_cb(self->conf, kafka_lag_parse);
    return &self->source;

failed:
    kafka_free(&self->source);
    return NULL;
}

/* The generation belongs to the member: without one the broker would compare nothing. */
rd_kafka_consumer_group_metadata_t *kafka_source_group_metadata(struct source *source) {
    struct kafka_source *self = kafka_of(source);
    char *before = rd_kafka_memberid(self->client);
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(self->client);
    char *after = rd_kafka_memberid(self->client);
    const bool is_member = before && after && before[0] != '\0' && strcmp(before, after) == 0;
    rd_kafka_mem_free(self->client, before);
    rd_kafka_mem_free(self->client, after);
    if (!is_member && metadata) {
        rd_kafka_consumer_group_metadata_destroy(metadata);
        metadata = NULL;
    }
    return metadata;
}

rd_kafka_resp_err_t kafka_source_committed(struct source *source,
                                           rd_kafka_topic_partition_list_t *list, int timeout_ms) {
    return rd_kafka_committed(kafka_of(source)->client, list, timeout_ms);
}

char *kafka_source_statistics(struct source *source) {
    struct kafka_source *self = kafka_of(source);
    lock_acquire(&self->mutex, kafka_lock);
    char *copy = self->statistics ? strdup(self->statistics) : NULL;
    lock_release(&self->mutex, kafka_lock);
    return copy;
}
