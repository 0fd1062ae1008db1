#include "failing_memory.h"
#include "mock.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Numbers of Kafka's requests. */
#define PRODUCE         0
#define INIT_PRODUCER   22
#define FIRST_BROKER_ID 1

static struct tally tally;
static struct mock mock;
static struct log *quiet;
static char log_path[128];

static void setup(void) {
    struct error error;
    quiet = log_new();
    strcpy(log_path, scratch_path("log"));
    log_configure(quiet,
                  &(struct log_options){.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_CONSOLE,
                                        .color = LOG_COLOR_NEVER,
                                        .path = log_path},
                  &error);
    mock_init(&mock);
}

static void teardown(void) {
    mock_release(&mock);
    log_free(quiet);
}

TestSuite(sink_kafka, .init = setup, .fini = teardown);

static struct sink *open_sink(const char *name, const char *value) {
    struct config_item items[] = {{"reconnect.backoff.max.ms", "100", {0}},
                                  {"retry.backoff.ms", "10", {0}},
                                  {(char *)name, (char *)value, {0}}};
    struct config_items properties = {items, name ? 3 : 2};
    struct error error;
    struct sink *sink = sink_kafka_new(MOCK_TOPIC, &properties, mock.servers, quiet, &error);
    cr_assert_not_null(sink, "%s", error.text);
    return sink;
}

static int said(const char *words) {
    char *text = file_text(log_path);
    int count = 0;
    for (const char *at = strstr(text, words); at; at = strstr(at + 1, words))
        count++;
    free(text);
    return count;
}

/* The broker answers the next requests of that kind with these, one each. */
static void lay_errors(int16_t request, size_t count, const rd_kafka_resp_err_t *codes) {
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(rd_kafka_mock_broker_push_request_error_rtts(mock.cluster, FIRST_BROKER_ID,
                                                                  request, 1, codes[i], 0),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

#define LAY_ERRORS(request, ...)                                                                   \
    lay_errors(request,                                                                            \
               sizeof((rd_kafka_resp_err_t[]){__VA_ARGS__}) / sizeof(rd_kafka_resp_err_t),         \
               (rd_kafka_resp_err_t[]){__VA_ARGS__})

/* All that was laid out was answered with: the fault happened. */
static void check_errors_used(int16_t request) {
    size_t count = 99;
    cr_assert_eq(
        rd_kafka_mock_broker_error_stack_cnt(mock.cluster, FIRST_BROKER_ID, request, &count), 0);
    cr_assert_eq(count, 0u, "%zu errors were not met", count);
}

/* `number` of the record, from its value; fails when it was shortened. */
static uint64_t number_of(const struct mock_record *record) {
    char begin[32] = {0};
    size_t size = record->message->len < 31 ? record->message->len : 31;
    memcpy(begin, record->message->payload, size);
    cr_assert(strncmp(begin, "{\"n\":", 5) == 0, "%s", begin);
    return strtoull(begin + 5, NULL, 10);
}

/* The topic has exactly these, once and in order. */
static void check_topic(uint64_t from, uint64_t to) {
    size_t count = (size_t)(to - from);
    struct mock_record *records = mock_read(&mock, count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(number_of(&records[i]), from + i);
    mock_free(records, count);
}

static void check_header(const struct mock_record *record, const char *name, const char *value) {
    const void *found;
    size_t size;
    cr_assert_not_null(record->headers);
    cr_assert_eq(rd_kafka_header_get_last(record->headers, name, &found, &size), 0, "no %s", name);
    if (value)
        cr_assert(size == strlen(value) && memcmp(found, value, size) == 0, "%s is %.*s", name,
                  (int)size, (const char *)found);
    else
        cr_assert_null(found);
}

Test(sink_kafka, delivers_key_value_headers_and_time) {
    struct sink *sink = open_sink(NULL, NULL);
    push(sink, signal_make(&tally, 5, 0));
    push(sink, dead_letter_make(&tally, 6, "\xff", 1, "{\"a\":", 5));
    push(sink, dead_letter_make(&tally, 7, NULL, 0, NULL, 0));
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 3u);

    struct mock_record *records = mock_read(&mock, 3);
    cr_assert_eq(number_of(&records[0]), 5u);
    cr_assert(records[0].message->key_len == 4 && memcmp(records[0].message->key, "AAPL", 4) == 0);
    cr_assert_eq(records[0].time_ms, 1718658930005);
    check_header(&records[0], "take5-signal-id", "momentum/bar_trends/0/5/0");

    cr_assert(records[1].message->len == 5 &&
              memcmp(records[1].message->payload, "{\"a\":", 5) == 0);
    cr_assert(records[1].message->key_len == 1);
    check_header(&records[1], "trace", "abc");
    check_header(&records[1], "nothing", NULL);
    check_header(&records[1], "__take5.errors.topic", "bar_trends");
    check_header(&records[1], "__take5.errors.offset", "6");

    cr_assert_null(records[2].message->payload);
    cr_assert_null(records[2].message->key);
    mock_free(records, 3);

    struct sink_status status = status_of(sink);
    cr_assert_str_eq(status.name, "kafka");
    cr_assert(status.is_ok && status.confirmed == 3 && status.queued == 0);
    sink->ops->close(sink, HANG_MS);
}

Test(sink_kafka, a_text_that_lacks_memory_is_made_later) {
    struct sink *sink = open_sink(NULL, NULL);
    struct delivery *delivery = typed_make(&tally, 1, 1);
    memory_fail_from(0);
    cr_assert(sink->ops->push(sink, delivery));
    await_ok(sink, false);
    cr_assert(memory_end());
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 1u);
    delivery_release(delivery);
    sink->ops->close(sink, HANG_MS);
}

Test(sink_kafka, keeps_the_order) {
    struct sink *sink = open_sink(NULL, NULL);
    push_signals(sink, &tally, 0, 4000, 20);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 4000u);
    sink->ops->close(sink, HANG_MS);
    check_topic(0, 4000);
}

