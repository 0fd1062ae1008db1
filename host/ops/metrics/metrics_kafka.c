/* What librdkafka says of itself: queues and round trips. */
#include "ops/metrics/metrics.h"

#include "ops/metrics/metrics_text.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

static double number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void write_queue(struct text *text, const cJSON *root) {
    const cJSON *topic, *partition;
    double messages = 0, bytes = 0;
    cJSON_ArrayForEach(topic, cJSON_GetObjectItemCaseSensitive(root, "topics")) {
        cJSON_ArrayForEach(partition, cJSON_GetObjectItemCaseSensitive(topic, "partitions")) {
            messages += number(partition, "fetchq_cnt");
            bytes += number(partition, "fetchq_size");
        }
    }
    metrics_family(text, "take5_kafka_queue_messages", "gauge",
                   "Messages fetched by the client and not yet taken by the lanes.");
    metrics_gauge(text, "take5_kafka_queue_messages", messages, NULL);
    metrics_family(text, "take5_kafka_queue_bytes", "gauge", "Their bytes.");
    metrics_gauge(text, "take5_kafka_queue_bytes", bytes, NULL);
    metrics_family(text, "take5_kafka_operations_queued", "gauge",
                   "Operations waiting for the host to poll.");
    metrics_gauge(text, "take5_kafka_operations_queued", number(root, "replyq"), NULL);
}

/* A broker's name, or NULL for one that the client only keeps for itself: bootstrap entries and
 * the group coordinator's, which are no brokers of their own. */
static const char *name_of(const cJSON *broker) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(broker, "nodename");
    return number(broker, "nodeid") >= 0 && cJSON_IsString(name) && name->valuestring[0] != '\0' &&
                   strstr(broker->string, "GroupCoordinator") == NULL
               ? name->valuestring
               : NULL;
}

/* Times are in µs in the statistics. */
static void write_round_trips(struct text *text, const cJSON *brokers) {
    static const char name[] = "take5_kafka_round_trip_seconds";
    static const struct {
        const char *figure, *quantile;
    } quantiles[] = {{"p50", "0.5"}, {"p90", "0.9"}, {"p99", "0.99"}, {"max", "1"}};
    const cJSON *broker;
    metrics_family(text, name, "summary", "Round trips to the broker in the last interval.");
    cJSON_ArrayForEach(broker, brokers) {
        const cJSON *rtt = cJSON_GetObjectItemCaseSensitive(broker, "rtt");
        for (size_t i = 0; name_of(broker) != NULL && i < sizeof quantiles / sizeof *quantiles; i++)
            metrics_gauge(text, name, number(rtt, quantiles[i].figure) / 1e6, "broker",
                          name_of(broker), "quantile", quantiles[i].quantile, NULL);
    }
}

static void write_broker_figure(struct text *text, const cJSON *brokers, const char *name,
                                const char *type, const char *help, const char *figure) {
    const cJSON *broker;
    metrics_family(text, name, type, help);
    cJSON_ArrayForEach(broker, brokers) {
        if (name_of(broker) != NULL)
            metrics_gauge(text, name, number(broker, figure), "broker", name_of(broker), NULL);
    }
}

void metrics_write_kafka(struct text *text, const char *statistics) {
    cJSON *root = cJSON_Parse(statistics);
    if (root == NULL)
        return;
    const cJSON *brokers = cJSON_GetObjectItemCaseSensitive(root, "brokers");
    write_queue(text, root);
    write_round_trips(text, brokers);
    write_broker_figure(text, brokers, "take5_kafka_received_bytes_total", "counter",
                        "Bytes received from the broker.", "rxbytes");
    write_broker_figure(text, brokers, "take5_kafka_sent_bytes_total", "counter",
                        "Bytes sent to the broker.", "txbytes");
    write_broker_figure(text, brokers, "take5_kafka_request_errors_total", "counter",
                        "Requests that failed.", "txerrs");
    write_broker_figure(text, brokers, "take5_kafka_connects_total", "counter",
                        "Connection attempts.", "connects");
    write_broker_figure(text, brokers, "take5_kafka_disconnects_total", "counter",
                        "Connections lost.", "disconnects");
    cJSON_Delete(root);
}
