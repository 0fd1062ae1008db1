/*
 * Earlier records, read beside the stream: by a second client, which is in no group, so that it
 * does not affect the group's reading. Control makes it at the first reading, and it is kept until
 * the source is freed. Each part of a reading has a queue of its own: the lane takes records from
 * it without waiting, and librdkafka's threads wake the lane when an empty one fills.
 *
 * The client reports the offset after the last record (RD_KAFKA_RESP_ERR__PARTITION_EOF) each time
 * that it reaches the end: that is how a part gets past what is never handed out, such as a
 * transaction marker as the last entry of a log.
 */
#include "source/history.h"
#include "base/clock.h"
#include "base/units.h"
#include "source/kafka/client_properties.h"
#include "source/kafka/consumer_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How many messages are taken from a part's queue at a time. */
#define HISTORY_BATCH 256
/* Queues as short as this one are worth a wake of the client: few, but large records. */
#define REFILL_LEAST  2
/* Between two requests if the first one had no answer for now. */
#define ASK_AGAIN_MS  100

/* The reading of one part. */
struct part_reader {
    struct source_history *history;
    struct kafka_topic *topic;
    uint32_t topic_index;
    int32_t partition;
    int64_t low, high; /* at the opening */
    rd_kafka_queue_t *queue;
    bool is_started;
    /* HISTORY_WAIT was returned and nothing has come since: set by the lane, cleared by
     * librdkafka's threads. */
    _Atomic bool is_awaited;

    /* The lane's. */
    int64_t passed;
    rd_kafka_message_t *given; /* the caller has it; NULL: none */
    rd_kafka_message_t *batch[HISTORY_BATCH];
    size_t at, count;
    size_t peak;               /* see kafka_refill() */
    rd_kafka_resp_err_t waits; /* the last problem that was logged */
};

struct source_history {
    struct kafka_source *source;
    struct source_history *next; /* the source's next open one */
    uint32_t lane;
    struct error failure; /* the lane's; code ERROR_NONE: none */
    size_t count;
    struct part_reader readers[];
};

/* ---- the client: control ---- */

/* What concerns the brokers is also logged by the group's client, as changes (connection.c). */
static void history_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    struct kafka_source *self = opaque;
    (void)client;
    log_debug(self->log, KAFKA_ROOM, "reading history: %s (%s)", reason,
              rd_kafka_err2name((rd_kafka_resp_err_t)code));
}

bool kafka_history_init(struct kafka_source *self, const struct config *config,
                        struct error *error) {
    self->history_conf = kafka_properties_make_reader(config, "take5-history", error);
    if (!self->history_conf)
        return false;
    rd_kafka_conf_set_opaque(self->history_conf, self);
    rd_kafka_conf_set_log_cb(self->history_conf, kafka_connection_log);
    rd_kafka_conf_set_error_cb(self->history_conf, history_error);
    self->reader_conf = rd_kafka_conf_dup(self->history_conf);
    return true;
}

void kafka_history_poll(struct kafka_source *self) {
    if (self->history_client)
        rd_kafka_poll(self->history_client, 0);
}

static bool history_connect(struct kafka_source *self, struct error *error) {
    char text[512];
    if (self->history_client)
        return true;
    self->history_client = rd_kafka_new(RD_KAFKA_CONSUMER, self->history_conf, text, sizeof text);
    if (!self->history_client)
        return error_set(error, ERROR_SYSTEM, "reading history: librdkafka makes no consumer: %s",
                         text);
    self->history_conf = NULL; /* now the client's */
    return true;
}

static bool history_know_topic(struct kafka_source *self, struct kafka_topic *topic,
                               struct error *error) {
    if (!topic->history_handle)
        topic->history_handle = rd_kafka_topic_new(self->history_client, topic->name, NULL);
    return topic->history_handle ||
           error_set(error, ERROR_INVALID, "reading history of topic \"%s\": %s", topic->name,
                     rd_kafka_err2str(rd_kafka_last_error()));
}

/* ---- what the brokers know of the parts: control ---- */

