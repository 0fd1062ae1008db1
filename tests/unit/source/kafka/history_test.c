#include "source/history.h"

#include "kafka_fixture.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

/* Numbers of Kafka's requests. */
#define FETCH        1
#define LIST_OFFSETS 2

#define LANES 2

static struct fixture fixture;

/* A source whose wakes of lanes are counted; the test is its control, and its lanes. */
static struct host host;
static struct source_ops ops;
static sem_t wakes[LANES];

static void count_wake(struct source *source, uint32_t lane) {
    (void)source;
    sem_post(&wakes[lane]);
}

static void on_assigned(void *context, struct topic_partition *parts, size_t count) {
    (void)parts;
    *(size_t *)context += count;
}

static void on_revoked(void *context, const struct topic_partition *parts, size_t count,
                       bool is_lost) {
    (void)parts;
    (void)is_lost;
    *(size_t *)context -= count;
}

static size_t assigned;

static void start_source(void) {
    struct error error;
    struct source *source =
        host_make(&host, &fixture, &(struct host_options){.lanes = LANES}, &error);
    cr_assert_not_null(source, "%s", error.text);
    ops = *source->ops;
    ops.wake = count_wake;
    source->ops = &ops;
    const struct source_listener listener = {
        .context = &assigned, .assigned = on_assigned, .revoked = on_revoked};
    cr_assert(ops.start(source, &listener, &error), "%s", error.text);
}

static void setup(void) {
    fixture_init(&fixture);
    fixture_create_topics(&fixture);
    for (int i = 0; i < LANES; i++)
        sem_init(&wakes[i], 0, 0);
    start_source();
}

static void end_source(void) {
    cr_assert(host_close(&host, FIXTURE_HANG_MS));
    host_release(&host);
#if defined(__SANITIZE_ADDRESS__)
    cr_assert_eq(__lsan_do_recoverable_leak_check(), 0);
#endif
}

static void teardown(void) {
    fixture_release(&fixture);
}

TestSuite(kafka_history, .init = setup, .fini = teardown);

static struct source_history *open_parts(uint32_t lane, struct history_part *parts, size_t count) {
    struct error error;
    struct source_history *history =
        ops.history->open(host.source, lane, parts, count, FIXTURE_HANG_MS, &error);
    cr_assert_not_null(history, "%s", error.text);
    return history;
}

static void refuse_parts(struct history_part *parts, size_t count, int timeout_ms,
                         struct error *error) {
    cr_assert_null(ops.history->open(host.source, 0, parts, count, timeout_ms, error));
}

static void await_wake(uint32_t lane) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FIXTURE_HANG_MS / 1000;
    cr_assert_eq(sem_timedwait(&wakes[lane], &until), 0, "lane %u is not woken", (unsigned)lane);
}

/* The next record or failure. */
static enum history_result await_next(struct source_history *history, uint32_t lane, size_t part,
                                      struct record *record, struct error *error) {
    for (;;) {
        int64_t passed;
        const enum history_result result = ops.history->next(history, part, record, &passed, error);
        if (result == HISTORY_RECORD)
            cr_assert_eq(passed, record->offset + 1);
        if (result != HISTORY_WAIT)
            return result;
        await_wake(lane);
    }
}

static void check_record(const struct record *record, const struct history_part *part,
                         int64_t offset) {
    char value[64];
    const int size = snprintf(value, sizeof value, "%s/%d/%lld", fixture_topics[part->topic],
                              (int)part->partition, (long long)offset);
    cr_assert_eq(record->offset, offset, "%lld instead of %lld", (long long)record->offset,
                 (long long)offset);
    cr_assert(record->topic == part->topic && record->partition == part->partition);
    cr_assert(record->payload_size == (size_t)size && record->key_size == (size_t)size);
    cr_assert_eq(memcmp(record->payload, value, (size_t)size), 0);
    cr_assert_eq(memcmp(record->key, value, (size_t)size), 0);
    cr_assert_eq(record->kafka_time_ms, 1718658930000 + offset);
}

static void read_next(struct source_history *history, uint32_t lane, size_t index,
                      const struct history_part *part, int64_t offset) {
    struct record record;
    struct error error = {.text = ""};
    cr_assert_eq(await_next(history, lane, index, &record, &error), HISTORY_RECORD, "%s",
                 error.text);
    check_record(&record, part, offset);
}