Test(sink_kafka, close_delivers_what_is_queued) {
    struct sink *sink = open_sink(NULL, NULL);
    push_signals(sink, &tally, 0, 1000, 0);
    sink->ops->close(sink, HANG_MS);
    cr_assert_eq(tally_count(&tally), 1000u);
    check_topic(0, 1000);
}

Test(sink_kafka, refuses_settings_that_librdkafka_refuses) {
    struct config_item items[] = {{"linger.ms", "soon", {0}}};
    struct error error;
    cr_assert_null(
        sink_kafka_new(MOCK_TOPIC, &(struct config_items){items, 1}, mock.servers, quiet, &error));
    cr_assert_eq(error.code, ERROR_INVALID);
    cr_assert(strstr(error.text, "linger.ms"), "%s", error.text);
    items[0] = (struct config_item){"no.such", "1", {0}};
    cr_assert_null(
        sink_kafka_new(MOCK_TOPIC, &(struct config_items){items, 1}, mock.servers, quiet, &error));
    cr_assert(strstr(error.text, "no.such"), "%s", error.text);
}

Test(sink_kafka, errors_that_pass_lose_and_repeat_nothing) {
    struct sink *sink = open_sink(NULL, NULL);
    push_signals(sink, &tally, 0, 1, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    LAY_ERRORS(PRODUCE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
               RD_KAFKA_RESP_ERR__TRANSPORT, /* the connection is cut */
               RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
               RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    push_signals(sink, &tally, 1, 500, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_errors_used(PRODUCE);
    cr_assert_eq(tally_count(&tally), 500u);
    sink->ops->close(sink, HANG_MS);
    check_topic(0, 500);
}

/* As a broker does that knows nothing of the producer yet: what it refuses for now it lacks, and
 * takes what comes behind. A client that has both under way counts the first one as written. */
Test(sink_kafka, what_is_refused_before_what_is_taken_is_written_all_the_same) {
    struct sink *sink = open_sink("batch.num.messages", "1");
    rd_kafka_mock_broker_set_rtt(mock.cluster, FIRST_BROKER_ID, 50); /* several are under way */
    LAY_ERRORS(PRODUCE, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    push_signals(sink, &tally, 0, 20, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_errors_used(PRODUCE);
    cr_assert_eq(tally_count(&tally), 20u);
    sink->ops->close(sink, HANG_MS);
    check_topic(0, 20);
}

Test(sink_kafka, refusal_for_now_is_said_once_and_tried_again) {
    struct sink *sink = open_sink(NULL, NULL);
    LAY_ERRORS(PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
               RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    push_signals(sink, &tally, 0, 50, 0);
    await_ok(sink, false);
    cr_assert(strstr(status_of(sink).detail, "uthorization"), "%s", status_of(sink).detail);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    await_ok(sink, true);
    check_errors_used(PRODUCE);
    cr_assert_eq(status_of(sink).shortened, 0u);
    sink->ops->close(sink, HANG_MS);
    check_topic(0, 50);
    cr_assert_eq(said("write to topic"), 1);
    cr_assert_eq(said("writes recovered"), 1);
}

Test(sink_kafka, broker_away_holds_everything_until_it_is_back) {
    struct sink *sink = open_sink("queue.buffering.max.messages", "100");
    push_signals(sink, &tally, 0, 10, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    rd_kafka_mock_broker_set_down(mock.cluster, FIRST_BROKER_ID);
    /* More than the client takes: a push must not block. */
    push_signals(sink, &tally, 10, 1000, 0);
    await_ok(sink, false);
    cr_assert_not(sink->ops->flush(sink, 300));
    cr_assert_eq(status_of(sink).queued, 990u);
    rd_kafka_mock_broker_set_up(mock.cluster, FIRST_BROKER_ID);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    await_ok(sink, true);
    cr_assert_eq(tally_count(&tally), 1000u);
    sink->ops->close(sink, HANG_MS);
    check_topic(0, 1000);
    cr_assert_eq(said("write to topic"), 1);
}

Test(sink_kafka, broker_that_is_back_is_noticed_with_nothing_to_send) {
    struct sink *sink = open_sink(NULL, NULL);
    push_signals(sink, &tally, 0, 1, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    rd_kafka_mock_broker_set_down(mock.cluster, FIRST_BROKER_ID);
    await_ok(sink, false);
    rd_kafka_mock_broker_set_up(mock.cluster, FIRST_BROKER_ID);
    await_ok(sink, true);
    sink->ops->close(sink, HANG_MS);
}

Test(sink_kafka, batch_that_is_too_large_is_taken_apart_and_kept_whole) {
    struct sink *sink = open_sink(NULL, NULL);
    push_signals(sink, &tally, 0, 1, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    LAY_ERRORS(PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    push_signals(sink, &tally, 1, 40, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_errors_used(PRODUCE);
    cr_assert_eq(status_of(sink).shortened, 0u);
    cr_assert_eq(tally_count(&tally), 40u);
    sink->ops->close(sink, HANG_MS);
    /* What was not in that batch may have passed it. */
    struct mock_record *records = mock_read(&mock, 40);
    bool has[40] = {false};
    for (size_t i = 0; i < 40; i++) {
        uint64_t n = number_of(&records[i]);
        cr_assert(n < 40 && !has[n]);
        has[n] = true;
    }
    mock_free(records, 40);
}

static void check_shortened(const struct mock_record *record, const char *reason) {
    char value[256] = {0};
    cr_assert_lt(record->message->len, sizeof value);
    memcpy(value, record->message->payload, record->message->len);
    cr_assert(strstr(value, "\"shortened\":true") && strstr(value, "\"hash\":\"") &&
                  strstr(value, reason),
              "%s", value);
}

Test(sink_kafka, record_that_the_broker_refuses_alone_is_shortened) {
    struct sink *sink = open_sink(NULL, NULL);
    push_signals(sink, &tally, 0, 1, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    LAY_ERRORS(PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    push(sink, dead_letter_make(&tally, 42, "AAPL", 4, "{\"a\":", 5));
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_errors_used(PRODUCE);
    cr_assert_eq(status_of(sink).shortened, 1u);
    cr_assert(status_of(sink).is_ok);
    push_signals(sink, &tally, 1, 2, 0);
    sink->ops->close(sink, HANG_MS);

    struct mock_record *records = mock_read(&mock, 3);
    check_shortened(&records[1], "\"length\":5");
    check_shortened(&records[1], "\"reason\":\"INVALID_RECORD\"");
    check_header(&records[1], "trace", "abc");
    check_header(&records[1], "__take5.errors.offset", "42");
    cr_assert_eq(records[1].message->key_len, 4u);
    cr_assert_eq(number_of(&records[2]), 1u);
    mock_free(records, 3);
}

Test(sink_kafka, record_above_the_clients_limit_is_shortened_and_the_others_go_on) {
    struct sink *sink = open_sink("message.max.bytes", "2000");
    push_signals(sink, &tally, 0, 1, 0);
    push_signals(sink, &tally, 1, 2, 5000);
    push_signals(sink, &tally, 2, 3, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 3u);
    cr_assert_eq(status_of(sink).shortened, 1u);
    sink->ops->close(sink, HANG_MS);
    struct mock_record *records = mock_read(&mock, 3);
    size_t shortened = 0;
    for (size_t i = 0; i < 3; i++) {
        if (memmem(records[i].message->payload, records[i].message->len, "shortened", 9)) {
            check_shortened(&records[i], "\"reason\":\"MSG_SIZE_TOO_LARGE\"");
            shortened++;
        }
    }
    cr_assert_eq(shortened, 1u);
    mock_free(records, 3);
}

Test(sink_kafka, record_with_a_key_that_is_too_large_goes_bare) {
    static char key[5000];
    struct sink *sink = open_sink("message.max.bytes", "2000");
    push(sink, dead_letter_make(&tally, 9, key, sizeof key, "{", 1));
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(status_of(sink).shortened, 1u);
    sink->ops->close(sink, HANG_MS);
    struct mock_record *records = mock_read(&mock, 1);
    cr_assert_null(records[0].message->key);
    check_shortened(&records[0], "\"length\":1");
    check_header(&records[0], "__take5.errors.topic", "bar_trends");
    check_header(&records[0], "__take5.errors.offset", "9");
    const void *value;
    size_t size;
    cr_assert_neq(rd_kafka_header_get_last(records[0].headers, "trace", &value, &size), 0);
    mock_free(records, 1);
}

Test(sink_kafka, producer_that_turned_fatal_is_made_anew) {
    struct sink *sink = open_sink(NULL, NULL);
    push_signals(sink, &tally, 0, 20, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    /* For the request at the head of the line this is fatal to an idempotent producer. */
    LAY_ERRORS(PRODUCE, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    push_signals(sink, &tally, 20, 800, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_errors_used(PRODUCE);
    cr_assert_eq(tally_count(&tally), 800u);
    cr_assert_eq(said("creating a new one"), 1);
    await_ok(sink, true);
    sink->ops->close(sink, HANG_MS);
    check_topic(0, 800);
}

Test(sink_kafka, producer_that_is_fatal_again_and_again_is_not_given_up) {
    LAY_ERRORS(INIT_PRODUCER, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
               RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    struct sink *sink = open_sink(NULL, NULL);
    push_signals(sink, &tally, 0, 100, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 100u);
    check_errors_used(INIT_PRODUCER);
    cr_assert_geq(said("creating a new one"), 1);
    sink->ops->close(sink, HANG_MS);
    check_topic(0, 100);
}

Test(sink_kafka, topic_that_comes_later_gets_everything) {
    /* The mock makes a topic that is asked for, so its answer is made to say that there is none. */
    rd_kafka_mock_topic_set_error(mock.cluster, MOCK_TOPIC,
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    struct sink *sink = open_sink("topic.metadata.propagation.max.ms", "200");
    push_signals(sink, &tally, 0, 100, 0);
    await_ok(sink, false);
    cr_assert_eq(tally_count(&tally), 0u);
    rd_kafka_mock_topic_set_error(mock.cluster, MOCK_TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    sink->ops->close(sink, HANG_MS);
    check_topic(0, 100);
}

Test(sink_kafka, close_without_a_broker_ends_in_time_and_confirms_nothing) {
    struct sink *sink = open_sink(NULL, NULL);
    rd_kafka_mock_broker_set_down(mock.cluster, FIRST_BROKER_ID);
    push_signals(sink, &tally, 0, 100, 0);
    sink->ops->close(sink, 200);
    cr_assert_eq(tally_count(&tally), 0u);
    cr_assert_eq(said("left behind"), 0);
    check_leaks();
}

struct pusher {
    struct sink *sink;
    uint64_t from, to;
};

static void *push_run(void *argument) {
    struct pusher *pusher = argument;
    push_signals(pusher->sink, &tally, pusher->from, pusher->to, 0);
    return NULL;
}

Test(sink_kafka, many_lanes_push_at_once) {
    struct sink *sink = open_sink(NULL, NULL);
    struct pusher pushers[4];
    pthread_t threads[4];
    for (uint64_t i = 0; i < 4; i++) {
        pushers[i] = (struct pusher){sink, i * 1000, i * 1000 + 1000};
        pthread_create(&threads[i], NULL, push_run, &pushers[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    sink->ops->close(sink, HANG_MS);
    uint64_t next[4] = {0, 1000, 2000, 3000};
    struct mock_record *records = mock_read(&mock, 4000);
    for (size_t i = 0; i < 4000; i++) {
        uint64_t n = number_of(&records[i]);
        cr_assert_eq(n, next[n / 1000]++);
    }
    mock_free(records, 4000);
}
