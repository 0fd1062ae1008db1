#include "source/kafka/consumer.h"

#include "kafka_fixture.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

/* Numbers of Kafka's requests. */
#define LIST_OFFSETS  2
#define OFFSET_COMMIT 8
#define OFFSET_FETCH  9
#define FETCH         1
#define SYNC_GROUP    14

#define SYNC_MS 700 /* that a group's assignment takes */

#define ALL (FIXTURE_TOPICS * FIXTURE_PARTITIONS)

static struct fixture fixture;

static void setup(void) {
    fixture_init(&fixture);
}

static void teardown(void) {
    fixture_release(&fixture);
}

TestSuite(kafka, .init = setup, .fini = teardown);

static void check_clean(struct host *host) {
    cr_assert_eq(atomic_load(&host->strangers), 0u);
    cr_assert_eq(atomic_load(&host->damaged), 0u);
    cr_assert_not(atomic_load(&host->did_end), "%s", host->error.text);
}

static void finish(struct host *host) {
    cr_assert(host_stop(host, FIXTURE_HANG_MS));
    check_clean(host);
}

static void check_leaks(void) {
#if defined(__SANITIZE_ADDRESS__)
    cr_assert_eq(__lsan_do_recoverable_leak_check(), 0);
#endif
}

/* Each partition's records in the order of their offsets, none left out. */
static void check_order(struct host *host) {
    int64_t next[FIXTURE_TOPICS][FIXTURE_PARTITIONS];
    memset(next, 0xff, sizeof next); /* -1: none yet */
    for (size_t i = 0; i < host->seen_count; i++) {
        struct fixture_seen *seen = &host->seen[i];
        int64_t *expected = &next[seen->topic][seen->partition];
        cr_assert(*expected == -1 || seen->offset == *expected, "%s [%d]: %lld after %lld",
                  fixture_topics[seen->topic], (int)seen->partition, (long long)seen->offset,
                  (long long)*expected - 1);
        *expected = seen->offset + 1;
    }
}

Test(kafka, each_partition_comes_to_its_lane_whole_and_in_order) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 200);
    host_start(&host, &fixture, &(struct host_options){.lanes = 3});
    host_await_seen(&host, 200 * ALL);
    struct source_status status = host_status(&host);
    cr_assert(status.is_connected && status.is_assigned);
    cr_assert(strstr(status.detail, fixture.servers), "%s", status.detail);
    finish(&host);
    check_order(&host);
    int least, most;
    hosts_count(&(struct host *){&host}, 1, 200, &least, &most);
    cr_assert(least == 1 && most == 1);
    host_release(&host);
    check_leaks();
}

Test(kafka, stored_offsets_are_where_the_next_one_begins) {
    static struct host first, second;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 50);
    host_start(&first, &fixture, &(struct host_options){0});
    host_await_seen(&first, 50 * ALL);
    finish(&first);
    cr_assert_eq(first.assigned_offset[0][0], 0);
    cr_assert(first.is_new[0][0]);
    fixture_produce(&fixture, 50, 80);

    host_start(&second, &fixture, &(struct host_options){0});
    host_await_seen(&second, 30 * ALL);
    finish(&second);
    cr_assert_eq(second.assigned_offset[0][0], 50);
    cr_assert_not(second.is_new[0][0]);
    cr_assert_eq(second.assigned_offset[2][3], 50);
    int least, most;
    hosts_count((struct host *[]){&first, &second}, 2, 80, &least, &most);
    cr_assert(least == 1 && most == 1);
    host_release(&first);
    host_release(&second);
    check_leaks();
}

Test(kafka, what_was_not_stored_is_read_again) {
    static struct host first, second;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 20);
    host_start(&first, &fixture, &(struct host_options){.is_not_storing = true});
    host_await_seen(&first, 20 * ALL);
    finish(&first);
    host_start(&second, &fixture, &(struct host_options){0});
    host_await_seen(&second, 20 * ALL);
    finish(&second);
    cr_assert_eq(second.assigned_offset[1][1], 0);
    cr_assert_not(second.is_new[1][1], "where it was begun is committed");
    host_release(&first);
    host_release(&second);
}

