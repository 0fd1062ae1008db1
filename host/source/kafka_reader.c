#include "source/kafka_reader.h"

#include "base/clock.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM            "kafka"
#define DEFAULT_TIMEOUT 10000
#define BATCH           256
/* What the client reads ahead, a partition: enough to keep it from pausing for long. */
#define AHEAD_KB        "8192"
/* How often partitions at their end are asked for more, while others have some. */
#define ASK_AGAIN_NS    (10 * NS_PER_MS)

struct part {
    const char *topic; /* the options' */
    rd_kafka_topic_t *handle;
    int32_t partition;
    int64_t begin, next;
    int64_t end; /* the first one that is not wanted; INT64_MAX: none is known */
    bool is_started, is_done;
    bool is_at_end; /* had nothing more when asked last */
    rd_kafka_message_t *batch[BATCH];
    size_t at, count;
};

struct kafka_reader {
    rd_kafka_t *client;
    struct log *log;
    rd_kafka_topic_t **handles; /* by topic */
    char **names;
    size_t topic_count;
    bool does_follow;
    int64_t until_ms;
    int timeout_ms;
    struct part *parts;
    size_t part_count;
    struct part *given; /* whose head the caller has */
    int64_t asked_ns;
};

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

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *error) {
    char text[512];
    return rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK ||
           error_set(error, ERROR_INVALID, "%s: %s", name, text);
}

/* Whether it concerns a group, or the way in which a host reads. */
static bool is_foreign(const char *name) {
    static const char *const foreign[] = {"group.",
                                          "session.timeout.ms",
                                          "heartbeat.interval.ms",
                                          "partition.assignment.strategy",
                                          "enable.auto.",
                                          "auto.",
                                          "statistics.interval.ms",
                                          "queued."};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
            return true;
    }
    return false;
}

/* Without a group.id the client has no group that it could join or commit to. */
static bool make_client(struct kafka_reader *self, const struct config *config,
                        struct error *error) {
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool did = set(conf, "client.id", "take5-record", error) &&
               set(conf, "socket.nagle.disable", "true", error);
    for (size_t i = 0; did && i < config->kafka.count; i++) {
        const struct config_item *item = &config->kafka.items[i];
        did = is_foreign(item->name) || set(conf, item->name, item->text, error);
    }
    did = did && set(conf, "bootstrap.servers", config->bootstrap_servers, error) &&
          set(conf, "enable.auto.commit", "false", error) &&
          set(conf, "enable.partition.eof", "true", error) &&
          set(conf, "queued.max.messages.kbytes", AHEAD_KB, error) &&
          /* A place that is not there any more is a fault, not a reason to begin elsewhere. */
          set(conf, "auto.offset.reset", "error", error);
    if (!did)
        goto failed;
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    self->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (self->client != NULL)
        return true;
    error_set(error, ERROR_INVALID, "no consumer: %s", text);
failed:
    rd_kafka_conf_destroy(conf);
    return false;
}

/* ---- what there is ---- */

static bool add_parts(struct kafka_reader *self, size_t topic, int32_t count, struct error *error) {
    struct part *parts = reallocarray(self->parts, self->part_count + (size_t)count, sizeof *parts);
    if (parts == NULL)
        return error_set_memory(error, (size_t)count * sizeof *parts, "partitions");
    self->parts = parts;
    for (int32_t i = 0; i < count; i++) {
        struct part *part = &parts[self->part_count++];
        memset(part, 0, sizeof *part);
        part->topic = self->names[topic];
        part->handle = self->handles[topic];
        part->partition = i;
    }
    return true;
}

static bool find_parts(struct kafka_reader *self, size_t topic, struct error *error) {
    const struct rd_kafka_metadata *metadata;
    const char *name = self->names[topic];
    const rd_kafka_resp_err_t failure =
        rd_kafka_metadata(self->client, 0, self->handles[topic], &metadata, self->timeout_ms);
    if (failure != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(error, ERROR_TIMEOUT, "the brokers cannot be asked for topic \"%s\": %s",
                         name, rd_kafka_err2str(failure));
    bool did = false;
    if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        error_set(error, ERROR_INVALID, "topic \"%s\": %s", name,
                  metadata->topic_cnt == 1 ? rd_kafka_err2str(metadata->topics[0].err)
                                           : "the brokers do not answer for it");
    else
        did = add_parts(self, topic, metadata->topics[0].partition_cnt, error);
    rd_kafka_metadata_destroy(metadata);
    return did;
}

/* Asks for the offsets of a time, of the lowest or the highest one, of all partitions, in the order
 * of the parts. NULL with an error. */
static rd_kafka_topic_partition_list_t *ask_offsets(struct kafka_reader *self, int64_t time,
                                                    struct error *error) {
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)self->part_count);
    for (size_t i = 0; i < self->part_count; i++)
        rd_kafka_topic_partition_list_add(list, self->parts[i].topic, self->parts[i].partition)
            ->offset = time;
    const rd_kafka_resp_err_t failure =
        rd_kafka_offsets_for_times(self->client, list, self->timeout_ms);
    bool did = failure == RD_KAFKA_RESP_ERR_NO_ERROR ||
               error_set(error, ERROR_TIMEOUT, "the brokers tell no offsets: %s",
                         rd_kafka_err2str(failure));
    for (int i = 0; did && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *answer = &list->elems[i];
        if (answer->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            did = error_set(error, ERROR_SYSTEM, "topic \"%s\", partition %" PRId32 ": %s",
                            answer->topic, answer->partition, rd_kafka_err2str(answer->err));
    }
    if (did)
        return list;
    rd_kafka_topic_partition_list_destroy(list);
    return NULL;
}