struct history_question {
    struct kafka_source *source;
    const struct history_part *parts;
    size_t count;
    int64_t until_ns;
    int timeout_ms;   /* the whole time, for the text */
    bool did_refresh; /* the metadata was refreshed, since it did not have the part */
};

static int time_left_ms(int64_t until_ns) {
    const int64_t left_ms = (until_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left_ms > 1 ? (int)left_ms : 1;
}

/* Trying again does not help. */
static bool is_refusal(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
           code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

/* The first entry that has an error; NULL: none. The client marks with _IN_PROGRESS what it has not
 * got to. */
static const rd_kafka_topic_partition_t *
first_refused(const rd_kafka_topic_partition_list_t *list) {
    const rd_kafka_topic_partition_t *refused = NULL;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];
        if (entry->err && (!refused || (is_refusal(entry->err) && !is_refusal(refused->err))))
            refused = entry;
    }
    return refused;
}

/* The client caches what it knows of a topic for minutes: it may have got more partitions. */
static void refresh_metadata(struct history_question *question) {
    question->did_refresh = true;
    const struct rd_kafka_metadata *metadata;
    for (size_t i = 0; i < question->count; i++) {
        const struct kafka_topic *topic = &question->source->topics[question->parts[i].topic];
        bool is_first = true;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = question->parts[k].topic != question->parts[i].topic;
        if (is_first &&
            !rd_kafka_metadata(question->source->history_client, 0, topic->history_handle,
                               &metadata, time_left_ms(question->until_ns)))
            rd_kafka_metadata_destroy(metadata);
    }
}

/* False with an error: asking again is of no use. */
static bool may_ask_again(struct history_question *question,
                          const rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code,
                          struct error *error) {
    const rd_kafka_topic_partition_t *refused = first_refused(list);
    if (refused && refused->err != RD_KAFKA_RESP_ERR__IN_PROGRESS)
        code = refused->err; /* it is more precise: the whole is _UNKNOWN_PARTITION without
                              * leaders */
    const bool is_refused = is_refusal(code);
    if (clock_monotonic_ns() < question->until_ns && (!is_refused || !question->did_refresh)) {
        if (is_refused)
            refresh_metadata(question);
        else
            rd_kafka_poll(question->source->history_client, ASK_AGAIN_MS);
        return true;
    }
    char which[160] = "";
    if (refused)
        snprintf(which, sizeof which, " of topic \"%.100s\", partition %" PRId32, refused->topic,
                 refused->partition);
    if (is_refused)
        return error_set(error, ERROR_INVALID, "no history%s: %s (%s)", which,
                         rd_kafka_err2str(code), rd_kafka_err2name(code));
    return error_set(error, ERROR_TIMEOUT, "%s did not report the offsets%s within %d ms: %s (%s)",
                     question->source->servers, which, question->timeout_ms, rd_kafka_err2str(code),
                     rd_kafka_err2name(code));
}

/* Whether the part's own time is asked for, not an end of the log. */
static bool is_by_time(const struct history_part *part) {
    return part->from == SOURCE_NO_OFFSET;
}

/* `end`: one of Kafka's two values for the ends of the log, in place of a time; 0: the times of the
 * parts that begin at one. */
static rd_kafka_topic_partition_list_t *list_parts(const struct history_question *question,
                                                   int64_t end) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)question->count);
    for (size_t i = 0; i < question->count; i++) {
        const struct history_part *part = &question->parts[i];
        const char *name = question->source->topics[part->topic].name;
        if (end != 0 || is_by_time(part))
            rd_kafka_topic_partition_list_add(list, name, part->partition)->offset =
                end != 0            ? end
                : part->from_ms > 0 ? part->from_ms
                                    : 0;
    }
    return list;
}

/* The offsets of all parts in one request per broker. NULL with an error. */
static rd_kafka_topic_partition_list_t *ask(struct history_question *question, int64_t end,
                                            struct error *error) {
    for (;;) {
        rd_kafka_topic_partition_list_t *list = list_parts(question, end);
        if (list->cnt == 0)
            return list;
        const rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(
            question->source->history_client, list, time_left_ms(question->until_ns));
        if (!code && !first_refused(list))
            return list;
        const bool goes_on = may_ask_again(question, list, code, error);
        rd_kafka_topic_partition_list_destroy(list);
        if (!goes_on)
            return NULL;
    }
}