Test(kafka, commit_makes_stored_offsets_known_at_once) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 20);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.commit.interval.ms", .value = "3600000"});
    host_await_seen(&host, 20 * ALL);
    atomic_store(&host.is_control_ending, true);
    pthread_join(host.control, NULL);
    struct error error;
    cr_assert(host.source->ops->commit(host.source, FIXTURE_HANG_MS, &error), "%s", error.text);
    cr_assert(host.source->ops->commit(host.source, FIXTURE_HANG_MS, &error), "%s", error.text);
    struct source_lag lags[ALL];
    atomic_store(&host.is_lane_ending, true);
    for (uint32_t i = 0; i < host.lane_count; i++)
        pthread_join(host.lanes[i], NULL);
    bool is_known = false;
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && !is_known; i++) {
        cr_assert(host.source->ops->poll(host.source, 10, &error), "%s", error.text);
        is_known = host.source->ops->lag(host.source, lags, ALL) == ALL && lags[0].committed == 20;
    }
    cr_assert(is_known);
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
}

Test(kafka, commit_that_the_broker_refuses_is_an_error) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 5);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.commit.interval.ms", .value = "3600000"});
    host_await_seen(&host, 5 * ALL);
    atomic_store(&host.is_control_ending, true);
    pthread_join(host.control, NULL);
    fixture_lay_errors(&fixture, OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    struct error error;
    cr_assert_not(host.source->ops->commit(host.source, FIXTURE_HANG_MS, &error));
    cr_assert(strstr(error.text, "uthoriz"), "%s", error.text);
    cr_assert_eq(fixture_errors_left(&fixture, OFFSET_COMMIT), 0u);
    cr_assert(host.source->ops->commit(host.source, FIXTURE_HANG_MS, &error), "%s", error.text);
    atomic_store(&host.is_lane_ending, true);
    for (uint32_t i = 0; i < host.lane_count; i++)
        pthread_join(host.lanes[i], NULL);
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
}

Test(kafka, listener_says_where_reading_begins) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 50);
    host_start(&host, &fixture, &(struct host_options){.start_offset = 42});
    host_await_seen(&host, 8 * ALL);
    finish(&host);
    check_order(&host);
    for (size_t i = 0; i < host.seen_count; i++)
        cr_assert(host.seen[i].offset >= 42);
    host_release(&host);
}

Test(kafka, unknown_committed_offsets_do_not_stop_it) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    fixture_lay_errors(&fixture, OFFSET_FETCH, 1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    host_start(&host, &fixture, &(struct host_options){0});
    host_await_seen(&host, 10 * ALL);
    cr_assert_eq(fixture_errors_left(&fixture, OFFSET_FETCH), 0u);
    cr_assert_eq(host_said(&host, "cannot get the committed offsets"), 1);
    finish(&host);
    cr_assert_eq(host.assigned_offset[0][0], SOURCE_NO_OFFSET);
    host_release(&host);
}

Test(kafka, latest_is_decided_once) {
    static struct host first, second;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    const struct host_options latest = {.property = "auto.offset.reset", .value = "latest"};
    host_start(&first, &fixture, &latest);
    HOST_AWAIT(host_status(&first).is_assigned);
    finish(&first);
    cr_assert_eq(first.assigned_offset[2][3], 10);
    cr_assert(first.is_new[2][3]);
    fixture_produce(&fixture, 10, 25);

    host_start(&second, &fixture, &latest);
    host_await_seen(&second, 15 * ALL);
    finish(&second);
    cr_assert_eq(second.assigned_offset[2][3], 10);
    cr_assert_eq(host_seen(&first), 0u);
    host_release(&first);
    host_release(&second);
    check_leaks();
}

struct waker {
    struct source *source;
    sem_t may_wake;
};

#define WAKES 100

static void *waker_run(void *argument) {
    struct waker *waker = argument;
    for (int i = 0; i < WAKES; i++) {
        sem_wait(&waker->may_wake);
        waker->source->ops->wake_control(waker->source);
    }
    return NULL;
}

/* By itself it comes back for what is due by the clock, about once a second. */
Test(kafka, a_poll_is_woken_by_any_thread_before_it_waits_or_while_it_does) {
    static struct host host;
    struct error error;
    struct waker waker;
    pthread_t thread;
    waker.source = host_make(&host, &fixture, &(struct host_options){0}, &error);
    waker.source->ops->wake_control(waker.source); /* nobody polls yet */
    cr_assert(waker.source->ops->start(waker.source, &(struct source_listener){0}, &error));
    waker.source->ops->attend(waker.source, false);
    sem_init(&waker.may_wake, 0, 0);
    cr_assert_eq(pthread_create(&thread, NULL, waker_run, &waker), 0);
    const int64_t until_ns = clock_monotonic_ns() + WAKES / 4 * NS_PER_S;
    for (int i = 0; i < WAKES; i++) {
        sem_post(&waker.may_wake);
        cr_assert(waker.source->ops->poll(waker.source, FIXTURE_HANG_MS, &error));
    }
    cr_assert_lt(clock_monotonic_ns(), until_ns);
    pthread_join(thread, NULL);
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
    check_leaks();
}

