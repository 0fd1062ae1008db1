#include "checkpoint/kafka/topic.h"

#include "base/clock.h"
#include "base/text.h"
#include "checkpoint/kafka/state_topic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROOM          "kafka"
/* Between two checks of a topic that is being created. */
#define LOOK_MS       50
/* A known controller is known from the previous answer. */
#define CONTROLLER_MS 100
/* Segments that are being written are not compacted: small ones, so that there is little to
 * read. */
#define SEGMENT_MS    600000
#define SEGMENT_BYTES 67108864

static int left_ms(int64_t until_ns) {
    const int64_t left_ms = (until_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left_ms > 1 ? (int)left_ms : 1;
}

/* ---- partitions ---- */

int32_t topic_count_partitions(rd_kafka_t *client, const char *topic, int64_t until_ns,
                               struct error *error) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t code =
        handle != NULL ? rd_kafka_metadata(client, 0, handle, &metadata, left_ms(until_ns))
                       : rd_kafka_last_error();
    int32_t count = -1;
    if (metadata != NULL && metadata->topic_cnt == 1) {
        code = metadata->topics[0].err;
        count = code == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : -1;
    }
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        count = 0;
    else if (count < 0)
        error_set(error,
                  code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ? ERROR_INVALID
                                                                       : ERROR_TIMEOUT,
                  "topic %s: its partitions are not known: %s (%s)", topic, rd_kafka_err2str(code),
                  rd_kafka_err2name(code));
    if (metadata != NULL)
        rd_kafka_metadata_destroy(metadata);
    if (handle != NULL)
        rd_kafka_topic_destroy(handle);
    return count;
}

/* The most partitions of any input; 0: no input exists; -1: unknown. */
static int32_t count_inputs(const struct topic_question *question, int64_t until_ns,
                            struct error *error) {
    int32_t most = 0;
    for (size_t i = 0; i < question->input_count; i++) {
        const int32_t count =
            topic_count_partitions(question->client, question->inputs[i], until_ns, error);
        if (count < 0)
            return -1;
        most = count > most ? count : most;
    }
    return most;
}

/* ---- requests of an administrator ---- */

/* NULL with an error. */
static rd_kafka_event_t *await(rd_kafka_queue_t *queue, const char *what, int64_t until_ns,
                               struct error *error) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, left_ms(until_ns) + 1000);
    if (event == NULL) {
        error_set(error, ERROR_TIMEOUT, "cannot %s: no answer", what);
        return NULL;
    }
    const rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    error_set(error, ERROR_TIMEOUT, "cannot %s: %s (%s)", what, rd_kafka_event_error_string(event),
              rd_kafka_err2name(code));
    rd_kafka_event_destroy(event);
    return NULL;
}

static rd_kafka_AdminOptions_t *options_new(const struct topic_question *question,
                                            rd_kafka_admin_op_t operation, int64_t until_ns) {
    char text[128];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(question->client, operation);
    rd_kafka_AdminOptions_set_request_timeout(options, left_ms(until_ns), text, sizeof text);
    return options;
}

/* ---- creating it ---- */

static rd_kafka_NewTopic_t *describe(const struct topic_question *question, int32_t partitions,
                                     struct error *error) {
    char text[256], number[24];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(question->topic, partitions, -1, text, sizeof text);
    if (topic == NULL) {
        error_set(error, ERROR_INVALID, "topic %s: %s", question->topic, text);
        return NULL;
    }
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
    const struct {
        const char *name;
        int value;
    } numbers[] = {{"min.compaction.lag.ms", STATE_TOPIC_LAG_MS},
                   {"segment.ms", SEGMENT_MS},
                   {"segment.bytes", SEGMENT_BYTES}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(number, sizeof number, "%d", numbers[i].value);
        rd_kafka_NewTopic_set_config(topic, numbers[i].name, number);
    }
    return topic;
}

static bool is_made(const rd_kafka_event_t *event, const char *name, struct error *error) {
    size_t count;
    const rd_kafka_topic_result_t *const *results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result((rd_kafka_event_t *)event), &count);
    const rd_kafka_resp_err_t code =
        count > 0 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ||
           error_set(error, ERROR_INVALID, "topic %s cannot be made: %s (%s)", name,
                     count > 0 ? rd_kafka_topic_result_error_string(results[0]) : "no answer",
                     rd_kafka_err2name(code));
}

/* Until all brokers know it. */
static bool await_partitions(const struct topic_question *question, int32_t partitions,
                             int64_t until_ns, struct error *error) {
    while (clock_monotonic_ns() < until_ns) {
        if (topic_count_partitions(question->client, question->topic, until_ns, error) ==
            partitions)
            return true;
        rd_kafka_poll(question->client, LOOK_MS);
    }
    return error_set(error, ERROR_TIMEOUT, "topic %s was made, and is not there yet",
                     question->topic);
}

static bool make(const struct topic_question *question, int32_t partitions, int64_t until_ns,
                 struct error *error) {
    rd_kafka_NewTopic_t *topic = describe(question, partitions, error);
    if (topic == NULL)
        return false;
    rd_kafka_AdminOptions_t *options =
        options_new(question, RD_KAFKA_ADMIN_OP_CREATETOPICS, until_ns);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(question->client);
    rd_kafka_CreateTopics(question->client, &topic, 1, options, queue);
    rd_kafka_event_t *event = await(queue, "make the state topic", until_ns, error);
    const bool did = event != NULL && is_made(event, question->topic, error) &&
                     await_partitions(question, partitions, until_ns, error);
    if (did)
        log_change(question->log, LOG_LEVEL_INFO, ROOM,
                   "topic %s was made, with %" PRId32 " partitions: it is for checkpoints",
                   question->topic, partitions);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    return did;
}

