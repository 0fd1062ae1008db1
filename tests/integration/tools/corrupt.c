/*
 * corrupt: a record of a state topic (host/checkpoint/kafka/stored.h) once more, with other bytes.
 *   corrupt BROKERS TOPIC PARTITION KIND HOW
 * Takes the last record of that kind (h, d, r, j) that is committed in the partition, and produces
 * it again with the same key:
 *   cut    the first half of its value
 *   flip   one bit in the middle of the value is another one
 *   form   a bit of the first byte of the value is: that of a header says its form
 *   from=P the value of the last record of the kind in partition P
 *   more   the same value; the key has a byte more
 *   term   the same value; the term in the key is another one
 *   same   nothing is otherwise
 * Prints the offset at which it lies, and the length of its value.
 */
#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 60000
/* Of the numbers between the key's place and its kind. */
#define DIGITS     64

static int fail(const char *what, const char *why) {
    fprintf(stderr, "corrupt: %s: %s\n", what, why);
    return 1;
}

/* Where the numbers begin; NULL: it is no key of a state topic. */
static char *numbers_of(char *key, size_t size) {
    const char *end = key + size;
    for (int texts = 0; texts < 2; texts++) {
        char *nul = memchr(key, '\0', (size_t)(end - key));
        if (nul == NULL)
            return NULL;
        key = nul + 1;
    }
    return end - key > DIGITS ? key : NULL;
}

static char kind_of(char *key, size_t size) {
    const char *numbers = numbers_of(key, size);
    return numbers != NULL ? numbers[DIGITS] : '\0';
}

/* The last one of the kind; NULL: there is none. */
static rd_kafka_message_t *find_last(const char *brokers, const char *topic, int32_t partition,
                                     char kind, rd_kafka_t **client) {
    static const char *const settings[][2] = {{"group.id", "corrupt"},
                                              {"enable.partition.eof", "true"},
                                              {"isolation.level", "read_committed"},
                                              {"auto.offset.reset", "earliest"}};
    char text[512];
    rd_kafka_message_t *last = NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof text);
    *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (*client == NULL)
        return NULL;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(*client, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(*client, TIMEOUT_MS);
        if (message == NULL || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            if (message != NULL)
                rd_kafka_message_destroy(message);
            return last;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->payload != NULL &&
            kind_of(message->key, message->key_len) == kind) {
            rd_kafka_message_t *before = last;
            last = message;
            message = before;
        }
        if (message != NULL)
            rd_kafka_message_destroy(message);
    }
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        *(int64_t *)opaque = message->offset;
}

/* Where it lies; -1: nowhere. */
static int64_t produce(const char *brokers, const char *topic, int32_t partition, const char *key,
                       size_t key_size, const char *value, size_t size) {
    char text[512];
    int64_t offset = -1;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text);
    rd_kafka_conf_set_opaque(conf, &offset);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (client == NULL)
        return -1;
    (void)rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                            RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE((void *)value, size),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    (void)rd_kafka_flush(client, TIMEOUT_MS);
    rd_kafka_destroy(client);
    return offset;
}

int main(int argc, char **argv) {
    rd_kafka_t *client = NULL, *other = NULL;
    if (argc != 6)
        return fail("usage", "BROKERS TOPIC PARTITION KIND HOW");
    const int32_t partition = atoi(argv[3]);
    const char *how = argv[5];
    rd_kafka_message_t *found = find_last(argv[1], argv[2], partition, argv[4][0], &client);
    if (found == NULL)
        return fail(argv[2], "there is no such record");
    size_t size = found->len, key_size = found->key_len;
    char *value = calloc(1, size + 1), *key = calloc(1, key_size + 1);
    if (value == NULL || key == NULL)
        return fail(how, "no memory");
    memcpy(value, found->payload, size);
    memcpy(key, found->key, key_size);
    if (strcmp(how, "cut") == 0) {
        size /= 2;
    } else if (strcmp(how, "flip") == 0) {
        value[size / 2] ^= 1;
    } else if (strcmp(how, "form") == 0) {
        value[0] ^= 2;
    } else if (strcmp(how, "more") == 0) {
        key[key_size++] = 'x';
    } else if (strcmp(how, "term") == 0) {
        numbers_of(key, key_size)[7] ^= 1; /* 0 is 1: far above those that are */
    } else if (strncmp(how, "from=", 5) == 0) {
        rd_kafka_message_t *its = find_last(argv[1], argv[2], atoi(how + 5), argv[4][0], &other);
        free(value);
        value = its != NULL ? malloc(its->len + 1) : NULL;
        if (value == NULL)
            return fail(how, "there is no such record");
        size = its->len;
        memcpy(value, its->payload, size);
        rd_kafka_message_destroy(its);
        rd_kafka_destroy(other);
    } else if (strcmp(how, "same") != 0) {
        return fail(how, "it knows no such way");
    }
    const int64_t offset = produce(argv[1], argv[2], partition, key, key_size, value, size);
    rd_kafka_message_destroy(found);
    rd_kafka_destroy(client);
    free(value);
    free(key);
    if (offset < 0)
        return fail(argv[2], "it was not taken");
    printf("%" PRId64 " %zu\n", offset, size);
    return 0;
}