/* The end of the log is asked for at the first look, however much later somebody reads. */
Test(kafka, latest_begins_where_the_first_look_found_the_end) {
    static struct host host;
    struct error error;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    struct source *source = host_make(
        &host, &fixture, &(struct host_options){.property = "auto.offset.reset", .value = "latest"},
        &error);
    cr_assert(source->ops->start(source, &(struct source_listener){0}, &error));
    source->ops->attend(source, false);
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && source->ops->partitions(source, 2) == 0; i++)
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);
    cr_assert_eq(source->ops->partitions(source, 2), FIXTURE_PARTITIONS);
    fixture_produce(&fixture, 10, 25);

    source->ops->attend(source, true);
    static struct source_lag lags[ALL];
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && source->ops->lag(source, lags, ALL) < ALL; i++)
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);
    for (size_t i = 0; i < ALL; i++)
        cr_assert_eq(lags[i].committed, 10, "%lld", (long long)lags[i].committed);
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
    check_leaks();
}

/* As a group that has read the first partition of each topic up to that offset, and left. */
static void commit_first_partitions(int64_t offset) {
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture.servers, text, sizeof text);
    rd_kafka_conf_set(conf, "group.id", "g", text, sizeof text);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    cr_assert_not_null(client, "%s", text);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(FIXTURE_TOPICS);
    for (int i = 0; i < FIXTURE_TOPICS; i++)
        rd_kafka_topic_partition_list_add(list, fixture_topics[i], 0)->offset = offset;
    const rd_kafka_resp_err_t code = rd_kafka_commit(client, list, 0);
    cr_assert_eq(code, 0, "%s", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

Test(kafka, partition_without_an_offset_beside_some_with_is_new) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    commit_first_partitions(4);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.offset.reset", .value = "latest"});
    host_await_seen(&host, FIXTURE_TOPICS * 6 + (ALL - FIXTURE_TOPICS) * 10);
    finish(&host);
    cr_assert_eq(host.assigned_offset[1][0], 4);
    cr_assert_not(host.is_new[1][0]);
    cr_assert_eq(host.assigned_offset[1][1], 0);
    cr_assert(host.is_new[1][1]);
    host_release(&host);
}

Test(kafka, latest_waits_for_what_the_group_has) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    commit_first_partitions(4);
    fixture_lay_errors(&fixture, OFFSET_FETCH, 2, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.offset.reset", .value = "latest"});
    host_await_seen(&host, FIXTURE_TOPICS * 6 + (ALL - FIXTURE_TOPICS) * 10);
    cr_assert_eq(fixture_errors_left(&fixture, OFFSET_FETCH), 0u);
    finish(&host);
    host_release(&host);
}

/* An offset that the log does not have: the topic was made anew, and the old offset was left. What
 * is there is read, and committed though it lies below. */
static void begin_beyond_the_end(const char *policy) {
    static struct host first, second;
    struct host_options options = {
        .property = "auto.offset.reset", .value = policy, .start_offset = 1000};
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    host_start(&first, &fixture, &options);
    host_await_seen(&first, 10 * ALL);
    HOST_AWAIT(host_has_committed(&first, 10));
    finish(&first);
    check_order(&first);
    for (size_t i = 0; i < 10 * ALL; i++)
        cr_assert_lt(first.seen[i].offset, 10);
    options.start_offset = 0;
    host_start(&second, &fixture, &options);
    HOST_AWAIT(host_status(&second).is_assigned);
    finish(&second);
    for (int i = 0; i < ALL; i++)
        cr_assert_eq(second.assigned_offset[i / FIXTURE_PARTITIONS][i % FIXTURE_PARTITIONS], 10);
    cr_assert_eq(host_seen(&second), 0u);
    host_release(&first);
    host_release(&second);
}

Test(kafka, offset_beyond_the_end_begins_anew_with_latest) {
    begin_beyond_the_end("latest");
}

