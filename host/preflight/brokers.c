#include "preflight/preflight.h"

#include "base/clock.h"
#include "base/text.h"
#include "config/schema/schema.h"
#include "source/kafka/client_properties.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

/* Brokers are asked by a client of their own each: of the input, and of signals if those go
 * elsewhere. */
struct asking {
    const struct config *config;
    struct faults *faults;
    const char *servers;
    struct place place; /* where these stand */
    int timeout_ms;
    rd_kafka_t *client;
    char last_error[256]; /* what the client says of connections; "": nothing. Of rd_kafka_poll() */
};

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    struct asking *asking = opaque;
    (void)client;
    /* Its cause was reported before. */
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && asking->last_error[0] != '\0')
        return;
    snprintf(asking->last_error, sizeof asking->last_error, "%s", reason);
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)client, (void)level, (void)facility, (void)text;
}

/* ---- topics ---- */

struct topic_wish {
    const char *name;
    const char *what; /* "[topic:bar_trends] topic" */
    struct place place;
    bool is_input;
};

static bool report_unreachable(struct asking *asking, const char *reason) {
    rd_kafka_poll(asking->client, 0);
    faults_add(asking->faults, asking->place, "brokers %s: no answer within %d s: %s",
               asking->servers, asking->timeout_ms / 1000,
               asking->last_error[0] != '\0' ? asking->last_error : reason);
    return false;
}

static void report_topic(struct asking *asking, const struct topic_wish *wish,
                         rd_kafka_resp_err_t code) {
    const bool is_missing =
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        faults_add(asking->faults, wish->place, "%s = %s: not authorized: grant %s", wish->what,
                   wish->name, wish->is_input ? "Read" : "Write and Describe");
    else if (is_missing && wish->is_input)
        faults_add(asking->faults, wish->place,
                   "%s = %s: the brokers have no such topic; the host would wait for it",
                   wish->what, wish->name);
    else if (is_missing)
        faults_warn(asking->faults, wish->place,
                    "%s = %s: the brokers have no such topic: create it, unless they or the host "
                    "create it themselves",
                    wish->what, wish->name);
    else
        faults_add(asking->faults, wish->place, "%s = %s: %s", wish->what, wish->name,
                   rd_kafka_err2str(code));
}

/* False: nobody answers. `*is_there`: it may be described, and has partitions. */
static bool ask_topic(struct asking *asking, const struct topic_wish *wish, bool *is_there) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(asking->client, wish->name, NULL);
    *is_there = false;
    if (handle == NULL) {
        faults_add_memory(asking->faults, wish->place, wish->what);
        return false;
    }
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(asking->client, 0, handle, &metadata, asking->timeout_ms);
    rd_kafka_topic_destroy(handle);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return report_unreachable(asking, rd_kafka_err2str(code));
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topics[0].partition_cnt == 0)
        code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    rd_kafka_metadata_destroy(metadata);
    *is_there = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!*is_there)
        report_topic(asking, wish, code);
    return true;
}

/* ---- the rights to read ---- */

static const struct config_topic *topic_named(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->topic_count; i++)
        if (strcmp(config->topics[i].name, name) == 0)
            return &config->topics[i];
    return NULL;
}

static void report_unreadable(struct asking *asking, const char *topic, rd_kafka_resp_err_t code) {
    const struct config_topic *found = topic_named(asking->config, topic);
    char what[96];
    snprintf(what, sizeof what, "[topic:%s] topic", found != NULL ? found->role : topic);
    const struct topic_wish wish = {topic, what, found != NULL ? found->place : (struct place){0},
                                    true};
    report_topic(asking, &wish, code);
}

static rd_kafka_topic_partition_t *find(rd_kafka_topic_partition_list_t *list,
                                        const rd_kafka_message_t *message) {
    const char *topic = message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "";
    return rd_kafka_topic_partition_list_find(list, topic, message->partition);
}

/* The end of a partition, or a message, says that it may be read; other answers that it may not. */
static void take_answer(struct asking *asking, rd_kafka_topic_partition_list_t *open,
                        const rd_kafka_message_t *message) {
    rd_kafka_topic_partition_t *partition = find(open, message);
    if (partition == NULL)
        return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        report_unreadable(asking, partition->topic, message->err);
    rd_kafka_topic_partition_list_del(open, partition->topic, partition->partition);
}

/* Reads at the end of the first partition of each. `open` are those that have not answered. */
static void ask_to_read(struct asking *asking, rd_kafka_topic_partition_list_t *open) {
    const int64_t until_ns = clock_monotonic_ns() + asking->timeout_ms * NS_PER_MS;
    if (open->cnt == 0 || rd_kafka_assign(asking->client, open) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    while (open->cnt > 0 && clock_monotonic_ns() < until_ns) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(asking->client, 100);
        if (message == NULL)
            continue;
        take_answer(asking, open, message);
        rd_kafka_message_destroy(message);
    }
    for (int i = 0; i < open->cnt; i++)
        report_unreadable(asking, open->elems[i].topic, RD_KAFKA_RESP_ERR__TIMED_OUT);
    rd_kafka_assign(asking->client, NULL);
}

static struct place property_place(const struct config_items *items, const char *name) {
    for (size_t i = 0; i < items->count; i++)
        if (strcmp(items->items[i].name, name) == 0)
            return items->items[i].place;
    return (struct place){0};
}

