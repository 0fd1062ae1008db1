#include "mock.h"

#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char text[256];
    cr_assert_eq(rd_kafka_conf_set(conf, name, value, text, sizeof text), RD_KAFKA_CONF_OK, "%s",
                 text);
}

/* The mock's brokers have nothing to say that a test reads. */
static void log_nothing(const rd_kafka_t *client, int level, const char *facility,
                        const char *text) {
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

void mock_init(struct mock *mock) {
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "test.mock.num.brokers", "1");
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    mock->owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    cr_assert_not_null(mock->owner, "%s", text);
    mock->cluster = rd_kafka_handle_mock_cluster(mock->owner);
    snprintf(mock->servers, sizeof mock->servers, "%s",
             rd_kafka_mock_cluster_bootstraps(mock->cluster));
    cr_assert_eq(rd_kafka_mock_topic_create(mock->cluster, MOCK_TOPIC, 1, 1), 0);
}

void mock_release(struct mock *mock) {
    rd_kafka_destroy(mock->owner);
}

static rd_kafka_t *reader_new(struct mock *mock) {
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", mock->servers);
    set(conf, "group.id", "reader");
    set(conf, "fetch.wait.max.ms", "10");
    set(conf, "enable.partition.eof", "true");
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    cr_assert_not_null(reader, "%s", text);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, MOCK_TOPIC, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    cr_assert_eq(rd_kafka_assign(reader, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    return reader;
}

/* Copies, since a message must not outlive its client. */
static void record_copy(struct mock_record *record, const rd_kafka_message_t *message) {
    rd_kafka_timestamp_type_t type;
    rd_kafka_headers_t *headers;
    record->message = calloc(1, sizeof *record->message);
    record->message->offset = message->offset;
    record->message->len = message->len;
    record->message->key_len = message->key_len;
    if (message->payload)
        record->message->payload = memcpy(malloc(message->len + 1), message->payload, message->len);
    if (message->key)
        record->message->key = memcpy(malloc(message->key_len + 1), message->key, message->key_len);
    record->time_ms = rd_kafka_message_timestamp(message, &type);
    record->headers = rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR
                          ? rd_kafka_headers_copy(headers)
                          : NULL;
}

struct mock_record *mock_read(struct mock *mock, size_t count) {
    struct mock_record *records = calloc(count + 1, sizeof *records);
    rd_kafka_t *reader = reader_new(mock);
    size_t found = 0;
    bool is_end = false;
    while (!is_end || found < count) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, HANG_MS);
        cr_assert_not_null(message, "%zu of %zu records came", found, count);
        if (!message->err) {
            is_end = false;
            cr_assert_lt(found, count, "more than %zu records", count);
            record_copy(&records[found++], message);
        } else {
            is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    return records;
}

void mock_free(struct mock_record *records, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(records[i].message->payload);
        free(records[i].message->key);
        free(records[i].message);
        if (records[i].headers)
            rd_kafka_headers_destroy(records[i].headers);
    }
    free(records);
}
