/*
 * topics: makes topics, deletes them, adds partitions to them, deletes their oldest records, or
 * tells a group's offsets in them.
 *   topics BROKERS create    NAME:PARTITIONS[:KEY=VALUE...] ...   until the broker tells of them
 *   topics BROKERS delete    NAME ...
 *   topics BROKERS grow      NAME:PARTITIONS ...
 *   topics BROKERS truncate  NAME:PARTITION:BEFORE ...
 *   topics BROKERS committed GROUP NAME:PARTITION ...       an offset a line; -1001 for none
 * A topic that is gone already is no error. One that is there already is: its partitions may be
 * others, and it has messages.
 */
#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_MS 30000

static int fail(const char *what, const char *why) {
    fprintf(stderr, "topics: %s: %s\n", what, why);
    return 1;
}

/* NAME:PARTITIONS[:KEY=VALUE...], which it takes apart; NULL when it is malformed. */
static rd_kafka_NewTopic_t *parse_topic(char *spec) {
    char errstr[256];
    char *rest = NULL;
    const char *name = strtok_r(spec, ":", &rest);
    const char *partitions = strtok_r(NULL, ":", &rest);
    if (name == NULL || partitions == NULL)
        return NULL;
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, atoi(partitions), 1, errstr, sizeof errstr);
    for (char *pair = strtok_r(NULL, ":", &rest); topic != NULL && pair != NULL;
         pair = strtok_r(NULL, ":", &rest)) {
        char *value = strchr(pair, '=');
        if (value == NULL) {
            rd_kafka_NewTopic_destroy(topic);
            return NULL;
        }
        *value++ = '\0';
        (void)rd_kafka_NewTopic_set_config(topic, pair, value);
    }
    return topic;
}

/* Faults of single topics in the answer; `harmless` is none. */
static int judge(const rd_kafka_topic_result_t **results, size_t count,
                 rd_kafka_resp_err_t harmless) {
    int faults = 0;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != harmless)
            faults += fail(rd_kafka_topic_result_name(results[i]), rd_kafka_err2str(error));
    }
    return faults;
}

static int judge_offsets(const rd_kafka_topic_partition_list_t *list) {
    int faults = 0;
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            faults += fail(list->elems[i].topic, rd_kafka_err2str(list->elems[i].err));
    }
    return faults;
}

static int answer(rd_kafka_queue_t *queue) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    if (event == NULL)
        return fail("the broker", "does not answer");
    int faults = 0;
    size_t count = 0;
    const rd_kafka_event_type_t type = rd_kafka_event_type(event);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        faults = fail("the broker", rd_kafka_event_error_string(event));
    else if (type == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
        faults = judge(
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count),
            count, RD_KAFKA_RESP_ERR_NO_ERROR);
    else if (type == RD_KAFKA_EVENT_DELETETOPICS_RESULT)
        faults = judge(
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count),
            count, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    else if (type == RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT)
        faults = judge(rd_kafka_CreatePartitions_result_topics(
                           rd_kafka_event_CreatePartitions_result(event), &count),
                       count, RD_KAFKA_RESP_ERR_NO_ERROR);
    else if (type == RD_KAFKA_EVENT_DELETERECORDS_RESULT)
        faults = judge_offsets(
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event)));
    rd_kafka_event_destroy(event);
    return faults;
}

static bool has_leaders(const rd_kafka_metadata_t *metadata, const char *name) {
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *topic = &metadata->topics[i];
        if (strcmp(topic->topic, name) != 0)
            continue;
        int led = 0;
        while (led < topic->partition_cnt && topic->partitions[led].leader >= 0)
            led++;
        return topic->err == RD_KAFKA_RESP_ERR_NO_ERROR && led > 0 && led == topic->partition_cnt;
    }
    return false;
}

/* A topic is made before a broker tells of it. */
static int await(rd_kafka_t *client, const char *name) {
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    for (int waited_ms = 0; waited_ms < TIMEOUT_MS; waited_ms += 20) {
        const rd_kafka_metadata_t *metadata;
        const rd_kafka_resp_err_t error = rd_kafka_metadata(client, 1, NULL, &metadata, TIMEOUT_MS);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            return fail("metadata", rd_kafka_err2str(error));
        const bool is_there = has_leaders(metadata, name);
        rd_kafka_metadata_destroy(metadata);
        if (is_there)
            return 0;
        nanosleep(&pause, NULL);
    }
    return fail(name, "was made, but the broker does not tell of it");
}