static void report_group(struct asking *asking, rd_kafka_resp_err_t code, const char *reason) {
    const struct config *config = asking->config;
    const struct place place = property_place(&config->kafka, "group.id");
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        faults_add(asking->faults, place,
                   "[kafka] group.id = %s: not authorized: grant Read on the group",
                   config->group_id);
    else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        faults_add(asking->faults, place, "[kafka] group.id = %s: %s", config->group_id, reason);
}

/* The outcome as a whole, or of the one group. */
static void take_group(struct asking *asking, rd_kafka_event_t *event) {
    size_t count = 0;
    const rd_kafka_ListConsumerGroupOffsets_result_t *result =
        rd_kafka_event_ListConsumerGroupOffsets_result(event);
    const rd_kafka_group_result_t **groups =
        result != NULL ? rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count) : NULL;
    const rd_kafka_error_t *error = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        report_group(asking, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    else if (error != NULL)
        report_group(asking, rd_kafka_error_code(error), rd_kafka_error_string(error));
}

/* For its offsets: the right to describe the group, which that to read it includes. */
static void ask_group(struct asking *asking) {
    char reason[128];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(asking->client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(asking->client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(asking->config->group_id, NULL);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, asking->timeout_ms, reason,
                                                    sizeof reason);
    rd_kafka_ListConsumerGroupOffsets(asking->client, &request, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, asking->timeout_ms + 1000);
    if (event != NULL)
        take_group(asking, event);
    else
        report_group(asking, RD_KAFKA_RESP_ERR__TIMED_OUT, "no answer");
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
}

/* ---- the clients ---- */

static bool open_client(struct asking *asking, rd_kafka_conf_t *conf) {
    char reason[256];
    if (conf == NULL)
        return false;
    rd_kafka_conf_set_opaque(conf, asking);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    asking->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    if (asking->client != NULL)
        return true;
    rd_kafka_conf_destroy(conf);
    faults_add(asking->faults, asking->place, "cannot make a client for %s: %s", asking->servers,
               reason);
    return false;
}

/* A reader with the group's name, of whose offsets it asks; it subscribes to nothing. */
static rd_kafka_conf_t *input_properties(const struct asking *asking) {
    struct error error;
    char reason[128];
    rd_kafka_conf_t *conf = kafka_properties_make_reader(asking->config, "take5-check", &error);
    if (conf == NULL)
        faults_add_error(asking->faults, (struct place){0}, &error);
    else
        (void)rd_kafka_conf_set(conf, "group.id", asking->config->group_id, reason, sizeof reason);
    return conf;
}

/* A consumer all the same: a producer that asks for a topic makes it. */
static rd_kafka_conf_t *output_properties(const struct asking *asking) {
    const struct config_items *items = &asking->config->producer;
    char reason[128];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < items->count; i++)
        (void)rd_kafka_conf_set(conf, items->items[i].name, items->items[i].text, reason,
                                sizeof reason);
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", asking->servers, reason, sizeof reason);
    return conf;
}

static void close_client(struct asking *asking) {
    if (asking->client == NULL)
        return;
    (void)rd_kafka_consumer_close(asking->client);
    rd_kafka_destroy(asking->client);
}

/* ---- what is asked ---- */

static void ask_input(struct asking *asking) {
    const struct config *config = asking->config;
    rd_kafka_topic_partition_list_t *readable =
        rd_kafka_topic_partition_list_new((int)config->topic_count);
    bool does_answer = true;
    for (size_t i = 0; does_answer && i < config->topic_count; i++) {
        const struct config_topic *topic = &config->topics[i];
        char what[96];
        bool is_there;
        snprintf(what, sizeof what, "[topic:%s] topic", topic->role);
        const struct topic_wish wish = {topic->name, what, topic->place, true};
        does_answer = ask_topic(asking, &wish, &is_there);
        if (is_there)
            rd_kafka_topic_partition_list_add(readable, topic->name, 0)->offset =
                RD_KAFKA_OFFSET_END;
    }
    if (does_answer) {
        ask_group(asking);
        ask_to_read(asking, readable);
    }
    rd_kafka_topic_partition_list_destroy(readable);
}

static struct place key_place(const struct config *config, const char *section, const char *key) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    return config->origins[schema_find(section, key) - keys];
}

static bool ask_output(struct asking *asking, const char *section, const char *name) {
    char what[64];
    bool is_there;
    snprintf(what, sizeof what, "[%s] topic", section);
    const struct topic_wish wish = {name, what, key_place(asking->config, section, "topic"), false};
    return ask_topic(asking, &wish, &is_there);
}

static void ask_outputs(struct asking *asking) {
    const struct config *config = asking->config;
    bool does_answer = true;
    if (config->sink_kafka)
        does_answer = ask_output(asking, "sink:kafka", config->signal_topic);
    if (does_answer && config->dead_letters == DEAD_LETTERS_KAFKA)
        (void)ask_output(asking, "dead_letters", config->dead_letters_topic);
}

void preflight_brokers(const struct config *config, int64_t timeout_ns, struct faults *faults) {
    struct asking input = {.config = config,
                           .faults = faults,
                           .servers = config->bootstrap_servers,
                           .place = property_place(&config->kafka, "bootstrap.servers"),
                           .timeout_ms = (int)(timeout_ns / NS_PER_MS)};
    struct asking output = input;
    output.servers = config->producer_servers;
    output.place = property_place(&config->producer, "bootstrap.servers");
    if (open_client(&input, input_properties(&input)))
        ask_input(&input);
    close_client(&input);
    if (!config->sink_kafka && config->dead_letters != DEAD_LETTERS_KAFKA)
        return;
    if (open_client(&output, output_properties(&output)))
        ask_outputs(&output);
    close_client(&output);
}
