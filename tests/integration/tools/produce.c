/*
 * produce: fills topics fast, and shares no code with the host.
 *   produce -b BROKERS [-t TOPIC,TOPIC,TOPIC] [-n COUNT] [-f FIRST] [-r PER_SECOND] [-y SYMBOLS]
 *           [-p PARTITIONS] [-s SEED] [-i STEP_MS] [-e production|documented|both] [-x EVERY]
 *
 * Message number k, from FIRST on, goes to topic k modulo their number and bears the symbol that
 * the seed gives; its event time is k * 10 ms after a fixed day. With -p a symbol's partition is
 * its number modulo PARTITIONS, else murmur2 of the key, as Java's producers have it. With -i they
 * are so many milliseconds apart instead, and Kafka's time is the event time. -x makes each
 * EVERY-th message one that is not JSON. Idempotent, so that a message lies in the log once, and
 * with one request at a time, so that what it counts lies there (client_conf.h).
 * SIGTERM ends it early. Prints one JSON object: how many were delivered, to each topic and
 * partition, and of each symbol, and how long it took.
 */
#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOPICS = 3, PARTITIONS_MAX = 64, VALUE_MAX = 2048 };

enum envelope { PRODUCTION = 1, DOCUMENTED, BOTH };

struct options {
    const char *brokers;
    char *topics[TOPICS];
    uint32_t topic_count;
    uint64_t count;
    uint64_t first;
    double per_second; /* 0: as fast as it goes */
    uint32_t symbols;
    int32_t partitions; /* 0: murmur2 */
    uint64_t seed;
    enum envelope envelope;
    uint64_t bad_every; /* 0: none */
    int64_t step_ms;    /* 0: Kafka's time is the producer's, and a step EVENT_STEP_MS */
};

struct tally {
    uint64_t delivered[TOPICS][PARTITIONS_MAX];
    uint64_t *symbols; /* good messages of each */
    uint64_t failed;
    char error[256];
    double seconds;
};

struct run {
    struct options options;
    struct tally tally;
    rd_kafka_t *client;
    rd_kafka_topic_t *handles[TOPICS];
};

#define FIRST_EVENT_MS 1718658930000 /* 2024-06-17T21:15:30Z */
#define EVENT_STEP_MS  10

static volatile sig_atomic_t is_stopping;

static void on_signal(int number) {
    (void)number;
    is_stopping = 1;
}

/* splitmix64: message k's randomness depends on seed and k alone. */
static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double unit(uint64_t x) {
    return (double)(x >> 11) / 9007199254740992.0;
}

static int64_t event_ms(const struct options *options, uint64_t k) {
    return FIRST_EVENT_MS + (int64_t)k * (options->step_ms > 0 ? options->step_ms : EVENT_STEP_MS);
}

static int format_time(char *text, size_t size, int64_t ms) {
    const time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    const size_t len = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return (int)len + snprintf(text + len, size - len, ".%03dZ", (int)(ms % 1000));
}

static int format_production(char *text, size_t size, const struct options *options, uint32_t topic,
                             uint64_t k, uint32_t symbol, uint64_t r) {
    static const int frames[] = {60, 180, 300, 420, 720, 1560};
    const int64_t ms = event_ms(options, k);
    const double close = 50 + 10 * (double)(symbol % 50) + unit(r);
    char time_text[64];
    format_time(time_text, sizeof time_text, ms);
    int len = snprintf(
        text, size,
        "{\"symbol\":\"S%05u\",\"publishTime\":{\"take5Time\":%" PRId64
        ",\"take5TimeStr\":\"%s\"},\"barData\":{\"barTimeFrame\":%d,\"open\":%.17g,\"high\":%.17g,"
        "\"low\":%.17g,\"close\":%.17g,\"volume\":%" PRIu64 "},\"number\":%" PRIu64 ",",
        symbol, ms, time_text, frames[mix(r) % 6], close - 0.25, close + 0.5, close - 0.5, close,
        r % 100000, k);
    if (topic == 0)
        len += snprintf(text + len, size - (size_t)len,
                        "\"lastSampleStats\":{\"mean\":%.17g,\"stdDev\":%.17g,\"count\":%d}}",
                        close - 0.1, unit(mix(r + 1)), (int)(r % 500));
    else if (topic == 1)
        len += snprintf(text + len, size - (size_t)len,
                        "\"stats\":{\"mean\":%.17g,\"stdDev\":%.17g},\"z_score\":%.17g}",
                        close - 0.1, unit(mix(r + 1)), unit(mix(r + 2)) - 0.5);
    else
        len += snprintf(text + len, size - (size_t)len,
                        "\"trendData\":{\"wSma_slope\":%.17g,\"wSma_intercept\":%.17g,"
                        "\"wSma_slope_std_err\":%.17g}}",
                        unit(mix(r + 1)) - 0.5, close, unit(mix(r + 2)) / 10);
    return len;
}

