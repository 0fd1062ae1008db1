#include "source/kafka/range_reader_private.h"

#include "base/clock.h"
#include "source/kafka/client_properties.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT 10000
/* How often to ask partitions at their end for more, while others have some. */
#define ASK_AGAIN_NS    (10 * NS_PER_MS)

/* ---- the client ---- */

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    const struct kafka_reader *self = rd_kafka_opaque(client);
    if (self == NULL || self->log == NULL)
        return;
    const enum log_level ours = level <= 3   ? LOG_LEVEL_ERROR
                                : level == 4 ? LOG_LEVEL_WARNING
                                : level <= 6 ? LOG_LEVEL_INFO
                                             : LOG_LEVEL_DEBUG;
    log_write(self->log, ours, ROOM, "%s: %s", facility, text);
}

static void on_error(rd_kafka_t *client, int code, const char *text, void *opaque) {
    struct kafka_reader *self = opaque;
    (void)client;
    if (self->log != NULL)
        log_warning(self->log, ROOM, "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code), text);
}

static bool make_client(struct kafka_reader *self, const struct config *config,
                        struct error *error) {
    char text[512];
    rd_kafka_conf_t *conf = kafka_properties_make_reader(config, "take5-record", error);
    if (conf == NULL)
        return false;
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    self->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (self->client != NULL)
        return true;
    rd_kafka_conf_destroy(conf);
    return error_set(error, ERROR_INVALID, "cannot create a consumer: %s", text);
}

/* ---- making ---- */

static bool open_topic(struct kafka_reader *self, size_t topic, struct error *error) {
    self->handles[topic] = rd_kafka_topic_new(self->client, self->names[topic], NULL);
    if (self->handles[topic] == NULL)
        return error_set(error, ERROR_INVALID, "topic \"%s\": %s", self->names[topic],
                         rd_kafka_err2str(rd_kafka_last_error()));
    return kafka_reader_find_parts(self, topic, error);
}

static bool start_parts(struct kafka_reader *self, struct error *error) {
    for (size_t i = 0; i < self->part_count; i++) {
        struct part *part = &self->parts[i];
        if (part->is_done)
            continue;
        if (rd_kafka_consume_start(part->handle, part->partition, part->begin) != 0)
            return error_set(error, ERROR_SYSTEM, "topic \"%s\", partition %" PRId32 ": %s",
                             part->topic, part->partition, rd_kafka_err2str(rd_kafka_last_error()));
        part->is_started = true;
    }
    return true;
}

struct kafka_reader *kafka_reader_new(const struct kafka_reader_options *options,
                                      const struct config *config, struct log *log,
                                      struct error *error) {
    struct kafka_reader *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, "a reader of topics");
        return NULL;
    }
    self->log = log;
    self->does_follow = options->does_follow;
    self->until_ms = options->until_ms;
    self->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT;
    self->topic_count = options->topic_count;
    self->handles = calloc(options->topic_count + 1, sizeof *self->handles);
    self->names = calloc(options->topic_count + 1, sizeof *self->names);
    bool did = self->handles != NULL && self->names != NULL;
    for (size_t i = 0; did && i < options->topic_count; i++)
        did = (self->names[i] = strdup(options->topics[i])) != NULL;
    if (!did)
        error_set_memory(error, "names of topics");
    did = did && make_client(self, config, error);
    for (size_t i = 0; did && i < self->topic_count; i++)
        did = open_topic(self, i, error);
    if (did && kafka_reader_find_bounds(self, options, error) && start_parts(self, error))
        return self;
    kafka_reader_free(self);
    return NULL;
}

static void drop_batch(struct part *part) {
    while (part->at < part->count)
        rd_kafka_message_destroy(part->batch[part->at++]);
    part->at = part->count = 0;
}

static void finish(struct part *part) {
    drop_batch(part);
    if (part->is_started)
        rd_kafka_consume_stop(part->handle, part->partition);
    part->is_started = false;
    part->is_done = true;
}

void kafka_reader_free(struct kafka_reader *self) {
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->part_count; i++)
        finish(&self->parts[i]);
    for (size_t i = 0; self->handles != NULL && i < self->topic_count; i++) {
        if (self->handles[i] != NULL)
            rd_kafka_topic_destroy(self->handles[i]);
    }
    for (size_t i = 0; self->names != NULL && i < self->topic_count; i++)
        free(self->names[i]);
    if (self->client != NULL)
        rd_kafka_destroy(self->client);
    free(self->parts);
    free(self->handles);
    free(self->names);
    free(self);
}

/* ---- reading ---- */

static int64_t message_time_ms(const rd_kafka_message_t *message) {
    rd_kafka_timestamp_type_t type;
    const int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time_ms < 0 ? RECORD_NO_TIME : time_ms;
}

/* Takes what the client has, waiting up to the time for the first one only: a batch call waits
 * until it is full. */
static void fetch(struct part *part, int timeout_ms) {
    ssize_t count = 0;
    part->at = part->count = 0;
    if (timeout_ms > 0) {
        rd_kafka_message_t *first = rd_kafka_consume(part->handle, part->partition, timeout_ms);
        if (first == NULL)
            return;
        part->batch[part->count++] = first;
    }
    count = rd_kafka_consume_batch(part->handle, part->partition, 0, part->batch + part->count,
                                   BATCH - part->count);
    if (count > 0)
        part->count += (size_t)count;
}

