/*
 * consume: a consumer in C, with nothing between librdkafka and itself.
 *   consume -b BROKERS -g GROUP -t TOPIC[,TOPIC[,TOPIC]] -n COUNT -o REPORT
 *           [-m count|cjson|latency|signals] [-X NAME=VALUE]...
 *
 * count: does nothing with a message but count it: the floor. cjson: parses it with cJSON and reads
 * eight fields, by its topic. latency: notes how old the stamp at its end is; signals: the one that
 * is somewhere in it. Ends after COUNT messages and writes the report of meter.h.
 *
 * It waits for one message and then takes what is there, which is what gives both the best
 * throughput and the best latency that this client has.
 */
#include "meter.h"

#include <cjson/cJSON.h>
#include <librdkafka/rdkafka.h>

#include <getopt.h>
#include <string.h>

enum { TOPICS = 3, FIELDS = 8, BATCH = 1024, STAMP_DIGITS = 19 };

enum mode { MODE_COUNT = 1, MODE_CJSON, MODE_LATENCY, MODE_SIGNALS };

struct options {
    const char *brokers, *group, *report;
    char *topics[TOPICS];
    size_t topic_count;
    uint64_t count;
    enum mode mode;
};

struct consumer {
    struct options options;
    rd_kafka_t *client;
    rd_kafka_topic_t *handles[TOPICS];
    struct meter meter;
    struct latencies latencies;
    double sum;
    uint64_t unusable;
};

/* ---- the same fields as strategies/eight.c reads ---- */

struct field {
    const char *parent, *name; /* no parent: a member of the document */
};

static const struct field fields[TOPICS][FIELDS] = {
    {{"barData", "close"},
     {"barData", "wap"},
     {"barData", "tradeCount"},
     {"lastSampleStats", "mean"},
     {"lastSampleStats", "std"},
     {"lastSampleStats", "change"},
     {"lastSampleStats", "slope"},
     {"lastSampleStats", "sampleSize"}},
    {{"barData", "close"},
     {"stats", "mean"},
     {"stats", "std"},
     {"stats", "variance"},
     {"stats", "range"},
     {"stats", "standardError"},
     {"stats", "sampleSize"},
     {NULL, "z_score"}},
    {{"trendData", "wSma_slope"},
     {"trendData", "wSma_intercept"},
     {"trendData", "wSma_slope_std_err"},
     {"trendData", "predictedNext"},
     {"trendData", "rSquared"},
     {"trendData", "residual"},
     {"trendData", "sampleSize"},
     {NULL, "direction"}},
};

static void read_fields(struct consumer *consumer, const cJSON *document, size_t topic) {
    const char *parent_name = NULL;
    const cJSON *parent = NULL;
    for (size_t i = 0; i < FIELDS; i++) {
        const struct field *field = &fields[topic][i];
        if (field->parent != NULL && field->parent != parent_name) {
            parent_name = field->parent;
            parent = cJSON_GetObjectItemCaseSensitive(document, parent_name);
        }
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(
            field->parent != NULL ? parent : document, field->name);
        if (cJSON_IsNumber(value))
            consumer->sum += value->valuedouble;
        else if (cJSON_IsString(value))
            consumer->sum += (double)strlen(value->valuestring);
    }
}

static void parse(struct consumer *consumer, const rd_kafka_message_t *message) {
    size_t topic = 0;
    while (topic < TOPICS - 1 && consumer->handles[topic] != message->rkt)
        topic++;
    cJSON *document = cJSON_ParseWithLength(message->payload, message->len);
    if (document != NULL)
        read_fields(consumer, document, topic);
    else
        consumer->unusable++;
    cJSON_Delete(document);
}

static void note_stamp(struct consumer *consumer, const char *digits) {
    int64_t sent_ns = 0;
    for (const char *digit = digits; digit < digits + STAMP_DIGITS; digit++)
        sent_ns = sent_ns * 10 + (*digit - '0');
    latencies_add(&consumer->latencies, sent_ns);
}

/* fill.c ends its messages with `,"sentNs":1234567890123456789}`. */
static void note_latency(struct consumer *consumer, const rd_kafka_message_t *message) {
    note_stamp(consumer, (const char *)message->payload + message->len - 1 - STAMP_DIGITS);
}

/* eight.c has it among a signal's values. */
static void note_signal(struct consumer *consumer, const rd_kafka_message_t *message) {
    static const char name[] = "\"sentNs\":";
    const char *stamp = memmem(message->payload, message->len, name, sizeof name - 1);
    const char *end = (const char *)message->payload + message->len;
    if (stamp != NULL && end - stamp > (ptrdiff_t)(sizeof name - 1) + STAMP_DIGITS)
        note_stamp(consumer, stamp + sizeof name - 1);
    else
        consumer->unusable++;
}

/* ---- consuming ---- */

static void handle(struct consumer *consumer, const rd_kafka_message_t *message) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    struct meter *meter = &consumer->meter;
    if (meter->messages == consumer->options.count)
        return;
    if (meter->messages == 0)
        meter->first = meter_read();
    if (consumer->options.mode == MODE_CJSON)
        parse(consumer, message);
    else if (consumer->options.mode == MODE_LATENCY)
        note_latency(consumer, message);
    else if (consumer->options.mode == MODE_SIGNALS)
        note_signal(consumer, message);
    if (++meter->messages == consumer->options.count)
        meter->last = meter_read();
}

