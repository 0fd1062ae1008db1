#include "dlq/dead_letters.h"

#include "base/clock.h"
#include "base/text.h"
#include "dlq/ledger.h"
#include "sink/producer.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <string.h>

/* So many are on their way before their coordinates are written. */
#define BATCH      500
#define TIMEOUT_NS (60 * NS_PER_S)
#define LOOK_MS    20000

struct driver {
    struct dlq_redrive *redrive;
    const struct dlq_filter *filter;
    struct dlq_ledger ledger;
    rd_kafka_t *producer;
    struct text batch; /* the ledger's lines of those that are on their way */
    size_t sending;    /* handed over, not answered */
    size_t in_batch;
    struct error *error;
    bool has_failed;
};

static void write_place(struct text *text, const struct dead_letter *dead_letter) {
    text_printf(text, "%s/%" PRId32 "/%" PRId64, dead_letter->topic, dead_letter->partition,
                dead_letter->offset);
}

/* ---- sending ---- */

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    struct driver *driver = opaque;
    (void)client;
    driver->sending--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || driver->has_failed)
        return;
    driver->has_failed = true;
    error_set(driver->error, ERROR_SYSTEM, "topic \"%s\": %s", driver->redrive->to_topic,
              rd_kafka_err2str(message->err));
}

static void ignore_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    (void)client;
    (void)code;
    (void)reason;
    (void)opaque;
}

static int ignore_statistics(rd_kafka_t *client, char *json, size_t size, void *opaque) {
    (void)client;
    (void)json;
    (void)size;
    (void)opaque;
    return 0;
}

static void ignore_log(const rd_kafka_t *client, int level, const char *facility,
                       const char *text) {
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

static bool start_producer(struct driver *driver, const struct config *config) {
    struct producer_setup setup;
    const struct producer_callbacks callbacks = {.opaque = driver,
                                                 .delivered = delivered,
                                                 .error = ignore_error,
                                                 .statistics = ignore_statistics,
                                                 .log = ignore_log};
    if (producer_setup_init(&setup, &config->producer, driver->redrive->brokers))
        driver->producer = producer_new(&setup, &callbacks, driver->error);
    else
        error_set_memory(driver->error, "the producer");
    producer_setup_release(&setup);
    return driver->producer != NULL;
}

/* Without asking for that one, which might make it. */
static bool look_for_topic(struct driver *driver) {
    const struct rd_kafka_metadata *metadata = NULL;
    struct dlq_redrive *redrive = driver->redrive;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(driver->producer, 1, NULL, &metadata, LOOK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(driver->error, ERROR_SYSTEM, "%s: %s", redrive->brokers,
                         rd_kafka_err2str(code));
    redrive->lacks_topic = true;
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, redrive->to_topic) == 0)
            redrive->lacks_topic = false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* Waits for all that is on its way, then notes it. */
static bool finish_batch(struct driver *driver) {
    const int64_t until_ns = clock_monotonic_ns() + TIMEOUT_NS;
    while (driver->sending > 0 && !driver->has_failed && clock_monotonic_ns() < until_ns)
        rd_kafka_poll(driver->producer, 100);
    if (driver->has_failed)
        return false;
    if (driver->sending > 0)
        return error_set(driver->error, ERROR_TIMEOUT,
                         "topic \"%s\" on %s: %zu dead letters are not acknowledged after %.0f s",
                         driver->redrive->to_topic, driver->redrive->brokers, driver->sending,
                         (double)TIMEOUT_NS / 1e9);
    if (!dlq_ledger_write(&driver->ledger, &driver->batch, driver->error))
        return false;
    driver->redrive->sent += driver->in_batch;
    driver->in_batch = 0;
    text_reset(&driver->batch);
    return true;
}

static rd_kafka_headers_t *make_headers(const struct dead_letter *dead_letter, const char *place) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(dead_letter->header_count + 1);
    for (size_t i = 0; i < dead_letter->header_count; i++) {
        const struct record_header *header = &dead_letter->headers[i];
        if (strcmp(header->name, "take5-redrive") != 0)
            rd_kafka_header_add(headers, header->name, -1, header->value,
                                header->value != NULL ? (ssize_t)header->value_size : 0);
    }
    rd_kafka_header_add(headers, "take5-redrive", -1, place, -1);
    return headers;
}