static int64_t answer_for(const struct history_question *question,
                          rd_kafka_topic_partition_list_t *list, const struct history_part *part) {
    const rd_kafka_topic_partition_t *entry = rd_kafka_topic_partition_list_find(
        list, question->source->topics[part->topic].name, part->partition);
    return entry ? entry->offset : RD_KAFKA_OFFSET_INVALID;
}

/* With isolation.level = read_committed the high one is at the first open transaction. */
static bool find_bounds(struct kafka_source *self, struct history_part *parts, size_t count,
                        int timeout_ms, struct error *error) {
    struct history_question question = {
        .source = self,
        .parts = parts,
        .count = count,
        .until_ns = clock_monotonic_ns() + clock_ms_ns(timeout_ms),
        .timeout_ms = timeout_ms,
    };
    rd_kafka_topic_partition_list_t *lows = NULL, *highs = NULL, *times = NULL;
    const bool did = (lows = ask(&question, RD_KAFKA_OFFSET_BEGINNING, error)) != NULL &&
                     (highs = ask(&question, RD_KAFKA_OFFSET_END, error)) != NULL &&
                     (times = ask(&question, 0, error)) != NULL;
    for (size_t i = 0; did && i < count; i++) {
        struct history_part *part = &parts[i];
        part->low = answer_for(&question, lows, part);
        part->high = answer_for(&question, highs, part);
        if (is_by_time(part)) {
            const int64_t from = answer_for(&question, times, part);
            part->from = from >= 0 ? from : part->high; /* nothing is that recent */
        }
        if (part->from < part->low)
            part->from = part->low;
    }
    if (lows)
        rd_kafka_topic_partition_list_destroy(lows);
    if (highs)
        rd_kafka_topic_partition_list_destroy(highs);
    if (times)
        rd_kafka_topic_partition_list_destroy(times);
    return did;
}

/* ---- opening and closing: control ---- */

static bool is_being_read(const struct kafka_source *self, const struct history_part *part) {
    for (const struct source_history *open = self->readings; open; open = open->next)
        for (size_t i = 0; i < open->count; i++)
            if (open->readers[i].topic_index == part->topic &&
                open->readers[i].partition == part->partition)
                return true;
    return false;
}

static bool check_parts(struct kafka_source *self, const struct history_part *parts, size_t count,
                        struct error *error) {
    for (size_t i = 0; i < count; i++) {
        const struct history_part *part = &parts[i];
        if (part->topic >= self->topic_count || part->partition < 0)
            return error_set(error, ERROR_INVALID,
                             "no history of topic number %" PRIu32 " of %" PRIu32
                             ", partition %" PRId32,
                             part->topic, self->topic_count, part->partition);
        bool is_taken = is_being_read(self, part);
        for (size_t k = 0; k < i && !is_taken; k++)
            is_taken = parts[k].topic == part->topic && parts[k].partition == part->partition;
        if (is_taken)
            return error_set(error, ERROR_STATE,
                             "the history of topic \"%s\", partition %" PRId32
                             " is being read already: one reading of a partition at a time",
                             self->topics[part->topic].name, part->partition);
        if (!history_know_topic(self, &self->topics[part->topic], error))
            return false;
    }
    return true;
}

/* librdkafka's threads, with the queue locked: it was empty, and no longer is. */
static void history_filled(rd_kafka_t *client, void *opaque) {
    struct part_reader *reader = opaque;
    (void)client;
    if (!atomic_exchange(&reader->is_awaited, false))
        return;
    struct source *source = &reader->history->source->source;
    source->ops->wake(source, reader->history->lane);
}