Test(kafka, offset_beyond_the_end_begins_anew_with_earliest) {
    begin_beyond_the_end("earliest");
}

Test(kafka, topic_that_comes_between_the_first_looks_is_new) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    rd_kafka_mock_topic_set_error(fixture.cluster, fixture_topics[1],
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.offset.reset", .value = "latest"});
    /* One look has said so; another comes a second later. */
    HOST_AWAIT(strcmp(host_status(&host).missing, fixture_topics[1]) == 0);
    rd_kafka_mock_topic_set_error(fixture.cluster, fixture_topics[1], RD_KAFKA_RESP_ERR_NO_ERROR);
    host_await_seen(&host, 10 * FIXTURE_PARTITIONS);
    finish(&host);
    cr_assert_eq(host_seen(&host), (size_t)(10 * FIXTURE_PARTITIONS));
    cr_assert_eq(host.seen[0].topic, 1u);
    cr_assert_eq(host.assigned_offset[0][0], 10);
    host_release(&host);
}

static void await_statistics(struct host *host, int count) {
    char *last = NULL;
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && count >= 0; i++) {
        char *now = kafka_source_statistics(host->source);
        if (now != NULL && (last == NULL || strcmp(now, last) != 0))
            count--;
        free(last);
        last = now;
        fixture_nap();
    }
    free(last);
    cr_assert_lt(count, 0, "the statistics do not go on");
}

Test(kafka, policy_error_stands_and_says_what_to_do) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.offset.reset", .value = "error"});
    HOST_AWAIT(host_status(&host).standing[0]);
    await_statistics(&host, 2);
    const struct source_status status = host_status(&host);
    cr_assert(strstr(status.standing, "set it to earliest or latest"), "%s", status.standing);
    cr_assert(strstr(status.standing, "--reset-offsets"), "%s", status.standing);
    cr_assert_not(strstr(status.standing, "-1001"), "%s", status.standing);
    cr_assert_eq(host_said(&host, "-1001"), 0);
    cr_assert_eq(host_said(&host, "where to start"), 0);
    finish(&host);
    cr_assert_eq(host_seen(&host), 0u);
    host_release(&host);
}

/* That a member may be waited for is said when joining takes longer than it should. */
Test(kafka, joining_claims_nothing_at_first) {
    static struct host host;
    fixture_create_topics(&fixture);
    host_start(&host, &fixture, &(struct host_options){0});
    struct source_status status;
    HOST_AWAIT((status = host_status(&host), strstr(status.detail, "joining group")));
    cr_assert_not(strstr(status.detail, "session.timeout.ms"), "%s", status.detail);
    finish(&host);
    host_release(&host);
}

Test(kafka, topic_that_comes_later_is_read_from_its_beginning) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    rd_kafka_mock_topic_set_error(fixture.cluster, fixture_topics[1],
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.offset.reset", .value = "latest"});
    HOST_AWAIT(host_status(&host).is_assigned);
    rd_kafka_mock_topic_set_error(fixture.cluster, fixture_topics[1], RD_KAFKA_RESP_ERR_NO_ERROR);
    host_await_seen(&host, 10 * FIXTURE_PARTITIONS);
    finish(&host);
    cr_assert_eq(host_seen(&host), (size_t)(10 * FIXTURE_PARTITIONS));
    cr_assert_eq(host.seen[0].topic, 1u);
    host_release(&host);
}

Test(kafka, broker_that_does_not_say_where_to_begin_stops_nothing) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    /* For each topic the one for all its partitions, and each alone. */
    fixture_lay_errors(&fixture, LIST_OFFSETS, FIXTURE_TOPICS + ALL,
                       RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    host_start(&host, &fixture, &(struct host_options){0});
    host_await_seen(&host, 10 * ALL);
    cr_assert_eq(fixture_errors_left(&fixture, LIST_OFFSETS), 0u);
    cr_assert_eq(host_said(&host, "no broker has answered where to start"), 1);
    finish(&host);
    cr_assert_eq(host.assigned_offset[0][0], SOURCE_NO_OFFSET);
    host_release(&host);
}

