/*
 * What becomes of an epoch when a request of its transaction fails, on librdkafka's mock cluster.
 * That keeps what was produced in a transaction that is aborted, and commits offsets at once: what
 * readers see is shown on a real broker (transactions_test.py).
 */
#include "../mock.h"
#include "../support.h"

#include "base/clock.h"
#include "sink/transaction/transactor.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BROKER_ID 1
#define INPUT           "bar_trends"

/* Numbers of Kafka's requests. */
enum {
    PRODUCE = 0,
    FIND_COORDINATOR = 10,
    INIT_PRODUCER_ID = 22,
    ADD_PARTITIONS = 24,
    ADD_OFFSETS = 25,
    END_TXN = 26,
    TXN_OFFSET_COMMIT = 28
};

static struct tally tally;
static struct mock mock;
static struct log *quiet;
static struct tenure *tenure;
static struct epoch_open open_epoch;

/* The group, as the test says it is. */
static struct {
    bool has_committed; /* what it is asked about */
    _Atomic bool is_no_member;
    _Atomic int asked;
    _Atomic int metadata_asked;
    rd_kafka_resp_err_t code; /* of the first answer */
} group;

static rd_kafka_consumer_group_metadata_t *group_metadata(void *context) {
    (void)context;
    group.metadata_asked++;
    return group.is_no_member
               ? NULL
               : rd_kafka_consumer_group_metadata_new_with_genid("readers", 1, "member", NULL);
}

