/*
 * The lanes' side: one queue of librdkafka's a lane, into which the partitions' queues are
 * forwarded. A record is the client's message, seen through spans; nothing is copied.
 */
#include "source/kafka.h"

#include "base/clock.h"
#include "base/text.h"
#include "source/kafka_private.h"

#include <stdlib.h>
#include <string.h>

/* How many messages one read takes at most. */
#define KAFKA_BATCH 1024

static struct kafka_source *kafka_of(struct source *source) {
    return (struct kafka_source *)source;
}

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

static void kafka_lane_complain(struct kafka_source *self, const rd_kafka_message_t *message) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return;
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    log_warning(self->log, KAFKA_ROOM, "%s [%d] at offset %lld: %s (%s)", topic,
                (int)message->partition, (long long)message->offset,
                rd_kafka_message_errstr(message), rd_kafka_err2name(message->err));
}

/* False: no record for the lane, and the message is gone. */
static bool kafka_lane_take(struct kafka_source *self, struct kafka_lane *lane,
                            rd_kafka_message_t *message, struct record *record) {
    if (message->err) {
        kafka_lane_complain(self, message);
        goto drop;
    }
    if (message->rkt != lane->seen && !kafka_lane_see(self, lane, message->rkt))
        goto drop;

    /* What was fetched for a partition that goes belongs to whoever gets it next: it is read again
     * from the committed offset, here or elsewhere. */
    const struct kafka_owned *owned =
        atomic_load_explicit(&self->topics[lane->seen_topic].owned, memory_order_acquire);
    if (!owned || message->partition >= owned->count ||
        !atomic_load_explicit(&owned->is_owned[message->partition], memory_order_acquire))
        goto drop;

    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    *record = (struct record){
        .payload = message->payload,
        .payload_size = message->len,
        .key = message->key,
        .key_size = message->key_len,
        .kafka_time_ms =
            type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time_ms < 0 ? RECORD_NO_TIME : time_ms,
        .offset = message->offset,
        .partition = message->partition,
        .topic = lane->seen_topic,
        .handle = message,
    };
    return true;

drop:
    rd_kafka_message_destroy(message);
    return false;
}

static size_t kafka_read(struct source *source, uint32_t index, struct record *records, size_t most,
                         int timeout_ms) {
    struct kafka_source *self = kafka_of(source);
    struct kafka_lane *lane = &self->lanes[index];
    if (most > lane->batch_size)
        most = lane->batch_size;

    /* A batch call that may wait does so until the batch is full. So: take what is there, and only
     * if that is nothing, wait for one and take what came with it. */
    ssize_t count = rd_kafka_consume_batch_queue(lane->queue, 0, lane->batch, most);
    if (count <= 0) {
        /* The empty batch call swallows librdkafka's own mark of a wake, hence ours. */
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
        kafka_refill(self, lane);
    size_t filled = 0;
    for (ssize_t i = 0; i < count; i++)
        filled += kafka_lane_take(self, lane, lane->batch[i], &records[filled]) ? 1 : 0;
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
    return kafka_group_committed_by_us(kafka_of(source), topic, partition);
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
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, self->topics[topic].name, partition)->offset = next;
    rd_kafka_resp_err_t code = rd_kafka_offsets_store(self->client, list);
    /* __STATE: not assigned yet, or no more: then whoever has it reads from the committed one. */
    if (code && code != RD_KAFKA_RESP_ERR__STATE && code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
        code != RD_KAFKA_RESP_ERR__FATAL)
        log_warning(self->log, KAFKA_ROOM, "%s [%d]: offset %lld was not stored: %s",
                    self->topics[topic].name, (int)partition, (long long)next,
                    rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
    return !code;
}

/*
 * A record on the consumer's own queue. The forwarding is set before fetching begins, so there is
 * none; if one came all the same, giving it to the lane now could put it behind later ones, and
 * those would move the offset past it. So nothing is stored from here on, and the source ends: what
 * was in flight is read again.
 */
static void kafka_stray(struct kafka_source *self, const rd_kafka_message_t *message) {
    atomic_store(&self->is_broken, true);
    error_set(&self->fatal, ERROR_STATE,
              "%s [%d] offset %lld came outside its lane's queue; ending before its offset is "
              "passed, start again to read it",
              rd_kafka_topic_name(message->rkt), (int)message->partition,
              (long long)message->offset);
}

static void kafka_event(struct kafka_source *self, const rd_kafka_message_t *message) {
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        kafka_stray(self, message);
        break;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
        log_error(self->log, KAFKA_ROOM,
                  "nothing was read for longer than max.poll.interval.ms: the group took the "
                  "partitions away; joining again");
        break;
    default:
        kafka_lane_complain(self, message);
    }
}