static int format_documented(char *text, size_t size, const struct options *options, uint32_t topic,
                             uint64_t k, uint32_t symbol, uint64_t r) {
    static const char *const tails[TOPICS] = {
        "\"trend_data\":{\"slope\":0.5}}",
        "\"historic_analysis\":{\"mean\":1},\"statistics\":{\"n\":3}}",
        "\"predictions\":{\"next\":1},\"trend_vectors\":{\"angle\":2}}",
    };
    char time_text[64];
    format_time(time_text, sizeof time_text, event_ms(options, k));
    return snprintf(text, size,
                    "{\"symbol\": \"S%05u\", \"timestamp\": \"%s\", \"price\": %.17g, "
                    "\"volume\": %" PRIu64 ", \"number\": %" PRIu64 ", %s",
                    symbol, time_text, 50 + 10 * (double)(symbol % 50) + unit(r), r % 100000, k,
                    tails[topic]);
}

/* ---- sending ---- */

static uint32_t topic_of(const struct run *run, const rd_kafka_topic_t *handle) {
    uint32_t topic = 0;
    while (topic + 1 < run->options.topic_count && run->handles[topic] != handle)
        topic++;
    return topic;
}

/* Inside rd_kafka_poll(), so on the only thread. The message's own pointer is its symbol + 1, or 0
 * for one that is bad on purpose. */
static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context) {
    struct run *run = context;
    (void)client;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        run->tally.failed++;
        snprintf(run->tally.error, sizeof run->tally.error, "%s", rd_kafka_err2str(message->err));
        return;
    }
    if (message->partition < PARTITIONS_MAX)
        run->tally.delivered[topic_of(run, message->rkt)][message->partition]++;
    const uintptr_t symbol = (uintptr_t)message->_private;
    if (symbol > 0)
        run->tally.symbols[symbol - 1]++;
}