static int create(rd_kafka_t *client, rd_kafka_queue_t *queue, char **specs, size_t count) {
    rd_kafka_NewTopic_t **topics = calloc(count, sizeof *topics);
    if (topics == NULL)
        return fail("create", "out of memory");
    int faults = 0;
    for (size_t i = 0; i < count && faults == 0; i++) {
        topics[i] = parse_topic(specs[i]);
        if (topics[i] == NULL)
            faults = fail(specs[i], "should be NAME:PARTITIONS[:KEY=VALUE...]");
    }
    if (faults == 0) {
        rd_kafka_CreateTopics(client, topics, count, NULL, queue);
        faults = answer(queue);
    }
    for (size_t i = 0; i < count && faults == 0; i++)
        faults = await(client, specs[i]); /* its name, the rest is cut off */
    for (size_t i = 0; i < count; i++) {
        if (topics[i] != NULL)
            rd_kafka_NewTopic_destroy(topics[i]);
    }
    free(topics);
    return faults;
}

static int delete_one(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *name) {
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
    rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
    const int faults = answer(queue);
    rd_kafka_DeleteTopic_destroy(topic);
    return faults;
}

static int grow_one(rd_kafka_t *client, rd_kafka_queue_t *queue, char *spec) {
    char errstr[256];
    char *partitions = strchr(spec, ':');
    if (partitions == NULL)
        return fail(spec, "should be NAME:PARTITIONS");
    *partitions++ = '\0';
    rd_kafka_NewPartitions_t *grown =
        rd_kafka_NewPartitions_new(spec, (size_t)atoi(partitions), errstr, sizeof errstr);
    if (grown == NULL)
        return fail(spec, errstr);
    rd_kafka_CreatePartitions(client, &grown, 1, NULL, queue);
    const int faults = answer(queue);
    rd_kafka_NewPartitions_destroy(grown);
    return faults;
}

static int truncate_one(rd_kafka_t *client, rd_kafka_queue_t *queue, char *spec) {
    char *rest = NULL;
    const char *name = strtok_r(spec, ":", &rest);
    const char *partition = strtok_r(NULL, ":", &rest);
    const char *before = strtok_r(NULL, ":", &rest);
    if (name == NULL || partition == NULL || before == NULL)
        return fail(spec, "should be NAME:PARTITION:BEFORE");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name, atoi(partition))->offset = atoll(before);
    rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client, &records, 1, NULL, queue);
    const int faults = answer(queue);
    rd_kafka_DeleteRecords_destroy(records);
    rd_kafka_topic_partition_list_destroy(list);
    return faults;
}

static int print_committed(const char *brokers, const char *group, char **specs, size_t count) {
    char errstr[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, errstr, sizeof errstr) !=
            RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "group.id", group, errstr, sizeof errstr) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        return fail(brokers, errstr);
    }
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, errstr, sizeof errstr);
    if (client == NULL)
        return fail("librdkafka", errstr);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    int faults = 0;
    for (size_t i = 0; i < count && faults == 0; i++) {
        char *partition = strchr(specs[i], ':');
        if (partition == NULL) {
            faults = fail(specs[i], "should be NAME:PARTITION");
            break;
        }
        *partition++ = '\0';
        rd_kafka_topic_partition_list_add(list, specs[i], atoi(partition));
    }
    const rd_kafka_resp_err_t error =
        faults > 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_committed(client, list, TIMEOUT_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        faults = fail(group, rd_kafka_err2str(error));
    for (int i = 0; i < list->cnt && faults == 0; i++)
        printf("%lld\n", (long long)list->elems[i].offset);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return faults;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: topics BROKERS create|delete|grow|truncate|committed ...\n");
        return 2;
    }
    if (strcmp(argv[2], "committed") == 0)
        return print_committed(argv[1], argv[3], argv + 4, (size_t)argc - 4);
    char errstr[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], errstr, sizeof errstr) !=
        RD_KAFKA_CONF_OK)
        return fail(argv[1], errstr);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errstr, sizeof errstr);
    if (client == NULL)
        return fail("librdkafka", errstr);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);

    int faults = 0;
    if (strcmp(argv[2], "create") == 0)
        faults = create(client, queue, argv + 3, (size_t)argc - 3);
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[2], "delete") == 0)
            faults += delete_one(client, queue, argv[i]);
        else if (strcmp(argv[2], "grow") == 0)
            faults += grow_one(client, queue, argv[i]);
        else if (strcmp(argv[2], "truncate") == 0)
            faults += truncate_one(client, queue, argv[i]);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return faults > 0 ? 1 : 0;
}
