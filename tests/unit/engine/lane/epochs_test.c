/*
 * What a lane puts into its epochs, and up to where. What becomes of a closed one is the
 * transactor's (tests/unit/sink/transaction): the one here finds no broker, and decides nothing.
 */
#include "engine/lane/epochs.h"

#include "base/clock.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/late_note.h"
#include "sink/transaction/transactor.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC "bar_trends"

/* A lane with one KEYED number of one topic, and one deployment on it. */
struct setting {
    struct offset_tracker tracker;
    uint32_t topics[1];
    struct deployment deployment;
    int64_t position, history_to;
    struct task task;
    struct task *tasks[1];
    struct partition partition;
    struct partition *partitions[1];
    struct config config;
    struct breakdown breakdown;
    struct source_ops ops;
    struct source source;
    struct log *log;
    struct lane lane;
    int64_t stored;
};

static struct setting *at_work; /* whose source stores */

static bool store(struct source *source, uint32_t topic, int32_t partition, int64_t next) {
    (void)source;
    cr_expect_eq(topic, 0u);
    cr_expect_eq(partition, 0);
    at_work->stored = next;
    return true;
}

static rd_kafka_consumer_group_metadata_t *no_member(void *context) {
    (void)context;
    return NULL;
}

static rd_kafka_resp_err_t nothing_committed(void *context, rd_kafka_topic_partition_list_t *list,
                                             int timeout_ms) {
    (void)context;
    (void)list;
    (void)timeout_ms;
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static struct transactor *lonely_transactor(struct log *log) {
    const struct config_items none = {NULL, 0};
    const struct transactor_options options = {
        .id = "lonely",
        .signal_topic = "signals",
        .properties = &none,
        .bootstrap_servers = "127.0.0.1:1",
        .group = {.metadata = no_member, .committed = nothing_committed},
        .log = log,
    };
    struct error error;
    struct transactor *transactor = transactor_new(&options, &error);
    cr_assert_not_null(transactor, "%s", error.text);
    return transactor;
}

static struct setting *setting_new(int64_t committed) {
    struct setting *setting = calloc(1, sizeof *setting);
    struct error error;
    setting->log = log_new();
    cr_assert(log_configure(setting->log,
                            &(struct log_options){.level = LOG_LEVEL_ERROR,
                                                  .format = LOG_FORMAT_CONSOLE,
                                                  .color = LOG_COLOR_NEVER},
                            &error));
    offset_tracker_init(&setting->tracker);
    setting->tracker.is_owned = true;
    setting->tracker.next = setting->tracker.assigned_at = committed;
    setting->deployment = (struct deployment){
        .name = "trend", .topics = setting->topics, .topic_count = 1, .wanted_count = 1};
    setting->task = (struct task){.partition = &setting->partition,
                                  .deployment = &setting->deployment,
                                  .position = &setting->position,
                                  .history_to = &setting->history_to};
    setting->position = setting->history_to = SOURCE_NO_OFFSET;
    setting->tasks[0] = &setting->task;
    setting->partition = (struct partition){.topic_count = 1,
                                            .topics = &setting->tracker,
                                            .stream_count = 1,
                                            .streams = &setting->tracker,
                                            .tasks = setting->tasks,
                                            .task_count = 1};
    setting->partitions[0] = &setting->partition;
    setting->config.commit_interval_ns = 100 * NS_PER_MS;
    breakdown_init(&setting->breakdown, setting->log);
    setting->ops.store = store;
    setting->source.ops = &setting->ops;
    setting->lane.options = (struct lane_options){.config = &setting->config,
                                                  .log = setting->log,
                                                  .source = &setting->source,
                                                  .breakdown = &setting->breakdown,
                                                  .transactor = lonely_transactor(setting->log)};
    setting->lane.partitions = setting->partitions;
    setting->lane.partition_capacity = 1;
    cr_assert(epochs_begin_tenure(&setting->tracker, TOPIC, 0, committed));
    at_work = setting;
    return setting;
}

static void setting_free(struct setting *setting) {
    cr_assert(transactor_free(setting->lane.options.transactor, 1));
    epoch_open_release(&setting->lane.epoch);
    free(setting->lane.tenures);
    tenure_release(setting->tracker.tenure);
    breakdown_release(&setting->breakdown);
    log_free(setting->log);
    free(setting);
}

static void emit(struct setting *setting, int32_t partition, int64_t offset) {
    const struct delivery_text text = {.value = "{}", .value_size = 2};
    struct delivery *delivery =
        delivery_new(&(struct delivery){.kind = DELIVERY_SIGNAL, .unconfirmed = 1, .text = &text});
    epochs_add(&setting->lane,
               &(struct cause){.topic = 0, .partition = partition, .offset = offset}, delivery);
    delivery_release(delivery);
}

static size_t undecided(const struct setting *setting) {
    return transactor_undecided(setting->lane.options.transactor);
}

Test(epochs, a_signal_goes_with_the_offset_behind_its_cause) {
    struct setting *setting = setting_new(5);
    emit(setting, 0, 5);
    setting->tracker.next = 6;
    epochs_close(&setting->lane);
    cr_expect_eq(undecided(setting), 1u);
    cr_expect_eq(setting->lane.epoch.count, 0u);
    cr_expect_eq(setting->tracker.tenure->closed, 6);
    setting_free(setting);
}

Test(epochs, offsets_go_without_signals_too_and_nothing_goes_without_either) {
    struct setting *setting = setting_new(5);
    epochs_close(&setting->lane);
    cr_expect_eq(undecided(setting), 0u);
    setting->tracker.next = 9;
    epochs_close(&setting->lane);
    cr_expect_eq(undecided(setting), 1u);
    cr_expect_eq(setting->tracker.tenure->closed, 9);
    setting_free(setting);
}

Test(epochs, what_no_partition_of_the_lane_caused_goes_with_the_next_one) {
    struct setting *setting = setting_new(5);
    emit(setting, 7, 100);
    cr_expect_eq(setting->tracker.tenure->record_count, 0u);
    epochs_close(&setting->lane);
    cr_expect_eq(undecided(setting), 1u);
    cr_expect_eq(setting->lane.epoch.count, 0u);
    setting_free(setting);
}

/* The stream is at 9; one that recovers is at 7. */
static void recover(struct setting *setting, struct catch_up *catch_up) {
    catch_up->is_held = true;
    setting->partition.catch_up = catch_up;
    setting->task.suspension = SUSPENDED_CATCHING_UP;
    setting->position = 7;
    setting->tracker.next = 9;
}

Test(epochs, while_a_recovery_holds_offsets_they_go_as_far_as_the_last_one_has_come) {
    struct setting *setting = setting_new(5);
    struct catch_up catch_up = {0};
    recover(setting, &catch_up);
    emit(setting, 0, 6);
    emit(setting, 0, 8); /* of another one, about the stream */
    epochs_close(&setting->lane);
    cr_expect_eq(setting->tracker.tenure->closed, 7);
    cr_expect_eq(setting->lane.epoch.count, 1u, "that of 8 waits");
    setting->partition.catch_up = NULL;
    setting->task.suspension = SUSPENDED_NOT;
    epochs_close(&setting->lane);
    cr_expect_eq(setting->tracker.tenure->closed, 9);
    cr_expect_eq(setting->lane.epoch.count, 0u);
    setting_free(setting);
}

Test(epochs, in_a_recovery_they_never_go_back_behind_what_is_committed) {
    struct setting *setting = setting_new(5);
    struct catch_up catch_up = {0};
    recover(setting, &catch_up);
    setting->position = 2; /* history, whose signals are safe */
    epochs_close(&setting->lane);
    cr_expect_eq(setting->tracker.tenure->closed, 5);
    setting->task.needs_warm_up = true;
    epochs_close(&setting->lane);
    cr_expect_eq(setting->tracker.tenure->closed, 5);
    setting_free(setting);
}

/* One that was suspended when the offsets went on, and joins a recovery that is not over. */
Test(epochs, in_a_recovery_they_never_go_back_behind_what_was_closed) {
    struct setting *setting = setting_new(5);
    struct catch_up catch_up = {0};
    recover(setting, &catch_up);
    setting->position = 8;
    epochs_close(&setting->lane);
    cr_expect_eq(setting->tracker.tenure->closed, 8);
    setting->position = 6;
    emit(setting, 0, 7);
    epochs_close(&setting->lane);
    cr_expect_eq(setting->tracker.tenure->closed, 8);
    cr_expect_eq(setting->lane.epoch.count, 0u, "its signals are due");
    setting->partition.owes_checkpoint = true;
    epochs_close(&setting->lane);
    cr_expect_eq(setting->tracker.tenure->closed, 8);
    setting->partition.catch_up = NULL;
    setting_free(setting);
}

static void expect_note(const struct setting *setting, enum late_note_answer answer,
                        int64_t offset) {
    int64_t found = -1;
    cr_expect_eq(late_note_find(setting->tracker.tenure->note, "trend", &found), answer);
    cr_expect_eq(found, offset);
}

/* A note of an offset that does not go stays with its tenure. */
Test(epochs, who_is_behind_is_named_with_its_position) {
    struct setting *setting = setting_new(5);
    epochs_close(&setting->lane);
    expect_note(setting, LATE_NOTE_NOT_NAMED, -1);
    setting->task.was_behind = true;
    setting->task.suspension = SUSPENDED_OPERATOR;
    setting->position = 3;
    epochs_close(&setting->lane);
    expect_note(setting, LATE_NOTE_NAMED, 3);
    setting->task.suspension = SUSPENDED_CATCHING_UP;
    setting->history_to = 4; /* it is in its history: what is safe is more than it has seen */
    epochs_close(&setting->lane);
    expect_note(setting, LATE_NOTE_NAMED, 4);
    setting->history_to = 9; /* but no more than is committed */
    epochs_close(&setting->lane);
    expect_note(setting, LATE_NOTE_NAMED, 5);
    setting->task.suspension = SUSPENDED_NOT; /* and level, of which no checkpoint knows */
    epochs_close(&setting->lane);
    expect_note(setting, LATE_NOTE_NAMED, 5);
    cr_expect_eq(undecided(setting), 0u);
    setting_free(setting);
}

Test(epochs, a_lane_that_is_in_the_middle_of_a_message_closes_none) {
    struct setting *setting = setting_new(5);
    setting->tracker.next = 9;
    setting->lane.is_broken = true;
    epochs_close(&setting->lane);
    cr_expect_eq(undecided(setting), 0u);
    setting_free(setting);
}

Test(epochs, are_closed_every_interval_when_the_one_before_is_decided) {
    struct setting *setting = setting_new(0);
    setting->tracker.next++;
    setting->lane.epoch_ns = clock_monotonic_ns();
    cr_expect_leq(epochs_close_due(&setting->lane, 1000), 100);
    cr_expect_eq(undecided(setting), 0u, "not before the interval is over");
    setting->lane.epoch_ns = 0; /* long ago */
    cr_expect_leq(epochs_close_due(&setting->lane, 1000), 100);
    cr_expect_eq(undecided(setting), 1u);
    setting->tracker.next++;
    setting->lane.epoch_ns = 0;
    cr_expect_eq(epochs_close_due(&setting->lane, 1000), 1000, "it is woken");
    cr_expect_eq(undecided(setting), 1u);
    setting_free(setting);
}

Test(epochs, what_was_committed_is_learned_and_what_is_new_in_an_assignment_ends_the_one_before) {
    struct setting *setting = setting_new(5);
    setting->stored = -1;
    setting->tracker.stored = 5;
    epochs_learn(&setting->lane, &setting->partition, 0);
    cr_expect_eq(setting->stored, -1, "nothing is new");
    atomic_store(&setting->tracker.tenure->committed, 8);
    epochs_learn(&setting->lane, &setting->partition, 0);
    cr_expect_eq(setting->stored, 8);
    cr_expect_eq(setting->tracker.stored, 8);
    struct tenure *former = setting->tracker.tenure;
    tenure_retain(former);
    cr_assert(epochs_begin_tenure(&setting->tracker, TOPIC, 0, 8));
    cr_expect(atomic_load(&former->is_over));
    cr_expect_neq(setting->tracker.tenure, former);
    tenure_release(former);
    setting_free(setting);
}
