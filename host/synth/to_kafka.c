#include "synth/to_kafka.h"

#include "base/clock.h"
#include "base/sync/thread.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FLUSH_NS (10 * NS_PER_S)
#define REASON_SIZE      256

static const struct client_property default_properties[] = {
    {"client.id", "take5-feed"},
    {"partitioner", "murmur2_random"},
    {"linger.ms", "5"},
    {"queue.buffering.max.messages", "200000"},
    {"queue.buffering.max.kbytes", "131072"},
    {"batch.num.messages", "20000"},
    {"message.timeout.ms", "60000"},
    {"socket.nagle.disable", "true"},
};

struct feed_kafka {
    rd_kafka_t *client;
    rd_kafka_topic_t *topics[MARKET_ROLES];
    struct market *market;
    struct feeder_pace pace;
    struct log *log;
    bool has_market_time;
    int64_t flush_timeout_ns;

    atomic_bool stop;
    atomic_bool is_running;
    atomic_uint_fast64_t sent, delivered, failed, bytes;
    atomic_int_fast64_t begin_ns, end_ns; /* monotonic; 0: not yet */
    /* The running thread's. */
    char reason[REASON_SIZE]; /* of the first failed delivery */

    pthread_t thread;
    bool has_thread;
    bool did_succeed;   /* outcome of the thread, read after the join */
    struct error error; /* the same */
};

/* librdkafka's callbacks; `opaque` is the feed. */

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    const struct feed_kafka *feed = rd_kafka_opaque(client);
    if (feed == NULL || feed->log == NULL)
        return;
    enum log_level ours = level <= 3   ? LOG_LEVEL_ERROR
                          : level == 4 ? LOG_LEVEL_WARNING
                          : level <= 6 ? LOG_LEVEL_INFO
                                       : LOG_LEVEL_DEBUG;
    log_write(feed->log, ours, "kafka", "feed: %s: %s", facility, text);
}

static void on_error(rd_kafka_t *client, int code, const char *text, void *opaque) {
    struct feed_kafka *feed = opaque;
    (void)client;
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        atomic_store(&feed->stop, true);
    if (feed->log != NULL)
        log_warning(feed->log, "kafka", "feed: %s: %s",
                    rd_kafka_err2name((rd_kafka_resp_err_t)code), text);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    struct feed_kafka *feed = opaque;
    (void)client;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        atomic_fetch_add_explicit(&feed->delivered, 1, memory_order_relaxed);
        return;
    }
    if (atomic_fetch_add_explicit(&feed->failed, 1, memory_order_relaxed) == 0)
        snprintf(feed->reason, sizeof feed->reason, "topic %s: %s",
                 message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "?",
                 rd_kafka_err2str(message->err));
}

/* Building. */

static bool make_client(struct feed_kafka *feed, const struct feed_kafka_options *options,
                        struct error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char reason[512];
    if (!client_conf_set_safe_producer(conf, error) ||
        !client_conf_set_all(conf, CLIENT_PROPERTIES(default_properties), error) ||
        !client_conf_set_all(conf, options->properties, options->property_count, error) ||
        !client_conf_set(conf, "bootstrap.servers", options->brokers, error)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_opaque(conf, feed);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    feed->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (feed->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return error_set(error, ERROR_INVALID, "feed: cannot create a producer: %s", reason);
    }
    for (uint32_t role = 0; role < MARKET_ROLES; role++) {
        const char *name = options->topics[role];
        if (name == NULL)
            name = market_role_name(role);
        feed->topics[role] = rd_kafka_topic_new(feed->client, name, NULL);
        if (feed->topics[role] == NULL)
            return error_set(error, ERROR_INVALID, "feed: topic \"%s\": %s", name,
                             rd_kafka_err2str(rd_kafka_last_error()));
    }
    return true;
}

struct feed_kafka *feed_kafka_new(const struct feed_kafka_options *options, struct log *log,
                                  struct error *error) {
    if (options->brokers == NULL || options->brokers[0] == '\0') {
        error_set(error, ERROR_INVALID, "feed: no brokers given: give them as HOST:PORT,...");
        return NULL;
    }
    struct feed_kafka *feed = calloc(1, sizeof *feed);
    if (feed == NULL) {
        error_set_memory(error, "the feed");
        return NULL;
    }
    feed->log = log;
    feed->pace = options->pace;
    feed->has_market_time = options->has_market_time;
    feed->flush_timeout_ns =
        options->flush_timeout_ns > 0 ? options->flush_timeout_ns : DEFAULT_FLUSH_NS;
    feed->market = market_new(&options->market, error);
    if (feed->market == NULL || !make_client(feed, options, error)) {
        feed_kafka_free(feed);
        return NULL;
    }
    return feed;
}

void feed_kafka_free(struct feed_kafka *feed) {
    if (feed == NULL)
        return;
    feed_kafka_stop(feed);
    if (feed->has_thread) {
        struct error ignored;
        feed_kafka_join(feed, &ignored);
    }
    for (uint32_t role = 0; role < MARKET_ROLES; role++)
        if (feed->topics[role] != NULL)
            rd_kafka_topic_destroy(feed->topics[role]);
    if (feed->client != NULL) {
        /* What was not delivered within the flush is given up. */
        rd_kafka_purge(feed->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(feed->client);
    }
    market_free(feed->market);
    free(feed);
}

/* Running. */

static void serve(void *context, int64_t wait_ns) {
    struct feed_kafka *feed = context;
    /* Rounded down: the pace is kept by short waits, not by late ones. */
    rd_kafka_poll(feed->client, (int)(wait_ns / NS_PER_MS));
    int64_t rest_ns = wait_ns % NS_PER_MS;
    if (wait_ns < NS_PER_MS && rest_ns > 0) {
        struct timespec rest = {0, rest_ns};
        nanosleep(&rest, NULL);
    }
}

static rd_kafka_resp_err_t produce(struct feed_kafka *feed, const struct market_message *message) {
    rd_kafka_vu_t record[6] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = feed->topics[message->role]},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = (void *)(uintptr_t)message->key, .size = message->key_size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)(uintptr_t)message->payload, .size = message->payload_size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
         .u.i64 = feed->has_market_time ? message->event_time_ms : 0},
    };
    rd_kafka_error_t *failure = rd_kafka_produceva(feed->client, record, 5);
    rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    if (failure != NULL)
        rd_kafka_error_destroy(failure);
    return code;
}

