#include "checkpoint/kafka/state_reader.h"

#include "base/clock.h"

#include <inttypes.h>

#define BATCH   1000
#define WAIT_MS 100

struct reading {
    const struct reader_options *options;
    rd_kafka_topic_t *handle;
    bool (*add)(void *context, const rd_kafka_message_t *message);
    void *context;
    struct error *error;
    int64_t last_ns;       /* when something last came */
    bool is_over, is_open; /* a transaction is open, at the last reported end */
    enum reader_end end;
};

static void finish(struct reading *reading, enum reader_end end) {
    reading->is_over = true;
    reading->end = end;
}

/* Whether everything up to the end is stable. */
static void note_end(struct reading *reading, int64_t offset) {
    const struct reader_options *options = reading->options;
    int64_t low, high;
    reading->is_open =
        rd_kafka_get_watermark_offsets(options->client, options->topic, options->partition, &low,
                                       &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        high > offset;
    if (!reading->is_open)
        finish(reading, READER_AT_END);
}

static bool is_missing(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static void note_error(struct reading *reading, const rd_kafka_message_t *message) {
    const struct reader_options *options = reading->options;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        note_end(reading, message->offset);
        return;
    }
    error_set(reading->error, ERROR_TIMEOUT, "topic %s[%" PRId32 "] cannot be read: %s (%s)",
              options->topic, options->partition, rd_kafka_message_errstr(message),
              rd_kafka_err2name(message->err));
    if (is_missing(message->err))
        finish(reading, READER_NOTHING);
    else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
             message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        finish(reading, READER_FAILED);
}

static void handle(struct reading *reading, const rd_kafka_message_t *message) {
    if (reading->is_over)
        return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_error(reading, message);
    } else if (!reading->add(reading->context, message)) {
        error_set_memory(reading->error, "a checkpoint");
        finish(reading, READER_FAILED);
    }
}

/* Takes what is available. */
static void take(struct reading *reading) {
    const struct reader_options *options = reading->options;
    rd_kafka_message_t *batch[BATCH];
    rd_kafka_message_t *first = rd_kafka_consume(reading->handle, options->partition, WAIT_MS);
    rd_kafka_poll(options->client, 0);
    if (first == NULL)
        return;
    reading->last_ns = clock_monotonic_ns();
    handle(reading, first);
    rd_kafka_message_destroy(first);
    const ssize_t count =
        rd_kafka_consume_batch(reading->handle, options->partition, 0, batch, BATCH);
    for (ssize_t i = 0; i < count; i++) {
        handle(reading, batch[i]);
        rd_kafka_message_destroy(batch[i]);
    }
}

static void look_at_clock(struct reading *reading) {
    const struct reader_options *options = reading->options;
    const int64_t now_ns = clock_monotonic_ns();
    const bool is_hurried = options->hurry_ns != NULL && now_ns >= atomic_load(options->hurry_ns);
    if (reading->is_over || (!is_hurried && now_ns - reading->last_ns < options->patience_ns))
        return;
    if (is_hurried)
        error_set(reading->error, ERROR_TIMEOUT,
                  "topic %s[%" PRId32 "]: not read to its end: stopping", options->topic,
                  options->partition);
    else if (reading->is_open)
        error_set(reading->error, ERROR_TIMEOUT,
                  "topic %s[%" PRId32 "] is not stable: a transaction has been open for %" PRId64
                  " s and more; find and end it with kafka-transactions.sh",
                  options->topic, options->partition, (int64_t)(options->patience_ns / NS_PER_S));
    else if (reading->error->code == ERROR_NONE)
        error_set(reading->error, ERROR_TIMEOUT,
                  "topic %s[%" PRId32 "]: nothing came within %" PRId64 " s", options->topic,
                  options->partition, (int64_t)(options->patience_ns / NS_PER_S));
    finish(reading, READER_FAILED);
}

enum reader_end reader_read(const struct reader_options *options,
                            bool (*add)(void *context, const rd_kafka_message_t *message),
                            void *context, struct error *error) {
    struct reading reading = {.options = options,
                              .add = add,
                              .context = context,
                              .error = error,
                              .last_ns = clock_monotonic_ns()};
    error->code = ERROR_NONE;
    reading.handle = rd_kafka_topic_new(options->client, options->topic, NULL);
    if (reading.handle == NULL || rd_kafka_consume_start(reading.handle, options->partition,
                                                         RD_KAFKA_OFFSET_BEGINNING) != 0) {
        error_set(error, ERROR_TIMEOUT, "topic %s[%" PRId32 "]: cannot begin to read: %s",
                  options->topic, options->partition, rd_kafka_err2str(rd_kafka_last_error()));
        if (reading.handle != NULL)
            rd_kafka_topic_destroy(reading.handle);
        return READER_FAILED;
    }
    while (!reading.is_over) {
        take(&reading);
        look_at_clock(&reading);
    }
    rd_kafka_consume_stop(reading.handle, options->partition);
    rd_kafka_topic_destroy(reading.handle);
    return reading.end;
}