static void consume(struct consumer *consumer) {
    static rd_kafka_message_t *batch[BATCH];
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer->client);
    while (consumer->meter.messages < consumer->options.count) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 0, batch, BATCH);
        if (count <= 0) {
            batch[0] = rd_kafka_consume_queue(queue, 1000);
            if (batch[0] == NULL)
                continue;
            count = 1 + rd_kafka_consume_batch_queue(queue, 0, batch + 1, BATCH - 1);
            if (count < 1)
                count = 1;
        }
        for (ssize_t i = 0; i < count; i++) {
            handle(consumer, batch[i]);
            rd_kafka_message_destroy(batch[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
}

/* ---- setting up ---- */

/* Says when it has its partitions, so that a producer can begin. */
static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t event,
                         rd_kafka_topic_partition_list_t *partitions, void *context) {
    (void)context;
    const bool is_assigned = event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    rd_kafka_assign(client, is_assigned ? partitions : NULL);
    if (is_assigned)
        fprintf(stderr, "assigned %d\n", partitions->cnt);
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char errstr[512];
    if (rd_kafka_conf_set(conf, name, value, errstr, sizeof errstr) == RD_KAFKA_CONF_OK)
        return true;
    fprintf(stderr, "consume: %s\n", errstr);
    return false;
}

static bool set_property(rd_kafka_conf_t *conf, char *pair) {
    char *value = strchr(pair, '=');
    if (value == NULL)
        return false;
    *value++ = '\0';
    return set(conf, pair, value);
}

static bool parse_topics(struct options *options, char *list) {
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (options->topic_count == TOPICS)
            return false;
        options->topics[options->topic_count++] = name;
    }
    return options->topic_count > 0;
}

static bool parse_mode(struct options *options, const char *name) {
    static const char *const names[] = {"count", "cjson", "latency", "signals"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0)
            options->mode = (enum mode)(MODE_COUNT + i);
    }
    return options->mode != 0;
}

static bool parse_options(struct options *options, rd_kafka_conf_t *conf, int argc, char **argv) {
    bool is_good = true;
    for (int c; (c = getopt(argc, argv, "b:g:t:n:o:m:X:")) != -1 && is_good;) {
        switch (c) {
        case 'b':
            options->brokers = optarg;
            break;
        case 'g':
            options->group = optarg;
            break;
        case 't':
            is_good = parse_topics(options, optarg);
            break;
        case 'n':
            options->count = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            options->report = optarg;
            break;
        case 'm':
            options->mode = 0;
            is_good = parse_mode(options, optarg);
            break;
        case 'X':
            is_good = set_property(conf, optarg);
            break;
        default:
            is_good = false;
        }
    }
    return is_good && options->brokers != NULL && options->group != NULL &&
           options->topic_count > 0 && options->count > 0 && options->report != NULL &&
           optind == argc;
}

static bool connect_to(struct consumer *consumer, rd_kafka_conf_t *conf) {
    char errstr[512];
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    consumer->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, errstr, sizeof errstr);
    if (consumer->client == NULL) {
        fprintf(stderr, "consume: %s\n", errstr);
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_poll_set_consumer(consumer->client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(TOPICS);
    for (size_t i = 0; i < consumer->options.topic_count; i++) {
        /* Held, so that its address stays that of this topic. */
        consumer->handles[i] =
            rd_kafka_topic_new(consumer->client, consumer->options.topics[i], NULL);
        rd_kafka_topic_partition_list_add(list, consumer->options.topics[i], RD_KAFKA_PARTITION_UA);
    }
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        fprintf(stderr, "consume: %s\n", rd_kafka_err2str(error));
    return error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

int main(int argc, char **argv) {
    struct consumer consumer = {.options = {.mode = MODE_COUNT}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!set(conf, "auto.offset.reset", "earliest") ||
        !parse_options(&consumer.options, conf, argc, argv) ||
        !set(conf, "bootstrap.servers", consumer.options.brokers) ||
        !set(conf, "group.id", consumer.options.group)) {
        fprintf(stderr, "usage: consume -b BROKERS -g GROUP -t TOPIC[,TOPIC[,TOPIC]] -n COUNT\n"
                        "  -o REPORT [-m count|cjson|latency|signals] [-X NAME=VALUE]...\n");
        return 2;
    }
    const bool has_latency =
        consumer.options.mode == MODE_LATENCY || consumer.options.mode == MODE_SIGNALS;
    if (!latencies_init(&consumer.latencies, has_latency ? consumer.options.count : 0) ||
        !connect_to(&consumer, conf))
        return 1;
    consume(&consumer);
    const bool is_good = meter_report(&consumer.meter, has_latency ? &consumer.latencies : NULL,
                                      consumer.options.report);
    if (consumer.unusable > 0)
        fprintf(stderr, "consume: %" PRIu64 " messages were no JSON or bore no stamp\n",
                consumer.unusable);
    rd_kafka_consumer_close(consumer.client);
    for (size_t i = 0; i < consumer.options.topic_count; i++)
        rd_kafka_topic_destroy(consumer.handles[i]);
    rd_kafka_destroy(consumer.client);
    /* The sum is asked for so that no compiler leaves the reading out. */
    return is_good && consumer.unusable == 0 && consumer.sum == consumer.sum ? 0 : 1;
}