Test(kafka, nobody_to_read_for_leaves_partitions_to_others) {
    static struct host host;
    struct error error;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    struct source *source = host_make(&host, &fixture, &(struct host_options){0}, &error);
    cr_assert(source->ops->start(source, &(struct source_listener){0}, &error));
    source->ops->attend(source, false);
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && !host_status(&host).is_connected; i++)
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);
    for (int i = 0; i < 100; i++)
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);
    cr_assert_eq(host_said(&host, "joining group"), 0);
    cr_assert(strstr(host_status(&host).detail, "no messages are read"));

    source->ops->attend(source, true);
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && !host_status(&host).is_assigned; i++)
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);
    cr_assert(host_status(&host).is_assigned);
    static struct source_lag lags[ALL];
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && source->ops->lag(source, lags, ALL) == 0; i++)
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);

    source->ops->attend(source, false);
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && source->ops->lag(source, lags, ALL) > 0; i++)
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);
    cr_assert_eq(source->ops->lag(source, lags, ALL), 0u, "no lag is left of what is gone");
    cr_assert_not(host_status(&host).is_assigned);
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
    check_leaks();
}

Test(kafka, quiet_topics_have_a_lag_from_the_start) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 3);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.offset.reset", .value = "latest"});
    static struct source_lag lags[ALL];
    HOST_AWAIT(host.source->ops->lag(host.source, lags, ALL) == ALL && lags[7].lag == 0 &&
               lags[7].end == 3 && lags[7].committed == 3);
    finish(&host);
    host_release(&host);
}

Test(kafka, topics_that_are_missing_are_waited_for_and_said_once) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    for (int i = 1; i < FIXTURE_TOPICS; i++)
        rd_kafka_mock_topic_set_error(fixture.cluster, fixture_topics[i],
                                      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    host_start(&host, &fixture, &(struct host_options){0});
    HOST_AWAIT(strstr(host_status(&host).detail, "topics: historic_stats, asset_trends"));
    cr_assert_str_eq(host_status(&host).missing, "historic_stats, asset_trends");
    /* What is there is read. */
    host_await_seen(&host, 10 * FIXTURE_PARTITIONS);
    cr_assert(host_status(&host).is_connected && host_status(&host).is_assigned);
    rd_kafka_mock_topic_set_error(fixture.cluster, fixture_topics[1], RD_KAFKA_RESP_ERR_NO_ERROR);
    HOST_AWAIT(strcmp(host_status(&host).missing, "asset_trends") == 0);
    rd_kafka_mock_topic_set_error(fixture.cluster, fixture_topics[2], RD_KAFKA_RESP_ERR_NO_ERROR);
    host_await_seen(&host, 10 * ALL);
    finish(&host);
    cr_assert_eq(host_said(&host, "do not exist: historic_stats, asset_trends"), 1);
    cr_assert_eq(host_said(&host, "do not exist: asset_trends"), 1);
    host_release(&host);
    check_leaks();
}

Test(kafka, topics_of_different_partition_counts_are_warned_of) {
    static struct host host;
    rd_kafka_mock_topic_create(fixture.cluster, fixture_topics[0], 4, 1);
    rd_kafka_mock_topic_create(fixture.cluster, fixture_topics[1], 6, 1);
    rd_kafka_mock_topic_create(fixture.cluster, fixture_topics[2], 4, 1);
    host_start(&host, &fixture, &(struct host_options){0});
    HOST_AWAIT(host_status(&host).is_assigned);
    finish(&host);
    cr_assert_eq(host_said(&host, "bar_trends 4, historic_stats 6, asset_trends 4"), 1);
    host_release(&host);
}

Test(kafka, broker_absent_at_start_is_said_once_and_waited_for) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 10);
    rd_kafka_mock_broker_set_down(fixture.cluster, FIXTURE_BROKER);
    host_start(&host, &fixture, &(struct host_options){0});
    HOST_AWAIT(strstr(host_status(&host).detail, "cannot reach"));
    cr_assert_not(host_status(&host).is_connected);
    /* Several attempts pass. */
    for (int i = 0; i < 50; i++)
        fixture_nap();
    rd_kafka_mock_broker_set_up(fixture.cluster, FIXTURE_BROKER);
    host_await_seen(&host, 10 * ALL);
    cr_assert(host_status(&host).is_connected);
    finish(&host);
    cr_assert_eq(host_said(&host, "cannot reach"), 1);
    cr_assert_eq(host_said(&host, "connected to"), 1);
    host_release(&host);
}

