#include "commands/dlq.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "sink/producer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* So many are on their way before their coordinates are written. */
#define BATCH      500
#define TIMEOUT_NS (60 * NS_PER_S)

/* The coordinates that were sent: a set, and the file behind it. */
struct done {
    int file;
    uint64_t *hashes; /* open addressing; 0: free */
    size_t mask, count;
};

struct driver {
    struct dlq_redrive *redrive;
    const struct dlq_filter *filter;
    struct done done;
    rd_kafka_t *producer;
    struct text batch; /* lines of coordinates that are on their way */
    size_t sending;    /* handed over, not answered */
    size_t in_batch;
    struct error *error;
    bool has_failed;
};

static void write_place(struct text *text, const struct dlq_letter *letter) {
    text_printf(text, "%s/%" PRId32 "/%" PRId64, letter->topic, letter->partition, letter->offset);
}

/* ---- what was sent ---- */

static uint64_t hash_line(const char *data, size_t size) {
    const uint64_t hash = hash_key(data, size);
    return hash != 0 ? hash : 1;
}

static void put(struct done *done, uint64_t hash) {
    size_t at = hash & done->mask;
    while (done->hashes[at] != 0 && done->hashes[at] != hash)
        at = (at + 1) & done->mask;
    done->count += done->hashes[at] == 0;
    done->hashes[at] = hash;
}

static bool add(struct done *done, uint64_t hash) {
    if (done->hashes == NULL || done->count > done->mask / 2) {
        struct done grown = {.mask = done->hashes != NULL ? 2 * done->mask + 1 : 1023};
        grown.hashes = calloc(grown.mask + 1, sizeof *grown.hashes);
        if (grown.hashes == NULL)
            return false;
        for (size_t i = 0; done->hashes != NULL && i <= done->mask; i++) {
            if (done->hashes[i] != 0)
                put(&grown, done->hashes[i]);
        }
        free(done->hashes);
        grown.file = done->file;
        *done = grown;
    }
    put(done, hash);
    return true;
}

static bool has(const struct done *done, uint64_t hash) {
    size_t at = hash & done->mask;
    if (done->hashes == NULL)
        return false;
    while (done->hashes[at] != 0 && done->hashes[at] != hash)
        at = (at + 1) & done->mask;
    return done->hashes[at] == hash;
}

/* One redrive a file at a time, else two would send the same. A line that a crash cut short is
 * ended, and counts as none. */
static bool open_done(struct done *done, const char *path, bool is_trial, struct error *error) {
    char *line = NULL;
    size_t capacity = 0;
    bool did = true;
    done->file = open(path, (is_trial ? O_RDONLY : O_RDWR | O_CREAT) | O_APPEND | O_CLOEXEC, 0640);
    if (done->file < 0)
        return (is_trial && errno == ENOENT) || error_set_errno(error, errno, "%s", path);
    if (flock(done->file, LOCK_EX | LOCK_NB) != 0)
        return error_set(error, ERROR_STATE, "%s: another redrive is at work", path);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set_errno(error, errno, "%s", path);
    for (ssize_t size; did && (size = getline(&line, &capacity, file)) > 0;) {
        if (line[size - 1] == '\n')
            did = add(done, hash_line(line, (size_t)size - 1)) ||
                  error_set_memory(error, sizeof(uint64_t), "what was sent");
        else if (!is_trial && write(done->file, "\n", 1) != 1)
            did = error_set_errno(error, errno, "%s", path);
    }
    free(line);
    fclose(file);
    return did;
}

static void close_done(struct done *done) {
    if (done->file >= 0)
        close(done->file);
    free(done->hashes);
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
        error_set_memory(driver->error, sizeof setup, "the producer");
    producer_setup_release(&setup);
    return driver->producer != NULL;
}

