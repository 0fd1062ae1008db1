/*
 * fill: the three topics, filled fast with the synthetic market's messages, production envelope.
 *   fill -b BROKERS -n COUNT [-t PREFIX] [-y SYMBOLS] [-u] [-r PER_SECOND] [-s] [-X NAME=VALUE]...
 *
 * Topics are PREFIX and the role's name; keys are placed as Java's producers do. With -u symbols do
 * not come round by round: each comes once in each topic, and then at random, all alike. -r sends
 * at that rate, each message at its own time. -s puts the time of sending at the end of each
 * message: `"sentNs":1234567890123456789}`. SIGTERM ends it early.
 * Prints one JSON object: messages and bytes of values, messages by partition number, seconds.
 */
#include "synth/market.h"
#include "synth/market_random.h"

#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define NS_PER_S       1000000000
#define PARTITIONS_MAX 64
#define MARKET_SYMBOLS 100 /* whose messages lend their bodies to -u's */
#define START_MS       1718658930000

struct options {
    const char *brokers, *prefix;
    uint64_t count;
    uint32_t symbols;
    bool is_uniform, is_stamped;
    double per_second; /* 0: as fast as it goes */
};

struct fill {
    struct options options;
    struct market *market;
    struct market_random random;
    rd_kafka_t *client;
    rd_kafka_topic_t *topics[MARKET_ROLES];
    uint64_t by_topic[MARKET_ROLES]; /* sent */
    uint64_t delivered[PARTITIONS_MAX];
    uint64_t bytes, failed;
    char error[256];
};

static volatile sig_atomic_t is_stopping;

static void on_signal(int number) {
    (void)number;
    is_stopping = 1;
}

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * (int64_t)NS_PER_S + now.tv_nsec;
}

/* ---- one message ---- */

struct message {
    char value[MARKET_MESSAGE_SIZE + 64];
    size_t value_size;
    char key[MARKET_MAX_SYMBOL + 1];
    size_t key_size;
    uint32_t topic;
};

static uint32_t choose_symbol(struct fill *fill, uint32_t topic) {
    const uint64_t number = fill->by_topic[topic];
    return number < fill->options.symbols
               ? (uint32_t)number
               : market_random_below(&fill->random, fill->options.symbols);
}

/* The market's message as one of another symbol: `{"symbol":"QQQ",...`. */
static void rename_symbol(struct fill *fill, struct message *message,
                          const struct market_message *from) {
    static const char head[] = "{\"symbol\":\"";
    const char *tail = memchr(from->payload + sizeof head - 1, '"', from->payload_size);
    const size_t tail_size = from->payload_size - (size_t)(tail - from->payload);
    message->key_size = (size_t)snprintf(message->key, sizeof message->key, "S%06" PRIu32,
                                         choose_symbol(fill, from->role));
    const size_t at =
        (size_t)snprintf(message->value, sizeof message->value, "%s%s", head, message->key);
    memcpy(message->value + at, tail, tail_size);
    message->value_size = at + tail_size;
}

static void make_message(struct fill *fill, struct message *message) {
    struct market_message from;
    market_next(fill->market, &from);
    message->topic = from.role;
    if (fill->options.is_uniform) {
        rename_symbol(fill, message, &from);
    } else {
        memcpy(message->value, from.payload, from.payload_size);
        message->value_size = from.payload_size;
        memcpy(message->key, from.key, from.key_size);
        message->key_size = from.key_size;
    }
}

/* Right before it is sent. */
static void stamp(struct message *message) {
    message->value_size--; /* the brace */
    message->value_size += (size_t)sprintf(message->value + message->value_size,
                                           ",\"sentNs\":%019" PRId64 "}", clock_ns(CLOCK_REALTIME));
}

/* ---- sending ---- */

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context) {
    struct fill *fill = context;
    (void)client;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fill->failed++;
        snprintf(fill->error, sizeof fill->error, "%s", rd_kafka_err2str(message->err));
    } else if (message->partition < PARTITIONS_MAX) {
        fill->delivered[message->partition]++;
    }
}

static bool send_message(struct fill *fill, const struct message *message) {
    while (rd_kafka_produce(fill->topics[message->topic], RD_KAFKA_PARTITION_UA,
                            RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)message->value,
                            message->value_size, message->key, message->key_size, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fprintf(stderr, "fill: %s\n", rd_kafka_err2str(rd_kafka_last_error()));
            return false;
        }
        rd_kafka_poll(fill->client, 100);
    }
    fill->by_topic[message->topic]++;
    fill->bytes += message->value_size;
    return true;
}

static void wait_for(int64_t due_ns) {
    const struct timespec due = {.tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR && !is_stopping)
        continue;
}

