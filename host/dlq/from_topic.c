/* Letters in a Kafka topic, as sink/sink_kafka.c writes them. Joins no group, commits nothing. */
#include "dlq/dead_letters.h"

#include "base/units.h"
#include "config/schema/client_conf.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX     "__take5.errors."
#define TIMEOUT_MS 20000

static rd_kafka_t *new_consumer(const struct dlq_source *source, struct error *error) {
    char text[512];
    const struct config *config = source->config;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    /* The configuration's own are known to be good. The dead letters lie where they were produced.
     */
    for (size_t i = 0; i < config->kafka.count; i++)
        rd_kafka_conf_set(conf, config->kafka.items[i].name, config->kafka.items[i].text, text,
                          sizeof text);
    for (size_t i = 0; i < config->producer.count; i++)
        rd_kafka_conf_set(conf, config->producer.items[i].name, config->producer.items[i].text,
                          text, sizeof text);
    const struct client_property fixed[] = {
        {"bootstrap.servers", source->brokers != NULL ? source->brokers : config->producer_servers},
        {"group.id", "take5-dlq"}, /* is asked for, and not used */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"statistics.interval.ms", "0"},
        {"log_level", "0"},
    };
    if (!client_conf_set_all(conf, CLIENT_PROPERTIES(fixed), error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (client == NULL) {
        error_set(error, ERROR_INVALID, "%s", text);
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_poll_set_consumer(client);
    return client;
}

/* All partitions, from their beginning; gives how many. 0: an error. */
static int assign_all(rd_kafka_t *client, const char *name, struct error *error) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    int count = 0;
    const rd_kafka_resp_err_t code =
        topic != NULL ? rd_kafka_metadata(client, 0, topic, &metadata, TIMEOUT_MS)
                      : rd_kafka_last_error();
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        error_set(error, ERROR_SYSTEM, "topic \"%s\": %s", name, rd_kafka_err2str(code));
    } else if (metadata->topic_cnt == 0 || metadata->topics[0].partition_cnt == 0) {
        error_set(error, ERROR_INVALID, "there is no topic \"%s\"", name);
    } else {
        rd_kafka_topic_partition_list_t *parts =
            rd_kafka_topic_partition_list_new(metadata->topics[0].partition_cnt);
        for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
            rd_kafka_topic_partition_list_add(parts, name, metadata->topics[0].partitions[i].id)
                ->offset = RD_KAFKA_OFFSET_BEGINNING;
        count = parts->cnt;
        rd_kafka_assign(client, parts);
        rd_kafka_topic_partition_list_destroy(parts);
    }
    if (metadata != NULL)
        rd_kafka_metadata_destroy(metadata);
    if (topic != NULL)
        rd_kafka_topic_destroy(topic);
    return count;
}

/* The texts of the dead letter's own headers end with a NUL: librdkafka sees to that. The last of a
 * name counts: a dead letter about a dead letter has the original's before its own. */
static bool take_headers(struct dead_letter *dead_letter, rd_kafka_headers_t *headers) {
    const char *name, *partition = NULL, *offset = NULL;
    const void *value;
    size_t size;
    int64_t number, place;
    struct {
        const char *name;
        const char **text;
    } own[] = {{"reason", &dead_letter->reason},
               {"message", &dead_letter->message},
               {"strategy", &dead_letter->strategy},
               {"topic", &dead_letter->topic},
               {"partition", &partition},
               {"offset", &offset}};
    dead_letter->reason = dead_letter->message = dead_letter->strategy = "";
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        bool is_own = false;
        for (size_t o = 0;
             strncmp(name, PREFIX, sizeof PREFIX - 1) == 0 && o < sizeof own / sizeof *own; o++) {
            if (strcmp(name + sizeof PREFIX - 1, own[o].name) != 0)
                continue;
            *own[o].text = value != NULL ? value : "";
            is_own = true;
        }
        if (is_own)
            continue;
        if (dead_letter->header_count == DLQ_MAX_HEADERS)
            return false;
        dead_letter->headers[dead_letter->header_count++] =
            (struct record_header){name, value, size};
    }
    if (dead_letter->topic == NULL || partition == NULL || offset == NULL ||
        dead_letter->reason[0] == '\0' || !parse_integer(partition, &place) || place < 0 ||
        place > INT32_MAX || !parse_integer(offset, &number) || number < 0)
        return false;
    dead_letter->partition = (int32_t)place;
    dead_letter->offset = number;
    return true;
}

static bool take_message(const rd_kafka_message_t *message, dlq_visit *visit, void *context,
                         size_t *unreadable) {
    struct dead_letter dead_letter = {0};
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t kind;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        !take_headers(&dead_letter, headers)) {
        ++*unreadable;
        return true;
    }
    const int64_t time_ms = rd_kafka_message_timestamp(message, &kind);
    dead_letter.time_ms = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? RECORD_NO_TIME : time_ms;
    dead_letter.key = message->key;
    dead_letter.key_size = message->key_len;
    dead_letter.payload = message->payload;
    dead_letter.payload_size = message->len;
    return visit(context, &dead_letter);
}

bool dlq_read_topic(const struct dlq_source *source, dlq_visit *visit, void *context,
                    size_t *unreadable, struct error *error) {
    rd_kafka_t *client = new_consumer(source, error);
    if (client == NULL)
        return false;
    int open = assign_all(client, source->topic, error);
    bool did = open > 0, goes_on = true;
    while (did && goes_on && open > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, TIMEOUT_MS);
        if (message == NULL) {
            did = error_set(error, ERROR_TIMEOUT,
                            "topic \"%s\": no response from any broker within %d s", source->topic,
                            TIMEOUT_MS / 1000);
            break;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            goes_on = take_message(message, visit, context, unreadable);
        else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            open--;
        else if (message->err != RD_KAFKA_RESP_ERR__TRANSPORT &&
                 message->err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
            did = error_set(error, ERROR_SYSTEM, "topic \"%s\": %s", source->topic,
                            rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return did;
}