static bool write_all(struct driver *driver) {
    const struct text *batch = &driver->batch;
    for (size_t written = 0; written < batch->size;) {
        const ssize_t n = write(driver->done.file, batch->data + written, batch->size - written);
        if (n < 0 && errno != EINTR)
            return error_set_errno(driver->error, errno, "%s", driver->redrive->done_path);
        written += n > 0 ? (size_t)n : 0;
    }
    return fdatasync(driver->done.file) == 0 ||
           error_set_errno(driver->error, errno, "%s", driver->redrive->done_path);
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
                         "topic \"%s\" on %s: %zu letters are not confirmed after %.0f s",
                         driver->redrive->to_topic, driver->redrive->brokers, driver->sending,
                         (double)TIMEOUT_NS / 1e9);
    if (!write_all(driver))
        return false;
    driver->redrive->sent += driver->in_batch;
    driver->in_batch = 0;
    text_reset(&driver->batch);
    return true;
}

static rd_kafka_headers_t *make_headers(const struct dlq_letter *letter, const char *place) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(letter->header_count + 1);
    for (size_t i = 0; i < letter->header_count; i++) {
        const struct record_header *header = &letter->headers[i];
        if (strcmp(header->name, "take5-redrive") != 0)
            rd_kafka_header_add(headers, header->name, -1, header->value,
                                header->value != NULL ? (ssize_t)header->value_size : 0);
    }
    rd_kafka_header_add(headers, "take5-redrive", -1, place, -1);
    return headers;
}

static bool send_letter(struct driver *driver, const struct dlq_letter *letter, const char *place) {
    rd_kafka_headers_t *headers = make_headers(letter, place);
    rd_kafka_resp_err_t code;
    for (;;) {
        code = rd_kafka_producev(
            driver->producer, RD_KAFKA_V_TOPIC(driver->redrive->to_topic),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(letter->key, letter->key_size),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)letter->payload, letter->payload_size),
            RD_KAFKA_V_TIMESTAMP(letter->time_ms == RECORD_NO_TIME ? 0 : letter->time_ms),
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

static bool drive(void *context, const struct dlq_letter *letter) {
    struct driver *driver = context;
    struct text place;
    bool goes_on = true;
    if (!dlq_is_chosen(driver->filter, letter))
        return true;
    text_init(&place);
    write_place(&place, letter);
    const uint64_t hash = hash_line(place.data, place.size);
    if (has(&driver->done, hash)) {
        driver->redrive->skipped++;
    } else if (!add(&driver->done, hash)) {
        goes_on = error_set_memory(driver->error, sizeof hash, "what was sent");
    } else if (driver->redrive->is_trial) {
        driver->redrive->sent++;
    } else if (!send_letter(driver, letter, place.data)) {
        goes_on = false;
    } else {
        driver->sending++;
        text_printf(&driver->batch, "%s\n", place.data);
        rd_kafka_poll(driver->producer, 0);
        if (++driver->in_batch == BATCH)
            goes_on = finish_batch(driver);
    }
    text_release(&place);
    driver->has_failed |= !goes_on;
    return goes_on;
}

bool dlq_redrive(struct dlq_redrive *redrive, const struct dlq_source *source,
                 const struct dlq_filter *filter, size_t *unreadable, struct error *error) {
    struct driver driver = {.redrive = redrive, .filter = filter, .done.file = -1, .error = error};
    text_init(&driver.batch);
    bool did = open_done(&driver.done, redrive->done_path, redrive->is_trial, error) &&
               (redrive->is_trial || start_producer(&driver, source->config)) &&
               dlq_read(source, drive, &driver, unreadable, error) && !driver.has_failed;
    if (did && driver.in_batch > 0)
        did = finish_batch(&driver);
    redrive->failed = driver.in_batch;
    if (driver.producer != NULL) {
        rd_kafka_purge(driver.producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(driver.producer, 1000);
        rd_kafka_destroy(driver.producer);
    }
    close_done(&driver.done);
    text_release(&driver.batch);
    return did;
}