static bool send_all(struct fill *fill) {
    const struct options *options = &fill->options;
    const int64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    struct message message;
    for (uint64_t i = 0; i < options->count && !is_stopping; i++) {
        make_message(fill, &message);
        if (options->per_second > 0)
            wait_for(start_ns + (int64_t)((double)i / options->per_second * NS_PER_S));
        if (options->is_stamped)
            stamp(&message);
        if (!send_message(fill, &message))
            return false;
        if (i % 256 == 0)
            rd_kafka_poll(fill->client, 0);
    }
    const bool is_flushed = rd_kafka_flush(fill->client, 60000) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (fill->failed > 0 || !is_flushed)
        fprintf(stderr, "fill: %" PRIu64 " not delivered: %s\n", fill->failed, fill->error);
    return fill->failed == 0 && is_flushed;
}

static void print_tally(const struct fill *fill, double seconds) {
    uint64_t sum = 0;
    int partitions = 0;
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        sum += fill->delivered[i];
        if (fill->delivered[i] > 0)
            partitions = i + 1;
    }
    printf("{\"messages\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seconds\": %.3f, "
           "\"partitions\": [",
           sum, fill->bytes, seconds);
    for (int i = 0; i < partitions; i++)
        printf("%s%" PRIu64, i > 0 ? ", " : "", fill->delivered[i]);
    printf("]}\n");
}

/* ---- setting up ---- */

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char errstr[512];
    if (rd_kafka_conf_set(conf, name, value, errstr, sizeof errstr) == RD_KAFKA_CONF_OK)
        return true;
    fprintf(stderr, "fill: %s\n", errstr);
    return false;
}

static bool set_property(rd_kafka_conf_t *conf, char *pair) {
    char *value = strchr(pair, '=');
    if (value == NULL)
        return false;
    *value++ = '\0';
    return set(conf, pair, value);
}

static bool parse_options(struct options *options, rd_kafka_conf_t *conf, int argc, char **argv) {
    bool is_good = true;
    for (int c; (c = getopt(argc, argv, "b:n:t:y:ur:sX:")) != -1 && is_good;) {
        switch (c) {
        case 'b':
            options->brokers = optarg;
            break;
        case 'n':
            options->count = strtoull(optarg, NULL, 10);
            break;
        case 't':
            options->prefix = optarg;
            break;
        case 'y':
            options->symbols = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'u':
            options->is_uniform = true;
            break;
        case 'r':
            options->per_second = strtod(optarg, NULL);
            break;
        case 's':
            options->is_stamped = true;
            break;
        case 'X':
            is_good = set_property(conf, optarg);
            break;
        default:
            is_good = false;
        }
    }
    return is_good && options->brokers != NULL && options->count > 0 && options->symbols > 0 &&
           optind == argc;
}

static bool make_market(struct fill *fill) {
    struct error error;
    const struct market_options options = {
        .seed = 5,
        .symbol_count = fill->options.is_uniform ? MARKET_SYMBOLS : fill->options.symbols,
        .envelope = MARKET_PRODUCTION,
        .start_ms = START_MS,
    };
    market_random_init(&fill->random, 6);
    fill->market = market_new(&options, &error);
    if (fill->market == NULL)
        fprintf(stderr, "fill: %s\n", error.text);
    return fill->market != NULL;
}

static bool connect_to(struct fill *fill, rd_kafka_conf_t *conf) {
    char errstr[512];
    rd_kafka_conf_set_opaque(conf, fill);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    fill->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errstr, sizeof errstr);
    if (fill->client == NULL) {
        fprintf(stderr, "fill: %s\n", errstr);
        rd_kafka_conf_destroy(conf);
        return false;
    }
    for (uint32_t i = 0; i < MARKET_ROLES; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s%s", fill->options.prefix, market_role_name(i));
        fill->topics[i] = rd_kafka_topic_new(fill->client, name, NULL);
    }
    return true;
}

int main(int argc, char **argv) {
    struct fill fill = {.options = {.prefix = "", .symbols = 100}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!set(conf, "partitioner", "murmur2_random") || !set(conf, "socket.nagle.disable", "true") ||
        !set(conf, "queue.buffering.max.messages", "200000") ||
        !parse_options(&fill.options, conf, argc, argv) ||
        !set(conf, "bootstrap.servers", fill.options.brokers)) {
        fprintf(stderr, "usage: fill -b BROKERS -n COUNT [-t PREFIX] [-y SYMBOLS] [-u]\n"
                        "  [-r PER_SECOND] [-s] [-X NAME=VALUE]...\n");
        return 2;
    }
    if (!make_market(&fill) || !connect_to(&fill, conf))
        return 1;
    signal(SIGTERM, on_signal);
    prctl(PR_SET_TIMERSLACK, 1); /* sleeps end when they should, not 50 us later */
    const int64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    const bool is_good = send_all(&fill);
    print_tally(&fill, (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / NS_PER_S);
    for (uint32_t i = 0; i < MARKET_ROLES; i++)
        rd_kafka_topic_destroy(fill.topics[i]);
    rd_kafka_destroy(fill.client);
    market_free(fill.market);
    return is_good ? 0 : 1;
}