static bool kafka_poll(struct source *source, int timeout_ms, struct error *error) {
    struct kafka_source *self = kafka_of(source);
    if (self->is_closed)
        return true;
    kafka_watch_poll(self);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(self->client, timeout_ms);
    while (message) {
        kafka_event(self, message);
        rd_kafka_message_destroy(message);
        message = rd_kafka_consumer_poll(self->client, 0);
    }
    if (self->fatal.code == ERROR_NONE)
        return true;
    *error = self->fatal;
    return false;
}

static bool kafka_commit(struct source *source, int timeout_ms, struct error *error) {
    return kafka_group_commit(kafka_of(source), timeout_ms, error);
}

static void kafka_status(struct source *source, struct source_status *status) {
    kafka_watch_status(kafka_of(source), status);
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
            return error_set_memory(error, KAFKA_BATCH * sizeof *lane->batch, "a lane's batch");
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
        return error_set(error, ERROR_STATE, "the Kafka source was started before");
    self->listener = *listener;

    char text[512];
    self->client = rd_kafka_new(RD_KAFKA_CONSUMER, self->conf, text, sizeof text);
    if (!self->client)
        return error_set(error, ERROR_INVALID, "[kafka]: librdkafka refuses: %s", text);
    self->conf = NULL; /* the client's now */

    rd_kafka_resp_err_t code = rd_kafka_poll_set_consumer(self->client);
    if (code)
        return error_set(error, ERROR_SYSTEM, "Kafka consumer: %s", rd_kafka_err2str(code));
    return kafka_lanes_new(self, error) && kafka_topics_new(self, error);
}

static const struct source_ops KAFKA_OPS = {
    .start = kafka_start,
    .read = kafka_read,
    .release = kafka_release,
    .headers = kafka_headers,
    .range = kafka_range,
    .committed = kafka_committed,
    .partitions = kafka_partitions,
    .wake = kafka_wake,
    .store = kafka_store,
    .poll = kafka_poll,
    .commit = kafka_commit,
    .status = kafka_status,
    .lag = kafka_lag,
    .close = kafka_close,
    .free = kafka_free,
};

static bool kafka_copy(struct kafka_source *self, const struct config *config) {
    self->lane_count = config->lanes > 0 ? (uint32_t)config->lanes : 1;
    self->topic_count = (uint32_t)config->topic_count;
    self->lanes = aligned_alloc(64, self->lane_count * sizeof *self->lanes);
    self->topics = calloc(config->topic_count, sizeof *self->topics);
    self->servers = strdup(config->bootstrap_servers ? config->bootstrap_servers : "");
    self->group = strdup(config->group_id);
    self->assignment = rd_kafka_topic_partition_list_new(16);
    if (!self->lanes || !self->topics || !self->servers || !self->group || !self->assignment)
        return false;
    memset(self->lanes, 0, self->lane_count * sizeof *self->lanes);
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
        error_set_memory(error, sizeof *self, "the Kafka source");
        return NULL;
    }
    self->source.ops = &KAFKA_OPS;
    self->log = log;
    pthread_mutex_init(&self->mutex, NULL);
    if (!kafka_copy(self, config) || !kafka_refill_init(self, config)) {
        error_set_memory(error, sizeof *self, "the Kafka source");
        goto failed;
    }
    self->conf = kafka_properties_make(config, log, error);
    if (!self->conf)
        goto failed;
    rd_kafka_conf_set_opaque(self->conf, self);
    rd_kafka_conf_set_rebalance_cb(self->conf, kafka_group_rebalance);
    rd_kafka_conf_set_offset_commit_cb(self->conf, kafka_group_note_commit);
    rd_kafka_conf_set_error_cb(self->conf, kafka_watch_error);
    rd_kafka_conf_set_log_cb(self->conf, kafka_watch_log);
    rd_kafka_conf_set_stats_cb(self->conf, kafka_lag_take);
    return &self->source;

failed:
    kafka_free(&self->source);
    return NULL;
}

char *kafka_source_statistics(struct source *source) {
    struct kafka_source *self = kafka_of(source);
    pthread_mutex_lock(&self->mutex);
    char *copy = self->statistics ? strdup(self->statistics) : NULL;
    pthread_mutex_unlock(&self->mutex);
    return copy;
}