static bool send_one(struct run *run, uint64_t k) {
    const struct options *o = &run->options;
    const uint64_t r = mix(o->seed ^ mix(k));
    const uint32_t symbol = (uint32_t)(mix(r ^ 7) % o->symbols);
    const uint32_t topic = (uint32_t)(k % o->topic_count);
    const bool is_bad = o->bad_every > 0 && k % o->bad_every == o->bad_every - 1;
    const bool is_documented =
        o->envelope == DOCUMENTED || (o->envelope == BOTH && (k / o->topic_count) % 2 == 1);

    char key[32];
    const int key_len = snprintf(key, sizeof key, "S%05u", symbol);
    char value[VALUE_MAX];
    int len;
    if (is_bad)
        len = snprintf(value, sizeof value, "{\"symbol\": \"S%05u\", broken %" PRIu64, symbol, k);
    else if (is_documented)
        len = format_documented(value, sizeof value, o, topic, k, symbol, r);
    else
        len = format_production(value, sizeof value, o, topic, k, symbol, r);
    const int32_t partition =
        o->partitions > 0 ? (int32_t)(symbol % (uint32_t)o->partitions) : RD_KAFKA_PARTITION_UA;
    void *opaque = (void *)(is_bad ? (uintptr_t)0 : (uintptr_t)symbol + 1);

    const int64_t kafka_ms = o->step_ms > 0 ? event_ms(o, k) : 0; /* 0: now */
    rd_kafka_resp_err_t code;
    while ((code = rd_kafka_producev(
                run->client, RD_KAFKA_V_RKT(run->handles[topic]), RD_KAFKA_V_PARTITION(partition),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, (size_t)len),
                RD_KAFKA_V_KEY(key, (size_t)key_len), RD_KAFKA_V_OPAQUE(opaque),
                RD_KAFKA_V_TIMESTAMP(kafka_ms), RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(run->client, 100);
    if (code)
        fprintf(stderr, "produce: %s\n", rd_kafka_err2str(code));
    return !code;
}

static void wait_until(const struct timespec *start, double after_s) {
    struct timespec due = *start;
    due.tv_sec += (time_t)after_s;
    due.tv_nsec += (long)((after_s - (double)(time_t)after_s) * 1e9);
    if (due.tv_nsec >= 1000000000) {
        due.tv_nsec -= 1000000000;
        due.tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        continue;
}

static bool send_all(struct run *run) {
    const struct options *o = &run->options;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    /* A rate is kept in steps of 5 ms. */
    const uint64_t step = o->per_second > 0 ? (uint64_t)(o->per_second / 200) + 1 : 1000;
    for (uint64_t i = 0; i < o->count && !is_stopping; i++) {
        if (i % step == 0) {
            rd_kafka_poll(run->client, 0);
            if (o->per_second > 0)
                wait_until(&start, (double)i / o->per_second);
        }
        if (!send_one(run, o->first + i))
            return false;
    }
    if (rd_kafka_flush(run->client, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "produce: not all was delivered within a minute\n");
        return false;
    }
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    run->tally.seconds =
        (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    return true;
}

/* ---- what was sent ---- */

static void print_tally(const struct run *run) {
    const struct tally *tally = &run->tally;
    uint64_t sum = 0;
    printf("{\"partitions\": {");
    for (uint32_t t = 0; t < run->options.topic_count; t++) {
        const char *separator = "";
        printf("%s\"%s\": {", t > 0 ? ", " : "", run->options.topics[t]);
        for (int p = 0; p < PARTITIONS_MAX; p++) {
            sum += tally->delivered[t][p];
            if (tally->delivered[t][p] > 0) {
                printf("%s\"%d\": %" PRIu64, separator, p, tally->delivered[t][p]);
                separator = ", ";
            }
        }
        printf("}");
    }
    printf("}, \"symbols\": {");
    const char *separator = "";
    for (uint32_t s = 0; s < run->options.symbols; s++) {
        if (tally->symbols[s] > 0) {
            printf("%s\"S%05u\": %" PRIu64, separator, s, tally->symbols[s]);
            separator = ", ";
        }
    }
    printf("}, \"delivered\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"seconds\": %.3f}\n", sum,
           tally->failed, tally->seconds);
}

/* ---- setting up ---- */

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char errstr[512];
    if (rd_kafka_conf_set(conf, name, value, errstr, sizeof errstr) == RD_KAFKA_CONF_OK)
        return true;
    fprintf(stderr, "produce: %s\n", errstr);
    return false;
}

static bool connect_to(struct run *run) {
    char errstr[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!set(conf, "bootstrap.servers", run->options.brokers) ||
        !set(conf, "enable.idempotence", "true") || !set(conf, "max.in.flight", "1") ||
        !set(conf, "linger.ms", "5") || !set(conf, "queue.buffering.max.messages", "200000") ||
        !set(conf, "partitioner", "murmur2_random") || !set(conf, "socket.nagle.disable", "true")) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_opaque(conf, run);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    run->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errstr, sizeof errstr);
    if (run->client == NULL) {
        fprintf(stderr, "produce: %s\n", errstr);
        rd_kafka_conf_destroy(conf);
        return false;
    }
    for (uint32_t t = 0; t < run->options.topic_count; t++)
        run->handles[t] = rd_kafka_topic_new(run->client, run->options.topics[t], NULL);
    return true;
}

static bool parse_topics(struct options *options, char *list) {
    uint32_t count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (count == TOPICS)
            return false;
        options->topics[count++] = name;
    }
    options->topic_count = count;
    return count > 0;
}

static bool parse(int argc, char **argv, struct options *o) {
    int option;
    while ((option = getopt(argc, argv, "b:t:n:f:r:y:p:s:i:e:x:")) != -1) {
        switch (option) {
        case 'b':
            o->brokers = optarg;
            break;
        case 't':
            if (!parse_topics(o, optarg))
                return false;
            break;
        case 'n':
            o->count = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            o->first = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            o->per_second = strtod(optarg, NULL);
            break;
        case 'i':
            o->step_ms = strtol(optarg, NULL, 10);
            break;
        case 'y':
            o->symbols = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'p':
            o->partitions = (int32_t)strtol(optarg, NULL, 10);
            break;
        case 's':
            o->seed = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            o->envelope = strcmp(optarg, "documented") == 0 ? DOCUMENTED
                          : strcmp(optarg, "both") == 0     ? BOTH
                                                            : PRODUCTION;
            break;
        case 'x':
            o->bad_every = strtoull(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return o->brokers != NULL && o->symbols > 0 && optind == argc;
}

int main(int argc, char **argv) {
    static char roles[] = "bar_trends,historic_stats,asset_trends";
    struct run run = {.options = {.count = 1000, .symbols = 100, .envelope = PRODUCTION}};
    (void)parse_topics(&run.options, roles);
    if (!parse(argc, argv, &run.options)) {
        fprintf(stderr, "usage: produce -b BROKERS [-t TOPIC,TOPIC,TOPIC] [-n COUNT] [-f FIRST]\n"
                        "  [-r PER_SECOND] [-y SYMBOLS] [-p PARTITIONS] [-s SEED]\n"
                        "  [-e production|documented|both] [-x EVERY]\n");
        return 2;
    }
    run.tally.symbols = calloc(run.options.symbols, sizeof *run.tally.symbols);
    if (run.tally.symbols == NULL || !connect_to(&run))
        return 1;
    signal(SIGTERM, on_signal);
    const bool is_sent = send_all(&run);
    print_tally(&run);
    if (run.tally.failed > 0)
        fprintf(stderr, "produce: %" PRIu64 " not delivered: %s\n", run.tally.failed,
                run.tally.error);
    for (uint32_t t = 0; t < run.options.topic_count; t++)
        rd_kafka_topic_destroy(run.handles[t]);
    rd_kafka_destroy(run.client);
    free(run.tally.symbols);
    return is_sent && run.tally.failed == 0 ? 0 : 1;
}