static int64_t answer_for(const rd_kafka_topic_partition_list_t *list, const struct part *part) {
    const rd_kafka_topic_partition_t *answer =
        rd_kafka_topic_partition_list_find(list, part->topic, part->partition);
    return answer != NULL ? answer->offset : -1;
}

struct bounds {
    rd_kafka_topic_partition_list_t *lowest, *highest, *from, *until; /* the last two may be NULL */
};

/* A part's begin and end. */
static bool bound_part(struct kafka_reader *self, const struct kafka_reader_options *options,
                       const struct bounds *bounds, struct part *part, struct error *error) {
    const int64_t lowest = answer_for(bounds->lowest, part);
    const int64_t highest = answer_for(bounds->highest, part);
    const int64_t resumed = options->resume != NULL
                                ? options->resume(options->context, part->topic, part->partition)
                                : -1;
    const int64_t from = bounds->from != NULL ? answer_for(bounds->from, part) : lowest;
    const int64_t until = bounds->until != NULL ? answer_for(bounds->until, part) : -1;
    part->begin = resumed >= 0 ? resumed : from >= 0 ? from : highest;
    if (resumed > highest)
        return error_set(error, ERROR_INVALID,
                         "topic \"%s\", partition %" PRId32 " ends at offset %" PRId64
                         ", and the recording goes on at %" PRId64
                         ": it is of another topic of that name",
                         part->topic, part->partition, highest, resumed);
    if (part->begin < lowest) {
        if (resumed >= 0)
            log_warning(self->log, ROOM,
                        "topic \"%s\", partition %" PRId32 ": offsets %" PRId64 " to %" PRId64
                        " are gone from the broker: the recording has a gap there",
                        part->topic, part->partition, resumed, lowest - 1);
        part->begin = lowest;
    }
    part->end = until >= 0 ? until : options->does_follow ? INT64_MAX : highest;
    part->next = part->begin;
    part->is_done = part->next >= part->end;
    return true;
}

static bool find_bounds(struct kafka_reader *self, const struct kafka_reader_options *options,
                        struct error *error) {
    struct bounds bounds = {NULL, NULL, NULL, NULL};
    bool did = false;
    /* Kafka's own words for the lowest and the highest offset, in the place of a time. */
    bounds.lowest = ask_offsets(self, RD_KAFKA_OFFSET_BEGINNING, error);
    if (bounds.lowest == NULL)
        goto done;
    bounds.highest = ask_offsets(self, RD_KAFKA_OFFSET_END, error);
    if (bounds.highest == NULL)
        goto done;
    if (options->from_ms != KAFKA_READER_NO_TIME &&
        (bounds.from = ask_offsets(self, options->from_ms, error)) == NULL)
        goto done;
    if (options->until_ms != KAFKA_READER_NO_TIME &&
        (bounds.until = ask_offsets(self, options->until_ms, error)) == NULL)
        goto done;
    did = true;
    for (size_t i = 0; did && i < self->part_count; i++)
        did = bound_part(self, options, &bounds, &self->parts[i], error);
done:
    if (bounds.lowest != NULL)
        rd_kafka_topic_partition_list_destroy(bounds.lowest);
    if (bounds.highest != NULL)
        rd_kafka_topic_partition_list_destroy(bounds.highest);
    if (bounds.from != NULL)
        rd_kafka_topic_partition_list_destroy(bounds.from);
    if (bounds.until != NULL)
        rd_kafka_topic_partition_list_destroy(bounds.until);
    return did;
}

/* ---- making ---- */

static bool open_topic(struct kafka_reader *self, size_t topic, struct error *error) {
    self->handles[topic] = rd_kafka_topic_new(self->client, self->names[topic], NULL);
    if (self->handles[topic] == NULL)
        return error_set(error, ERROR_INVALID, "topic \"%s\": %s", self->names[topic],
                         rd_kafka_err2str(rd_kafka_last_error()));
    return find_parts(self, topic, error);
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
        error_set_memory(error, sizeof *self, "a reader of topics");
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
        error_set_memory(error, options->topic_count, "names of topics");
    did = did && make_client(self, config, error);
    for (size_t i = 0; did && i < self->topic_count; i++)
        did = open_topic(self, i, error);
    if (did && find_bounds(self, options, error) && start_parts(self, error))
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

/* Takes what the client has, waiting up to the time for the first one: a batch call waits until it
 * is full. */
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

/* What the client says instead of a record. False with an error that ends the reading. */
static bool heed(struct kafka_reader *self, struct part *part, const rd_kafka_message_t *message,
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
        log_warning(self->log, ROOM, "topic \"%s\", partition %" PRId32 ": %s", part->topic,
                    part->partition, rd_kafka_message_errstr(message));
        return true; /* the client tries on */
    default:
        return error_set(error, ERROR_SYSTEM,
                         "topic \"%s\", partition %" PRId32 ", offset %" PRId64 ": %s", part->topic,
                         part->partition, part->next, rd_kafka_message_errstr(message));
    }
}

/* Whether the head of the batch is a record that is wanted; passes what is none. */
static bool settle_head(struct kafka_reader *self, struct part *part, struct error *error) {
    while (part->at < part->count && !part->is_done) {
        rd_kafka_message_t *message = part->batch[part->at];
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (!heed(self, part, message, error))
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

/* All parts that may have something are asked; what matters is who has to be waited for, and whose
 * head is the oldest. */
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
    /* A partition at its end holds nobody up. */
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