static bool start_reader(struct source_history *history, struct part_reader *reader,
                         const struct history_part *part, struct error *error) {
    struct kafka_source *self = history->source;
    reader->history = history;
    reader->topic = &self->topics[part->topic];
    reader->topic_index = part->topic;
    reader->partition = part->partition;
    reader->low = part->low;
    reader->high = part->high;
    reader->passed = part->from;
    reader->queue = rd_kafka_queue_new(self->history_client);
    rd_kafka_queue_cb_event_enable(reader->queue, history_filled, reader);
    if (rd_kafka_consume_start_queue(reader->topic->history_handle, part->partition, part->from,
                                     reader->queue) != 0)
        return error_set(error, ERROR_SYSTEM,
                         "reading history of topic \"%s\", partition %" PRId32
                         " from offset %" PRId64 ": %s",
                         reader->topic->name, part->partition, part->from,
                         rd_kafka_err2str(rd_kafka_last_error()));
    reader->is_started = true;
    return true;
}

static void drop_messages(struct part_reader *reader) {
    if (reader->given)
        rd_kafka_message_destroy(reader->given);
    reader->given = NULL;
    while (reader->at < reader->count)
        rd_kafka_message_destroy(reader->batch[reader->at++]);
    reader->at = reader->count = 0;
}

/* The client's main thread answers a stop by itself: offsets are not stored, so it asks no broker,
 * and the wait is short whatever the brokers do. */
static void stop_reader(struct part_reader *reader) {
    if (!reader->queue)
        return;
    rd_kafka_queue_cb_event_enable(reader->queue, NULL, NULL); /* none is in progress any more */
    if (reader->is_started)
        rd_kafka_consume_stop(reader->topic->history_handle, reader->partition);
    drop_messages(reader);
    rd_kafka_queue_destroy(reader->queue);
}

static void kafka_history_close(struct source_history *history) {
    if (!history)
        return;
    for (size_t i = 0; i < history->count; i++)
        stop_reader(&history->readers[i]);
    struct source_history **link = &history->source->readings;
    while (*link && *link != history)
        link = &(*link)->next;
    if (*link)
        *link = history->next;
    free(history);
}

static struct source_history *kafka_history_open(struct source *source, uint32_t lane,
                                                 struct history_part *parts, size_t count,
                                                 int timeout_ms, struct error *error) {
    struct kafka_source *self = (struct kafka_source *)source;
    if (!self->client || self->is_closed) {
        error_set(error, ERROR_STATE, "the Kafka source %s: it reads no history",
                  self->client ? "is closed" : "was not started");
        return NULL;
    }
    if (!history_connect(self, error) || !check_parts(self, parts, count, error) ||
        !find_bounds(self, parts, count, timeout_ms, error))
        return NULL;

    struct source_history *history = calloc(1, sizeof *history + count * sizeof *history->readers);
    if (!history) {
        error_set_memory(error, "a reading of history");
        return NULL;
    }
    history->source = self;
    history->lane = lane;
    history->count = count;
    history->next = self->readings;
    self->readings = history;
    for (size_t i = 0; i < count; i++) {
        if (!start_reader(history, &history->readers[i], &parts[i], error)) {
            kafka_history_close(history);
            return NULL;
        }
    }
    return history;
}

void kafka_history_release(struct kafka_source *self) {
    while (self->readings)
        kafka_history_close(self->readings);
    for (uint32_t i = 0; self->topics && i < self->topic_count; i++)
        if (self->topics[i].history_handle)
            rd_kafka_topic_destroy(self->topics[i].history_handle);
}

/* ---- reading: the lane ---- */

/* For problems that waiting does not solve: what to do; NULL: the client retries, and may
 * succeed. */
static const char *lasting_trouble(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
        return "the batch in the broker's log is damaged, or of a kind that this librdkafka does "
               "not read: restore it from a replica";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return "raise [kafka] receive.message.max.bytes and fetch.message.max.bytes";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "let the user READ the topic (kafka-acls.sh)";
    default:
        return NULL;
    }
}

