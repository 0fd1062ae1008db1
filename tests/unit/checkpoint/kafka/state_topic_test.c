/* The store over a topic of librdkafka's mock cluster. It has no administrator's calls, and shows
 * records of aborted transactions: what hangs on these, tests/integration/state_topic_test.py
 * shows. */
#include "support.h"

#include "base/clock.h"
#include "checkpoint/kafka/state_topic.h"
#include "checkpoint/store.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LONG       (60 * NS_PER_S)
#define PARTITIONS 4
#define BROKER     1

static const char *const topics[] = {"bar_trends", "ticks"};

static rd_kafka_t *owner;
static rd_kafka_mock_cluster_t *cluster;
static char servers[128];
static _Atomic int64_t hurry_ns;

static void log_nothing(const rd_kafka_t *client, int level, const char *facility,
                        const char *text) {
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

static void setup(void) {
    char text[256];
    open_directory();
    hurry_ns = INT64_MAX;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    cr_assert_eq(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", text, sizeof text), 0);
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    cr_assert_not_null(owner, "%s", text);
    cluster = rd_kafka_handle_mock_cluster(owner);
    snprintf(servers, sizeof servers, "%s", rd_kafka_mock_cluster_bootstraps(cluster));
    cr_assert_eq(rd_kafka_mock_topic_create(cluster, "bar_trends", PARTITIONS, 1), 0);
    cr_assert_eq(rd_kafka_mock_topic_create(cluster, "ticks", PARTITIONS, 1), 0);
    cr_assert_eq(rd_kafka_mock_topic_create(cluster, "state", PARTITIONS, 1), 0);
}

static void teardown(void) {
    rd_kafka_destroy(owner);
    close_directory();
}

TestSuite(state_topic, .init = setup, .fini = teardown);

/* Another process, as it were. */
static struct checkpoint_store *open_store(const char *host_id) {
    struct error error;
    struct config config = {.bootstrap_servers = servers,
                            .group_id = (char *)"group",
                            .checkpoint_topic = (char *)"state"};
    const struct state_topic_options topic = {
        .config = &config, .host_id = host_id, .log = test_log};
    struct store_backend *backend = state_topic_backend_new(&topic, &error);
    cr_assert_not_null(backend, "%s", error.text);
    const struct checkpoint_store_options options = {.backend = backend,
                                                     .state_dir = directory,
                                                     .group = "group",
                                                     .topics = topics,
                                                     .topic_count = 2,
                                                     .log = test_log,
                                                     .hurry_ns = &hurry_ns};
    struct checkpoint_store *store = checkpoint_store_new(&options, &error);
    cr_assert_not_null(store, "%s", error.text);
    return store;
}

static void close_store(struct checkpoint_store *store) {
    cr_assert(checkpoint_store_free(store, LONG));
}

/* The number that is found for offsets committed at `next`; 0: none. */
static uint64_t find_at(struct checkpoint_store *store, int64_t next) {
    struct checkpoint checkpoint;
    struct positions committed;
    struct error error;
    make_positions(&committed, next);
    checkpoint_init(&checkpoint);
    const bool did = checkpoint_store_find(store, 3, &committed, &checkpoint, NULL, &error);
    cr_assert(did || error.code == ERROR_NONE, "%s", error.text);
    const uint64_t number = checkpoint.number;
    cr_assert_eq(did, number != 0);
    checkpoint_release(&checkpoint);
    positions_release(&committed);
    return number;
}

static bool put_it(struct checkpoint_store *store, struct checkpoint *checkpoint) {
    struct positions committed;
    make_positions(&committed, 0);
    const uint64_t number = checkpoint->number;
    const uint64_t ticket = checkpoint_store_put(store, checkpoint, &committed);
    positions_release(&committed);
    cr_assert_gt(ticket, 0);
    cr_assert(checkpoint_store_await(store, ticket, LONG));
    return checkpoint_store_has(store, 3, number);
}

/* Whether it was written. */
static bool put(struct checkpoint_store *store, uint64_t number) {
    struct checkpoint checkpoint;
    make_checkpoint(&checkpoint, number, (int64_t)number * 100, 64);
    return put_it(store, &checkpoint);
}

static void expect_there(uint64_t number) {
    struct checkpoint_store *store = open_store("reader");
    struct checkpoint made, read;
    struct positions committed;
    struct error error;
    make_checkpoint(&made, number, (int64_t)number * 100, 64);
    make_positions(&committed, 100000);
    checkpoint_init(&read);
    cr_assert(checkpoint_store_find(store, 3, &committed, &read, NULL, &error), "%s", error.text);
    expect_same(&made, &read);
    checkpoint_release(&made);
    checkpoint_release(&read);
    positions_release(&committed);
    close_store(store);
}

/* ---- writing and finding ---- */

Test(state_topic, what_was_put_is_found_by_another_host) {
    struct checkpoint_store *first = open_store("first");
    cr_expect(checkpoint_store_is_shared(first));
    cr_expect_eq(find_at(first, 1000), 0);
    cr_expect_eq(checkpoint_store_next_number(first, 3), 1);
    cr_expect(put(first, 1));
    cr_expect(put(first, 2));
    cr_expect_eq(checkpoint_store_next_number(first, 3), 3);
    close_store(first);
    struct checkpoint_store *second = open_store("second");
    cr_expect_eq(find_at(second, 250), 2);
    cr_expect_eq(find_at(second, 150), 1);
    cr_expect_eq(checkpoint_store_next_number(second, 3), 3);
    cr_expect(!checkpoint_store_has(second, 3, 2), "it is not this host's to go on from");
    close_store(second);
    expect_there(2);
    cr_expect(!is_there("checkpoints"));
}

Test(state_topic, numbers_do_not_disturb_each_other) {
    struct checkpoint_store *store = open_store("first");
    struct checkpoint global;
    struct positions none;
    struct error error;
    positions_init(&none);
    cr_expect_eq(find_at(store, 1000), 0);
    checkpoint_init(&global);
    cr_expect(!checkpoint_store_find(store, -1, &none, &global, NULL, &error));
    cr_expect(put(store, 1));
    make_checkpoint(&global, 7, 700, 64);
    global.partition = -1;
    const uint64_t ticket = checkpoint_store_put(store, &global, &none);
    cr_assert(checkpoint_store_await(store, ticket, LONG));
    close_store(store);
    expect_there(1);
    store = open_store("second");
    cr_expect(checkpoint_store_find(store, -1, &none, &global, NULL, &error));
    cr_expect_eq(global.number, 7);
    checkpoint_release(&global);
    close_store(store);
}

Test(state_topic, nothing_is_written_before_it_was_read) {
    struct checkpoint_store *store = open_store("first");
    cr_expect_eq(checkpoint_store_next_number(store, 3), 0);
    cr_expect(!put(store, 1));
    cr_expect_eq(find_at(store, 1000), 0);
    cr_expect(put(store, 1));
    close_store(store);
}

Test(state_topic, older_ones_are_found_for_who_cannot_use_a_newer) {
    struct checkpoint_store *store = open_store("first");
    struct checkpoint older;
    struct positions committed;
    struct error error;
    char *kept;
    cr_expect_eq(find_at(store, 1000), 0);
    for (uint64_t number = 1; number <= 3; number++)
        cr_expect(put(store, number));
    close_store(store);
    store = open_store("second");
    cr_expect_eq(find_at(store, 1000), 3);
    make_positions(&committed, 1000);
    for (uint64_t number = 3; number > 0; number--) {
        checkpoint_init(&older);
        cr_assert(checkpoint_store_find_before(store, 3, number, &committed, &older, &error), "%s",
                  error.text);
        cr_expect_eq(older.number, number - 1);
        if (older.number == 2) {
            struct checkpoint made;
            make_checkpoint(&made, 2, 200, 64);
            expect_same(&made, &older);
            checkpoint_release(&made);
            kept = checkpoint_store_keep_refused(store, &older, "alpha", &error);
            cr_assert_not_null(kept, "%s", error.text);
            cr_expect_str_eq(kept, in_directory("checkpoints/3/2.alpha.refused"));
            free(kept);
        }
        checkpoint_release(&older);
    }
    positions_release(&committed);
    cr_expect(put(store, 4), "it is gone on with what was found first");
    close_store(store);
    expect_there(4);
}

/* ---- terms ---- */

Test(state_topic, who_lost_the_partition_disturbs_nobody) {
    struct checkpoint_store *first = open_store("first");
    cr_expect_eq(find_at(first, 1000), 0);
    cr_expect(put(first, 1));
    struct checkpoint_store *second = open_store("second");
    cr_expect_eq(find_at(second, 1000), 1);
    cr_expect(put(second, 2));
    cr_expect(put(first, 3), "it does not know it yet");
    close_store(first);
    close_store(second);
    expect_there(2);
}

Test(state_topic, who_comes_back_alone_goes_on_with_his_own) {
    struct error error;
    struct checkpoint_store *store = open_store("first");
    cr_expect_eq(find_at(store, 1000), 0);
    cr_expect(put(store, 1));
    cr_assert(checkpoint_store_resume(store, 3, &error), "%s", error.text);
    cr_expect(checkpoint_store_has(store, 3, 1));
    cr_expect(put(store, 2));
    close_store(store);
    expect_there(2);
}

Test(state_topic, who_comes_back_after_another_writes_all_again) {
    struct error error;
    struct checkpoint_store *first = open_store("first");
    cr_expect_eq(find_at(first, 1000), 0);
    cr_expect(put(first, 1));
    struct checkpoint_store *second = open_store("second");
    cr_expect_eq(find_at(second, 1000), 1);
    cr_expect(put(second, 2));
    close_store(second);
    cr_assert(checkpoint_store_resume(first, 3, &error), "%s", error.text);
    cr_expect(!checkpoint_store_has(first, 3, 1));
    cr_expect_eq(checkpoint_store_next_number(first, 3), 3);
    cr_expect(put(first, 3));
    close_store(first);
    expect_there(3);
}

Test(state_topic, a_part_that_goes_on_from_what_is_not_there_fails_once) {
    struct checkpoint_store *store = open_store("first");
    struct checkpoint checkpoint;
    cr_expect_eq(find_at(store, 1000), 0);
    cr_expect(put(store, 1));
    make_checkpoint(&checkpoint, 2, 200, 64);
    checkpoint.parts[0].same_as = 9;
    cr_expect(!put_it(store, &checkpoint));
    cr_expect(!checkpoint_store_has(store, 3, 1), "the next one is to be whole");
    cr_expect(put(store, 3));
    close_store(store);
    expect_there(3);
}

/* ---- journals ---- */

static void flush(struct checkpoint_store *store, struct order *order) {
    struct text out;
    uint64_t number, ticket = 0;
    text_init(&out);
    while (order_put_frames(order, &number, &out)) {
        ticket = checkpoint_store_append(store, 3, number, &out);
        text_reset(&out);
    }
    text_release(&out);
    cr_assert(checkpoint_store_await(store, ticket, LONG));
}

static void note(struct order *order, uint32_t stream, int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
        order_note(order, stream, i);
}

static void expect_order(struct order *order, const struct order *expected) {
    cr_expect(!order->is_broken);
    cr_assert_eq(order->count, expected->count);
    for (size_t i = 0; i < order->count; i++)
        cr_expect(order->runs[i].from == expected->runs[i].from &&
                  order->runs[i].span == expected->runs[i].span &&
                  order->runs[i].stream == expected->runs[i].stream);
}

Test(state_topic, the_journal_goes_along) {
    struct checkpoint_store *first = open_store("first");
    struct order order, read;
    cr_expect_eq(find_at(first, 1000), 0);
    cr_expect(put(first, 1));
    cr_assert(order_init(&order, 1));
    note(&order, 0, 100, 110);
    note(&order, 1, 100, 103);
    flush(first, &order);
    note(&order, 0, 110, 112);
    flush(first, &order);
    close_store(first);
    struct checkpoint_store *second = open_store("second");
    cr_expect_eq(find_at(second, 1000), 1);
    cr_assert(order_init(&read, 1));
    checkpoint_store_read_order(second, 3, 1, &read);
    expect_order(&read, &order);
    note(&read, 1, 103, 104); /* and is gone on with */
    flush(second, &read);
    close_store(second);
    struct checkpoint_store *third = open_store("third");
    struct order again;
    cr_expect_eq(find_at(third, 1000), 1);
    cr_assert(order_init(&again, 1));
    checkpoint_store_read_order(third, 3, 1, &again);
    expect_order(&again, &read);
    close_store(third);
    order_release(&order);
    order_release(&read);
    order_release(&again);
    cr_expect_eq(count_of(logged(), "order_unknown"), 0, "%s", logged());
}

/* A worker is killed after a checkpoint, before anything of its next journal is written: another
 * worker finds what the tail has behind that checkpoint, and not behind the one before. */
Test(state_topic, a_tail_belongs_behind_the_newest_checkpoint) {
    struct checkpoint_store *first = open_store("first");
    struct order order;
    struct error error;
    cr_expect_eq(find_at(first, 1000), 0);
    cr_expect(put(first, 1));
    cr_assert(order_init(&order, 1));
    note(&order, 0, 100, 200);
    note(&order, 1, 100, 200);
    flush(first, &order);
    cr_expect(put(first, 2));
    cr_assert(order_begin_segment(&order, 2));
    struct order_tail *tail = checkpoint_store_new_tail(first, 3, &order);
    cr_assert_not_null(tail);
    note(&order, 1, 200, 205);
    note(&order, 0, 200, 203);
    cr_expect(order_tail_note(tail, &order));
    order_tail_free(tail);
    close_store(first);
    struct checkpoint_store *second = open_store("second");
    struct backend_look look = {.group = "group", .state_dir = directory, .order = order_new()};
    cr_assert(checkpoint_store_look(second, 3, &look, 1, &error), "%s", error.text);
    cr_expect_eq(look.checkpoint.number, 2);
    cr_assert_not_null(look.order);
    const struct order_segment *last = &look.order->segments[look.order->segment_count - 1];
    cr_expect_eq(last->number, 2);
    cr_assert_eq(order_end(look.order) - last->begin, 2);
    cr_expect_eq(order_at(look.order, last->begin)->stream, 1);
    cr_expect_eq(order_at(look.order, last->begin)->from, 200);
    cr_expect_eq(order_at(look.order, last->begin)->span, 5);
    checkpoint_release(&look.checkpoint);
    order_free(look.order);
    order_release(&order);
    close_store(second);
}

/* ---- errors ---- */

static void nap(void) {
    nanosleep(&(struct timespec){0, 100000000}, NULL);
}

#define PRODUCE         0
#define INIT_PRODUCER   22
#define ADD_PARTITIONS  24
#define END_TRANSACTION 26

static void lay_error(int16_t request, rd_kafka_resp_err_t code) {
    cr_assert_eq(rd_kafka_mock_broker_push_request_error_rtts(cluster, BROKER, request, 1, code, 0),
                 0);
}

enum outcome { WRITTEN, WRITTEN_AFTER_ABORT, FAILED };

/* What one error in the place of a transaction does: whatever becomes of it, later checkpoints are
 * written. The mock shows what was aborted, so that what is read then is nothing to go by. */
static void expect_survives_both(int16_t request, rd_kafka_resp_err_t code,
                                 rd_kafka_resp_err_t abort_code, enum outcome outcome) {
    size_t left = SIZE_MAX;
    const bool is_first = request == INIT_PRODUCER; /* it comes with the store */
    if (is_first)
        lay_error(request, code);
    struct checkpoint_store *store = open_store("first");
    (void)find_at(store, 1000000);
    uint64_t number = checkpoint_store_next_number(store, 3);
    if (!is_first) {
        cr_expect(put(store, number++));
        lay_error(request, code);
        if (abort_code != RD_KAFKA_RESP_ERR_NO_ERROR)
            lay_error(END_TRANSACTION, abort_code);
    }
    const bool did = put(store, number++);
    cr_expect_eq(did, outcome != FAILED, "request %d, %s: %s", request, rd_kafka_err2name(code),
                 logged());
    rd_kafka_mock_broker_error_stack_cnt(cluster, BROKER, request, &left);
    cr_expect_eq(left, 0, "the error did not come: request %d", request);
    for (int i = 0; i < 600 && !put(store, number); i++) {
        nap(); /* it tries again after a pause */
        number++;
    }
    cr_expect(checkpoint_store_has(store, 3, number), "request %d, %s: %s", request,
              rd_kafka_err2name(code), logged());
    close_store(store);
    if (outcome == WRITTEN)
        expect_there(number);
}

static void expect_survives(int16_t request, rd_kafka_resp_err_t code, enum outcome outcome) {
    expect_survives_both(request, code, RD_KAFKA_RESP_ERR_NO_ERROR, outcome);
}

Test(state_topic, survives_an_abort_that_fails) {
    const rd_kafka_resp_err_t refused = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    expect_survives_both(ADD_PARTITIONS, refused, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                         WRITTEN_AFTER_ABORT);
    expect_survives_both(ADD_PARTITIONS, refused, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, FAILED);
    expect_survives_both(ADD_PARTITIONS, refused, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, FAILED);
}

Test(state_topic, survives_retriable_errors) {
    expect_survives(INIT_PRODUCER, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, WRITTEN);
    expect_survives(ADD_PARTITIONS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, WRITTEN);
    expect_survives(PRODUCE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, WRITTEN);
    expect_survives(END_TRANSACTION, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, WRITTEN);
}

Test(state_topic, survives_errors_that_require_an_abort) {
    expect_survives(ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                    WRITTEN_AFTER_ABORT);
    expect_survives(PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, WRITTEN_AFTER_ABORT);
    expect_survives(END_TRANSACTION, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                    WRITTEN_AFTER_ABORT);
}

Test(state_topic, survives_fatal_errors) {
    expect_survives(INIT_PRODUCER, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                    WRITTEN);
    expect_survives(INIT_PRODUCER, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, WRITTEN);
    expect_survives(ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, FAILED);
    expect_survives(PRODUCE, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, FAILED);
    expect_survives(END_TRANSACTION, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, FAILED);
    expect_survives(END_TRANSACTION, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, FAILED);
}

Test(state_topic, a_stop_ends_the_wait_for_what_is_not_answered) {
    struct checkpoint_store *store = open_store("first");
    struct checkpoint checkpoint;
    struct positions committed;
    struct error error;
    rd_kafka_mock_broker_set_down(cluster, BROKER);
    atomic_store(&hurry_ns, clock_monotonic_ns() + 200 * NS_PER_MS);
    make_positions(&committed, 1000);
    checkpoint_init(&checkpoint);
    cr_expect(!checkpoint_store_find(store, 3, &committed, &checkpoint, NULL, &error));
    cr_expect_eq(error.code, ERROR_TIMEOUT, "%s", error.text);
    cr_expect_not_null(strstr(error.text, "topic state"), "%s", error.text);
    rd_kafka_mock_broker_set_up(cluster, BROKER);
    atomic_store(&hurry_ns, INT64_MAX);
    cr_expect_eq(find_at(store, 1000), 0);
    positions_release(&committed);
    close_store(store);
}