static void read_all(struct source_history *history, uint32_t lane, size_t index,
                     const struct history_part *part, int64_t from, int64_t to) {
    for (int64_t offset = from; offset < to; offset++)
        read_next(history, lane, index, part, offset);
}

/* Nothing more comes, and everything below is passed. */
static void await_end(struct source_history *history, uint32_t lane, size_t index, int64_t end) {
    struct record record;
    struct error error;
    int64_t passed = 0;
    for (;;) {
        cr_assert_eq(ops.history->next(history, index, &record, &passed, &error), HISTORY_WAIT);
        if (passed >= end)
            break;
        await_wake(lane);
    }
    cr_assert_eq(passed, end);
}

/* Until the client has fetched something for that lane. */
static void await_something(struct source_history *history, uint32_t lane, size_t index) {
    struct record record;
    struct error error;
    cr_assert_eq(await_next(history, lane, index, &record, &error), HISTORY_RECORD);
}

Test(kafka_history, from_an_offset_on_all_records_come_in_order) {
    fixture_produce(&fixture, 0, 700);
    struct history_part part = {.topic = 1, .partition = 2, .from = 50};
    struct source_history *history = open_parts(0, &part, 1);
    cr_assert(part.from == 50 && part.low == 0 && part.high == 700);
    read_all(history, 0, 0, &part, 50, 700);
    await_end(history, 0, 0, 700);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, a_record_has_its_headers) {
    fixture_produce(&fixture, 0, 8);
    struct history_part part = {.topic = 0, .partition = 1, .from = 7};
    struct source_history *history = open_parts(0, &part, 1);
    struct record record;
    struct record_header header;
    struct error error;
    cr_assert_eq(await_next(history, 0, 0, &record, &error), HISTORY_RECORD);
    cr_assert_eq(ops.headers(host.source, &record, &header, 1), 1u);
    cr_assert_str_eq(header.name, "n");
    cr_assert(header.value_size == 1 && memcmp(header.value, "7", 1) == 0);
    ops.history->close(history);
    end_source();
}

/* The mock finds no offset by a time: it says that there is no record as young. */
Test(kafka_history, a_time_that_no_record_has_reached_is_the_end_of_the_log) {
    fixture_produce(&fixture, 0, 20);
    struct history_part parts[] = {
        {.topic = 0, .partition = 0, .from = SOURCE_NO_OFFSET, .from_ms = 1718658930010},
        {.topic = 0, .partition = 1, .from = 18}};
    struct source_history *history = open_parts(0, parts, 2);
    cr_assert(parts[0].from == 20 && parts[0].low == 0 && parts[0].high == 20);
    cr_assert_eq(parts[1].from, 18);
    read_all(history, 0, 1, &parts[1], 18, 20);
    await_end(history, 0, 0, 20);
    fixture_produce(&fixture, 20, 21);
    read_next(history, 0, 0, &parts[0], 20);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, an_empty_partition_is_at_its_end) {
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    struct source_history *history = open_parts(0, &part, 1);
    cr_assert(part.from == 0 && part.low == 0 && part.high == 0);
    await_end(history, 0, 0, 0);
    fixture_produce(&fixture, 0, 1);
    read_next(history, 0, 0, &part, 0);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, it_goes_on_as_the_log_grows_and_wakes_the_lane) {
    fixture_produce(&fixture, 0, 10);
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    struct source_history *history = open_parts(1, &part, 1);
    read_all(history, 1, 0, &part, 0, 10);
    for (int n = 10; n < 20; n++) {
        await_end(history, 1, 0, n); /* each time a HISTORY_WAIT, and so a wake */
        fixture_produce(&fixture, n, n + 1);
        read_next(history, 1, 0, &part, n);
    }
    cr_assert_neq(sem_trywait(&wakes[0]), 0, "another lane was woken");
    ops.history->close(history);
    end_source();
}

Test(kafka_history, several_parts_are_read_alternately) {
    enum { COUNT = 6, EACH = 300 };
    fixture_produce(&fixture, 0, EACH);
    struct history_part parts[COUNT];
    for (int i = 0; i < COUNT; i++)
        parts[i] = (struct history_part){
            .topic = (uint32_t)i % FIXTURE_TOPICS, .partition = i / FIXTURE_TOPICS, .from = i};
    struct source_history *history = open_parts(0, parts, COUNT);
    for (int n = 0; n < EACH; n++)
        for (size_t i = 0; i < COUNT; i++)
            if (n >= parts[i].from)
                read_next(history, 0, i, &parts[i], n);
    for (size_t i = 0; i < COUNT; i++)
        await_end(history, 0, i, EACH);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, two_readings_go_on_at_once) {
    fixture_produce(&fixture, 0, 100);
    struct history_part first = {.topic = 0, .partition = 0, .from = 0};
    struct history_part second = {.topic = 0, .partition = 1, .from = 90};
    struct source_history *one = open_parts(0, &first, 1);
    read_all(one, 0, 0, &first, 0, 50);
    struct source_history *other = open_parts(1, &second, 1);
    read_all(other, 1, 0, &second, 90, 100);
    ops.history->close(other);
    read_all(one, 0, 0, &first, 50, 100);
    ops.history->close(one);
    end_source();
}

