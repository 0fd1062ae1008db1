#include "synth/to_kafka.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PARTITIONS  4
#define WAIT_MS     20000
#define MAX_SYMBOLS 16

/* librdkafka's own broker; its owner outlives its clients. */
struct cluster {
    rd_kafka_t *owner;
    rd_kafka_mock_cluster_t *mock;
};

static void cluster_init(struct cluster *cluster) {
    char reason[256];
    cluster->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason);
    cr_assert_not_null(cluster->owner, "%s", reason);
    cluster->mock = rd_kafka_mock_cluster_new(cluster->owner, 1);
    cr_assert_not_null(cluster->mock);
    for (uint32_t role = 0; role < MARKET_ROLES; role++)
        cr_assert_eq(
            rd_kafka_mock_topic_create(cluster->mock, market_role_name(role), PARTITIONS, 1),
            RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void cluster_release(struct cluster *cluster) {
    rd_kafka_mock_cluster_destroy(cluster->mock);
    rd_kafka_destroy(cluster->owner);
}

static struct feed_kafka_options options_for(const struct cluster *cluster) {
    return (struct feed_kafka_options){
        .brokers = rd_kafka_mock_cluster_bootstraps(cluster->mock),
        .market = {.seed = 3,
                   .symbol_count = 8,
                   .envelope = MARKET_PRODUCTION,
                   .start_ms = 1718658900000LL},
    };
}

static struct feed_kafka *feed_new(const struct feed_kafka_options *options) {
    struct error error = {0};
    struct feed_kafka *feed = feed_kafka_new(options, NULL, &error);
    cr_assert_not_null(feed, "%s", error.text);
    return feed;
}

/* Reads `count` records of all topics and checks them against the market of the same options. */
static void consume_and_compare(const struct cluster *cluster,
                                const struct feed_kafka_options *options, size_t count) {
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", options->brokers, reason, sizeof reason);
    rd_kafka_conf_set(conf, "group.id", "reader", reason, sizeof reason);
    (void)cluster;
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    cr_assert_not_null(reader, "%s", reason);
    rd_kafka_poll_set_consumer(reader);
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(12);
    for (uint32_t role = 0; role < MARKET_ROLES; role++)
        for (int32_t p = 0; p < PARTITIONS; p++)
            rd_kafka_topic_partition_list_add(parts, market_role_name(role), p)->offset = 0;
    rd_kafka_assign(reader, parts);
    rd_kafka_topic_partition_list_destroy(parts);

    struct error error;
    struct market *market = market_new(&options->market, &error);
    struct wanted {
        char payload[MARKET_MESSAGE_SIZE];
        size_t size;
        uint32_t role, symbol;
        int64_t time_ms;
        bool is_seen;
    } *wanted = calloc(count, sizeof *wanted);
    cr_assert(market != NULL && wanted != NULL);
    for (size_t i = 0; i < count; i++) {
        struct market_message message;
        market_next(market, &message);
        memcpy(wanted[i].payload, message.payload, message.payload_size);
        wanted[i].size = message.payload_size;
        wanted[i].role = message.role;
        wanted[i].symbol = message.symbol;
        wanted[i].time_ms = message.event_time_ms;
    }
    int32_t partitions[MAX_SYMBOLS];
    memset(partitions, -1, sizeof partitions);
    for (size_t seen = 0; seen < count;) {
        rd_kafka_message_t *record = rd_kafka_consumer_poll(reader, WAIT_MS);
        cr_assert_not_null(record, "nothing comes after %zu of %zu records", seen, count);
        if (record->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            size_t i = 0;
            while (i < count && (wanted[i].is_seen || wanted[i].size != record->len ||
                                 memcmp(wanted[i].payload, record->payload, record->len) != 0))
                i++;
            cr_assert_lt(i, count, "a record that was not in the market");
            wanted[i].is_seen = true;
            cr_assert_str_eq(rd_kafka_topic_name(record->rkt), market_role_name(wanted[i].role));
            const char *symbol = market_symbol(market, wanted[i].symbol);
            cr_assert(record->key_len == strlen(symbol) &&
                      memcmp(record->key, symbol, record->key_len) == 0);
            int32_t *partition = &partitions[wanted[i].symbol];
            if (*partition < 0)
                *partition = record->partition;
            cr_assert_eq(*partition, record->partition,
                         "%s is in partitions %d and %d of its topics", symbol, *partition,
                         record->partition);
            if (options->has_market_time)
                cr_assert_eq(rd_kafka_message_timestamp(record, NULL), wanted[i].time_ms);
            seen++;
        }
        rd_kafka_message_destroy(record);
    }
    free(wanted);
    market_free(market);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
}

Test(feed_kafka, all_messages_arrive_keyed_and_together) {
    struct cluster cluster;
    cluster_init(&cluster);
    struct feed_kafka_options options = options_for(&cluster);
    options.pace.count = 1000;
    options.has_market_time = true;
    struct feed_kafka *feed = feed_new(&options);
    struct error error = {0};
    cr_assert(feed_kafka_run(feed, &error), "%s", error.text);
    struct feed_kafka_stats stats;
    feed_kafka_stats(feed, &stats);
    cr_assert(stats.sent == 1000 && stats.delivered == 1000 && stats.failed == 0);
    cr_assert(!stats.is_running && stats.elapsed_ns > 0 && stats.bytes > 200000);
    feed_kafka_free(feed);
    consume_and_compare(&cluster, &options, 1000);
    cluster_release(&cluster);
}

Test(feed_kafka, a_feed_in_a_thread_ends_when_stopped) {
    struct cluster cluster;
    cluster_init(&cluster);
    struct feed_kafka_options options = options_for(&cluster);
    options.pace.rate_per_s = 2000;
    struct feed_kafka *feed = feed_new(&options);
    struct error error = {0};
    struct feed_kafka_stats stats;
    cr_assert(!feed_kafka_join(feed, &error) && error.code == ERROR_STATE);
    cr_assert(feed_kafka_start(feed, &error), "%s", error.text);
    cr_assert(!feed_kafka_start(feed, &error) && error.code == ERROR_STATE);
    do {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        feed_kafka_stats(feed, &stats);
    } while (stats.delivered < 100);
    cr_assert(stats.is_running);
    feed_kafka_stop(feed);
    cr_assert(feed_kafka_join(feed, &error), "%s", error.text);
    feed_kafka_stats(feed, &stats);
    cr_assert(!stats.is_running && stats.sent == stats.delivered);
    feed_kafka_free(feed);
    cluster_release(&cluster);
}

Test(feed_kafka, a_running_feed_may_be_freed) {
    struct cluster cluster;
    cluster_init(&cluster);
    struct feed_kafka_options options = options_for(&cluster);
    struct feed_kafka *feed = feed_new(&options);
    struct error error = {0};
    cr_assert(feed_kafka_start(feed, &error), "%s", error.text);
    feed_kafka_free(feed);
    cluster_release(&cluster);
}

Test(feed_kafka, an_absent_broker_is_an_error_that_counts_what_is_missing) {
    struct cluster cluster;
    cluster_init(&cluster);
    struct feed_kafka_options options = options_for(&cluster);
    char *address = strdup(options.brokers);
    cluster_release(&cluster); /* the port is closed now */
    options.brokers = address;
    options.pace.count = 10;
    options.flush_timeout_ns = 300 * 1000000LL;
    struct feed_kafka *feed = feed_new(&options);
    struct error error = {0};
    cr_assert(!feed_kafka_run(feed, &error));
    cr_assert_eq(error.code, ERROR_TIMEOUT);
    cr_assert_not_null(strstr(error.text, "10 of 10 messages"), "%s", error.text);
    feed_kafka_free(feed);
    free(address);
}

Test(feed_kafka, refusals_name_what_is_wrong) {
    struct client_property unknown = {"no.such.property", "1"};
    struct feed_kafka_options options = {.brokers = "", .market = {.symbol_count = 1}};
    struct error error = {0};
    cr_assert_null(feed_kafka_new(&options, NULL, &error));
    cr_assert_not_null(strstr(error.text, "HOST:PORT"));
    options.brokers = "127.0.0.1:1";
    options.properties = &unknown;
    options.property_count = 1;
    cr_assert_null(feed_kafka_new(&options, NULL, &error));
    cr_assert_not_null(strstr(error.text, "no.such.property"), "%s", error.text);
    options.property_count = 0;
    options.market.symbol_count = 0;
    cr_assert_null(feed_kafka_new(&options, NULL, &error));
    cr_assert_not_null(strstr(error.text, "0 symbols"), "%s", error.text);
}