static rd_kafka_resp_err_t group_committed(void *context, rd_kafka_topic_partition_list_t *list,
                                           int timeout_ms) {
    (void)context;
    (void)timeout_ms;
    const bool is_first = atomic_fetch_add(&group.asked, 1) == 0;
    for (int i = 0; !group.has_committed && i < list->cnt; i++)
        list->elems[i].metadata_size = 0;
    return is_first ? group.code : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void setup(void) {
    struct error error;
    quiet = log_new();
    log_configure(quiet,
                  &(struct log_options){.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_CONSOLE,
                                        .color = LOG_COLOR_NEVER,
                                        .path = scratch_path("log")},
                  &error);
    mock_init(&mock);
    tenure = tenure_new(INPUT, 0, 0);
    cr_assert_not_null(tenure);
}

static void teardown(void) {
    epoch_open_release(&open_epoch);
    tenure_release(tenure);
    mock_release(&mock);
    log_free(quiet);
}

TestSuite(transactor, .init = setup, .fini = teardown);

static struct transactor *begin_with(const char *id, const char *name, const char *value) {
    struct config_item items[] = {{"reconnect.backoff.max.ms", "100", {0}},
                                  {(char *)name, (char *)value, {0}}};
    struct config_items properties = {items, name != NULL ? 2 : 1};
    const struct transactor_options options = {
        .id = id,
        .signal_topic = MOCK_TOPIC,
        .dead_letter_topic = MOCK_TOPIC,
        .properties = &properties,
        .bootstrap_servers = mock.servers,
        .group = {.metadata = group_metadata, .committed = group_committed},
        .log = quiet,
    };
    struct error error;
    struct transactor *transactor = transactor_new(&options, &error);
    cr_assert_not_null(transactor, "%s", error.text);
    return transactor;
}

static struct transactor *begin(const char *id) {
    return begin_with(id, NULL, NULL);
}

static void lay(int16_t request, rd_kafka_resp_err_t code, size_t count) {
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(rd_kafka_mock_broker_push_request_error_rtts(mock.cluster, FIRST_BROKER_ID,
                                                                  request, 1, code, 0),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* What was laid out was answered with: the fault happened. */
static void check_met(int16_t request, const char *what) {
    size_t count = 99;
    cr_assert_eq(
        rd_kafka_mock_broker_error_stack_cnt(mock.cluster, FIRST_BROKER_ID, request, &count), 0);
    cr_assert_eq(count, 0u, "%s: %zu errors were not met", what, count);
}

static void emit(uint64_t n, size_t size) {
    struct delivery *delivery = signal_make(&tally, n, size);
    epoch_add(&open_epoch, delivery, tenure, (int64_t)n);
    delivery_release(delivery);
}

static struct epoch *close_at(int64_t offset) {
    bool is_oom;
    tenure->bound = offset;
    struct epoch *epoch = epoch_close(&open_epoch, &tenure, 1, &is_oom);
    cr_assert_not_null(epoch);
    return epoch;
}

static void await(struct transactor *transactor) {
    cr_assert(transactor_await(transactor, clock_monotonic_ns() + HANG_MS * NS_PER_MS));
}

static struct transactor_status end(struct transactor *transactor) {
    struct transactor_status status;
    transactor_get_status(transactor, &status);
    cr_assert(transactor_free(transactor, HANG_MS));
    return status;
}

/* ---- the table ---- */

struct row {
    const char *what;
    int16_t request;
    rd_kafka_resp_err_t code;
    size_t times;
    /* What comes of it, before the epoch is committed. */
    bool is_aborted, is_in_doubt, is_fenced;
    /* Of the end of the transaction that is aborted; 0: it is done. */
    rd_kafka_resp_err_t abort_code;
};

/* Of the first epoch already: they come before it. */
static bool is_first(const struct row *row) {
    return row->request == INIT_PRODUCER_ID || row->request == FIND_COORDINATOR;
}

#define ERROR(NAME) RD_KAFKA_RESP_ERR_##NAME

static const struct row ROWS[] = {
    {"coordinator, retriable", FIND_COORDINATOR, ERROR(COORDINATOR_NOT_AVAILABLE), 3, 0, 0, 0, 0},
    {"coordinator, no answer", FIND_COORDINATOR, ERROR(_TRANSPORT), 1, 0, 0, 0, 0},
    {"coordinator, fatal", FIND_COORDINATOR, ERROR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), 1, 0, 0,
     0, 0},
    {"init, retriable", INIT_PRODUCER_ID, ERROR(COORDINATOR_LOAD_IN_PROGRESS), 1, 0, 0, 0, 0},
    {"init, fatal", INIT_PRODUCER_ID, ERROR(CLUSTER_AUTHORIZATION_FAILED), 1, 0, 0, 0, 0},
    {"init, fenced", INIT_PRODUCER_ID, ERROR(PRODUCER_FENCED), 1, 0, 0, 1, 0},
    {"partitions, retriable", ADD_PARTITIONS, ERROR(COORDINATOR_LOAD_IN_PROGRESS), 1, 0, 0, 0, 0},
    {"partitions, abortable", ADD_PARTITIONS, ERROR(TOPIC_AUTHORIZATION_FAILED), 1, 1, 0, 0, 0},
    {"partitions, fatal", ADD_PARTITIONS, ERROR(INVALID_TXN_STATE), 1, 1, 0, 0, 0},
    {"partitions, fenced", ADD_PARTITIONS, ERROR(PRODUCER_FENCED), 1, 1, 0, 1, 0},
    {"produce, retriable", PRODUCE, ERROR(NOT_LEADER_FOR_PARTITION), 1, 0, 0, 0, 0},
    {"produce, abortable", PRODUCE, ERROR(TOPIC_AUTHORIZATION_FAILED), 1, 1, 0, 0, 0},
    {"produce, fatal", PRODUCE, ERROR(OUT_OF_ORDER_SEQUENCE_NUMBER), 1, 1, 0, 0, 0},
    {"produce, fenced", PRODUCE, ERROR(INVALID_PRODUCER_EPOCH), 1, 1, 0, 1, 0},
    {"offsets, retriable", ADD_OFFSETS, ERROR(CONCURRENT_TRANSACTIONS), 1, 0, 0, 0, 0},
    {"offsets, abortable", ADD_OFFSETS, ERROR(GROUP_AUTHORIZATION_FAILED), 1, 1, 0, 0, 0},
    {"offsets, fatal", ADD_OFFSETS, ERROR(INVALID_TXN_STATE), 1, 1, 0, 0, 0},
    {"offsets, fenced", ADD_OFFSETS, ERROR(INVALID_PRODUCER_EPOCH), 1, 1, 0, 1, 0},
    {"offset commit, retriable", TXN_OFFSET_COMMIT, ERROR(COORDINATOR_LOAD_IN_PROGRESS), 1, 0, 0, 0,
     0},
    {"offset commit, abortable", TXN_OFFSET_COMMIT, ERROR(GROUP_AUTHORIZATION_FAILED), 1, 1, 0, 0,
     0},
    {"offset commit, generation", TXN_OFFSET_COMMIT, ERROR(ILLEGAL_GENERATION), 1, 1, 0, 0, 0},
    {"offset commit, member", TXN_OFFSET_COMMIT, ERROR(UNKNOWN_MEMBER_ID), 1, 1, 0, 0, 0},
    {"offset commit, fatal", TXN_OFFSET_COMMIT, ERROR(CLUSTER_AUTHORIZATION_FAILED), 1, 1, 0, 0, 0},
    {"offset commit, fenced", TXN_OFFSET_COMMIT, ERROR(INVALID_PRODUCER_EPOCH), 1, 1, 0, 1, 0},
    {"end, retriable", END_TXN, ERROR(CONCURRENT_TRANSACTIONS), 1, 0, 0, 0, 0},
    {"end, abortable", END_TXN, ERROR(GROUP_AUTHORIZATION_FAILED), 1, 1, 1, 0, 0},
    {"end, fatal", END_TXN, ERROR(INVALID_TXN_STATE), 1, 0, 1, 0, 0},
    {"end, fenced", END_TXN, ERROR(PRODUCER_FENCED), 1, 0, 1, 1, 0},
    {"offset commit, instance", TXN_OFFSET_COMMIT, ERROR(FENCED_INSTANCE_ID), 1, 1, 0, 0, 0},
    {"offset commit, rebalance", TXN_OFFSET_COMMIT, ERROR(REBALANCE_IN_PROGRESS), 1, 1, 0, 0, 0},
    {"init, no answer", INIT_PRODUCER_ID, ERROR(_TRANSPORT), 1, 0, 0, 0, 0},
    {"partitions, no answer", ADD_PARTITIONS, ERROR(_TRANSPORT), 1, 0, 0, 0, 0},
    {"produce, no answer", PRODUCE, ERROR(_TRANSPORT), 1, 0, 0, 0, 0},
    {"offsets, no answer", ADD_OFFSETS, ERROR(_TRANSPORT), 1, 0, 0, 0, 0},
    {"offset commit, no answer", TXN_OFFSET_COMMIT, ERROR(_TRANSPORT), 1, 0, 0, 0, 0},
    {"end, no answer", END_TXN, ERROR(_TRANSPORT), 1, 0, 0, 0, 0},
    {"partitions, abortable, in a row", ADD_PARTITIONS, ERROR(TOPIC_AUTHORIZATION_FAILED), 3, 1, 0,
     0, 0},
    {"offset commit, abortable, in a row", TXN_OFFSET_COMMIT, ERROR(GROUP_AUTHORIZATION_FAILED), 3,
     1, 0, 0, 0},
    {"end, fatal, in a row", END_TXN, ERROR(INVALID_TXN_STATE), 3, 0, 1, 0, 0},
    {"abort, retriable", ADD_PARTITIONS, ERROR(TOPIC_AUTHORIZATION_FAILED), 1, 1, 0, 0,
     ERROR(CONCURRENT_TRANSACTIONS)},
    {"abort, no answer", ADD_PARTITIONS, ERROR(TOPIC_AUTHORIZATION_FAILED), 1, 1, 0, 0,
     ERROR(_TRANSPORT)},
    {"abort, fatal", ADD_PARTITIONS, ERROR(TOPIC_AUTHORIZATION_FAILED), 1, 1, 0, 0,
     ERROR(INVALID_TXN_STATE)},
    {"abort, fenced", ADD_PARTITIONS, ERROR(TOPIC_AUTHORIZATION_FAILED), 1, 1, 0, 1,
     ERROR(PRODUCER_FENCED)},
};

static void check_row(const struct row *row, uint64_t n) {
    char id[32];
    snprintf(id, sizeof id, "row-%zu", (size_t)(row - ROWS));
    if (is_first(row))
        lay(row->request, row->code, row->times);
    struct transactor *transactor = begin(id);
    emit(n, 0);
    transactor_submit(transactor, close_at((int64_t)n + 1));
    await(transactor);
    if (!is_first(row))
        lay(row->request, row->code, row->times);
    if (row->abort_code != 0)
        lay(END_TXN, row->abort_code, 1);
    emit(n + 1, 0);
    transactor_submit(transactor, close_at((int64_t)n + 2));
    await(transactor);
    check_met(row->request, row->what);
    if (row->abort_code != 0)
        check_met(END_TXN, row->what);
    const struct transactor_status status = end(transactor);
    cr_expect_eq(status.committed, 2u, "%s", row->what);
    cr_expect_eq(status.aborted > 0, row->is_aborted, "%s: aborted", row->what);
    cr_expect_eq(status.unknown > 0, row->is_in_doubt, "%s: in doubt", row->what);
    cr_expect_eq(status.fenced > 0, row->is_fenced, "%s: fenced", row->what);
    cr_expect(status.is_ok, "%s: %s", row->what, status.detail);
    cr_expect_eq(atomic_load(&tenure->committed), (int64_t)n + 2, "%s", row->what);
    cr_expect(tenure_is_settled(tenure), "%s", row->what);
    cr_expect_eq(tally_count(&tally), n + 2, "%s: confirmed", row->what);
}

Test(transactor, each_error_of_each_request_ends_in_one_commit) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        check_row(&ROWS[i], 2 * i);
}

/* ---- outcome unknown ---- */

/* Two epochs, and the commit of the second one has no answer that can be trusted. */
static void lose_a_commit(void) {
    struct transactor *transactor = begin("doubt");
    emit(0, 0);
    transactor_submit(transactor, close_at(1));
    await(transactor);
    lay(END_TXN, ERROR(INVALID_TXN_STATE), 1);
    emit(1, 0);
    transactor_submit(transactor, close_at(2));
    await(transactor);
    check_met(END_TXN, "the commit");
    const struct transactor_status status = end(transactor);
    cr_assert_eq(status.unknown, 1u);
    cr_assert_eq(status.committed, 2u);
    cr_assert_eq(tally_count(&tally), 2u);
}

static void check_count(size_t count) {
    mock_free(mock_read(&mock, count), count);
}

Test(transactor, a_commit_that_the_group_knows_of_is_not_made_again) {
    group.has_committed = true;
    lose_a_commit();
    cr_assert_eq(atomic_load(&group.asked), 1);
    check_count(2);
}

Test(transactor, a_commit_that_the_group_does_not_know_of_is_made_again) {
    lose_a_commit();
    cr_assert_eq(atomic_load(&group.asked), 1);
    check_count(3);
}

Test(transactor, a_group_that_does_not_answer_is_asked_again) {
    group.code = ERROR(_TIMED_OUT);
    group.has_committed = true;
    lose_a_commit();
    cr_assert_eq(atomic_load(&group.asked), 2);
    check_count(2);
}

/* ---- whose it is ---- */

Test(transactor, what_another_host_goes_on_with_is_dropped) {
    struct transactor *transactor = begin("dropped");
    emit(0, 0);
    struct epoch *epoch = close_at(1);
    tenure_end(tenure);
    transactor_submit(transactor, epoch);
    await(transactor);
    const struct transactor_status status = end(transactor);
    cr_assert_eq(status.committed, 0u);
    cr_assert_eq(status.dropped, 1u);
    cr_assert_eq(atomic_load(&tenure->committed), 0);
    cr_assert_not(tenure_is_settled(tenure));
    cr_assert_eq(atomic_load(&group.metadata_asked), 0);
    check_count(0);
}

Test(transactor, the_other_partitions_of_an_epoch_are_committed) {
    struct tenure *other = tenure_new(INPUT, 1, 5);
    struct tenure *both[] = {tenure, other};
    struct transactor *transactor = begin("other");
    bool is_oom;
    emit(0, 0);
    struct delivery *delivery = signal_make(&tally, 1, 0);
    epoch_add(&open_epoch, delivery, other, 5);
    delivery_release(delivery);
    tenure->bound = 1;
    other->bound = 6;
    struct epoch *epoch = epoch_close(&open_epoch, both, 2, &is_oom);
    cr_assert_not_null(epoch);
    tenure_end(tenure);
    transactor_submit(transactor, epoch);
    await(transactor);
    const struct transactor_status status = end(transactor);
    cr_assert_eq(status.committed, 1u);
    cr_assert_eq(status.confirmed, 1u);
    cr_assert_eq(atomic_load(&other->committed), 6);
    cr_assert(tenure_is_settled(other));
    cr_assert_not(tenure_is_settled(tenure));
    tenure_release(other);
    check_count(1);
}

static void await_asked(_Atomic int *count) {
    const int64_t until_ns = clock_monotonic_ns() + HANG_MS * NS_PER_MS;
    while (atomic_load(count) < 2 && clock_monotonic_ns() < until_ns)
        sched_yield();
    cr_assert_geq(atomic_load(count), 2);
}

Test(transactor, without_a_group_it_commits_nothing) {
    struct transactor *transactor = begin("none");
    group.is_no_member = true;
    emit(0, 0);
    transactor_submit(transactor, close_at(1));
    await_asked(&group.metadata_asked);
    cr_assert_eq(transactor_undecided(transactor), 1u);
    check_count(0);
    group.is_no_member = false;
    await(transactor);
    cr_assert_eq(end(transactor).committed, 1u);
    check_count(1);
}

/* ---- what has to be safe first ---- */

static struct {
    _Atomic bool is_durable;
    _Atomic int asked;
    _Atomic int decided;
} user;

static bool await_durable(void *context, uint64_t ticket, int64_t timeout_ns) {
    (void)context;
    (void)timeout_ns;
    cr_expect_eq(ticket, 7u);
    user.asked++;
    return atomic_load(&user.is_durable);
}

static void decided(void *context) {
    (void)context;
    user.decided++;
}

Test(transactor, nothing_is_committed_before_the_journal_is_on_the_disk) {
    const struct transactor_user asks = {.await_durable = await_durable, .decided = decided};
    struct transactor *transactor = begin("durable");
    transactor_bind(transactor, &asks);
    emit(0, 0);
    struct epoch *epoch = close_at(1);
    epoch->ticket = 7;
    transactor_submit(transactor, epoch);
    await_asked(&user.asked);
    cr_assert_eq(transactor_undecided(transactor), 1u);
    cr_assert_eq(tally_count(&tally), 0u);
    atomic_store(&user.is_durable, true);
    await(transactor);
    cr_assert_eq(end(transactor).committed, 1u);
    cr_assert_eq(atomic_load(&user.decided), 1);
}

/* ---- records, and the end ---- */

Test(transactor, a_record_that_is_too_large_is_shortened_and_the_others_go_on) {
    struct transactor *transactor = begin_with("large", "message.max.bytes", "2000");
    emit(0, 0);
    emit(1, 5000);
    emit(2, 0);
    transactor_submit(transactor, close_at(3));
    await(transactor);
    const struct transactor_status status = end(transactor);
    cr_assert_eq(status.committed, 1u);
    cr_assert_eq(status.confirmed, 3u);
    cr_assert_eq(status.shortened, 1u);
}

Test(transactor, what_is_not_decided_at_the_end_stays_unconfirmed) {
    struct transactor *transactor = begin("end");
    group.is_no_member = true;
    emit(0, 0);
    transactor_submit(transactor, close_at(1));
    await_asked(&group.metadata_asked);
    cr_assert(transactor_free(transactor, 1));
    cr_assert_eq(tally_count(&tally), 0u);
    cr_assert_not(tenure_is_settled(tenure));
}

Test(transactor, refuses_settings_that_librdkafka_refuses) {
    struct config_item items[] = {{"linger.ms", "soon", {0}}};
    const struct config_items properties = {items, 1};
    const struct transactor_options options = {.id = "x",
                                               .signal_topic = MOCK_TOPIC,
                                               .properties = &properties,
                                               .bootstrap_servers = mock.servers,
                                               .log = quiet};
    struct error error;
    cr_assert_null(transactor_new(&options, &error));
    cr_assert(strstr(error.text, "linger.ms"), "%s", error.text);
}