/* What the client reports in place of a record. False with an error that ends the reading. */
static bool handle(struct kafka_reader *self, struct part *part, const rd_kafka_message_t *message,
                   struct error *error) {
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        part->is_at_end = true;
        if (message->offset >= part->end)
            part->is_done = true;
        return true;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        if (self->log != NULL)
            log_warning(self->log, ROOM, "topic \"%s\", partition %" PRId32 ": %s", part->topic,
                        part->partition, rd_kafka_message_errstr(message));
        return true; /* the client retries */
    default:
        return error_set(error, ERROR_SYSTEM,
                         "topic \"%s\", partition %" PRId32 ", offset %" PRId64 ": %s", part->topic,
                         part->partition, part->next, rd_kafka_message_errstr(message));
    }
}

/* Whether the head of the batch is a wanted record; skips others. */
static bool settle_head(struct kafka_reader *self, struct part *part, struct error *error) {
    while (part->at < part->count && !part->is_done) {
        rd_kafka_message_t *message = part->batch[part->at];
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (!handle(self, part, message, error))
                return false;
        } else if (message->offset >= part->end || (self->until_ms != KAFKA_READER_NO_TIME &&
                                                    message_time_ms(message) >= self->until_ms)) {
            part->is_done = true;
        } else if (message->offset >= part->next) {
            part->is_at_end = false;
            return true;
        }
        rd_kafka_message_destroy(message);
        part->at++;
    }
    if (part->is_done)
        finish(part);
    return true;
}

static bool has_head(const struct part *part) {
    return part->at < part->count;
}

/* Fills the part's head if that takes no more than the time. */
static bool seek_head(struct kafka_reader *self, struct part *part, int timeout_ms,
                      struct error *error) {
    if (part->is_done || has_head(part))
        return true;
    if (part->next >= part->end) { /* no need to wait until the broker reports the end */
        finish(part);
        return true;
    }
    fetch(part, timeout_ms);
    return settle_head(self, part, error);
}

static void release_given(struct kafka_reader *self) {
    struct part *part = self->given;
    if (part == NULL)
        return;
    self->given = NULL;
    rd_kafka_message_destroy(part->batch[part->at++]);
}

/* Asks all parts that may have something: which one has to be waited for, and which has the oldest
 * head. */
static bool survey(struct kafka_reader *self, struct part **lacking, struct part **oldest,
                   bool *is_over, struct error *error) {
    const int64_t now_ns = clock_coarse_ns();
    const bool asks_all = now_ns - self->asked_ns >= ASK_AGAIN_NS;
    int64_t oldest_ms = 0;
    *lacking = *oldest = NULL;
    *is_over = true;
    if (asks_all) {
        self->asked_ns = now_ns;
        rd_kafka_poll(self->client, 0);
    }
    for (size_t i = 0; i < self->part_count; i++) {
        struct part *part = &self->parts[i];
        if (part->is_done)
            continue;
        if (!has_head(part) && (asks_all || !part->is_at_end) && !seek_head(self, part, 0, error))
            return false;
        else if (has_head(part) && !settle_head(self, part, error))
            return false;
        if (part->is_done)
            continue;
        *is_over = false;
        if (!has_head(part)) {
            if (!part->is_at_end || *lacking == NULL)
                *lacking = part;
            continue;
        }
        const int64_t time_ms = message_time_ms(part->batch[part->at]);
        if (*oldest == NULL || time_ms < oldest_ms) {
            *oldest = part;
            oldest_ms = time_ms;
        }
    }
    return true;
}

static void give(struct kafka_reader *self, struct part *part, struct record *record,
                 const char **topic) {
    const rd_kafka_message_t *message = part->batch[part->at];
    *record = (struct record){.payload = message->payload,
                              .payload_size = message->len,
                              .key = message->key,
                              .key_size = message->key_len,
                              .kafka_time_ms = message_time_ms(message),
                              .offset = message->offset,
                              .partition = message->partition};
    *topic = part->topic;
    part->next = message->offset + 1;
    self->given = part;
}

enum kafka_reader_result kafka_reader_next(struct kafka_reader *self, int timeout_ms,
                                           struct record *record, const char **topic,
                                           struct error *error) {
    struct part *lacking, *oldest;
    bool is_over;
    release_given(self);
    if (!survey(self, &lacking, &oldest, &is_over, error))
        return KAFKA_READER_FAILED;
    if (is_over)
        return KAFKA_READER_END;
    /* A partition at its end does not hold up the others. */
    if (oldest != NULL && (lacking == NULL || lacking->is_at_end)) {
        give(self, oldest, record, topic);
        return KAFKA_READER_RECORD;
    }
    if (lacking->is_at_end && timeout_ms > (int)(ASK_AGAIN_NS / NS_PER_MS))
        timeout_ms = (int)(ASK_AGAIN_NS / NS_PER_MS); /* any other may have something first */
    if (!seek_head(self, lacking, timeout_ms, error))
        return KAFKA_READER_FAILED;
    return KAFKA_READER_WAIT;
}

void kafka_reader_progress(const struct kafka_reader *self, int64_t *passed, int64_t *total) {
    *passed = *total = 0;
    for (size_t i = 0; i < self->part_count; i++) {
        const struct part *part = &self->parts[i];
        *passed += part->next - part->begin;
        *total += part->end == INT64_MAX ? 0 : part->end - part->begin;
    }
    if (self->does_follow)
        *total = -1;
}