/* ---- its settings ---- */

static const char *setting(const rd_kafka_event_t *event, const char *name) {
    size_t count, entries;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result((rd_kafka_event_t *)event), &count);
    if (count == 0 || rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return NULL;
    const rd_kafka_ConfigEntry_t **all = rd_kafka_ConfigResource_configs(resources[0], &entries);
    for (size_t i = 0; i < entries; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(all[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(all[i]);
    }
    return NULL;
}

#define CONFIGURE                                                                                  \
    "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s "        \
    "--add-config cleanup.policy=compact,min.compaction.lag.ms=%d"

static bool judge_settings(const struct topic_question *question, const rd_kafka_event_t *event,
                           struct error *error) {
    const char *policy = setting(event, "cleanup.policy");
    const char *lag_ms = setting(event, "min.compaction.lag.ms");
    if (policy == NULL) {
        log_debug(question->log, ROOM, "topic %s: its settings are not known", question->topic);
        return true;
    }
    if (strcmp(policy, "compact") != 0)
        return error_set(error, ERROR_INVALID,
                         "[checkpoint] topic %s has cleanup.policy = %s, and has to have compact: "
                         "states would be lost; correct it with: " CONFIGURE,
                         question->topic, policy, question->servers, question->topic,
                         STATE_TOPIC_LAG_MS);
    if (lag_ms != NULL && strtoll(lag_ms, NULL, 10) < STATE_TOPIC_LAG_MS)
        log_warning(question->log, ROOM,
                    "topic %s has min.compaction.lag.ms = %s, advised is %d: a checkpoint above "
                    "the committed offsets may be the only one that is left; correct it "
                    "with: " CONFIGURE,
                    question->topic, lag_ms, STATE_TOPIC_LAG_MS, question->servers, question->topic,
                    STATE_TOPIC_LAG_MS);
    return true;
}

static bool has_controller(rd_kafka_t *client, int64_t until_ns) {
    const struct rd_kafka_metadata *metadata;
    const int32_t controller = rd_kafka_controllerid(client, CONTROLLER_MS);
    if (rd_kafka_metadata(client, 0, NULL, &metadata, left_ms(until_ns)) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return true; /* it is asked nevertheless, and will not answer */
    bool has = false;
    for (int i = 0; i < metadata->broker_cnt; i++)
        has |= metadata->brokers[i].id == controller;
    rd_kafka_metadata_destroy(metadata);
    return has;
}

/* A user of a topic may lack the right to read its settings: what is not returned is taken to be
 * right. The same holds for a cluster without a controller, such as librdkafka's mock. */
static enum topic_answer check_settings(const struct topic_question *question, int64_t until_ns,
                                        struct error *error) {
    if (!has_controller(question->client, until_ns))
        return TOPIC_IS_GOOD;
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, question->topic);
    rd_kafka_AdminOptions_t *options =
        options_new(question, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, until_ns);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(question->client);
    rd_kafka_DescribeConfigs(question->client, &resource, 1, options, queue);
    rd_kafka_event_t *event = await(queue, "ask for the settings", until_ns, error);
    const enum topic_answer answer = event == NULL                            ? TOPIC_IS_UNKNOWN
                                     : judge_settings(question, event, error) ? TOPIC_IS_GOOD
                                                                              : TOPIC_IS_WRONG;
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    return answer;
}

static bool judge_partitions(const struct topic_question *question, int32_t partitions,
                             int32_t inputs, struct error *error) {
    if (partitions == inputs)
        return true;
    if (partitions < inputs)
        return error_set(error, ERROR_INVALID,
                         "[checkpoint] topic %s has %" PRId32 " partitions, and the inputs have "
                         "%" PRId32 "; correct it with: kafka-topics.sh --bootstrap-server %s "
                         "--alter --topic %s --partitions %" PRId32,
                         question->topic, partitions, inputs, question->servers, question->topic,
                         inputs);
    return error_set(error, ERROR_INVALID,
                     "[checkpoint] topic %s has %" PRId32 " partitions, and the inputs have "
                     "%" PRId32 "; name another one, or remove it, and it is created again "
                     "(strategies then begin without state): kafka-topics.sh --bootstrap-server "
                     "%s --delete --topic %s",
                     question->topic, partitions, inputs, question->servers, question->topic);
}

enum topic_answer topic_check(const struct topic_question *question, int64_t until_ns,
                              int32_t *partitions, struct error *error) {
    const int32_t inputs = count_inputs(question, until_ns, error);
    *partitions = inputs < 0
                      ? -1
                      : topic_count_partitions(question->client, question->topic, until_ns, error);
    if (inputs < 0 || *partitions < 0)
        return error->code == ERROR_INVALID ? TOPIC_IS_WRONG : TOPIC_IS_UNKNOWN;
    if (inputs == 0) {
        error_set(error, ERROR_TIMEOUT,
                  "no input topic exists yet, so it is not known how many "
                  "partitions [checkpoint] topic %s needs",
                  question->topic);
        return *partitions > 0 ? TOPIC_IS_GOOD : TOPIC_IS_UNKNOWN;
    }
    if (*partitions == 0) {
        if (!make(question, inputs, until_ns, error))
            return error->code == ERROR_INVALID ? TOPIC_IS_WRONG : TOPIC_IS_UNKNOWN;
        *partitions = inputs;
        return TOPIC_IS_NEW;
    }
    return judge_partitions(question, *partitions, inputs, error)
               ? check_settings(question, until_ns, error)
               : TOPIC_IS_WRONG;
}