static void fail_by_range(struct part_reader *reader, int64_t offset) {
    error_set(
        &reader->history->failure, ERROR_INVALID,
        "the history of topic \"%s\", partition %" PRId32 " cannot be read on: offset %" PRId64
        " is not in the log, which had %" PRId64 " to %" PRId64
        " when the reading began; either retention (retention.ms, retention.bytes of the "
        "topic) removed it meanwhile, or the topic was recreated: the messages between are lost, "
        "begin again at what the log has",
        reader->topic->name, reader->partition, offset, reader->low, reader->high);
}

/* What the client reports in place of a record. */
static void handle(struct part_reader *reader, const rd_kafka_message_t *message) {
    struct source_history *history = reader->history;
    struct log *log = history->source->log;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (message->offset > reader->passed)
            reader->passed = message->offset;
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        /* It may be from an earlier reading, which asked for something else. */
        if (message->offset >= reader->passed)
            fail_by_range(reader, message->offset);
        return;
    }
    const char *advice = lasting_trouble(message->err);
    if (advice)
        error_set(&history->failure, ERROR_SYSTEM,
                  "the history of topic \"%s\", partition %" PRId32
                  " cannot be read on at offset %" PRId64 ": %s (%s); %s",
                  reader->topic->name, reader->partition, reader->passed,
                  rd_kafka_message_errstr(message), rd_kafka_err2name(message->err), advice);
    else if (message->err != reader->waits)
        log_warning(log, KAFKA_ROOM,
                    "the history of topic \"%s\", partition %" PRId32 " waits at offset %" PRId64
                    ": %s (%s); retrying",
                    reader->topic->name, reader->partition, reader->passed,
                    rd_kafka_message_errstr(message), rd_kafka_err2name(message->err));
    reader->waits = message->err;
}

static size_t take(struct part_reader *reader) {
    const ssize_t count =
        rd_kafka_consume_batch_queue(reader->queue, 0, reader->batch, HISTORY_BATCH);
    return count > 0 ? (size_t)count : 0;
}

/* Fills the batch with what is there. False: nothing yet, and the lane is woken when there is. */
static bool fetch(struct part_reader *reader) {
    reader->at = reader->count = 0;
    if (atomic_load(&reader->is_awaited))
        return false;
    reader->count = take(reader);
    if (reader->count == 0) {
        /* What comes from here on wakes the lane; what came before is found now. */
        atomic_store(&reader->is_awaited, true);
        reader->count = take(reader);
        if (reader->count == 0)
            return false;
        atomic_store(&reader->is_awaited, false);
    }
    const size_t length = rd_kafka_queue_length(reader->queue) + reader->count;
    if (length > reader->peak)
        reader->peak = length;
    kafka_refill(reader->history->source, reader->history->source->history_client, reader->queue,
                 &reader->peak, REFILL_LEAST);
    return true;
}

/* The next record; NULL: none for now, or the reading failed. */
static rd_kafka_message_t *next_message(struct part_reader *reader) {
    while (reader->history->failure.code == ERROR_NONE &&
           (reader->at < reader->count || fetch(reader))) {
        rd_kafka_message_t *message = reader->batch[reader->at++];
        if (!message->err && message->offset >= reader->passed)
            return message;
        if (message->err)
            handle(reader, message);
        rd_kafka_message_destroy(message);
    }
    return NULL;
}

static enum history_result kafka_history_next(struct source_history *history, size_t part,
                                              struct record *record, int64_t *passed,
                                              struct error *error) {
    struct part_reader *reader = &history->readers[part];
    if (reader->given)
        rd_kafka_message_destroy(reader->given);
    reader->given = next_message(reader);
    if (reader->given) {
        *record = kafka_record(reader->given, reader->topic_index);
        reader->passed = record->offset + 1;
        reader->waits = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    *passed = reader->passed;
    if (history->failure.code != ERROR_NONE) {
        *error = history->failure;
        return HISTORY_FAILED;
    }
    return reader->given ? HISTORY_RECORD : HISTORY_WAIT;
}

const struct source_history_ops KAFKA_HISTORY_OPS = {
    .open = kafka_history_open,
    .next = kafka_history_next,
    .close = kafka_history_close,
};