Test(kafka_history, a_partition_has_one_reading_at_a_time) {
    fixture_produce(&fixture, 0, 10);
    struct history_part part = {.topic = 2, .partition = 3, .from = 0};
    struct history_part parts[] = {{.topic = 2, .partition = 2, .from = 0},
                                   {.topic = 2, .partition = 3, .from = 0}};
    struct history_part twice[] = {{.topic = 1, .partition = 1, .from = 0},
                                   {.topic = 1, .partition = 1, .from = 5}};
    struct error error;
    struct source_history *history = open_parts(0, &part, 1);
    refuse_parts(parts, 2, FIXTURE_HANG_MS, &error);
    cr_assert_eq(error.code, ERROR_STATE);
    cr_assert(strstr(error.text, fixture_topics[2]) && strstr(error.text, "partition 3"), "%s",
              error.text);
    refuse_parts(twice, 2, FIXTURE_HANG_MS, &error);
    cr_assert_eq(error.code, ERROR_STATE);
    read_all(history, 0, 0, &part, 0, 10);
    ops.history->close(history);

    history = open_parts(0, parts, 2);
    read_all(history, 0, 1, &parts[1], 0, 10);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, what_is_not_there_is_refused) {
    struct history_part parts[] = {{.topic = 0, .partition = 0, .from = 0},
                                   {.topic = 0, .partition = FIXTURE_PARTITIONS, .from = 0}};
    struct error error;
    refuse_parts(parts, 2, FIXTURE_HANG_MS, &error);
    cr_assert_eq(error.code, ERROR_INVALID);
    cr_assert(strstr(error.text, fixture_topics[0]) && strstr(error.text, "partition 4"), "%s",
              error.text);
    parts[1] = (struct history_part){.topic = FIXTURE_TOPICS, .partition = 0, .from = 0};
    refuse_parts(parts, 2, FIXTURE_HANG_MS, &error);
    cr_assert_eq(error.code, ERROR_INVALID);
    parts[1] = (struct history_part){.topic = 0, .partition = -1, .from = 0};
    refuse_parts(parts, 2, FIXTURE_HANG_MS, &error);
    cr_assert_eq(error.code, ERROR_INVALID);
    end_source();
}

Test(kafka_history, a_reading_may_have_no_parts) {
    struct source_history *history = open_parts(0, NULL, 0);
    ops.history->close(history);
    ops.history->close(NULL);
    end_source();
}