static bool send_dead_letter(struct driver *driver, const struct dead_letter *dead_letter,
                             const char *place) {
    rd_kafka_headers_t *headers = make_headers(dead_letter, place);
    rd_kafka_resp_err_t code;
    for (;;) {
        code = rd_kafka_producev(
            driver->producer, RD_KAFKA_V_TOPIC(driver->redrive->to_topic),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(dead_letter->key, dead_letter->key_size),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)dead_letter->payload, dead_letter->payload_size),
            RD_KAFKA_V_TIMESTAMP(dead_letter->time_ms == RECORD_NO_TIME ? 0 : dead_letter->time_ms),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            break;
        rd_kafka_poll(driver->producer, 100);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    rd_kafka_headers_destroy(headers);
    return error_set(driver->error, ERROR_SYSTEM, "%s: %s", place, rd_kafka_err2str(code));
}

static bool drive_new(struct driver *driver, const struct dead_letter *dead_letter,
                      const struct text *line) {
    struct text place;
    if (!dlq_ledger_add(&driver->ledger, line))
        return error_set_memory(driver->error, "what was sent");
    if (driver->redrive->is_dry_run) {
        driver->redrive->sent++;
        return true;
    }
    text_init(&place);
    write_place(&place, dead_letter);
    const bool did = text_is_oom(&place) ? error_set_memory(driver->error, "a dead letter's place")
                                         : send_dead_letter(driver, dead_letter, place.data);
    text_release(&place);
    if (!did)
        return false;
    driver->sending++;
    text_printf(&driver->batch, "%s\n", line->data);
    if (text_is_oom(&driver->batch))
        return error_set_memory(driver->error, "the ledger's lines");
    rd_kafka_poll(driver->producer, 0);
    return ++driver->in_batch < BATCH || finish_batch(driver);
}

static bool drive(void *context, const struct dead_letter *dead_letter) {
    struct driver *driver = context;
    struct text line;
    bool goes_on = true;
    if (!dlq_is_chosen(driver->filter, dead_letter))
        return true;
    text_init(&line);
    dlq_ledger_line(&line, dead_letter, "into", driver->redrive->to_topic);
    if (text_is_oom(&line))
        goes_on = error_set_memory(driver->error, "a line of the ledger");
    else if (dlq_ledger_has(&driver->ledger, &line))
        driver->redrive->skipped++;
    else
        goes_on = drive_new(driver, dead_letter, &line);
    text_release(&line);
    driver->has_failed |= !goes_on;
    return goes_on;
}

bool dlq_redrive(struct dlq_redrive *redrive, const struct dlq_source *source,
                 const struct dlq_filter *filter, size_t *unreadable, struct error *error) {
    struct driver driver = {.redrive = redrive, .filter = filter, .error = error};
    text_init(&driver.batch);
    bool did = dlq_ledger_open(&driver.ledger, redrive->ledger_path, redrive->is_dry_run, error) &&
               start_producer(&driver, source->config) &&
               (!redrive->is_dry_run || look_for_topic(&driver)) &&
               dlq_read(source, drive, &driver, unreadable, error) && !driver.has_failed;
    if (did && driver.in_batch > 0)
        did = finish_batch(&driver);
    redrive->failed = driver.in_batch;
    if (driver.producer != NULL) {
        rd_kafka_purge(driver.producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(driver.producer, 1000);
        rd_kafka_destroy(driver.producer);
    }
    dlq_ledger_close(&driver.ledger);
    text_release(&driver.batch);
    return did;
}