Test(kafka, broker_that_is_lost_and_back_costs_no_record) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 50);
    host_start(&host, &fixture, &(struct host_options){.lanes = 2});
    host_await_seen(&host, 50 * ALL);
    rd_kafka_mock_broker_set_down(fixture.cluster, FIXTURE_BROKER);
    HOST_AWAIT(!host_status(&host).is_connected);
    rd_kafka_mock_broker_set_up(fixture.cluster, FIXTURE_BROKER);
    HOST_AWAIT(host_status(&host).is_connected);
    fixture_produce(&fixture, 50, 100);
    host_await_seen(&host, 100 * ALL);
    finish(&host);
    check_order(&host);
    int least, most;
    hosts_count(&(struct host *){&host}, 1, 100, &least, &most);
    cr_assert(least == 1 && most == 1);
    cr_assert_eq(host_said(&host, "lost the connection"), 1);
    cr_assert_eq(host_said(&host, "again"), 1);
    host_release(&host);
}

Test(kafka, fetches_that_fail_for_now_are_repeated) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 50);
    fixture_lay_errors(&fixture, FETCH, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    fixture_lay_errors(&fixture, FETCH, 1, RD_KAFKA_RESP_ERR__TRANSPORT);
    host_start(&host, &fixture, &(struct host_options){0});
    host_await_seen(&host, 50 * ALL);
    cr_assert_eq(fixture_errors_left(&fixture, FETCH), 0u);
    finish(&host);
    check_order(&host);
    host_release(&host);
}

/* A second host comes and goes: all is seen once over both. The mock refuses commits while it
 * rebalances, as no broker does; so what was seen is committed before. */
static void check_sharing(const char *assignor) {
    static struct host first, second;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 100);
    host_start(&first, &fixture, &(struct host_options){.lanes = 2, .assignor = assignor});
    host_await_seen(&first, 100 * ALL);
    HOST_AWAIT(host_has_committed(&first, 100));
    host_start(&second, &fixture, &(struct host_options){.lanes = 2, .assignor = assignor});
    HOST_AWAIT(atomic_load(&second.owned_count) > 0 &&
               atomic_load(&first.owned_count) + atomic_load(&second.owned_count) == ALL);
    fixture_produce(&fixture, 100, 200);
    HOST_AWAIT(host_seen(&first) + host_seen(&second) >= 200 * ALL);
    HOST_AWAIT(host_has_committed(&first, 200) && host_has_committed(&second, 200));
    finish(&second);
    cr_assert_gt(second.seen_count, 0u);
    HOST_AWAIT(atomic_load(&first.owned_count) == ALL);
    fixture_produce(&fixture, 200, 300);
    HOST_AWAIT(host_seen(&first) + second.seen_count >= 300 * ALL);
    finish(&first);
    check_order(&second);
    int least, most;
    hosts_count((struct host *[]){&first, &second}, 2, 300, &least, &most);
    cr_assert(least == 1 && most == 1, "seen %d to %d times", least, most);
    cr_assert_eq(atomic_load(&first.lost), 0);
    host_release(&first);
    host_release(&second);
    check_leaks();
}

Test(kafka, second_host_shares_by_range) {
    check_sharing("range");
}

Test(kafka, second_host_shares_cooperatively) {
    check_sharing("cooperative-sticky");
}

Test(kafka, range_keeps_equal_partition_numbers_together) {
    static struct host first, second;
    fixture_create_topics(&fixture);
    host_start(&first, &fixture, &(struct host_options){0});
    host_start(&second, &fixture, &(struct host_options){0});
    HOST_AWAIT(atomic_load(&first.owned_count) == ALL / 2 &&
               atomic_load(&second.owned_count) == ALL / 2);
    finish(&first);
    for (int partition = 0; partition < FIXTURE_PARTITIONS; partition++)
        cr_assert(first.assigned_offset[0][partition] == first.assigned_offset[1][partition]);
    finish(&second);
    host_release(&first);
    host_release(&second);
}

static void *read_run(void *argument) {
    struct source *source = argument;
    struct record records[8];
    return (void *)source->ops->read(source, 0, records, 8, 10 * FIXTURE_HANG_MS);
}

Test(kafka, wake_ends_a_read_that_waits) {
    static struct host host;
    struct error error;
    fixture_create_topics(&fixture);
    struct source *source = host_make(&host, &fixture, &(struct host_options){0}, &error);
    cr_assert(source->ops->start(source, &(struct source_listener){0}, &error));
    pthread_t thread;
    pthread_create(&thread, NULL, read_run, source);
    void *count;
    source->ops->wake(source, 0);
    pthread_join(thread, &count); /* hangs if the wake was lost */
    cr_assert_eq(count, NULL);
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
    check_leaks();
}