Test(kafka_history, offsets_that_are_told_late_are_waited_for) {
    fixture_produce(&fixture, 0, 10);
    fixture_lay_errors(&fixture, LIST_OFFSETS, 8, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    struct history_part part = {.topic = 0, .partition = 0, .from = 4};
    struct source_history *history = open_parts(0, &part, 1);
    cr_assert_eq(fixture_errors_left(&fixture, LIST_OFFSETS), 0u);
    read_all(history, 0, 0, &part, 4, 10);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, brokers_that_do_not_answer_are_an_error_after_the_time) {
    rd_kafka_mock_broker_set_down(fixture.cluster, FIXTURE_BROKER);
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    struct error error;
    refuse_parts(&part, 1, 300, &error);
    cr_assert_eq(error.code, ERROR_TIMEOUT);
    cr_assert(strstr(error.text, fixture.servers) && strstr(error.text, "300 ms"), "%s",
              error.text);

    rd_kafka_mock_broker_set_up(fixture.cluster, FIXTURE_BROKER);
    struct source_history *history = open_parts(0, &part, 1);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, a_broker_that_is_away_is_waited_out) {
    fixture_produce(&fixture, 0, 10);
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    struct source_history *history = open_parts(0, &part, 1);
    read_all(history, 0, 0, &part, 0, 10);
    await_end(history, 0, 0, 10);
    rd_kafka_mock_broker_set_down(fixture.cluster, FIXTURE_BROKER);
    for (int i = 0; i < 20; i++) {
        await_end(history, 0, 0, 10);
        fixture_nap();
    }
    rd_kafka_mock_broker_set_up(fixture.cluster, FIXTURE_BROKER);
    fixture_produce(&fixture, 10, 20);
    read_all(history, 0, 0, &part, 10, 20);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, fetches_that_fail_for_now_are_repeated) {
    fixture_produce(&fixture, 0, 50);
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    fixture_lay_errors(&fixture, FETCH, 2, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    fixture_lay_errors(&fixture, FETCH, 1, RD_KAFKA_RESP_ERR__TRANSPORT);
    fixture_lay_errors(&fixture, FETCH, 2, RD_KAFKA_RESP_ERR_UNKNOWN);
    struct source_history *history = open_parts(0, &part, 1);
    read_all(history, 0, 0, &part, 0, 50);
    cr_assert_eq(fixture_errors_left(&fixture, FETCH), 0u);
    cr_assert_eq(host_said(&host, "waits at offset 0"), 1);
    ops.history->close(history);
    end_source();
}

/* Once failed it stays so; the partition can be read anew. */
static void check_failed(struct source_history *history, enum error_code code, const char *words) {
    struct record record;
    struct error error;
    int64_t passed;
    cr_assert_eq(await_next(history, 0, 0, &record, &error), HISTORY_FAILED);
    cr_assert(error.code == code && strstr(error.text, words), "%s", error.text);
    cr_assert(strstr(error.text, "bar_trends") && strstr(error.text, "partition 1"), "%s",
              error.text);
    error = (struct error){.code = ERROR_NONE};
    cr_assert_eq(ops.history->next(history, 0, &record, &passed, &error), HISTORY_FAILED);
    cr_assert_eq(error.code, code);
    ops.history->close(history);

    struct history_part again = {.topic = 0, .partition = 1, .from = 5};
    history = open_parts(0, &again, 1);
    read_all(history, 0, 0, &again, 5, 10);
    ops.history->close(history);
}

Test(kafka_history, an_offset_that_went_meanwhile_fails_the_reading) {
    fixture_produce(&fixture, 0, 10);
    fixture_lay_errors(&fixture, FETCH, 1, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    struct history_part part = {.topic = 0, .partition = 1, .from = 3};
    check_failed(open_parts(0, &part, 1), ERROR_INVALID, "offset 3 is not in the log");
    cr_assert_eq(fixture_errors_left(&fixture, FETCH), 0u);
    end_source();
}

Test(kafka_history, an_offset_behind_the_end_fails_the_reading) {
    fixture_produce(&fixture, 0, 10);
    struct history_part part = {.topic = 0, .partition = 1, .from = 500};
    struct source_history *history = open_parts(0, &part, 1);
    cr_assert(part.from == 500 && part.high == 10);
    check_failed(history, ERROR_INVALID, "offset 500 is not in the log, which had 0 to 10");
    end_source();
}

Test(kafka_history, a_topic_that_may_not_be_read_fails_the_reading) {
    fixture_produce(&fixture, 0, 10);
    fixture_lay_errors(&fixture, FETCH, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    struct history_part part = {.topic = 0, .partition = 1, .from = 0};
    check_failed(open_parts(0, &part, 1), ERROR_SYSTEM, "kafka-acls.sh");
    end_source();
}

/* The mock drops the oldest of a partition that is longer than 5 MiB. */
Test(kafka_history, an_offset_that_is_gone_is_moved_up_to_the_lowest) {
    static char value[200000];
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(rd_kafka_producev(fixture.owner, RD_KAFKA_V_TOPIC(fixture_topics[0]),
                                       RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_VALUE(value, sizeof value),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
        cr_assert_eq(rd_kafka_flush(fixture.owner, FIXTURE_HANG_MS), 0); /* each a set of its own */
    }
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    struct source_history *history = open_parts(0, &part, 1);
    cr_assert_gt(part.low, 0);
    cr_assert(part.from == part.low && part.high == 40);
    for (int64_t offset = part.low; offset < 40; offset++) {
        struct record record;
        struct error error = {.text = ""};
        cr_assert_eq(await_next(history, 0, 0, &record, &error), HISTORY_RECORD, "%s", error.text);
        cr_assert(record.offset == offset && record.payload_size == sizeof value);
    }
    ops.history->close(history);
    end_source();
}

Test(kafka_history, closed_with_records_under_way_it_leaves_nothing_to_the_next_one) {
    fixture_produce(&fixture, 0, 1000);
    for (int i = 0; i < 20; i++) {
        struct history_part parts[] = {{.topic = 0, .partition = 0, .from = 37 * i},
                                       {.topic = 0, .partition = 1, .from = 0}};
        struct source_history *history = open_parts(0, parts, 2);
        if (i % 3 == 1) /* one record is out, others lie in the batch and in the queue */
            read_next(history, 0, 0, &parts[0], parts[0].from);
        if (i % 3 == 2)
            await_something(history, 0, 1);
        ops.history->close(history);
    }
    struct history_part part = {.topic = 0, .partition = 0, .from = 900};
    struct source_history *history = open_parts(0, &part, 1);
    read_all(history, 0, 0, &part, 900, 1000);
    ops.history->close(history);
    end_source();
}

Test(kafka_history, closed_it_fetches_no_more) {
    fixture_produce(&fixture, 0, 10);
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    struct source_history *history = open_parts(0, &part, 1);
    read_all(history, 0, 0, &part, 0, 10);
    await_end(history, 0, 0, 10);
    ops.history->close(history);

    /* A question that is answered behind the fetch that was under way. */
    struct history_part nowhere = {.topic = 0, .partition = FIXTURE_PARTITIONS, .from = 0};
    struct error error;
    refuse_parts(&nowhere, 1, FIXTURE_HANG_MS, &error);
    fixture_lay_errors(&fixture, FETCH, 1, RD_KAFKA_RESP_ERR_UNKNOWN);
    for (int i = 0; i < 30; i++)
        fixture_nap();
    cr_assert_eq(fixture_errors_left(&fixture, FETCH), 1u);
    end_source();
}

Test(kafka_history, a_source_that_is_freed_closes_what_is_open) {
    fixture_produce(&fixture, 0, 500);
    struct history_part first = {.topic = 0, .partition = 0, .from = 0};
    struct history_part second = {.topic = 0, .partition = 1, .from = 0};
    await_something(open_parts(0, &first, 1), 0, 0);
    open_parts(1, &second, 1);
    end_source();
}

Test(kafka_history, a_source_that_is_not_started_or_closed_reads_none) {
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    struct error error;
    cr_assert(ops.close(host.source, FIXTURE_HANG_MS));
    refuse_parts(&part, 1, FIXTURE_HANG_MS, &error);
    cr_assert_eq(error.code, ERROR_STATE);
    cr_assert(ops.free(host.source));
    host_release(&host);

    cr_assert_not_null(host_make(&host, &fixture, &(struct host_options){0}, &error));
    refuse_parts(&part, 1, FIXTURE_HANG_MS, &error);
    cr_assert_eq(error.code, ERROR_STATE);
    cr_assert(ops.free(host.source));
    host_release(&host);
}

/* What the group's reading gives, and what it commits, is as without history. */
Test(kafka_history, the_groups_reading_is_not_disturbed) {
    enum { ALL = FIXTURE_TOPICS * FIXTURE_PARTITIONS, EACH = 30 };
    static struct record records[EACH * ALL];
    struct error error;
    fixture_produce(&fixture, 0, EACH);
    while (assigned < ALL)
        cr_assert(ops.poll(host.source, 20, &error), "%s", error.text);
    struct history_part part = {.topic = 0, .partition = 0, .from = 0};
    struct source_history *history = open_parts(0, &part, 1);
    int64_t next[FIXTURE_TOPICS][FIXTURE_PARTITIONS] = {{0}};
    size_t seen = 0;
    for (int64_t offset = 0; seen < EACH * ALL; offset++) {
        if (offset < EACH)
            read_next(history, 0, 0, &part, offset);
        for (uint32_t lane = 0; lane < LANES; lane++) {
            const size_t count = ops.read(host.source, lane, records, 50, 10);
            for (size_t i = 0; i < count; i++)
                cr_assert_eq(records[i].offset, next[records[i].topic][records[i].partition]++);
            ops.release(host.source, lane, records, count);
            seen += count;
        }
        cr_assert(ops.poll(host.source, 0, &error), "%s", error.text);
    }
    ops.history->close(history);
    cr_assert(ops.commit(host.source, FIXTURE_HANG_MS, &error), "%s", error.text);
    cr_assert_eq(ops.committed(host.source, 0, 0), 0); /* where it began */
    end_source();
}