static bool take_message(void *context, const struct market_message *message, struct error *error) {
    struct feed_kafka *feed = context;
    for (;;) {
        rd_kafka_resp_err_t code = produce(feed, message);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return error_set(error, ERROR_SYSTEM, "feed: topic %s: %s",
                             rd_kafka_topic_name(feed->topics[message->role]),
                             rd_kafka_err2str(code));
        if (atomic_load_explicit(&feed->stop, memory_order_relaxed))
            return false;
        rd_kafka_poll(feed->client, 10);
    }
    atomic_fetch_add_explicit(&feed->sent, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&feed->bytes, message->payload_size, memory_order_relaxed);
    return true;
}

/* Whether everything that was sent has arrived. */
static bool settle(struct feed_kafka *feed, struct error *error) {
    rd_kafka_flush(feed->client, (int)(feed->flush_timeout_ns / NS_PER_MS));
    char reason[512];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(feed->client, reason, sizeof reason);
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(error, ERROR_SYSTEM, "feed: %s: %s", rd_kafka_err2name(fatal), reason);
    uint64_t sent = atomic_load(&feed->sent), failed = atomic_load(&feed->failed);
    uint64_t delivered = atomic_load(&feed->delivered);
    if (failed > 0)
        return error_set(
            error, ERROR_SYSTEM, "feed: %llu of %llu messages were not delivered; the first: %s",
            (unsigned long long)(sent - delivered), (unsigned long long)sent, feed->reason);
    if (delivered < sent)
        return error_set(error, ERROR_TIMEOUT,
                         "feed: %llu of %llu messages are not acknowledged after %lld ms: is the "
                         "broker reachable?",
                         (unsigned long long)(sent - delivered), (unsigned long long)sent,
                         (long long)(feed->flush_timeout_ns / NS_PER_MS));
    return true;
}

bool feed_kafka_run(struct feed_kafka *feed, struct error *error) {
    struct feeder feeder = {.market = feed->market,
                            .pace = feed->pace,
                            .take = take_message,
                            .idle = serve,
                            .context = feed,
                            .stop = &feed->stop};
    atomic_store(&feed->end_ns, 0);
    atomic_store(&feed->begin_ns, clock_monotonic_ns());
    atomic_store(&feed->is_running, true);
    bool did_feed = feeder_run(&feeder, error);
    struct error unsettled = {0};
    bool did_settle = settle(feed, &unsettled);
    if (did_feed && !did_settle)
        *error = unsettled;
    atomic_store(&feed->end_ns, clock_monotonic_ns());
    atomic_store(&feed->is_running, false);
    return did_feed && did_settle;
}

static void *thread_main(void *context) {
    struct feed_kafka *feed = context;
    feed->did_succeed = feed_kafka_run(feed, &feed->error);
    return NULL;
}

bool feed_kafka_start(struct feed_kafka *feed, struct error *error) {
    if (feed->has_thread)
        return error_set(error, ERROR_STATE, "feed: already running");
    feed->has_thread = thread_start(&feed->thread, "feed", thread_main, feed, error);
    return feed->has_thread;
}

bool feed_kafka_join(struct feed_kafka *feed, struct error *error) {
    if (!feed->has_thread)
        return error_set(error, ERROR_STATE, "feed: not started");
    pthread_join(feed->thread, NULL);
    feed->has_thread = false;
    if (!feed->did_succeed)
        *error = feed->error;
    return feed->did_succeed;
}

void feed_kafka_stop(struct feed_kafka *feed) {
    atomic_store(&feed->stop, true);
}

void feed_kafka_stats(const struct feed_kafka *feed, struct feed_kafka_stats *stats) {
    int64_t begin_ns = atomic_load(&feed->begin_ns), end_ns = atomic_load(&feed->end_ns);
    stats->sent = atomic_load(&feed->sent);
    stats->delivered = atomic_load(&feed->delivered);
    stats->failed = atomic_load(&feed->failed);
    stats->bytes = atomic_load(&feed->bytes);
    stats->is_running = atomic_load(&feed->is_running);
    if (begin_ns == 0)
        stats->elapsed_ns = 0;
    else
        stats->elapsed_ns = (end_ns != 0 ? end_ns : clock_monotonic_ns()) - begin_ns;
}