static bool is_queued(struct source *source, int count) {
    static const char words[] = "\"fetchq_cnt\":";
    char *statistics = kafka_source_statistics(source);
    int most = 0;
    for (char *at = statistics; at && (at = strstr(at, words)); at += sizeof words)
        most = atoi(at + sizeof words - 1) > most ? atoi(at + sizeof words - 1) : most;
    free(statistics);
    return most >= count;
}

/* Older clients sleep at the prefetch limits until they are woken. */
Test(kafka, lane_that_works_off_a_long_queue_wakes_the_client) {
    if (rd_kafka_version() >= 0x02020000)
        cr_skip_test("this librdkafka looks by itself");
    static struct host host;
    struct error error;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 1000);
    struct source *source = host_make(
        &host, &fixture, &(struct host_options){.property = "debug", .value = "broker"}, &error);
    log_set_level(host.log, "kafka", LOG_LEVEL_DEBUG);
    cr_assert(source->ops->start(source, &(struct source_listener){0}, &error));
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && !is_queued(source, 1000 * ALL); i++)
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);
    cr_assert(is_queued(source, 1000 * ALL));
    cr_assert_eq(host_said(&host, "SASL credentials updated"), 0);
    static struct record records[1024];
    size_t count = 0;
    while (count < 1000 * ALL) {
        size_t some = source->ops->read(source, 0, records, 1024, 1000);
        source->ops->release(source, 0, records, some);
        count += some;
    }
    cr_assert_geq(host_said(&host, "SASL credentials updated"), 1);
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
}

Test(kafka, headers_of_a_record_are_its_own) {
    static struct host host;
    struct error error;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 1);
    struct source *source = host_make(&host, &fixture, &(struct host_options){0}, &error);
    cr_assert(source->ops->start(source, &(struct source_listener){0}, &error));
    struct record record;
    size_t count = 0;
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && count == 0; i++) {
        cr_assert(source->ops->poll(source, 10, &error), "%s", error.text);
        count = source->ops->read(source, 0, &record, 1, 0);
    }
    cr_assert_eq(count, 1u);
    struct record_header headers[2];
    cr_assert_eq(source->ops->headers(source, &record, headers, 2), 1u);
    cr_assert_str_eq(headers[0].name, "n");
    cr_assert(headers[0].value_size == 1 && memcmp(headers[0].value, "0", 1) == 0);
    source->ops->release(source, 0, &record, 1);
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
    check_leaks();
}

Test(kafka, lag_counts_what_is_not_committed) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 25);
    host_start(&host, &fixture,
               &(struct host_options){.property = "auto.commit.interval.ms", .value = "50"});
    host_await_seen(&host, 25 * ALL);
    static struct source_lag lags[ALL];
    HOST_AWAIT(host.source->ops->lag(host.source, lags, ALL) == ALL && lags[5].committed == 25 &&
               lags[5].end == 25 && lags[5].lag == 0);
    char *statistics = kafka_source_statistics(host.source);
    cr_assert(statistics && strstr(statistics, "\"brokers\""));
    free(statistics);
    host.is_storing = false;
    fixture_produce(&fixture, 25, 32);
    HOST_AWAIT(host.source->ops->lag(host.source, lags, ALL) == ALL && lags[5].end == 32 &&
               lags[5].lag == 7);
    cr_assert_eq(lags[5].committed, 25);
    cr_assert_eq(host.source->ops->lag(host.source, lags, 1), (size_t)ALL);
    int64_t low = -1, high = -1;
    cr_assert(host.source->ops->range(host.source, 1, 1, &low, &high));
    cr_assert(low == 0 && high == 32, "%lld to %lld", (long long)low, (long long)high);
    cr_assert_not(host.source->ops->range(host.source, 1, 40, &low, &high));
    finish(&host);
    host_release(&host);
}

Test(kafka, store_for_a_partition_that_is_not_owned_is_no_error) {
    static struct host host;
    fixture_create_topics(&fixture);
    host_start(&host, &fixture, &(struct host_options){0});
    HOST_AWAIT(host_status(&host).is_assigned);
    cr_expect_not(host.source->ops->store(host.source, 0, 40, 17));
    finish(&host);
    cr_assert_eq(host_said(&host, "WARNING"), 0);
    host_release(&host);
}

Test(kafka, settings_that_librdkafka_refuses_are_named_with_their_place) {
    static struct host host;
    struct error error;
    cr_assert_null(host_make(&host, &fixture,
                             &(struct host_options){.property = "fetch.min.bytes", .value = "many"},
                             &error));
    cr_assert_eq(error.code, ERROR_INVALID);
    cr_assert(strstr(error.text, "take5.ini:7:") && strstr(error.text, "fetch.min.bytes"), "%s",
              error.text);
    host_release(&host);
    check_leaks();
}

Test(kafka, secrets_are_not_shown_when_refused) {
    static struct host host;
    struct error error = {0};
    struct source *source =
        host_make(&host, &fixture,
                  &(struct host_options){.property = "ssl.key.pem", .value = "hush-hush"}, &error);
    /* Refused now or when the client is made: either way without a line in the log. */
    if (source) {
        (void)source->ops->start(source, &(struct source_listener){0}, &error);
        cr_assert(host_close(&host, FIXTURE_HANG_MS));
    }
    cr_assert_null(strstr(error.text, "hush"), "%s", error.text);
    host_release(&host);
}

Test(kafka, what_at_least_once_needs_cannot_be_switched_off) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 5);
    host_start(&host, &fixture,
               &(struct host_options){.property = "enable.auto.offset.store",
                                      .value = "true",
                                      .is_not_storing = true});
    host_await_seen(&host, 5 * ALL);
    finish(&host);
    cr_assert_eq(host_said(&host, "enable.auto.offset.store = true ignored"), 1);
    host_release(&host);

    static struct host second;
    host_start(&second, &fixture, &(struct host_options){0});
    host_await_seen(&second, 5 * ALL);
    finish(&second);
    host_release(&second);
}

Test(kafka, close_before_a_start_frees_everything) {
    static struct host host;
    struct error error;
    cr_assert_not_null(host_make(&host, &fixture, &(struct host_options){0}, &error));
    cr_assert(host_close(&host, 0));
    host_release(&host);
    check_leaks();
}

/* At moments all over the joining, which takes the mock three seconds: that is where clients
 * crashed or hung. */
static void check_early_close(const char *assignor) {
    static const int moments_ms[] = {0, 10, 30, 100, 2900, 3000, 3050};
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 5);
    for (size_t i = 0; i < sizeof moments_ms / sizeof moments_ms[0]; i++) {
        static struct host host;
        char group[16];
        snprintf(group, sizeof group, "early%zu", i);
        host_start(&host, &fixture, &(struct host_options){.assignor = assignor, .group = group});
        for (int ms = 0; ms < moments_ms[i]; ms += 10)
            fixture_nap();
        finish(&host);
        host_release(&host);
    }
    check_leaks();
}

Test(kafka, close_at_any_moment_of_joining_by_range) {
    check_early_close("range");
}

Test(kafka, close_at_any_moment_of_joining_cooperatively) {
    check_early_close("cooperative-sticky");
}

/* Where librdkafka before 2.3.0 aborts: its assignor has no state yet. */
Test(kafka, close_between_joining_and_the_first_assignment) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 5);
    cr_assert_eq(rd_kafka_mock_broker_push_request_error_rtts(fixture.cluster, FIXTURE_BROKER,
                                                              SYNC_GROUP, 1,
                                                              RD_KAFKA_RESP_ERR_NO_ERROR, SYNC_MS),
                 0);
    host_start(&host, &fixture, &(struct host_options){.assignor = "cooperative-sticky"});
    HOST_AWAIT(fixture_errors_left(&fixture, SYNC_GROUP) == 0);
    finish(&host);
    cr_assert_eq(atomic_load(&host.assignments), 0);
    host_release(&host);
    check_leaks();
}

Test(kafka, close_without_a_broker_comes_back_in_time) {
    static struct host host;
    fixture_create_topics(&fixture);
    fixture_produce(&fixture, 0, 5);
    host_start(&host, &fixture, &(struct host_options){0});
    host_await_seen(&host, 5 * ALL);
    rd_kafka_mock_broker_set_down(fixture.cluster, FIXTURE_BROKER);
    HOST_AWAIT(!host_status(&host).is_connected);
    host_stop(&host, 2000); /* true or false, but back */
    check_clean(&host);
    cr_assert_eq(atomic_load(&host.owned_count), 0);
    rd_kafka_mock_broker_set_up(fixture.cluster, FIXTURE_BROKER);
    unlink(host.log_path); /* the log stays: what was left behind may still write to it */
}
